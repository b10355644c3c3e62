"""Backups: of one moment, restored whole or not at all, from either database into either."""

import asyncio
import fcntl
import hashlib
import json
import os
import resource
import signal
import stat
import sys
import threading
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from shutil import copy
from typing import Any
from zipfile import ZipFile

import pytest
from alembic import command
from breaking import locked
from conftest import Clock, migrate, new_database
from conversation import conversation
from factories import make_corpus, make_pair
from sqlalchemy import Connection, func, insert, select, text, update
from sqlalchemy.exc import OperationalError
from test_export import HISTORY, NOON, OF
from test_migrations import connected, counts, fill, revisions

from core.arena import archive, backup
from core.arena import restore as restoring
from core.arena.archive import ArchiveWriter, Row
from core.arena.backup import Backup, back_up
from core.arena.corpora import Corpora
from core.arena.files import Files
from core.arena.inbox import Inbox, Taken
from core.arena.migrate import alembic_config
from core.arena.releases import Releases, model_file
from core.arena.restore import REASON, Restored, restore
from core.arena.schema import (
    deliveries,
    encores,
    handled,
    jobs,
    metadata,
    models,
    people,
    releases,
    votes,
)
from core.arena.standings import Standings, recount_all, standings
from core.arena.store import Store
from core.errors import (
    BackupError,
    DatabaseError,
    DatabaseReplaced,
    DatabaseTooNew,
    LyricbotError,
)

LYRICBOT = [sys.executable, "-c", "from bot.cli import main; main()"]
UNFINISHED: dict[str, Any] = {
    "corpus_name": "small",
    "corpus_sha256": make_corpus().sha256,
    "recipe": {"name": "default"},
    "num_pairs": 1,
    "seed": 1,
    "asked_at": NOON,
    "status": "running",
    "attempt": 1,
}
Rows = dict[str, list[Any]]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "checkpoints")


@pytest.fixture
async def full(store: Store, files: Files, clock: Clock) -> Store:
    """Rows in every table, and the files that some of them name."""
    pair = make_pair()
    shas = await Releases(store, files, clock).keep([pair])
    await Corpora(store, files, clock).add(make_corpus())
    async with store.write() as connection:
        for table, values in HISTORY:
            await connection.execute(insert(table), values)
        for sampler, sha256 in zip(("random", "consecutive"), shas[0], strict=True):
            of_sampler = update(models).where(models.c.sampler == sampler)
            await connection.execute(of_sampler.values(file_sha256=sha256))
    await asyncio.to_thread(fill_others, store)
    async with store.write() as connection:  # what a restore takes as it is: see below
        await connection.execute(update(handled).values(number=handled.c.number + 1000))
        await connection.execute(update(deliveries).values(due_at=None))
    await recount_all(store, clock())
    return store


def fill_others(store: Store) -> None:
    with connected(url_of(store)) as connection:
        fill(connection)
        assert min(counts(connection).values()) > 0


def url_of(store: Store) -> str:
    return store._engine.url.render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgresql"])
async def other(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """Another database without rows, once of each kind."""
    if request.param == "sqlite":
        file = copy(request.getfixturevalue("migrated_file"), tmp_path / "other.sqlite")
        url = f"sqlite+aiosqlite:///{file}"
    else:
        url = new_database(request.getfixturevalue("postgres"))
        migrate(url)
        with connected(url) as connection:  # for all who connect from now on
            name = connection.engine.url.database
            connection.execute(text(f"ALTER DATABASE {name} SET timezone TO 'Asia/Shanghai'"))
    store = Store(url)
    yield store
    await store.close()


async def rows_of(store: Store) -> Rows:
    """Every row of every table, and NULL told from the null of JSON."""
    found: Rows = {}
    async with store.read() as connection:
        for table in metadata.sorted_tables:
            nulls = [column.is_(None) for column in table.columns]
            wanted = select(table, *nulls).order_by(*table.primary_key)
            found[table.name] = [tuple(row) for row in await connection.execute(wanted)]
    return found


async def standing(store: Store, files: Files, clock: Clock) -> Standings:
    return await standings(store, await Releases(store, files, clock).current(), clock())


async def made(store: Store, files: Files | None, **options: Any) -> Backup:
    return await back_up(store, files, Path("backup.zip"), NOON, **options)


async def restored(store: Store, files: Files, **options: Any) -> Restored:
    return await restore(
        store, files, Path("backup.zip"), NOON, scratch=Path("scratch"), **options
    )


def lying(folder: Path) -> dict[str, bytes]:
    """Files by their names."""
    paths = [one for one in sorted(folder.rglob("*")) if one.is_file()]
    return {str(one.relative_to(folder)): one.read_bytes() for one in paths}


async def vote(store: Store, number: int) -> None:
    """Somebody new says 1 and 3 in one transaction."""
    async with store.write() as connection:
        person = {"account": 10**15 + number, "first_seen": NOON}
        new = insert(people).values(person).returning(people.c.id)
        of = {"duel_id": 1, "person_id": await connection.scalar(new)}
        await connection.execute(insert(votes).values(**of, choice=1, cast_at=NOON))
        await connection.execute(insert(encores).values(**of, at=NOON))


@pytest.fixture
async def counting(full: Store) -> Store:
    """One whose next numbers are those behind its rows, as when they came one by one."""
    if full._engine.dialect.name == "postgresql":
        async with full.write() as connection:
            for table in metadata.sorted_tables:
                column = table.autoincrement_column
                if column is not None:
                    name = func.pg_get_serial_sequence(table.name, column.name)
                    last = select(func.max(column)).scalar_subquery()
                    await connection.execute(select(func.setval(name, last)))
    return full


# Whole


async def test_what_was_backed_up_is_restored_into_either_database(
    full: Store, other: Store, files: Files, tmp_path: Path, clock: Clock
) -> None:
    backed_up = await made(full, files)
    assert backed_up.missing == []
    assert set(backed_up.contents.rows) == set(metadata.tables)
    assert min(backed_up.contents.rows.values()) > 0
    elsewhere = Files(tmp_path / "elsewhere")
    done = await restored(other, elsewhere)
    assert (done.contents, done.ended, done.missing) == (backed_up.contents, [], [])
    assert await rows_of(other) == await rows_of(full)
    assert await standing(other, elsewhere, clock) == await standing(full, files, clock)
    assert (await standing(other, elsewhere, clock)).all_time.random > 0
    assert lying(tmp_path / "elsewhere") == lying(tmp_path / "checkpoints")
    assert not Path("scratch/restore").exists()


async def test_what_counts_up_goes_on_behind_what_was_restored(
    full: Store, other: Store, files: Files
) -> None:
    await made(full, files)
    await restored(other, files)
    if other._engine.dialect.name == "postgresql":  # SQLite looks at the rows themselves
        async with other.write() as connection:
            for table in metadata.sorted_tables:
                if (column := table.autoincrement_column) is not None:
                    counted = func.nextval(func.pg_get_serial_sequence(table.name, column.name))
                    last = await connection.scalar(select(func.max(column)))
                    assert await connection.scalar(select(counted)) == (last or 0) + 1
    await vote(other, 1)


# Of one moment


class Pausing:
    """Stops a backup before its first table, until it is told to go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stopped, self.go_on = threading.Event(), threading.Event()
        add_table = ArchiveWriter.add_table

        def pausing(writer: ArchiveWriter, name: str, pages: Iterable[Sequence[Row]]) -> None:
            self.stopped.set()
            assert self.go_on.wait(60)
            add_table(writer, name, pages)

        monkeypatch.setattr(ArchiveWriter, "add_table", pausing)


async def test_while_people_vote_a_backup_holds_one_moment(
    counting: Store, other: Store, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await rows_of(counting)
    pausing = Pausing(monkeypatch)
    backing_up = asyncio.ensure_future(made(counting, files))
    await asyncio.to_thread(pausing.stopped.wait, 60)
    for number in range(5):
        await vote(counting, number)
    pausing.go_on.set()
    await backing_up
    await restored(other, files)
    assert await rows_of(other) == before
    assert len((await rows_of(counting))["votes"]) == len(OF[votes]) + 5


async def test_a_backup_that_a_restore_meets_is_of_what_was_there_before(
    counting: Store, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    await made(counting, files)
    Path("backup.zip").rename("first.zip")
    await vote(counting, 1)
    before = await rows_of(counting)
    pausing = Pausing(monkeypatch)
    backing_up = asyncio.ensure_future(made(counting, files))
    await asyncio.to_thread(pausing.stopped.wait, 60)
    under_way = asyncio.ensure_future(
        restore(counting, files, Path("first.zip"), NOON, scratch=Path("scratch"), replace=True)
    )
    if counting._engine.dialect.name == "postgresql":
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        async with asyncio.timeout(60):
            while not await counting.look(lambda connection: connection.scalar(waiting)):
                await asyncio.sleep(0.02)
        assert not under_way.done()
    else:
        await under_way
    pausing.go_on.set()
    await backing_up
    await under_way
    assert await rows_of(counting) != before
    await restored(counting, files, replace=True)
    assert await rows_of(counting) == before


async def test_no_more_than_a_page_of_rows_is_in_memory(
    full: Store, other: Store, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "PAGE", 7)
    monkeypatch.setattr(restoring, "PAGE", 7)
    pages: list[int] = []
    add_table = ArchiveWriter.add_table

    def counted(writer: ArchiveWriter, name: str, given: Iterable[Sequence[Row]]) -> None:
        add_table(writer, name, (pages.append(len(page)) or page for page in given))  # type: ignore[func-returns-value]

    monkeypatch.setattr(ArchiveWriter, "add_table", counted)
    await made(full, files)
    assert max(pages) == 7
    await restored(other, files)
    assert await rows_of(other) == await rows_of(full)


# The file


async def test_a_backup_is_its_owners_alone_and_replaces_no_other_unasked(
    full: Store, files: Files
) -> None:
    await made(full, files)
    file = Path("backup.zip")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    written = file.read_bytes()
    with pytest.raises(BackupError, match=r"there already.*--force"):
        await made(full, files)
    assert file.read_bytes() == written
    await made(full, None, force=True)
    assert file.read_bytes() != written
    assert [one.name for one in Path().glob("*backup*")] == ["backup.zip"]


async def test_one_that_fails_halfway_leaves_what_was_there(
    full: Store, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Path("backup.zip")
    file.write_text("of yesterday")
    monkeypatch.setattr(ArchiveWriter, "finish", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        await made(full, files, force=True)
    assert file.read_text() == "of yesterday"
    assert [one.name for one in Path().glob("*backup*")] == ["backup.zip"]


async def test_a_full_disk_is_told_and_leaves_what_was_there(full: Store, files: Files) -> None:
    file = Path("backup.zip")
    file.write_text("of yesterday")
    for most in (0, 100, 5_000, 60_000):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

        def limited(writer: Any, most: int = most, hard: int = hard) -> Any:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
            return writer

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(backup, "_write_tables", _then(backup._write_tables, limited))
            try:
                with pytest.raises(LyricbotError, match=r"backup\.zip cannot be written.*room"):
                    await made(full, files, force=True)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert file.read_text() == "of yesterday"
        assert [one.name for one in Path().glob("*backup*")] == ["backup.zip"]


def _then(first: Callable[..., Any], then: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda *arguments: then(first(*arguments))


async def test_files_may_be_left_out_and_what_is_missing_then_is_named(
    full: Store, other: Store, files: Files, tmp_path: Path
) -> None:
    assert (await made(full, None)).contents.files == {}
    done = await restored(other, Files(tmp_path / "elsewhere"))
    assert len(done.missing) == 2
    assert all("elsewhere/models" in name for name in done.missing)
    done = await restored(other, files, replace=True)
    assert done.missing == []


async def test_a_file_that_is_gone_or_damaged_is_named_and_all_else_backed_up(
    full: Store, other: Store, files: Files, tmp_path: Path
) -> None:
    one, two = [name for name in files.names("models") if name.endswith("s")]
    files.remove(one)
    (tmp_path / "checkpoints" / two).write_bytes(b"damaged")
    backed_up = await made(full, files)
    assert backed_up.missing == [files.where(one), files.where(two)]
    done = await restored(other, Files(tmp_path / "elsewhere"))
    assert len(done.missing) == 2
    assert await rows_of(other) == await rows_of(full)


async def test_an_empty_database_is_not_worth_a_backup(empty_database: str, files: Files) -> None:
    store = Store(empty_database)
    with pytest.raises(DatabaseError, match="holds nothing yet"):
        await made(store, files)
    assert not Path("backup.zip").exists()
    await store.close()


# Refused, and nothing is changed


@pytest.fixture
async def good(full: Store, files: Files) -> bytes:
    await made(full, files)
    return Path("backup.zip").read_bytes()


async def refused(store: Store, files: Files, content: bytes | None) -> str:
    """What is said of such a file; nothing is changed by it."""
    before, there = await rows_of(store), files.names("models")
    if content is not None:
        Path("backup.zip").write_bytes(content)
    with pytest.raises(BackupError) as raised:
        await restored(store, files, replace=True)
    assert await rows_of(store) == before
    assert files.names("models") == there
    assert not Path("scratch/restore").exists()
    return str(raised.value)


def rezipped(content: bytes, change: Callable[[dict[str, bytes]], None]) -> bytes:
    """The same members, changed, in a zip whose own check sums are right."""
    Path("old.zip").write_bytes(content)
    with ZipFile("old.zip") as old:
        members = {name: old.read(name) for name in old.namelist()}
    change(members)
    with ZipFile("new.zip", "w") as new:
        for name, kept in members.items():
            new.writestr(name, kept)
    return Path("new.zip").read_bytes()


def retold(content: bytes, **changes: Any) -> bytes:
    """The same, but it says other things of itself."""

    def change(members: dict[str, bytes]) -> None:
        said = json.loads(members[archive.CONTENTS])
        members[archive.CONTENTS] = json.dumps(said | changes).encode()

    return rezipped(content, change)


async def test_a_file_that_is_no_backup_is_refused(full: Store, good: bytes, files: Files) -> None:
    for foreign in (b"", b"not a zip at all" * 100, rezipped(good, dict.clear)):
        assert "no backup of lyricbot" in await refused(full, files, foreign)
    assert "no backup of lyricbot" in await refused(full, files, retold(good, kind="a diary"))
    other = rezipped(good, lambda members: members.__delitem__(archive.CONTENTS))
    assert "no backup of lyricbot" in await refused(full, files, other)
    Path("backup.zip").unlink()
    assert "not there" in await refused(full, files, None)


async def test_a_backup_of_a_newer_version_is_refused(
    full: Store, good: bytes, files: Files
) -> None:
    for newer in (retold(good, revision="m999"), retold(good, format=2)):
        assert "newer version" in await refused(full, files, newer)


async def test_a_backup_that_is_cut_off_or_changed_anywhere_is_refused(
    full: Store, good: bytes, files: Files
) -> None:
    for length in (4, 1000, len(good) // 2, len(good) - 1):
        assert "damaged" in await refused(full, files, good[:length])
    Path("backup.zip").write_bytes(good)
    with ZipFile("backup.zip") as read:
        places = [
            one.header_offset + 30 + len(one.filename) + one.compress_size // 2
            for one in read.infolist()
        ]
    for place in (*places[::6], places[-1]):
        changed = bytearray(good)
        changed[place] ^= 0x10
        assert "damaged" in await refused(full, files, bytes(changed))


async def test_what_contradicts_itself_is_refused_though_every_check_sum_of_the_zip_is_right(
    full: Store, good: bytes, files: Files
) -> None:
    def drop_a_vote(members: dict[str, bytes]) -> None:
        kept = members["tables/votes.jsonl"]
        members["tables/votes.jsonl"] = kept[kept.index(b"\n") + 1 :]

    def drop_people(members: dict[str, bytes]) -> None:
        drop(members, "people")

    def drop(members: dict[str, bytes], table: str) -> None:
        said = json.loads(members[archive.CONTENTS])
        members[f"tables/{table}.jsonl"] = b""
        said["rows"][table], said["tables"][table] = 0, hashlib.sha256().hexdigest()
        members[archive.CONTENTS] = json.dumps(said).encode()

    def add(name: str) -> Callable[[dict[str, bytes]], None]:
        def change(members: dict[str, bytes]) -> None:
            said = json.loads(members[archive.CONTENTS])
            members[name] = b"x"
            said["files"][name] = hashlib.sha256(b"x").hexdigest()
            members[archive.CONTENTS] = json.dumps(said).encode()

        return change

    assert "votes is not as it was" in await refused(full, files, rezipped(good, drop_a_vote))
    assert "FOREIGN KEY" in await refused(full, files, rezipped(good, drop_people))
    assert "other tables" in await refused(full, files, retold(good, revision="m001"))
    for name in ("../outside", "models/../../outside", "/etc/outside", "models/x.safetensors"):
        assert "no model and no corpus" in await refused(full, files, rezipped(good, add(name)))
    other = rezipped(good, add(model_file("0" * 64)))
    assert "not as it was" in await refused(full, files, other)
    more = rezipped(good, lambda members: members.update({"more": b""}))
    assert "holds other than it says" in await refused(full, files, more)


async def test_a_wrong_file_is_told_before_votes_are_spoken_of(full: Store, files: Files) -> None:
    await made(full, files)
    for name, content in (("none.zip", None), ("text.zip", b"text"), (".", None)):
        if content is not None:
            Path(name).write_bytes(content)
        with pytest.raises(BackupError, match=r"no file|no backup"):
            await restore(full, files, Path(name), NOON, scratch=Path("scratch"))


async def test_a_database_without_a_row_is_not_worth_a_backup(store: Store, files: Files) -> None:
    with pytest.raises(DatabaseError, match="holds nothing yet"):
        await made(store, files)
    assert not Path("backup.zip").exists()


async def test_a_folder_is_no_place_for_a_backup(full: Store, files: Files) -> None:
    Path("folder").mkdir()
    for name in ("folder", ".", "none/backup.zip"):
        with pytest.raises(LyricbotError, match=r"Name a file|Make its folder"):
            await back_up(full, files, Path(name), NOON, force=True)


async def test_votes_are_replaced_only_when_it_is_said(
    full: Store, good: bytes, files: Files
) -> None:
    before = await rows_of(full)
    async with full.write() as connection:
        person = await connection.scalar(select(func.max(people.c.id)))
        await connection.execute(
            update(people).where(people.c.id == person).values(account=10**15)
        )
    after = await rows_of(full)
    assert after != before
    with pytest.raises(BackupError, match=r"holds votes \([0-9]+\).*--replace"):
        await restored(full, files)
    assert await rows_of(full) == after
    await restored(full, files, replace=True)
    assert await rows_of(full) == before
    await vote(full, 1)


async def test_a_vote_that_comes_while_a_backup_is_read_stops_the_restore(
    full: Store, good: bytes, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with full.write() as connection:
        await connection.execute(text("DELETE FROM vote_changes"))
        await connection.execute(text("DELETE FROM votes"))
    stage = restoring._stage

    def vote_first(*given: Any) -> Any:
        with connected(url_of(full)) as connection:
            voted = {"id": 1, "duel_id": 1, "person_id": 1, "choice": 1, "cast_at": NOON}
            connection.execute(insert(votes).values(voted))
        return stage(*given)

    monkeypatch.setattr(restoring, "_stage", vote_first)
    with pytest.raises(BackupError, match=r"holds votes \(1\)"):
        await restored(full, files)
    assert len((await rows_of(full))["votes"]) == 1


async def test_a_database_that_cannot_take_a_row_is_left_as_it_was(
    full: Store, good: bytes, files: Files, postgres: str
) -> None:
    if full._engine.dialect.name == "postgresql":
        pytest.skip("what SQLite lets in and PostgreSQL does not")
    async with full.write() as connection:
        await connection.execute(update(releases).values(recipe_name="x" * 99))
    await made(full, files, force=True)
    url = new_database(postgres)
    migrate(url)
    target = Store(url)
    before = await rows_of(target)
    with pytest.raises(DatabaseError, match=r"cannot take it .*too long"):
        await restored(target, files)
    assert await rows_of(target) == before
    await target.close()


async def test_of_two_restores_at_once_one_waits_outside(
    full: Store, good: bytes, files: Files
) -> None:
    Path("scratch").mkdir()
    with Path("scratch/restore.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "Another restore" in await refused_beside(full, files)


async def refused_beside(store: Store, files: Files) -> str:
    with pytest.raises(BackupError) as raised:
        await restored(store, files, replace=True)
    return str(raised.value)


# Other versions


@pytest.mark.parametrize("upgrades", [1, -1])
async def test_a_backup_of_an_older_schema_is_brought_up_to_date_on_the_way(
    empty_database: str, other: Store, files: Files, upgrades: int
) -> None:
    config, older = alembic_config(empty_database), revisions(empty_database)[:upgrades]
    for revision in older:
        await asyncio.to_thread(command.upgrade, config, revision.revision)
        with connected(empty_database) as connection:
            fill(connection)
    store = Store(empty_database)
    backed_up = await made(store, files)
    await store.close()
    with connected(empty_database) as connection:  # and a backup upgrades nothing
        assert backed_up.contents.rows == counts(connection)
    assert backed_up.contents.revision == older[-1].revision
    done = await restored(other, files)
    assert done.contents == backed_up.contents
    found = {name: len(rows) for name, rows in (await rows_of(other)).items()}
    held = {**backed_up.contents.rows, "inbox": 0}  # all of it was handled, as rows are filled
    assert {name: found[name] for name in held} == held
    sums = (await rows_of(other))["release_sums"]
    assert [one["random"] + one["consecutive"] for _, one, *_ in sums] == [1, 1]
    await recount_all(other, NOON)
    assert (await rows_of(other))["release_sums"] == sums


async def test_a_database_of_a_newer_version_is_neither_backed_up_nor_changed(
    full: Store, files: Files
) -> None:
    async with full.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = 'm999'"))
    try:
        with pytest.raises(DatabaseTooNew, match="newer version"):
            await made(full, files)
    finally:
        head = revisions("sqlite://")[-1].revision
        async with full.write() as connection:
            await connection.execute(text(f"UPDATE alembic_version SET version_num = '{head}'"))
    assert not Path("backup.zip").exists()


# What goes on


async def test_unfinished_jobs_end_with_a_reason(full: Store, other: Store, files: Files) -> None:
    async with full.write() as connection:
        await connection.execute(insert(jobs).values(id=7, **UNFINISHED))
    async with other.write() as connection:
        await connection.execute(insert(jobs).values(id=9, **UNFINISHED))
    await made(full, files)
    assert (await restored(other, files)).ended == [7, 9]
    async with other.read() as connection:
        found = await connection.execute(select(jobs).where(jobs.c.id > 2))
        (job,) = found.all()
    assert (job.id, job.status, job.reason, job.ended_at) == (7, "failed", REASON, NOON)


async def test_what_telegram_has_handed_over_meanwhile_stays_in_hand(
    full: Store, good: bytes, files: Files, clock: Clock
) -> None:
    numbers = [row[0] for row in (await rows_of(full))["inbox"]]
    bot = Inbox(full, clock, "bot")
    await bot.take([Taken(10**6, "a vote"), Taken(10**6 + 1, "another")])
    await bot.leave(10**6 + 1)
    await restored(full, files, replace=True)
    assert await bot.renew([10**6]) == {10**6}
    found = await rows_of(full)
    assert [row[0] for row in found["inbox"]] == [*numbers, 10**6]
    assert 10**6 + 1 in [row[0] for row in found["handled"]]
    await bot.take([Taken(10**6 + 1, "another")])  # and is handled once
    assert await bot.renew([10**6 + 1]) == set()


async def test_what_was_handled_since_the_backup_is_not_handled_again(
    full: Store, files: Files, clock: Clock
) -> None:
    bot = Inbox(full, clock, "bot")
    await bot.take([Taken(10**6, "/retrain")])
    await made(full, files)
    await bot.leave(10**6)
    await restored(full, files, replace=True)
    assert 10**6 not in {row[0] for row in (await rows_of(full))["inbox"]}
    await bot.let_go()
    assert 10**6 not in {one.number for one in await bot.claim(100)}


async def test_news_that_were_on_their_way_are_not_sent_again(full: Store, files: Files) -> None:
    async with full.write() as connection:
        await connection.execute(update(deliveries).values(due_at=NOON))
    await made(full, files)
    await restored(full, files, replace=True)
    async with full.read() as connection:
        waiting = await connection.execute(select(deliveries.c.due_at).distinct())
        assert waiting.all() == [(None,)]


async def test_a_locked_database_is_backed_up_all_the_same(
    database: str, full: Store, files: Files
) -> None:
    with locked(database, full):
        assert (await made(full, files)).missing == []


async def test_a_restore_waits_for_a_backup_however_long_that_takes(
    full: Store, good: bytes, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = asyncio.Event()
    replacing = restoring._replace

    def noticed(live: Connection, *rest: Any, **more: Any) -> list[int]:
        if live.dialect.name == "postgresql":
            live.exec_driver_sql("SET LOCAL lock_timeout = 100")
        try:
            return replacing(live, *rest, **more)
        except OperationalError:
            loop.call_soon_threadsafe(tried.set)
            raise

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(restoring, "_replace", noticed)
    async with AsyncExitStack() as reading:
        connection = await reading.enter_async_context(full.read())
        await connection.execute(select(votes))
        restore = asyncio.ensure_future(restored(full, files, replace=True))
        if full._engine.dialect.name == "postgresql":
            await tried.wait()
    await restore


async def test_a_bot_that_runs_goes_on_with_the_models_that_were_restored(
    tmp_path: Path, files: Files
) -> None:
    async with conversation(tmp_path / "there", release=[make_pair(seed=5)]) as there:
        await there.press("1", await there.duel())
        await made(there.services.store, there.services.files)
    async with conversation(tmp_path) as talk:
        await talk.duel()
        old = await talk.services.releases.serving()
        await restored(talk.services.store, talk.services.files)
        new = await talk.services.releases.serving()
        assert old is not None
        assert new is not None
        assert (old.number, old.pairs[0].id) == (new.number, new.pairs[0].id)
        assert new.pairs[0].random.file_sha256 != old.pairs[0].random.file_sha256
        assert new.pairs[0].seed == 5
        await talk.press("2", await talk.duel(talk.ben), talk.ben)
        assert talk.rows("SELECT count(*) FROM votes") == [(2,)]
        assert talk.rows("SELECT count(*) FROM duels") == [(2,)]


async def test_what_old_models_wrote_while_they_were_replaced_is_kept_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with conversation(tmp_path / "there", release=[make_pair(seed=5)]) as there:
        await made(there.services.store, there.services.files)
    async with conversation(tmp_path) as talk:
        contest, services = talk.services.contest, talk.services
        write, backups = contest._desk.write, ["backup.zip"]

        async def slowly(*given: Any, **named: Any) -> Any:
            lyric = await write(*given, **named)
            if backups:
                backups.clear()
                await restored(services.store, services.files)
            return lyric

        monkeypatch.setattr(contest._desk, "write", slowly)
        with pytest.raises(DatabaseReplaced):
            await contest.open_duel(1, "分开")
        assert talk.rows("SELECT count(*) FROM lyrics") == [(0,)]
        assert (await contest.open_duel(1, "分开")).id == 1


# Killed

WAITING = """
import sys, time
from core.arena import restore
replace_rows = restore._replace
def replace_and_wait(*given, **named):
    replace_rows(*given, **named)
    print("not yet committed", flush=True)
    time.sleep(600)
restore._replace = replace_and_wait
from bot.cli import main
main()
"""


async def test_a_restore_that_is_killed_before_its_commit_leaves_the_old_state(
    counting: Store, files: Files, database: str
) -> None:
    await made(counting, files)
    await vote(counting, 1)
    before = await rows_of(counting)
    settings = {"DATABASE_URL": database, "CHECKPOINTS": "checkpoints", "STATE": "scratch"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WAITING, "restore", "backup.zip", "--replace"),
        env=os.environ | {f"LYRICBOT_{key}": value for key, value in settings.items()},
        stdout=PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"not yet committed\n"
    process.send_signal(signal.SIGKILL)
    await process.wait()
    assert await rows_of(counting) == before
    await vote(counting, 2)  # what counts up does so from where it was
    assert Path("scratch/restore").exists()
    await restored(counting, files, replace=True)
    assert not Path("scratch/restore").exists()
    assert len((await rows_of(counting))["votes"]) == len(OF[votes])


# By the command line


async def test_on_the_command_line_both_say_what_they_did(
    migrated_file: Path, tmp_path: Path
) -> None:
    database = f"sqlite+aiosqlite:///{copy(migrated_file, tmp_path / 'app.sqlite')}"
    store, files = Store(database), Files("checkpoints")
    await Releases(store, files, lambda: NOON).publish([make_pair()])
    async with store.write() as connection:
        await connection.execute(insert(jobs).values(id=7, **UNFINISHED))
    backed_up = await run(database, "backup", "backup.zip")
    assert "backup.zip: " in backed_up
    assert "4 files" in backed_up
    said = await run(database, "restore", "backup.zip")
    assert "4 files" in said
    assert "job 7 was unfinished and is ended" in said
    await store.close()


async def run(database: str, *arguments: str) -> str:
    environment = os.environ | {"LYRICBOT_DATABASE_URL": database}
    process = await asyncio.create_subprocess_exec(
        *LYRICBOT, *arguments, env=environment, stdout=PIPE, stderr=PIPE
    )
    out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    return out.decode()
