"""What /admin shows of today: counted from midnight UTC, and what waits."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import Table, insert

from core.arena.schema import (
    duels,
    encores,
    inbox,
    likes,
    lyrics,
    models,
    pairs,
    people,
    releases,
    votes,
)
from core.arena.store import Store
from core.arena.use import Today, today

MIDNIGHT = datetime(2026, 1, 2, tzinfo=UTC)
NOON = MIDNIGHT + timedelta(hours=12)
YESTERDAY = MIDNIGHT - timedelta(microseconds=1)
GROUP = -(10**12)
Values = dict[str, Any]

RELEASE: Values = {"corpus_name": "small", "corpus_sha256": "0", "recipe_hash": "0"}
LYRIC: Values = {"model_id": 1, "prefix": "", "text": "", "seed": 1, "decoding": {}}
DUEL: Values = {"pair_id": 1, "sampler_1": "random", "closes_at": NOON}


@pytest.fixture
async def bare(store: Store) -> Store:
    """Five people, and lyrics for four duels."""
    model = {"id": 1, "pair_id": 1, "sampler": "random", "file_sha256": "0", "perplexity": 5.0}
    await put(store, people, *({"id": n, "account": n, "first_seen": NOON} for n in range(1, 6)))
    await put(store, releases, {"number": 1, "recipe_name": "r", "published_at": NOON, **RELEASE})
    await put(store, pairs, {"id": 1, "release": 1, "number": 1, "seed": 1, "updates": 1})
    await put(store, models, model)
    await put(store, lyrics, *({"id": n, "written_at": NOON, **LYRIC} for n in range(1, 9)))
    return store


async def put(store: Store, table: Table, *rows: Values) -> None:
    async with store.write() as connection:
        await connection.execute(insert(table), list(rows))


def duel(number: int, *, by: int, room: int | None, at: datetime) -> Values:
    lyrics = {"lyric_1_id": 2 * number - 1, "lyric_2_id": 2 * number}
    return {"id": number, "asker_id": by, "room": room, "opened_at": at, **lyrics, **DUEL}


async def test_before_anything_happens_it_is_all_nothing(store: Store) -> None:
    assert await today(store, NOON) == Today(0, 0, 0, 0, 0, 0, 0, 0.0)


async def test_what_happened_since_midnight_is_counted(bare: Store) -> None:
    await put(
        bare,
        duels,
        duel(1, by=5, room=-7, at=YESTERDAY),
        duel(2, by=1, room=GROUP, at=MIDNIGHT),
        duel(3, by=1, room=GROUP, at=NOON),
        duel(4, by=2, room=None, at=NOON),
    )
    cast = [(1, 4, YESTERDAY), (1, 1, MIDNIGHT), (2, 3, NOON), (3, 3, NOON)]
    await put(
        bare,
        votes,
        *({"duel_id": d, "person_id": p, "choice": 0, "cast_at": at} for d, p, at in cast),
    )
    for table, marks in ((encores, cast[:2]), (likes, cast[1:])):
        await put(bare, table, *({"duel_id": d, "person_id": p, "at": at} for d, p, at in marks))
    counted = await today(bare, NOON)
    assert counted == Today(
        duels=3, votes=3, encores=1, likes=3, people=3, rooms=1, waiting=0, oldest_seconds=0.0
    )
    far_east = timezone(timedelta(hours=14))  # where it is another day already
    assert await today(bare, NOON.astimezone(far_east)) == counted
    assert (await today(bare, NOON + timedelta(days=1))).duels == 0


async def test_what_waits_is_counted_and_for_how_long_the_oldest_has(store: Store) -> None:
    ages = (timedelta(seconds=2), timedelta(days=2, seconds=1.5), timedelta(seconds=-1))
    await put(
        store,
        inbox,
        *(
            {"number": n, "text": "{}", "taken_at": NOON - age, "held_by": "", "held_until": NOON}
            for n, age in enumerate(ages)
        ),
    )
    counted = await today(store, NOON)
    assert (counted.waiting, counted.oldest_seconds) == (3, 2 * 86_400 + 1.5)


async def test_what_another_bots_clock_took_in_the_future_has_not_waited(store: Store) -> None:
    late = NOON + timedelta(seconds=3)
    await put(
        store,
        inbox,
        {"number": 1, "text": "{}", "taken_at": late, "held_by": "", "held_until": late},
    )
    assert (await today(store, NOON)).oldest_seconds == 0.0
