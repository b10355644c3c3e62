"""The store: nothing is lost, neither between writers nor when a process is killed."""

import asyncio
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import IntegrityError

from core.arena.schema import corpora, people
from core.arena.store import BUSY_MS, Store, insert

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WRITERS, TIMES = 24, 4
COMMIT_AND_SAY_SO = """
import asyncio, itertools, sys
from datetime import UTC, datetime
from core.arena.schema import people
from core.arena.store import Store

async def main():
    store = Store(sys.argv[1])
    for account in itertools.count(1):
        async with store.write() as connection:
            now = datetime.now(UTC)
            await connection.execute(people.insert().values(account=account, first_seen=now))
        print(account, flush=True)

asyncio.run(main())
"""


async def accounts(store: Store) -> list[int]:
    async with store.read() as connection:
        return list(await connection.scalars(select(people.c.account).order_by(people.c.id)))


async def add_person(store: Store, account: int) -> None:
    async with store.write() as connection:
        await connection.execute(people.insert().values(account=account, first_seen=NOW))


async def make_counter(store: Store) -> None:
    """A row with a number in it: the lines of a corpus."""
    async with store.write() as connection:
        await connection.execute(
            corpora.insert().values(
                name="counter",
                sha256="",
                lines=0,
                characters=0,
                distinct_characters=0,
                most_frequent="",
                dropped_comments=0,
                dropped_controls=0,
                added_at=NOW,
            )
        )


async def increment(store: Store) -> None:
    """Read, think, write back one more."""
    async with store.write() as connection:
        value = await connection.scalar(select(corpora.c.lines).with_for_update())
        await asyncio.sleep(0)
        await connection.execute(update(corpora).values(lines=(value or 0) + 1))


async def counter(store: Store) -> int | None:
    async with store.read() as connection:
        return await connection.scalar(select(corpora.c.lines))


async def test_increments_by_many_writers_at_once_lose_nothing(
    store: Store, database: str
) -> None:
    await make_counter(store)
    other = Store(database)  # as another process would have

    async def several(number: int) -> None:
        for _ in range(TIMES):
            await increment(store if number % 2 else other)

    await asyncio.gather(*(several(number) for number in range(WRITERS)))
    await other.close()
    assert await counter(store) == WRITERS * TIMES


async def test_a_write_that_fails_leaves_nothing(store: Store) -> None:
    await add_person(store, 1)

    async def add_two_and_fail() -> None:
        async with store.write() as connection:
            for account in (2, 3):
                await connection.execute(people.insert().values(account=account, first_seen=NOW))
            raise LookupError

    async def add_a_new_one_and_one_there_is() -> None:
        async with store.write() as connection:
            for account in (2, 1):
                await connection.execute(people.insert().values(account=account, first_seen=NOW))

    with pytest.raises(LookupError):
        await add_two_and_fail()
    with pytest.raises(IntegrityError):
        await add_a_new_one_and_one_there_is()
    assert await accounts(store) == [1]
    await add_person(store, 4)
    assert await accounts(store) == [1, 4]


async def test_a_write_that_is_cancelled_leaves_nothing_and_holds_up_nobody(
    store: Store,
) -> None:
    written = asyncio.Event()

    async def write_for_ever() -> None:
        async with store.write() as connection:
            await connection.execute(people.insert().values(account=1, first_seen=NOW))
            written.set()
            await asyncio.Event().wait()

    writing = asyncio.ensure_future(write_for_ever())
    await written.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    await add_person(store, 2)
    assert await accounts(store) == [2]


async def test_readers_see_what_is_committed_while_a_writer_writes(store: Store) -> None:
    await add_person(store, 1)
    async with store.write() as connection:
        await connection.execute(people.insert().values(account=2, first_seen=NOW))
        seen = await asyncio.gather(*(accounts(store) for _ in range(8)))
    assert seen == [[1]] * 8
    assert await accounts(store) == [1, 2]


async def test_a_writer_commits_while_readers_read(store: Store) -> None:
    async with store.read() as one, store.read() as two:
        for connection in (one, two):
            assert await connection.scalar(select(func.count()).select_from(people)) == 0
        await add_person(store, 1)
        assert await accounts(store) == [1]


async def test_a_second_writer_waits_for_the_first(store: Store) -> None:
    async with store.write() as connection:
        await connection.execute(people.insert().values(account=1, first_seen=NOW))
        waiting = asyncio.ensure_future(add_person(store, 2))
        for _ in range(20):
            await asyncio.sleep(0.005)
        await connection.execute(people.insert().values(account=3, first_seen=NOW))
    await waiting
    assert sorted(await accounts(store)) == [1, 2, 3]


async def test_what_is_written_in_a_transaction_that_only_reads_is_not_kept(
    store: Store,
) -> None:
    async with store.read() as connection:
        await connection.execute(people.insert().values(account=1, first_seen=NOW))
    assert await accounts(store) == []


async def test_a_write_after_a_read_by_the_same_connection_locks_at_its_beginning(
    database: str, store: Store
) -> None:
    # Connections are used again: what a read asked for must not stick to a write.
    await make_counter(store)
    for _ in range(3):
        await asyncio.gather(*(counter(store) for _ in range(6)))
        await asyncio.gather(*(increment(store) for _ in range(6)))
    assert await counter(store) == 18


@pytest.mark.parametrize("fresh_database", ["sqlite"], indirect=True)
async def test_sqlite_is_set_up_alike_on_every_connection(store: Store) -> None:
    wanted = {
        "journal_mode": "wal",
        "foreign_keys": 1,
        "busy_timeout": BUSY_MS,
        "synchronous": 2,  # FULL
    }
    async with store.read() as one, store.read() as two, store.write() as three:
        for connection in (one, two, three):
            for name, value in wanted.items():
                assert await connection.scalar(text(f"PRAGMA {name}")) == value, name


async def test_an_insert_knows_what_to_do_on_a_conflict(store: Store) -> None:
    for _ in range(2):
        async with store.write() as connection:
            await connection.execute(
                insert(connection, people)
                .values(account=1, first_seen=NOW)
                .on_conflict_do_nothing()
            )
    assert await accounts(store) == [1]


async def test_the_folder_of_a_sqlite_file_is_made(tmp_path: Path) -> None:
    store = Store(f"sqlite+aiosqlite:///{tmp_path}/new/folders/app.sqlite")
    async with store.read() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1
    await store.close()


async def test_a_closed_store_has_let_go_and_may_be_used_again(store: Store) -> None:
    await add_person(store, 1)
    await store.close()
    assert await accounts(store) == [1]


async def test_what_a_killed_process_said_it_committed_is_there(
    store: Store, database: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", COMMIT_AND_SAY_SO, database), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    said = [await process.stdout.readline() for _ in range(20)]
    process.kill()  # SIGKILL, in the middle of whatever it does next
    said += (await process.stdout.read()).splitlines()
    assert await process.wait() == -signal.SIGKILL
    whole = [int(line) for line in said]
    assert whole[:20] == list(range(1, 21))
    kept = await accounts(store)
    assert kept[: len(whole)] == whole
    assert len(kept) <= len(whole) + 1
    await add_person(store, -1)  # and its lock is gone
