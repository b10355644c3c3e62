"""Runs the migrations in one transaction, under a lock: processes starting at once take turns."""

from alembic import context
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from core.arena.schema import metadata
from core.arena.store import make_folder

LOCK = 5_721_003  # any number that nothing else in the database uses


def begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def set_up_sqlite(dbapi_connection, _record) -> None:  # type: ignore[no-untyped-def]
    # Foreign keys stay off here: with them on, rebuilding a table deletes what refers to it.
    dbapi_connection.isolation_level = None
    dbapi_connection.execute("PRAGMA busy_timeout = 60000")
    dbapi_connection.execute("PRAGMA journal_mode = WAL")


def run() -> None:
    url = make_url(context.config.attributes["url"])
    on_sqlite = url.get_backend_name() == "sqlite"
    engine = create_engine(
        url.set(drivername="sqlite" if on_sqlite else "postgresql+psycopg"), poolclass=NullPool
    )
    if on_sqlite:
        make_folder(str(url))
        event.listen(engine, "connect", set_up_sqlite)
        event.listen(engine, "begin", begin_sqlite)
    with engine.begin() as connection:
        if not on_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        context.configure(
            connection=connection,
            target_metadata=metadata,
            render_as_batch=True,
            transactional_ddl=True,
            include_name=lambda name, kind, parents: kind != "schema" or name is None,
        )
        with context.begin_transaction():
            context.run_migrations()
        if on_sqlite:
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
            if broken:
                raise RuntimeError(f"a migration left rows that refer to nothing: {broken[:5]}")
    engine.dispose()


run()
