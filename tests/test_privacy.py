"""Being forgotten: what goes, what stays under a number that leads to nobody."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import String, Table, cast, insert, or_, select

from core.arena.privacy import forget
from core.arena.schema import (
    announcements,
    bans,
    boards,
    deliveries,
    duels,
    encores,
    jobs,
    likes,
    lyrics,
    metadata,
    models,
    pairs,
    people,
    releases,
    rooms,
    showings,
    tallies,
    vote_changes,
    votes,
    watches,
)
from core.arena.store import Store

SEEN = datetime(2026, 1, 1, 12, 34, 56, tzinfo=UTC)
ANNA, BEN = 123_456_789_012, 5  # accounts
GROUP = -987_654_321
MARK = 77
Values = dict[str, Any]

RELEASE: Values = {
    "corpus_name": "small",
    "corpus_sha256": "0" * 64,
    "recipe_name": "default",
    "recipe_hash": "0" * 12,
    "published_at": SEEN,
}
MODEL: Values = {"pair_id": 1, "file_sha256": "0" * 64, "perplexity": 5.0}
LYRIC: Values = {"prefix": "分开", "text": "分开", "seed": 1, "decoding": {}, "written_at": SEEN}
DUEL: Values = {"pair_id": 1, "sampler_1": "random", "opened_at": SEEN, "closes_at": SEEN}
JOB: Values = {"corpus_sha256": "0", "recipe": {}, "num_pairs": 1, "seed": 0, "asked_at": SEEN}
BOARD: Values = {"duel_id": 1, "post": 7, "language": "zh", "free_at": SEEN}
WATCH: Values = {"job_id": 1, "language": "zh"}

ROWS: list[tuple[Table, Values]] = [
    (people, {"id": 1, "account": ANNA, "first_seen": SEEN}),
    (people, {"id": 2, "account": BEN, "first_seen": SEEN}),
    (releases, {"number": 1, **RELEASE}),
    (pairs, {"id": 1, "release": 1, "number": 1, "seed": 0, "updates": 2}),
    (models, {"id": 1, "sampler": "random", **MODEL}),
    (models, {"id": 2, "sampler": "consecutive", **MODEL}),
    *[(lyrics, {"id": n, "model_id": (n + 1) % 2 + 1, **LYRIC}) for n in range(1, 5)],
    (duels, {"id": 1, "asker_id": 1, "lyric_1_id": 1, "lyric_2_id": 2, "room": ANNA, **DUEL}),
    (duels, {"id": 2, "asker_id": 1, "lyric_1_id": 3, "lyric_2_id": 4, "room": GROUP, **DUEL}),
    (votes, {"id": 1, "duel_id": 1, "person_id": 1, "choice": 1, "cast_at": SEEN}),
    (votes, {"id": 2, "duel_id": 1, "person_id": 2, "choice": 1, "cast_at": SEEN}),
    (vote_changes, {"id": 1, "vote_id": 1, "choice": 2, "changed_at": SEEN}),
    *[(table, {"duel_id": 1, "person_id": 1, "at": SEEN}) for table in (encores, likes)],
    (bans, {"account": ANNA, "banned_by": BEN, "at": SEEN}),
    (jobs, {"id": 1, "corpus_name": "small", "status": "queued", "asked_by": ANNA, **JOB}),
    (jobs, {"id": 2, "corpus_name": "other", "status": "queued", "asked_by": BEN, **JOB}),
    (announcements, {"id": 1, "text": "hello", "written_by": BEN, "at": SEEN}),
    (watches, {"room": GROUP, "post": 1, "account": ANNA, **WATCH}),
    (watches, {"room": ANNA, "post": 1, "account": BEN, **WATCH}),
    (watches, {"room": GROUP, "post": 2, "account": BEN, **WATCH}),
    *[
        row
        for room in (ANNA, BEN, GROUP)
        for row in (
            (rooms, {"room": room, "language": "zh"}),
            (showings, {"room": room, "post": 7, "duel_id": 1, "shown_at": SEEN}),
            (boards, {"room": room, **BOARD}),
            (deliveries, {"announcement_id": 1, "room": room}),
            (tallies, {"kind": "room-day", "who": room, "begins": 0, "times": 1}),
        )
    ],
    *[
        (tallies, {"kind": kind, "who": who, "begins": 0, "times": 1})
        for kind, who in (("person-minute", ANNA), ("person-day", ANNA), ("person-day", BEN))
    ],
    (tallies, {"kind": "errors", "who": 0, "begins": 0, "times": 1}),
]


@pytest.fixture
async def full(store: Store) -> Store:
    """A database in which two people have done all there is to do."""
    async with store.write() as connection:
        for table, row in ROWS:
            await connection.execute(insert(table).values(row))
    return store


@pytest.fixture
def chance() -> random.Random:
    return random.Random(20260102)


async def rows(store: Store, table: Table) -> list[Any]:
    async with store.read() as connection:
        return list(await connection.execute(select(table).order_by(*table.primary_key)))


async def named_in(store: Store, account: int) -> set[str]:
    """The tables in which a number stands anywhere."""
    async with store.read() as connection:
        return {
            table.name
            for table in metadata.sorted_tables
            if await connection.scalar(
                select(cast(next(iter(table.c)), String)).where(
                    or_(*(cast(c, String).contains(str(account)) for c in table.c))
                )
            )
        }


async def test_nothing_leads_to_who_is_forgotten_but_a_ban(
    full: Store, chance: random.Random
) -> None:
    before = await named_in(full, ANNA)
    assert before >= {table.name for table in (people, rooms, tallies, showings, boards, jobs)}
    assert await forget(full, ANNA, chance, mark=MARK, now=SEEN)
    assert await named_in(full, ANNA) == {"bans"}
    assert not await forget(full, ANNA, chance, mark=MARK, now=SEEN)


async def test_what_counts_stays_under_a_number_that_leads_to_nobody(
    full: Store, chance: random.Random
) -> None:
    counting = (duels, lyrics, votes, vote_changes, encores, likes)
    before = {table: await rows(full, table) for table in counting}
    await forget(full, ANNA, chance, mark=MARK, now=SEEN)
    for table in (lyrics, votes, vote_changes, encores, likes):
        assert await rows(full, table) == before[table]
    of_duels = [{**row._mapping, "room": None} for row in before[duels]]
    assert [{**row._mapping, "room": None} for row in await rows(full, duels)] == of_duels
    assert [row.room for row in await rows(full, duels)] == [None, GROUP]

    anna, ben = await rows(full, people)
    assert -(2**62) < anna.account <= -(2**61)
    assert anna.first_seen == datetime(2026, 1, 1, tzinfo=UTC)
    assert (ben.account, ben.first_seen) == (BEN, SEEN)


async def test_of_others_nothing_goes(full: Store, chance: random.Random) -> None:
    await forget(full, ANNA, chance, mark=MARK, now=SEEN)
    for table in (rooms, showings, boards, deliveries):
        assert {row.room for row in await rows(full, table)} == {BEN, GROUP}
    assert {(row.kind, row.who) for row in await rows(full, tallies)} == {
        ("room-day", BEN),
        ("room-day", GROUP),
        ("person-day", BEN),
        ("errors", 0),
        ("forgotten", MARK),
    }
    assert [(row.room, row.post) for row in await rows(full, watches)] == [(GROUP, 2)]
    assert [row.asked_by for row in await rows(full, jobs)] == [None, BEN]


async def test_who_was_never_known_leaves_nothing_either(
    full: Store, chance: random.Random
) -> None:
    stranger = 77_777_777
    async with full.write() as connection:
        await connection.execute(insert(rooms).values(room=stranger, language="zh"))
    before = await rows(full, people)
    assert not await forget(full, stranger, chance, mark=MARK, now=SEEN)
    assert await named_in(full, stranger) == set()
    assert await rows(full, people) == before


async def test_a_number_that_somebody_has_is_drawn_again(full: Store) -> None:
    drawn = -(2**61 + random.Random(1).getrandbits(61))
    async with full.write() as connection:
        await connection.execute(
            insert(people).values(id=3, account=drawn, first_seen=SEEN - timedelta(days=1))
        )
    assert await forget(full, ANNA, random.Random(1), mark=MARK, now=SEEN)
    accounts = [row.account for row in await rows(full, people)]
    assert len({*accounts}) == 3
    assert ANNA not in accounts
    assert accounts[2] == drawn
    assert await named_in(full, ANNA) == {"bans"}


async def test_asked_for_many_times_at_once_it_is_done_once(full: Store) -> None:
    chance = random.Random(5)
    done = await asyncio.gather(
        *(forget(full, ANNA, chance, mark=MARK, now=SEEN) for _ in range(8))
    )
    assert sum(done) == 1
    assert await named_in(full, ANNA) == {"bans"}


async def test_who_comes_back_is_somebody_new(full: Store, chance: random.Random) -> None:
    await forget(full, ANNA, chance, mark=MARK, now=SEEN)
    async with full.write() as connection:
        await connection.execute(insert(people).values(id=3, account=ANNA, first_seen=SEEN))
    assert await forget(full, ANNA, chance, mark=MARK, now=SEEN)
    assert len({row.account for row in await rows(full, people)}) == 3
