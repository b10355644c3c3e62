"""Databases and disks that are broken for a while, and mended at the end."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, event, make_url, text

from core.arena.store import Store


@contextmanager
def read_only(url: str, store: Store) -> Iterator[None]:
    """The database itself refuses what is written."""
    if url.startswith("sqlite"):
        refuses = "ON"

        def set_up(connection: Any, *_: object) -> None:
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA query_only = {refuses}")
            cursor.close()

        for engine in (store._engine.sync_engine, store._direct):
            event.listen(engine, "checkout", set_up)
        yield
        refuses = "OFF"
        return
    name = make_url(url).database
    with _server(url) as connection:
        for setting in ("on", "off"):
            changing = f"ALTER DATABASE {name} SET default_transaction_read_only = {setting}"
            connection.execute(text(changing))
            _cut_off(connection, name)
            if setting == "on":
                yield


@contextmanager
def away(url: str, _store: Store) -> Iterator[None]:
    """The file is somewhere else, or the server lets nobody in."""
    if url.startswith("sqlite"):
        path = Path(make_url(url).database or "")
        aside = path.with_name("aside.sqlite")
        path.rename(aside)
        yield
        aside.rename(path)
        return
    name = make_url(url).database
    with _server(url) as connection:
        for allowed in ("false", "true"):
            connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {allowed}"))
            _cut_off(connection, name)
            if allowed == "false":
                yield


@contextmanager
def locked(url: str, _store: Store) -> Iterator[None]:
    """Somebody else writes and does not come to an end."""
    engine = create_engine(url.replace("+aiosqlite", ""))
    with engine.connect() as connection:
        if url.startswith("sqlite"):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(text("LOCK TABLE votes, tallies, lyrics IN EXCLUSIVE MODE"))
        yield
        connection.rollback()
    engine.dispose()


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk of its own of 64 MB."""
    # Not below pytest's folders, which nobody else may enter: PostgreSQL runs as somebody else.
    folder = Path(tempfile.mkdtemp(prefix="disk-"))
    folder.chmod(0o755)
    as_root = ["/usr/bin/sudo", "-n"] if os.getuid() else []
    mounting = [
        *as_root,
        "/bin/mount",
        "-t",
        "tmpfs",
        "-o",
        "size=64m,mode=1777",
        "tmpfs",
        str(folder),
    ]
    try:
        try:
            subprocess.run(mounting, capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("a disk cannot be mounted here: it wants root, or sudo")
        yield folder
        subprocess.run([*as_root, "/bin/umount", "--lazy", str(folder)], check=True)
    finally:
        folder.rmdir()


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """No byte more goes onto a disk."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(2**20))
    with filler.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(512))
    yield
    filler.unlink()


def database_on(disk: Path, kind: str, server: str) -> str:
    """The URL of a new database that lies on a disk; `server` is where PostgreSQL is."""
    if kind == "sqlite":
        return f"sqlite+aiosqlite:///{disk}/app.sqlite"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    name = disk.name.replace("-", "_").lower()
    place = disk / "tables"
    place.mkdir()
    with engine.connect() as connection:
        kept = connection.scalar(text("SHOW data_directory"))
        os.chown(place, os.stat(kept).st_uid, os.stat(kept).st_gid)
        connection.execute(text(f"CREATE TABLESPACE {name} LOCATION '{place}'"))
        connection.execute(text(f"CREATE DATABASE {name} TABLESPACE {name}"))
    engine.dispose()
    return engine.url.set(database=name).render_as_string(hide_password=False)


@contextmanager
def dropped(url: str, server: str) -> Iterator[None]:
    """A database of `database_on`, until the context is left."""
    yield
    if url.startswith("postgresql"):
        name = make_url(url).database
        engine = create_engine(server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
            connection.execute(text(f"DROP TABLESPACE {name}"))
        engine.dispose()


@contextmanager
def _server(url: str) -> Iterator[Connection]:
    engine = create_engine(make_url(url).set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def _cut_off(connection: Connection, name: str | None) -> None:
    ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
    connection.execute(text(ending), {"name": name})
