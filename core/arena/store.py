"""Opens the database and its transactions, alike on SQLite and PostgreSQL.

SQLite is set so that it keeps what it acknowledged and never loses an update: every transaction
that writes takes the write lock as it begins, since an upgrade from reading can fail at once.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from errno import ENOENT
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy import Table, create_engine, delete, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from core.arena.schema import tallies
from core.errors import DatabaseError
from core.explaining import explain

log = structlog.get_logger(__name__)
T = TypeVar("T")
BUSY_MS = 10_000
UNUSABLE = (
    DBAPIError,
    PoolTimeout,
    OSError,
)  # what a database raises that is away, locked or full
# With a server that has vanished, or a client: neither waits for the other for minutes.
PATIENCE: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "options": f"-c idle_in_transaction_session_timeout=30000 -c lock_timeout={BUSY_MS}",
}
LONGEST_PAUSE = 5.0  # seconds, from one try to the next


class Store:
    """The database of one process."""

    def __init__(self, url: str) -> None:
        remote = make_url(url).get_backend_name() == "postgresql"
        self._engine: AsyncEngine = create_async_engine(
            url,
            pool_pre_ping=remote,  # a connection to a file does not break
            connect_args=PATIENCE if remote else {},
            hide_parameters=True,  # an error is logged, and they hold what people wrote
        )
        # The same database without a loop: a transaction of many statements is one trip to a
        # thread there, and here one a statement, which costs more than the statement.
        self._direct = create_engine(
            make_url(url).set(drivername="postgresql+psycopg" if remote else "sqlite+pysqlite"),
            pool_pre_ping=remote,
            connect_args=PATIENCE if remote else {"check_same_thread": False},
            hide_parameters=True,
        )
        # SQLite has one writer at a time anyway, and here nobody polls for the turn.
        self._writers = ThreadPoolExecutor(4 if remote else 1, "store-writes")
        self._readers = ThreadPoolExecutor(4, "store-reads")
        if not remote:
            make_folder(url)
            file = _File(make_url(url).database or "")
            for engine in (self._engine.sync_engine, self._direct):
                event.listen(engine, "do_connect", file.connecting)
                event.listen(engine, "connect", set_up_sqlite)
                event.listen(engine, "connect", file.connected)
                event.listen(engine, "begin", file.beginning)
                event.listen(engine, "begin", _begin_sqlite)

    @property
    def address(self) -> str:
        """Where it is, without its password."""
        return self._engine.url.render_as_string(hide_password=True)

    async def check(self) -> None:
        """Make sure that it keeps what is written into it.

        Raises:
            DatabaseError: if it does not.
        """

        def probe(connection: Connection) -> None:
            """Commit a row, which nobody ever sees."""
            row = {"kind": "probe", "who": 0, "begins": 0}
            connection.execute(insert(connection, tallies).values(**row, times=1))
            connection.execute(delete(tallies).filter_by(**row))

        try:
            await self.run(probe)
        except UNUSABLE as error:
            reason = str(getattr(error, "orig", error)).splitlines()[0]
            raise DatabaseError(
                f"{self.address} takes nothing: {reason}. See LYRICBOT_DATABASE_URL and its disk."
            ) from error

    def write(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction that may write: committed at the end, or rolled back by an exception."""
        return self._engine.begin()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads; on SQLite it waits for no writer."""
        async with self._engine.connect() as connection:
            await connection.execution_options(lyricbot_reads=True)
            yield connection

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Do `work` in a thread, within a transaction that may write; what it returns.

        It is committed at the end, or rolled back by an exception, whether anybody still waits.
        """

        def transaction() -> T:
            with self._direct.begin() as connection:
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(self._writers, transaction)

    async def look(self, work: Callable[[Connection], T]) -> T:
        """Do `work` in a thread, within a transaction that only reads; what it returns."""

        def transaction() -> T:
            with self._direct.connect() as connection:
                return work(connection.execution_options(lyricbot_reads=True))

        return await asyncio.get_running_loop().run_in_executor(self._readers, transaction)

    async def snapshot(self, work: Callable[[Connection], T]) -> T:
        """Do `work` in a thread, on what was committed as it began, whatever comes meanwhile."""
        remote = self._direct.dialect.name == "postgresql"
        options: dict[str, Any] = {"lyricbot_reads": True}
        if remote:
            options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}

        def transaction() -> T:
            with self._direct.connect() as connection:
                return work(connection.execution_options(**options))

        return await asyncio.get_running_loop().run_in_executor(self._readers, transaction)

    async def close(self) -> None:
        """Let go of all connections."""
        # In a thread of its own: by now the loop's own threads may be gone (the engine ends them).
        with ThreadPoolExecutor(1, "store-closes") as closing:
            for executor in (self._writers, self._readers):
                await asyncio.get_running_loop().run_in_executor(closing, executor.shutdown)
        self._direct.dispose()
        await self._engine.dispose()


def may_pass(error: BaseException | None) -> bool:
    """Whether a database that is away, locked or full raised it; else the fault is ours."""
    faults = (IntegrityError, ProgrammingError, DataError)
    return isinstance(error, UNUSABLE) and not isinstance(error, faults)


async def persistently(work: Callable[[], Awaitable[T]]) -> T:
    """Do `work`, again and again while the database cannot be used: it will be back.

    It may have been done already when it seemed to fail, so doing it twice has to be harmless.
    """
    pause, told = 0.5, ""
    while True:
        try:
            result = await work()
        except UNUSABLE as error:
            if not may_pass(error):
                raise
            if explain(error) != told:  # not at every try
                log.warning("the database cannot be used; it is tried again", why=explain(error))
            told = explain(error)
        else:
            if told:
                log.info("the database can be used again")
            return result
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def insert(
    connection: AsyncConnection | Connection, table: Table
) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that can say ON CONFLICT, in the connection's dialect."""
    return insert_of(connection.dialect.name, table)


def insert_of(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    """The same in a dialect, by its name."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


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


class _File:
    """The file that a database was first opened in. SQLite itself would go on writing into one
    that was moved or removed, and begin an empty one in its place.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._opened: tuple[int, int] | None = None

    def connecting(self, *_: object) -> None:
        """A connection is to be made."""
        if self._opened is not None:
            self._check()

    def connected(self, *_: object) -> None:
        """One was made."""
        if self._opened is None and self._path not in ("", ":memory:"):
            self._opened = self._found()

    def beginning(self, connection: Connection) -> None:
        """A transaction begins."""
        reads = connection.get_execution_options().get("lyricbot_reads", False)
        if self._opened is not None and not reads:
            self._check()

    def _check(self) -> None:
        if self._found() != self._opened:
            raise FileNotFoundError(
                ENOENT, "the file that was opened is gone: put it back, or restart", self._path
            )

    def _found(self) -> tuple[int, int] | None:
        with suppress(FileNotFoundError):
            found = os.stat(self._path)
            return found.st_dev, found.st_ino
        return None


def _begin_sqlite(connection: Connection) -> None:
    reads = connection.get_execution_options().get("lyricbot_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
