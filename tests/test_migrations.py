"""Migrations: up, down and up again with rows, alike to the models, many at once, never back."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, create_engine, func, inspect, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from core.arena.migrate import alembic_config, upgrade
from core.arena.schema import metadata, release_sums
from core.arena.sums import Sums
from core.errors import DatabaseError, DatabaseTooNew, LyricbotError

AT_ONCE = 10
WAIT_AND_UPGRADE = """
import asyncio, sys
from core.arena.migrate import upgrade
print("ready", flush=True)
sys.stdin.readline()
asyncio.run(upgrade(sys.argv[1]))
"""


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A transaction beside the code under test, committed at the end."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        parsed = parsed.set(drivername="sqlite")
    engine = create_engine(parsed, poolclass=NullPool)
    with engine.begin() as connection:
        yield connection


def tables(connection: Connection) -> list[str]:
    return sorted(set(inspect(connection).get_table_names()) - {"alembic_version"})


def described(connection: Connection) -> dict[str, Any]:
    """Every table with all that the database knows of it."""
    inspector = inspect(connection)
    return {
        name: {
            "columns": {
                c["name"]: (str(c["type"]), c["nullable"], bool(c.get("identity")), c["default"])
                for c in inspector.get_columns(name)
            },
            "primary key": inspector.get_pk_constraint(name),
            "foreign keys": sorted(map(str, inspector.get_foreign_keys(name))),
            "unique": sorted(map(str, inspector.get_unique_constraints(name))),
            "checks": sorted(map(str, inspector.get_check_constraints(name))),
            "indexes": sorted(map(_index, inspector.get_indexes(name))),
        }
        for name in tables(connection)
    }


def _index(index: Any) -> str:
    where = {key: str(value) for key, value in index.pop("dialect_options", {}).items()}
    return f"{index} {where}"


def contents(connection: Connection) -> dict[str, list[Any]]:
    """Every row of every table, Alembic's too."""
    found = MetaData()
    found.reflect(connection)
    return {
        name: sorted(map(str, connection.execute(select(table))))
        for name, table in found.tables.items()
    }


def counts(connection: Connection) -> dict[str, int]:
    found = MetaData()
    found.reflect(connection, only=tables(connection))
    return {
        name: connection.scalar(select(func.count()).select_from(table)) or 0
        for name, table in found.tables.items()
    }


def fill(connection: Connection) -> None:
    """Put two rows into every table that has none, whatever tables there are."""
    found = MetaData()
    found.reflect(connection, only=tables(connection))
    for table in found.sorted_tables:
        if connection.scalar(select(func.count()).select_from(table)):
            continue
        for n in (1, 2):
            values: dict[type, Any] = {
                int: n,
                bool: False,
                float: n / 2,
                str: ("random", "consecutive")[n - 1],
                object: {"n": n},  # JSON
                datetime: datetime(2026, 1, n, tzinfo=UTC),
            }
            row = {c.name: values[c.type.python_type] for c in table.columns}
            if "lyric_2_id" in row:
                row["lyric_2_id"] = 3 - n
            if "status" in row:
                row["status"] = "published"
            if "inline" in row:  # a board stands in a room, or is an inline message
                row |= {"inline": None} if n == 1 else {"room": None, "post": None}
            connection.execute(table.insert().values(row))


def revisions(url: str) -> list[Any]:
    """All migrations, the oldest first."""
    script = ScriptDirectory.from_config(alembic_config(url))
    return list(script.walk_revisions())[::-1]


def test_every_migration_goes_up_down_and_up_again_with_rows_in_the_tables(
    empty_database: str,
) -> None:
    config = alembic_config(empty_database)
    for revision in revisions(empty_database):
        with connected(empty_database) as connection:
            before, rows = counts(connection), contents(connection)
        command.upgrade(config, revision.revision)
        with connected(empty_database) as connection:
            kept = counts(connection)
            assert {name: kept[name] for name in before if name in kept} == {
                name: n for name, n in before.items() if name in kept
            }
            fill(connection)
            first = described(connection)
        command.downgrade(config, revision.down_revision or "base")
        with connected(empty_database) as connection:
            assert contents(connection) == rows or revision.down_revision is None
        command.upgrade(config, revision.revision)
        with connected(empty_database) as connection:
            assert described(connection) == first
            fill(connection)
            assert set(counts(connection).values()) == {2}


def test_downgrading_all_the_way_leaves_nothing_but_alembics_table(empty_database: str) -> None:
    config = alembic_config(empty_database)
    command.upgrade(config, "head")
    with connected(empty_database) as connection:
        fill(connection)
    command.downgrade(config, "base")
    with connected(empty_database) as connection:
        assert inspect(connection).get_table_names() == ["alembic_version"]
        assert contents(connection) == {"alembic_version": []}
        if connection.dialect.name == "postgresql":
            assert inspect(connection).get_sequence_names() == []


async def test_alembic_finds_no_difference_between_the_models_and_the_migrations(
    empty_database: str,
) -> None:
    await upgrade(empty_database)
    with connected(empty_database) as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


async def test_the_migrations_make_the_very_tables_that_the_models_describe(
    empty_database: str,
) -> None:
    # Alembic compares no CHECK constraints, nor what columns count up by.
    name = f"models_{uuid4().hex[:12]}"
    if empty_database.startswith("sqlite"):
        from_models = f"sqlite:///{name}.sqlite"
    else:
        engine = create_engine(empty_database, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        from_models = engine.url.set(database=name).render_as_string(hide_password=False)
    with connected(from_models) as connection:
        metadata.create_all(connection)
    await upgrade(empty_database)
    with connected(from_models) as one, connected(empty_database) as two:
        assert described(one) == described(two)


async def test_a_second_upgrade_changes_nothing(empty_database: str) -> None:
    await upgrade(empty_database)
    with connected(empty_database) as connection:
        fill(connection)
        before = described(connection), contents(connection)
    await upgrade(empty_database)
    with connected(empty_database) as connection:
        assert (described(connection), contents(connection)) == before


def test_ten_processes_that_upgrade_at_once_all_succeed(empty_database: str) -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", WAIT_AND_UPGRADE, empty_database],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(AT_ONCE)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    ends = [(*process.communicate(), process.returncode) for process in running]
    assert ends == [("", "", 0)] * AT_ONCE
    with connected(empty_database) as connection:
        assert tables(connection) == sorted(metadata.tables)
        head = revisions(empty_database)[-1].revision
        assert contents(connection)["alembic_version"] == [f"('{head}',)"]


async def test_a_database_of_a_newer_version_is_refused_and_left_alone(
    empty_database: str,
) -> None:
    await upgrade(empty_database)
    with connected(empty_database) as connection:
        fill(connection)
        connection.execute(text("UPDATE alembic_version SET version_num = 'm999'"))
        before = described(connection), contents(connection)
    with pytest.raises(DatabaseTooNew, match="newer version"):
        await upgrade(empty_database)
    with connected(empty_database) as connection:
        assert (described(connection), contents(connection)) == before


async def test_a_migration_that_fails_halfway_leaves_nothing_behind(empty_database: str) -> None:
    with connected(empty_database) as connection:
        connection.execute(text("CREATE TABLE votes (id INTEGER)"))
    with pytest.raises((DBAPIError, DatabaseError), match="votes"):
        await upgrade(empty_database)
    with connected(empty_database) as connection:
        assert tables(connection) == ["votes"]
        connection.execute(text("DROP TABLE votes"))
    await upgrade(empty_database)
    with connected(empty_database) as connection:
        assert tables(connection) == sorted(metadata.tables)


async def test_the_folder_of_a_sqlite_file_is_made(tmp_path: Path) -> None:
    await upgrade(f"sqlite+aiosqlite:///{tmp_path}/new/folders/app.sqlite")
    assert (tmp_path / "new" / "folders" / "app.sqlite").is_file()


async def test_rows_that_refer_to_nothing_stop_an_upgrade(tmp_path: Path) -> None:
    # PostgreSQL never lets them in; SQLite does, for whoever leaves foreign keys off.
    url = f"sqlite+aiosqlite:///{tmp_path}/app.sqlite"
    await upgrade(url)
    with connected(url) as connection:
        connection.execute(text("INSERT INTO activations VALUES (1, 99, '2026-01-01', 0)"))
    with pytest.raises(RuntimeError, match="activations") as raised:
        await upgrade(url)
    assert not isinstance(raised.value, LyricbotError)


async def test_an_upgrade_counts_the_votes_that_were_there_before_there_were_sums(
    empty_database: str,
) -> None:
    await asyncio.to_thread(command.upgrade, alembic_config(empty_database), "m004")
    with connected(empty_database) as connection:
        fill(connection)
    await upgrade(empty_database)
    with connected(empty_database) as connection:
        found = connection.execute(select(release_sums)).all()
    sums = [Sums.from_json(row.sums) for row in found]
    assert [(one.votes, one.encores, one.likes, one.people) for one in sums] == [(1, 1, 1, 1)] * 2
