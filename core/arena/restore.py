"""Restores a backup: all of it in one transaction, so that whatever fails, the old state stands.

The rows go by way of a file beside the database, in the schema that they had: there they are
checked, and brought up to date. Bots that run meanwhile wait for the transaction and go on.
"""

import asyncio
import fcntl
import hashlib
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    Connection,
    Engine,
    MetaData,
    Row,
    Table,
    create_engine,
    delete,
    event,
    func,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from core.arena.archive import ArchiveReader, Contents, reading, too_new
from core.arena.backup import PAGE, moments, schema_at
from core.arena.counting import recount, uncounted
from core.arena.files import Files
from core.arena.migrate import is_known, upgrade_to
from core.arena.releases import model_file
from core.arena.schema import ACTIVE, deliveries, handled, inbox, jobs, metadata, models, votes
from core.arena.store import Store, insert
from core.errors import BackupError, DatabaseError

# What Telegram has handed over is of today, whatever the rest: it is added to, never replaced.
ADDED_TO = (inbox, handled)
FILE_NAME = re.compile(
    r"models/(?P<model>[0-9a-f]{64})\.safetensors|models/[0-9a-f]{64}\.md|"
    r"corpora/(?P<corpus>[0-9a-f]{64})\.txt"
)
REASON = "It was unfinished when the backup was made that has been restored. Ask for it again."
TRIES = 30  # at the lock of all tables, where bots hold some and want others
LOCKED = ("40P01", "55P03")  # a deadlock, a lock not had within lock_timeout
T = TypeVar("T")


@dataclass(frozen=True)
class Restored:
    """What was restored."""

    contents: Contents
    ended: Sequence[int]  # jobs that were unfinished, in what was there or in what is there now
    missing: Sequence[str]  # where files of models should lie


async def restore(
    store: Store, files: Files, file: Path, now: datetime, *, scratch: Path, replace: bool = False
) -> Restored:
    """Put what a backup holds in the place of all that the database holds, which is up to date.

    The files come first, then the rows in one transaction. Unfinished jobs end as failed: the
    engine that ran them knows nothing of a backup. `scratch` is a folder with room for all rows.

    Raises:
        BackupError: if the file is no backup, is damaged, or was made by a newer version; if
            there are votes, unless `replace`; if another restore has the scratch.
        DatabaseError: if the database cannot take it.
        StoreError: if the files cannot be put.
    """
    with reading(file) as archive, _alone(scratch) as folder:
        if not is_known(archive.contents.revision):
            raise too_new(file)
        with archive.told():
            await asyncio.to_thread(_check_files, archive)
            if not replace:
                await store.look(_check_no_votes)
            staged = await asyncio.to_thread(_stage, archive, folder, now)
        await asyncio.to_thread(_put_files, archive, files)
        try:
            ended = await _patiently(
                lambda: store.run(lambda live: _replace(live, staged, now, replace=replace))
            )
        except DBAPIError as error:
            reason = str(error.orig).strip()
            raise DatabaseError(f"{store.address} cannot take it ({reason}).") from error
        finally:
            staged.dispose()
        shas = await store.look(lambda live: live.scalars(select(models.c.file_sha256)).all())
        there = set(await asyncio.to_thread(files.names, "models"))
        missing = sorted({*map(model_file, shas)} - there)
        return Restored(archive.contents, ended, [files.where(name) for name in missing])


def _check_no_votes(connection: Connection) -> None:
    num_votes = connection.scalar(select(func.count()).select_from(votes))
    if num_votes:
        raise BackupError(
            f"The database holds votes ({num_votes:,}), and they would be lost. Back it up, and "
            f"restore with --replace."
        )


@contextmanager
def _alone(scratch: Path) -> Iterator[Path]:
    """An empty folder, that no other restore has; it is gone afterwards.

    A restore that was killed leaves it behind, and the next one takes it away.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    folder = scratch / "restore"
    with (scratch / "restore.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BackupError(f"Another restore runs in {scratch}. Wait for its end.") from error
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _check_files(archive: ArchiveReader) -> None:
    """No file goes where none belongs, whatever a backup says, and none is other than its name."""
    for name in archive.contents.files:
        named = FILE_NAME.fullmatch(name)
        if named is None:
            raise ValueError(f"{name!r} is the name of no model and no corpus")
        content, sha256 = archive.file(name), named["model"] or named["corpus"]
        if sha256 and hashlib.sha256(content).hexdigest() != sha256:
            raise ValueError(f"{name} is not as it was")


def _put_files(archive: ArchiveReader, files: Files) -> None:
    with archive.told():
        for name in archive.contents.files:
            files.put(name, archive.file(name))


def _stage(archive: ArchiveReader, folder: Path, now: datetime) -> Engine:
    """A SQLite database with all rows, up to date, their sums too."""
    url, tables = schema_at(folder, archive.contents.revision)
    if archive.contents.tables.keys() != tables.tables.keys():
        raise ValueError("it has other tables than its schema")
    staged = create_engine(url)
    event.listen(staged, "connect", _strict_and_quick)
    try:
        with staged.begin() as connection:
            for table in tables.sorted_tables:
                for page in _pages(archive, table):
                    connection.execute(table.insert(), page)
        staged.dispose()
        upgrade_to(url)
        with staged.begin() as connection:
            for number in uncounted(connection):
                recount(connection, number, now)
    except IntegrityError as error:
        raise ValueError(f"its rows contradict each other: {error.orig}") from error
    except DBAPIError as error:
        raise DatabaseError(f"{folder} cannot hold the rows ({error.orig}). Make room.") from error
    finally:
        staged.dispose()
    return staged


def _strict_and_quick(dbapi_connection: Any, _record: object) -> None:
    for pragma in ("foreign_keys = ON", "synchronous = OFF"):  # it is to outlive nothing
        dbapi_connection.execute(f"PRAGMA {pragma}")


def _pages(archive: ArchiveReader, table: Table) -> Iterator[list[dict[str, Any]]]:
    columns, of_time = {column.name for column in table.columns}, moments(table)
    page: list[dict[str, Any]] = []
    for row in archive.rows(table.name):
        if row.keys() != columns:
            raise ValueError(f"table {table.name} has other columns than its schema")
        moment = {name: datetime.fromisoformat(row[name]) for name in of_time if row[name]}
        page.append({**row, **moment})
        if len(page) == PAGE:
            yield page
            page = []
    if page:
        yield page


async def _patiently(work: Callable[[], Any]) -> Any:
    """Do `work`, again where PostgreSQL ends it since others wait for it as it waits for them.

    Or since it has waited for long: for a backup, which reads for as long as it takes.
    """
    for left in reversed(range(TRIES)):
        try:
            return await work()
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) not in LOCKED or not left:
                raise
    raise AssertionError("unreachable")


def _replace(live: Connection, staged: Engine, now: datetime, *, replace: bool) -> list[int]:
    """The rows of one database in the place of another's; the jobs that this has ended."""
    unfinished = select(jobs.c.id).where(text(ACTIVE))
    remote = live.dialect.name == "postgresql"
    replaced = [table for table in metadata.sorted_tables if table not in ADDED_TO]
    if remote:
        names = ", ".join(metadata.tables)
        live.exec_driver_sql(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")
    if not replace:
        _check_no_votes(live)
    ended = set(live.scalars(unfinished))
    if remote:
        # What columns count up by goes back with it, should this fail, unlike by setval alone.
        names = ", ".join(table.name for table in replaced)
        live.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY")
    else:
        for table in reversed(replaced):
            live.execute(delete(table))
    with staged.connect() as source:
        for table in metadata.sorted_tables:
            _copy(source, live, table)
    if remote:
        _count_on(live, metadata)
    # What was handled since is not done again, and no news is sent a second time.
    live.execute(delete(inbox).where(inbox.c.number.in_(select(handled.c.number))))
    on_their_way = update(deliveries).where(deliveries.c.due_at.is_not(None))
    live.execute(on_their_way.values(due_at=None))
    ended |= set(live.scalars(unfinished))
    ending = update(jobs).where(text(ACTIVE))
    live.execute(ending.values(status="failed", reason=REASON, ended_at=now))
    return sorted(ended)


def _copy(source: Connection, live: Connection, table: Table) -> None:
    """All rows of a table; nobody writes meanwhile, so they go as SQLite has them."""
    source = source.execution_options(yield_per=PAGE)
    if table in ADDED_TO:
        adding = insert(live, table).on_conflict_do_nothing()
        for page in source.execute(select(table)).mappings().partitions(PAGE):
            live.execute(adding, [dict(row) for row in page])
        return
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    pages = source.exec_driver_sql(f"SELECT {names} FROM {table.name}").partitions(PAGE)  # noqa: S608
    if live.dialect.name == "postgresql":
        _copy_in(live, f"COPY {table.name} ({names}) FROM STDIN", pages)
        return
    places = ", ".join("?" for _ in table.columns)
    for raw in pages:
        into = f"INSERT INTO {table.name} ({names}) VALUES ({places})"  # noqa: S608
        live.exec_driver_sql(into, [tuple(row) for row in raw])


def _copy_in(live: Connection, statement: str, pages: Iterable[Sequence[Row[Any]]]) -> None:
    """Rows as text, which says a moment, a truth and JSON in PostgreSQL as it does in SQLite."""
    live.exec_driver_sql("SET LOCAL timezone TO 'UTC'")
    connection: Any = live.connection.driver_connection
    try:
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for page in pages:
                for row in page:
                    copy.write_row(row)
    except live.dialect.loaded_dbapi.Error as error:  # not by way of SQLAlchemy
        raise DatabaseError(f"The database cannot take it ({str(error).strip()}).") from error


def _count_on(live: Connection, tables: MetaData) -> None:
    """Let what counts up by itself begin behind the rows there are."""
    for table in tables.sorted_tables:
        column = table.autoincrement_column
        if column is not None and (last := live.scalar(select(func.max(column)))) is not None:
            sequence = func.pg_get_serial_sequence(table.name, column.name)
            live.execute(select(func.setval(sequence, last)))
