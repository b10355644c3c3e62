"""The top: to which lyric a like or an encore is credited, and when."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, delete, insert

from core.arena.schema import (
    duels,
    encores,
    likes,
    lyrics,
    models,
    pairs,
    people,
    releases,
    votes,
)
from core.arena.store import Store
from core.arena.top import Top, TopLyric, top

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
NUM_PEOPLE, NUM_DUELS = 6, 4
STILL_OPEN = NUM_DUELS + 1  # a duel that closes a moment after noon; the others close at noon
Values = dict[str, Any]

RELEASE: Values = {"corpus_name": "small", "corpus_sha256": "0", "recipe_hash": "0"}
LYRIC: Values = {"model_id": 1, "prefix": "", "seed": 1, "decoding": {}, "written_at": NOON}


@pytest.fixture
async def full(store: Store) -> Store:
    """Duel n has the lyrics "n left" and "n right"; nobody has answered yet."""
    numbers = range(1, STILL_OPEN + 1)
    model = {"id": 1, "pair_id": 1, "sampler": "random", "file_sha256": "0", "perplexity": 5.0}
    dealt = {"pair_id": 1, "asker_id": 1, "sampler_1": "random", "opened_at": NOON}
    rows: list[tuple[Table, list[Values]]] = [
        (
            people,
            [{"id": n, "account": n, "first_seen": NOON} for n in range(1, NUM_PEOPLE + 1)],
        ),
        (releases, [{"number": 1, "recipe_name": "r", "published_at": NOON, **RELEASE}]),
        (pairs, [{"id": 1, "release": 1, "number": 1, "seed": 1, "updates": 1}]),
        (models, [model]),
        (lyrics, [{"id": 2 * n - 1, "text": f"{n} left", **LYRIC} for n in numbers]),
        (lyrics, [{"id": 2 * n, "text": f"{n} right", **LYRIC} for n in numbers]),
        (
            duels,
            [
                {
                    "id": n,
                    "lyric_1_id": 2 * n - 1,
                    "lyric_2_id": 2 * n,
                    "key": f"key {n}",
                    "closes_at": NOON + MOMENT * (n == STILL_OPEN),
                    **dealt,
                }
                for n in numbers
            ],
        ),
    ]
    async with store.write() as connection:
        for table, values in rows:
            await connection.execute(insert(table), values)
    return store


async def mark(store: Store, table: Table, duel: int, *persons: int) -> None:
    async with store.write() as connection:
        for person in persons:
            row = {"duel_id": duel, "person_id": person, "at": NOON}
            await connection.execute(insert(table).values(row))


async def vote(store: Store, duel: int, person: int, choice: int) -> None:
    async with store.write() as connection:
        row = {"duel_id": duel, "person_id": person, "choice": choice, "cast_at": NOON}
        await connection.execute(insert(votes).values(row))


def times(found: tuple[TopLyric, ...]) -> dict[str, int]:
    return {lyric.text: lyric.times for lyric in found}


async def test_where_nobody_has_said_anything_it_is_empty(full: Store) -> None:
    await vote(full, 1, 1, 1)
    assert await top(full, NOON) == Top((), ())


async def test_a_like_is_credited_to_what_its_person_voted_for(full: Store) -> None:
    await vote(full, 1, 1, 2)
    await vote(full, 1, 2, 1)  # somebody else
    await mark(full, likes, 1, 1)
    assert await top(full, NOON) == Top((TopLyric("1 right", 1, 1, "key 1"),), ())


async def test_an_encore_is_credited_apart_from_likes(full: Store) -> None:
    await vote(full, 2, 1, 1)
    await mark(full, encores, 2, 1)
    assert await top(full, NOON) == Top((), (TopLyric("2 left", 1, 2, "key 2"),))


@pytest.mark.parametrize("choice", [None, 0])
async def test_who_voted_for_neither_or_not_at_all_credits_both(
    full: Store, choice: int | None
) -> None:
    if choice is not None:
        await vote(full, 1, 1, choice)
    await mark(full, likes, 1, 1)
    assert times((await top(full, NOON)).liked) == {"1 left": 1, "1 right": 1}


async def test_the_most_credited_come_first_and_of_two_alike_the_older(full: Store) -> None:
    await mark(full, likes, 3, 1, 2)
    await mark(full, likes, 1, 1)
    await mark(full, likes, 2, 1)
    for person in (3, 4, 5):
        await vote(full, 4, person, 2)
    await mark(full, likes, 4, 3, 4, 5)
    best = ["4 right", "3 left", "3 right", "1 left", "1 right", "2 left", "2 right"]
    assert [lyric.text for lyric in (await top(full, NOON, limit=10)).liked] == best
    assert [lyric.text for lyric in (await top(full, NOON)).liked] == best[:3]


async def test_a_duel_that_is_open_is_not_told_of(full: Store) -> None:
    for table in (likes, encores):
        await mark(full, table, STILL_OPEN, 1, 2)
        await mark(full, table, 1, 1)
    before, after = await top(full, NOON), await top(full, NOON + MOMENT)
    for found in (before.liked, before.sung):
        assert times(found) == {"1 left": 1, "1 right": 1}
    for found in (after.liked, after.sung):
        assert [lyric.text for lyric in found][:2] == [f"{STILL_OPEN} left", f"{STILL_OPEN} right"]


PERSONS = st.integers(1, NUM_PEOPLE)
DUELS = st.integers(1, STILL_OPEN)


@given(
    cast=st.dictionaries(st.tuples(DUELS, PERSONS), st.sampled_from([0, 1, 2]), max_size=20),
    liked=st.sets(st.tuples(DUELS, PERSONS), max_size=25),
)
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_the_credits_are_what_a_naive_count_gives(
    full: Store, cast: dict[tuple[int, int], int], liked: set[tuple[int, int]]
) -> None:
    async with full.write() as connection:
        for table in (votes, likes):
            await connection.execute(delete(table))
    for (duel, person), choice in cast.items():
        await vote(full, duel, person, choice)
    naive: Counter[int] = Counter()  # by the lyric
    for duel, person in liked:
        await mark(full, likes, duel, person)
        if duel != STILL_OPEN:
            choice = cast.get((duel, person), 0)
            naive.update({0: [2 * duel - 1, 2 * duel], 1: [2 * duel - 1], 2: [2 * duel]}[choice])
    best = sorted(naive.items(), key=lambda one: (-one[1], one[0]))[:5]
    assert [(lyric.text, lyric.times) for lyric in (await top(full, NOON, limit=5)).liked] == [
        (f"{(number + 1) // 2} {'left' if number % 2 else 'right'}", count)
        for number, count in best
    ]
