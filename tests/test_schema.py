"""The rules that the database keeps by itself, whatever the code above it does."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Executable, Table, delete, func, select, text
from sqlalchemy.exc import IntegrityError

from core.arena.schema import (
    activations,
    announcements,
    bans,
    boards,
    corpora,
    deliveries,
    duel_sums,
    duels,
    encores,
    handled,
    inbox,
    jobs,
    likes,
    lyrics,
    metadata,
    models,
    pair_sums,
    pairs,
    past_sums,
    people,
    person_sums,
    release_sums,
    releases,
    rooms,
    showings,
    tallies,
    vote_changes,
    votes,
    watches,
    workers,
)
from core.arena.store import Store

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
Row = dict[str, Any]

RELEASE: Row = {
    "corpus_name": "small",
    "corpus_sha256": "0" * 64,
    "recipe_name": "default",
    "recipe_hash": "0" * 12,
    "published_at": NOON,
}
MODEL: Row = {"file_sha256": "0" * 64, "perplexity": 5.0}
LYRIC: Row = {"prefix": "分开", "text": "分开", "seed": 1, "decoding": {}, "written_at": NOON}
DUEL: Row = {"sampler_1": "random", "opened_at": NOON, "closes_at": NOON + timedelta(hours=1)}
CORPUS: Row = {
    "sha256": "0" * 64,
    "lines": 1,
    "characters": 2,
    "distinct_characters": 2,
    "most_frequent": "分开",
    "dropped_comments": 0,
    "dropped_controls": 0,
    "added_at": NOON,
}
PAIR: Row = {"seed": 0, "updates": 2}
JOB: Row = {
    "corpus_sha256": "0" * 64,
    "recipe": {},
    "num_pairs": 1,
    "seed": 0,
    "asked_at": NOON,
    "status": "queued",
}
WORKER: Row = {"host": "h", "pid": 1, "device": "cpu", "started_at": NOON, "seen_at": NOON}
ANNOUNCEMENT: Row = {"text": "hello", "written_by": 10, "at": NOON}
OF_PERSON: Row = {
    **dict.fromkeys(("votes", "wins", "lefts", "counted", "counted_wins"), 1),
    "settled": False,
}
BOARD: Row = {"duel_id": 1, "language": "zh", "free_at": NOON}
UPDATE: Row = {"text": "{}", "taken_at": NOON, "held_by": "bot", "held_until": NOON}

KNOWN: list[tuple[Table, Row]] = [
    *[(people, {"id": n, "account": n * 10, "first_seen": NOON}) for n in (1, 2)],
    (corpora, {"id": 1, "name": "small", **CORPUS}),
    (releases, {"number": 1, **RELEASE}),
    (activations, {"id": 1, "release": 1, "at": NOON}),
    *[(pairs, {"id": n, "release": 1, "number": n, **PAIR}) for n in (1, 2)],
    (models, {"id": 1, "pair_id": 1, "sampler": "random", **MODEL}),
    (models, {"id": 2, "pair_id": 1, "sampler": "consecutive", **MODEL}),
    *[(lyrics, {"id": n, "model_id": (n + 1) % 2 + 1, **LYRIC}) for n in (1, 2, 3, 4)],
    (duels, {"id": 1, "pair_id": 1, "asker_id": 1, "lyric_1_id": 1, "lyric_2_id": 2, **DUEL}),
    (showings, {"room": -5, "post": 7, "duel_id": 1, "shown_at": NOON}),
    (votes, {"id": 1, "duel_id": 1, "person_id": 1, "choice": 1, "cast_at": NOON}),
    (vote_changes, {"id": 1, "vote_id": 1, "choice": 2, "changed_at": NOON}),
    (encores, {"duel_id": 1, "person_id": 1, "at": NOON}),
    (likes, {"duel_id": 1, "person_id": 1, "at": NOON}),
    (jobs, {"id": 1, "corpus_name": "small", **JOB}),
    (jobs, {"id": 2, "corpus_name": "other", **JOB, "status": "published", "release": 1}),
    (workers, {"name": "gpu-0", **WORKER}),
    (watches, {"room": -5, "post": 9, "job_id": 1, "account": 10, "language": "zh"}),
    (boards, {"id": 1, "room": -5, "post": 7, **BOARD}),
    (boards, {"id": 2, "inline": "abc", **BOARD}),
    (rooms, {"room": -5, "language": "zh"}),
    (inbox, {"number": 1, **UPDATE}),
    (handled, {"number": 1, "at": NOON}),
    (tallies, {"kind": "day", "who": 10, "begins": 0, "times": 1}),
    (bans, {"account": 10, "banned_by": 20, "at": NOON}),
    (release_sums, {"release": 1, "sums": {}}),
    (past_sums, {"release": 1, "hour": NOON, "sums": {}}),
    (pair_sums, {"pair_id": 1, "votes": 1, "wins": 1}),
    (duel_sums, {"duel_id": 1, "votes": 1, "wins": 1, "counted": True, "newcomers": 1}),
    (person_sums, {"release": 1, "person_id": 1, **OF_PERSON}),
    (announcements, {"id": 1, **ANNOUNCEMENT}),
    (deliveries, {"announcement_id": 1, "room": -5}),
]

# One more row for each table, that the database takes.
GOOD: dict[Table, Row] = {
    people: {"id": 9, "account": 90, "first_seen": NOON},
    corpora: {"id": 9, "name": "other", **CORPUS},
    releases: {"number": 9, **RELEASE},
    activations: {"id": 9, "release": 1, "at": NOON},
    pairs: {"id": 9, "release": 1, "number": 9, **PAIR},
    models: {"id": 9, "pair_id": 2, "sampler": "random", **MODEL},
    lyrics: {"id": 9, "model_id": 1, **LYRIC},
    duels: {"id": 9, "pair_id": 1, "asker_id": 2, "lyric_1_id": 3, "lyric_2_id": 4, **DUEL},
    showings: {"room": -5, "post": 8, "duel_id": 1, "shown_at": NOON},
    votes: {"id": 9, "duel_id": 1, "person_id": 2, "choice": 1, "cast_at": NOON},
    vote_changes: {"id": 9, "vote_id": 1, "choice": 0, "changed_at": NOON},
    encores: {"duel_id": 1, "person_id": 2, "at": NOON},
    likes: {"duel_id": 1, "person_id": 2, "at": NOON},
    jobs: {"id": 9, "corpus_name": "third", **JOB},
    workers: {"name": "gpu-1", **WORKER},
    watches: {"room": -5, "post": 10, "job_id": 1, "account": 10, "language": "zh"},
    boards: {"id": 9, "room": -5, "post": 8, **BOARD},
    rooms: {"room": -6, "news": True},
    inbox: {"number": 2, **UPDATE},
    handled: {"number": 2, "at": NOON},
    tallies: {"kind": "day", "who": 10, "begins": 60, "times": 1},
    bans: {"account": 20, "banned_by": 10, "at": NOON},
    release_sums: {"release": 9, "sums": {}},
    past_sums: {"release": 1, "hour": NOON + timedelta(hours=1), "sums": {}},
    pair_sums: {"pair_id": 2, "votes": 1, "wins": 1, "leader": "random", "led_at": 1},
    duel_sums: {"duel_id": 9, "votes": 0, "wins": 0, "counted": False, "newcomers": 0},
    person_sums: {"release": 1, "person_id": 2, **OF_PERSON},
    announcements: {"id": 2, **ANNOUNCEMENT},
    deliveries: {"announcement_id": 1, "room": -6},
}

# What turns that row into one that the database refuses, by the reason.
REFUSED: dict[str, tuple[Table, Row]] = {
    "a second vote by the same person in the same duel": (votes, {"person_id": 1}),
    "a vote for 3": (votes, {"choice": 3}),
    "a vote for -1": (votes, {"choice": -1}),
    "a vote for nothing": (votes, {"choice": None}),
    "a vote without a duel": (votes, {"duel_id": 99}),
    "a vote without a person": (votes, {"person_id": 99}),
    "a change to 3": (vote_changes, {"choice": 3}),
    "a change of no vote": (vote_changes, {"vote_id": 99}),
    "an unknown sampler on side 1": (duels, {"sampler_1": "greedy"}),
    "the same lyric on both sides": (duels, {"lyric_2_id": 3}),
    "a duel without its first lyric": (duels, {"lyric_1_id": 99}),
    "a duel without its second lyric": (duels, {"lyric_2_id": 99}),
    "a duel without a pair": (duels, {"pair_id": 99}),
    "a duel that nobody asked for": (duels, {"asker_id": 99}),
    "a lyric that no model wrote": (lyrics, {"model_id": 99}),
    "two models of one sampler in a pair": (models, {"pair_id": 1}),
    "a model of an unknown sampler": (models, {"sampler": "greedy"}),
    "a model without a pair": (models, {"pair_id": 99}),
    "two pairs of one number in a release": (pairs, {"number": 2}),
    "a pair without a release": (pairs, {"release": 99}),
    "an activation of no release": (activations, {"release": 99}),
    "two releases of one number": (releases, {"number": 1}),
    "two people with one account": (people, {"account": 10}),
    "two corpora of one name": (corpora, {"name": "small"}),
    "a post that shows two duels": (showings, {"post": 7}),
    "a post that shows no duel": (showings, {"duel_id": 99}),
    "a second encore by the same person": (encores, {"person_id": 1}),
    "an encore without a duel": (encores, {"duel_id": 99}),
    "a second like by the same person": (likes, {"person_id": 1}),
    "a like without a duel": (likes, {"duel_id": 99}),
    "a second job for a corpus that has one": (jobs, {"corpus_name": "small"}),
    "a job that is in no known state": (jobs, {"status": "lost"}),
    "a published job without a release": (jobs, {"status": "published"}),
    "a failed job with a release": (jobs, {"status": "failed", "release": 1}),
    "a second job that made the same release": (jobs, {"status": "published", "release": 1}),
    "a worker of the same name": (workers, {"name": "gpu-0"}),
    "a second watch in the same message": (watches, {"post": 9}),
    "a watch of no job": (watches, {"job_id": 99}),
    "a second board in the same message": (boards, {"post": 7}),
    "a second board in the same inline message": (
        boards,
        {"room": None, "post": None, "inline": "abc"},
    ),
    "a board that stands nowhere": (boards, {"room": None, "post": None}),
    "a board that stands in two places": (boards, {"inline": "def"}),
    "a board in a room, but in no message there": (boards, {"post": None}),
    "a board of no duel": (boards, {"duel_id": 99}),
    "a room's settings twice": (rooms, {"room": -5}),
    "an update that was taken before": (inbox, {"number": 1}),
    "an update in nobody's hands": (inbox, {"held_by": None}),
    "an update that was handled before": (handled, {"number": 1}),
    "a second tally of the same": (tallies, {"begins": 0}),
    "a second ban of the same person": (bans, {"account": 10}),
    "sums of a release twice": (release_sums, {"release": 1}),
    "sums of no release": (release_sums, {"release": 99}),
    "past sums of one hour twice": (past_sums, {"hour": NOON}),
    "sums of no pair": (pair_sums, {"pair_id": 99}),
    "sums of no duel": (duel_sums, {"duel_id": 99}),
    "sums of a person twice": (person_sums, {"person_id": 1}),
    "an announcement that says nothing": (announcements, {"text": None}),
    "a second delivery to the same room": (deliveries, {"room": -5}),
    "a delivery of nothing": (deliveries, {"announcement_id": 99}),
}


async def fill(store: Store) -> None:
    async with store.write() as connection:
        for table, row in KNOWN:
            await connection.execute(table.insert().values(row))


async def count(store: Store, table: Table) -> int:
    async with store.read() as connection:
        return await connection.scalar(select(func.count()).select_from(table)) or 0


async def does(store: Store, statement: Executable) -> bool:
    """Try a statement: whether the database took it."""
    try:
        async with store.write() as connection:
            await connection.execute(statement)
    except IntegrityError:
        return False
    return True


def test_every_table_has_a_row_that_is_taken_and_one_that_is_refused() -> None:
    every = set(metadata.tables.values())
    assert set(GOOD) == {table for table, _ in KNOWN} == every
    assert {table for table, _ in REFUSED.values()} == every


async def test_the_rows_that_are_refused_are_taken_once_they_are_right(store: Store) -> None:
    await fill(store)
    for table, row in GOOD.items():
        before = await count(store, table)
        async with store.write() as connection:
            await connection.execute(table.insert().values(row))
        assert await count(store, table) == before + 1


async def test_the_database_itself_refuses_what_the_rules_forbid(store: Store) -> None:
    await fill(store)
    taken = []
    for reason, (table, wrong) in REFUSED.items():
        before = await count(store, table)
        if await does(store, table.insert().values(GOOD[table] | wrong)):
            taken.append(reason)
        assert await count(store, table) == before or reason in taken
    assert taken == []


async def test_what_others_refer_to_cannot_be_deleted(store: Store) -> None:
    await fill(store)
    referred_to = (people, releases, pairs, models, lyrics, duels, votes)
    assert [table.name for table in referred_to if await does(store, delete(table))] == []
    for table in referred_to:
        assert await count(store, table) == sum(known is table for known, _ in KNOWN)


MOMENTS = st.datetimes(
    datetime(1900, 1, 1),
    datetime(2200, 1, 1),
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m))),
)


@given(moments=st.lists(MOMENTS, min_size=1, max_size=6))
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_moments_come_back_equal_aware_in_utc_and_in_their_order(
    store: Store, moments: list[datetime]
) -> None:
    async with store.write() as connection:
        await connection.execute(delete(people))
        for account, moment in enumerate(moments):
            await connection.execute(people.insert().values(account=account, first_seen=moment))
    async with store.read() as connection:
        if connection.dialect.name == "postgresql":
            # Whatever clock the server or the connection goes by.
            await connection.execute(text("SET LOCAL TIME ZONE 'Asia/Shanghai'"))
        order = people.c.first_seen, people.c.account
        rows = (await connection.execute(select(people).order_by(*order))).all()
        matching = await connection.scalar(
            select(func.count()).where(people.c.first_seen <= moments[0])
        )
    back = {row.account: row.first_seen for row in rows}
    assert back == dict(enumerate(moments))
    assert {moment.tzinfo for moment in back.values()} == {UTC}
    assert [row.first_seen for row in rows] == sorted(moments)
    assert matching == sum(moment <= moments[0] for moment in moments)


async def test_no_moment_stays_none(store: Store) -> None:
    async with store.read() as connection:
        latest = await connection.scalar(select(func.max(people.c.first_seen)))
    assert latest is None


@pytest.mark.parametrize("account", [-(2**63), 2**63 - 1])
async def test_accounts_rooms_and_seeds_have_64_bits(store: Store, account: int) -> None:
    await fill(store)
    async with store.write() as connection:
        person = {"account": account, "first_seen": NOON}
        await connection.execute(people.insert().values(id=9, **person))
        await connection.execute(
            showings.insert().values(room=account, post=account, duel_id=1, shown_at=NOON)
        )
        await connection.execute(lyrics.insert().values(GOOD[lyrics] | {"seed": account}))
    async with store.read() as connection:
        kept = [
            await connection.scalar(select(people.c.account).where(people.c.id == 9)),
            await connection.scalar(select(showings.c.room).where(showings.c.post == account)),
            await connection.scalar(select(lyrics.c.seed).where(lyrics.c.id == 9)),
        ]
    assert kept == [account] * 3
