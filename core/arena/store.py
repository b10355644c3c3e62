"""Opens the database and its transactions, alike on SQLite and PostgreSQL.

SQLite is set so that it keeps what it acknowledged and never loses an update: every transaction
that writes takes the write lock as it begins, since an upgrade from reading can fail at once.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Table, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

BUSY_MS = 10_000


class Store:
    """The database of one process."""

    def __init__(self, url: str) -> None:
        self._engine: AsyncEngine = create_async_engine(url, pool_pre_ping=True)
        if self._engine.dialect.name == "sqlite":
            make_folder(url)
            event.listen(self._engine.sync_engine, "connect", set_up_sqlite)
            event.listen(self._engine.sync_engine, "begin", _begin_sqlite)

    def write(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction that may write: committed at the end, or rolled back by an exception."""
        return self._engine.begin()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads; on SQLite it waits for no writer."""
        async with self._engine.connect() as connection:
            await connection.execution_options(lyricbot_reads=True)
            yield connection

    async def close(self) -> None:
        """Let go of all connections."""
        await self._engine.dispose()


def insert(connection: AsyncConnection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that can say ON CONFLICT, in the connection's dialect."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def make_folder(url: str) -> None:
    """Make the folder that a SQLite file is to lie in."""
    database = make_url(url).database
    if database and database != ":memory:":
        Path(database).parent.mkdir(parents=True, exist_ok=True)


def set_up_sqlite(dbapi_connection: Any, _record: object) -> None:
    """Durable, concurrent and strict; transactions begin when we say so."""
    dbapi_connection.isolation_level = None
    cursor = dbapi_connection.cursor()
    for pragma in (
        f"busy_timeout = {BUSY_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",  # an acknowledged vote outlives a power cut too
        "foreign_keys = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    reads = connection.get_execution_options().get("lyricbot_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
