"""Limits: how often a person and a room may ask, decided for many asks at once."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from conftest import Clock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, event, func, insert, select

from core.arena.limits import Ask, LimitReached, Limits
from core.arena.schema import tallies
from core.arena.store import Store
from core.errors import ContestError

ANNA, BEN = 10**12, 5  # accounts
GROUP, OTHER = -(10**12), -7
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


def make(
    store: Store,
    clock: Clock,
    person_minute: int = 0,
    person_day: int = 0,
    room_minute: int = 0,
    room_day: int = 0,
) -> Limits:
    return Limits(store, clock, person_minute, person_day, room_minute, room_day)


def said(answers: list[LimitReached | None]) -> list[str | None]:
    """The kind of each limit that was reached."""
    return [None if one is None else f"{one.whose}-{one.window}" for one in answers]


async def num_rows(store: Store) -> int:
    """Those whose turn it is left out: only PostgreSQL has them."""
    counted = select(func.count()).select_from(tallies).where(tallies.c.kind != "turn")
    async with store.read() as connection:
        return await connection.scalar(counted) or 0


async def test_a_person_may_ask_so_often_within_a_minute(store: Store, clock: Clock) -> None:
    limits = make(store, clock, person_minute=2)
    asks = [Ask(ANNA, ANNA), Ask(ANNA, GROUP), Ask(ANNA, None), Ask(BEN, BEN)]
    assert said(await limits.admit(asks)) == [None, None, "person-minute", None]
    assert said(await limits.admit(asks)) == ["person-minute"] * 3 + [None]
    clock.advance(timedelta(minutes=1))
    assert said(await limits.admit(asks)) == [None, None, "person-minute", None]


async def test_a_room_may_ask_so_often_whoever_asks(store: Store, clock: Clock) -> None:
    limits = make(store, clock, room_minute=2)
    asks = [Ask(n, GROUP) for n in range(1, 4)] + [Ask(1, OTHER)]
    assert said(await limits.admit(asks)) == [None, None, "room-minute", None]


async def test_a_persons_own_room_and_no_room_have_no_limits(store: Store, clock: Clock) -> None:
    limits = make(store, clock, room_minute=1, room_day=1)
    assert said(await limits.admit([Ask(ANNA, ANNA), Ask(ANNA, None)] * 3)) == [None] * 6
    assert await num_rows(store) == 0


async def test_what_is_refused_counts_nowhere(store: Store, clock: Clock) -> None:
    limits = make(store, clock, person_minute=3, room_minute=1)
    asks = [Ask(ANNA, GROUP)] * 5  # four are the room's fault
    assert said(await limits.admit(asks)) == [None, *["room-minute"] * 4]
    assert said(await limits.admit([Ask(ANNA, ANNA)] * 3)) == [None, None, "person-minute"]


async def test_a_day_begins_at_midnight_utc(store: Store, clock: Clock) -> None:
    limits = make(store, clock, person_day=1)
    clock.time = datetime(2026, 1, 2, 0, 0, 0, tzinfo=UTC)
    assert said(await limits.admit([Ask(ANNA, None)])) == [None]
    clock.time = datetime(2026, 1, 2, 23, 59, 59, 999_999, tzinfo=UTC)
    assert said(await limits.admit([Ask(ANNA, None)])) == ["person-day"]
    clock.time = datetime(2026, 1, 3, 0, 0, 0, tzinfo=UTC)
    assert said(await limits.admit([Ask(ANNA, None)])) == [None]


@pytest.mark.parametrize(
    ("per_day", "seconds"),
    [(0, 55), (1, (20 * 60 + 55) * 60 + 55)],  # from 03:04:05 to 03:05 and to midnight
)
async def test_who_is_refused_is_told_by_what_and_for_how_long(
    store: Store, clock: Clock, per_day: int, seconds: int
) -> None:
    limits = make(store, clock, person_minute=1, person_day=per_day)
    _, reached = await limits.admit([Ask(ANNA, None)] * 2)
    assert isinstance(reached, ContestError)
    assert (reached.whose, reached.limit, reached.seconds) == ("person", 1, seconds)
    assert reached.window == ("day" if per_day else "minute")  # what holds longest
    assert str(seconds) in str(reached)


async def test_within_a_windows_last_moment_it_is_a_second(store: Store, clock: Clock) -> None:
    limits = make(store, clock, person_minute=1)
    clock.time = datetime(2026, 1, 2, 3, 4, 59, 999_000, tzinfo=UTC)
    _, reached = await limits.admit([Ask(ANNA, None)] * 2)
    assert reached is not None
    assert reached.seconds == 1
    clock.advance(SECOND * reached.seconds)
    assert await limits.admit([Ask(ANNA, None)]) == [None]


async def test_without_limits_nothing_is_asked_of_the_database(store: Store, clock: Clock) -> None:
    assert await make(store, clock).admit([Ask(ANNA, GROUP)] * 3) == [None] * 3
    assert await make(store, clock, person_minute=1).admit([]) == []
    assert await num_rows(store) == 0


async def test_however_many_ask_it_takes_few_statements(store: Store, clock: Clock) -> None:
    limits = make(store, clock, 5, 50, 5000, 50_000)
    await limits.admit([Ask(ANNA, GROUP)])
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(store._direct, "before_cursor_execute", note)
    answers = await limits.admit([Ask(n, -n % 7 - 10) for n in range(400)])
    assert answers == [None] * 400
    begun = [one for one in statements if one.startswith(("INSERT", "SELECT"))]
    assert len(begun) <= 3


async def test_bots_that_share_a_database_admit_no_more_together(
    store: Store, clock: Clock
) -> None:
    bots = [make(store, clock, person_minute=3, room_day=10) for _ in range(8)]
    asks = [Ask(account, GROUP) for account in (1, 2, 3, 4)]
    answers = await asyncio.gather(
        *(bot.admit(asks if n % 2 else asks[::-1]) for n, bot in enumerate(bots))
    )
    admitted = [one for each in answers for one in each if one is None]
    assert len(admitted) == 10
    async with store.read() as connection:
        counted = select(tallies.c.times).where(tallies.c.kind == "person-minute")
        assert all(times <= 3 for times in await connection.scalars(counted))


ASKS = st.lists(
    st.lists(
        st.builds(Ask, st.integers(1, 3), st.sampled_from([None, 1, GROUP, OTHER])), max_size=12
    ),
    max_size=4,
)


@given(batches=ASKS)
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_batches_are_decided_as_one_ask_after_the_other_would_be(
    store: Store, clock: Clock, batches: list[list[Ask]]
) -> None:
    async with store.write() as connection:
        await connection.execute(delete(tallies))
    limits = make(store, clock, 2, 3, 4, 5)
    counts: Counter[tuple[str, int]] = Counter()
    for asks in batches:
        naive = []
        for ask in asks:
            room = ask.room if ask.room != ask.account else None
            keys = {("p", ask.account): 3, ("m", ask.account): 2}
            if room is not None:
                keys |= {("r", room): 5, ("q", room): 4}
            naive.append(all(counts[key] < limit for key, limit in keys.items()))
            if naive[-1]:
                counts.update(keys.keys())
        assert [one is None for one in await limits.admit(asks)] == naive


# What else is counted


async def test_what_happened_is_counted_for_its_day(store: Store, clock: Clock) -> None:
    limits = make(store, clock)
    assert await limits.counted("errors") == 0
    await limits.count("errors")
    await limits.count("errors", 4)
    await limits.count("skipped", 2)
    assert await limits.counted("errors") == 5
    assert await limits.counted("skipped") == 2
    clock.advance(DAY)
    assert await limits.counted("errors") == 0


async def test_counted_at_once_nothing_is_lost(store: Store, clock: Clock) -> None:
    limits = make(store, clock)
    await asyncio.gather(*(limits.count("errors") for _ in range(32)))
    assert await limits.counted("errors") == 32


async def test_what_is_older_than_two_days_is_pruned(store: Store, clock: Clock) -> None:
    limits = make(store, clock, person_minute=1, person_day=2)
    await limits.admit([Ask(ANNA, None)])
    await limits.count("errors")
    clock.advance(DAY)
    await limits.prune()
    assert await num_rows(store) == 3
    await limits.admit([Ask(ANNA, None)])
    clock.advance(DAY + timedelta(hours=20))
    await limits.prune()
    assert await num_rows(store) == 2
    clock.advance(DAY * 3)
    await limits.prune()
    assert await num_rows(store) == 0


async def test_that_a_person_was_forgotten_is_kept_while_a_duel_from_before_may_be_open(
    store: Store, clock: Clock
) -> None:
    limits = make(store, clock)
    async with store.write() as connection:
        gone = {"kind": "forgotten", "who": 7, "begins": int(clock().timestamp()), "times": 1}
        await connection.execute(insert(tallies).values(gone))
    clock.advance(DAY * 5)
    await limits.prune(DAY * 4)
    assert await num_rows(store) == 1
    await limits.prune(DAY * 2)
    assert await num_rows(store) == 0
