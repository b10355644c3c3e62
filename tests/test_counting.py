"""The sums behind the verdict: kept vote by vote they are what they are when made anew."""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Container, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from conftest import Clock
from factories import make_pair
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Table, select

from core.arena.answers import Answer, take_answers
from core.arena.bets import CAP, Ledger, Score
from core.arena.contest import Contest
from core.arena.counting import keep, lock, recount, settle
from core.arena.duel import Choice
from core.arena.files import Files
from core.arena.marks import Marks
from core.arena.privacy import forget
from core.arena.releases import Releases
from core.arena.schema import (
    duel_sums,
    duels,
    encores,
    likes,
    pair_sums,
    pairs,
    past_sums,
    person_sums,
    release_sums,
    votes,
)
from core.arena.store import Store
from core.arena.sums import CROWD, FAST, HOUR, ONE_SIDED, Sums

TABLES: Sequence[Table] = (duel_sums, pair_sums, past_sums, person_sums, release_sums)


# What may happen


@dataclass(frozen=True)
class Open:
    """Somebody asks for a duel."""

    who: int


@dataclass(frozen=True)
class Say:
    """Somebody answers in one of the latest duels."""

    who: int
    says: Choice | Literal["encore", "like"]
    back: int = 0  # how many duels ago it was opened


@dataclass(frozen=True)
class AtOnce:
    """Some answer at the same moment."""

    all: tuple[Say, ...]


@dataclass(frozen=True)
class Wait:
    """Time goes by."""

    minutes: float


@dataclass(frozen=True)
class Publish:
    """There are new models."""

    seed: int


@dataclass(frozen=True)
class Look:
    """Somebody asks what the votes say."""


@dataclass(frozen=True)
class Forget:
    """Somebody wants to be forgotten."""

    who: int


Step = Open | Say | AtOnce | Wait | Publish | Look | Forget

WHO = st.integers(1, 6)
SAY = st.builds(Say, WHO, st.sampled_from([0, 1, 1, 2, 2, "encore", "like"]), st.integers(0, 7))
STEP = st.one_of(
    st.builds(Open, WHO),
    SAY,
    SAY,
    st.builds(AtOnce, st.lists(SAY, min_size=2, max_size=4).map(tuple)),
    st.builds(Wait, st.sampled_from([0.05, 1, 8, 29, 60, 300])),
    st.builds(Publish, st.integers(0, 3)),
    st.just(Look()),
    st.builds(Forget, WHO),
)


@dataclass
class Arena:
    """Where it happens."""

    store: Store
    releases: Releases
    contest: Contest
    clock: Clock
    opened: list[int] = field(default_factory=list)

    async def live(self, history: Iterable[Step]) -> None:
        for step in history:
            await self.take(step)

    async def take(self, step: Step) -> None:
        match step:
            case Open(who):
                self.opened.append((await self.contest.open_duel(who, "分开")).id)
            case Say(who, says, back):
                if self.opened:
                    duel = self.opened[-1 - back % len(self.opened)]
                    await self.say(who, duel, says)
            case AtOnce(all=some):
                await asyncio.gather(*map(self.take, some))
            case Wait(minutes):
                self.clock.advance(timedelta(minutes=minutes))
            case Publish(seed):
                await self.releases.publish([make_pair(seed=seed)])
            case Look():
                await self.contest.standings()
            case Forget(who):
                mark, now = Marks().of(who), self.clock()
                await forget(self.store, who, random.Random(len(self.opened)), mark=mark, now=now)

    async def say(self, who: int, duel: int, says: Choice | Literal["encore", "like"]) -> None:
        if says == "encore":
            await self.contest.encore(who, duel)
        elif says == "like":
            await self.contest.like(who, duel)
        else:
            await self.contest.vote(who, duel, says)

    async def kept(self) -> dict[str, list[str]]:
        """All sums there are, with everybody settled whose hour is over."""

        def read(connection: Connection) -> dict[str, list[str]]:
            numbers = connection.scalars(select(release_sums.c.release)).all()
            locked = lock(connection, numbers)
            for number, sums in locked.items():
                settle(connection, number, sums, self.clock())
            keep(connection, locked)
            return {
                table.name: sorted(map(str, connection.execute(select(table)))) for table in TABLES
            }

        return await self.store.run(read)

    async def recounted(self) -> dict[str, list[str]]:
        """The same, made anew."""

        def anew(connection: Connection) -> None:
            for number in connection.scalars(select(release_sums.c.release)).all():
                recount(connection, number, self.clock())

        await self.store.run(anew)
        return await self.kept()

    async def sums(self) -> dict[int, Sums]:
        def read(connection: Connection) -> dict[int, Sums]:
            found = connection.execute(select(release_sums))
            return {row.release: Sums.from_json(row.sums) for row in found}

        return await self.store.look(read)


@asynccontextmanager
async def arena_in(database: str, folder: Path, clock: Clock) -> AsyncIterator[Arena]:
    """A bot whose first deed is a release."""
    store = Store(database)
    releases = Releases(store, Files(str(folder / "checkpoints")), clock=clock)
    lasts = timedelta(days=9)
    contest = Contest(store, releases, duel_lasts=lasts, chance=random.Random(5), clock=clock)
    await releases.publish([make_pair()])
    try:
        yield Arena(store, releases, contest, clock)
    finally:
        await store.close()


@pytest.fixture
async def arena(database: str, tmp_path: Path, clock: Clock) -> AsyncIterator[Arena]:
    async with arena_in(database, tmp_path, clock) as arena:
        yield arena


# Whatever happens

FIVE_AND_MORE = [step for n in range(8) for step in (Open(1), Say(2, 1), Wait(8))]
LATE = [Open(1), Say(2, 1), Open(1), Wait(60), Say(2, 2), Look(), Say(3, 1)]
CROWDED = [Open(1), *(Say(who, 1) for who in range(1, CROWD + 2))]
ONE_SIDE = [step for _ in range(ONE_SIDED) for step in (Open(1), Wait(0.05), Say(2, 1))]
BACK_AGAIN = [Open(1), Say(2, 1), Forget(2), Wait(1), Open(1), Say(2, 1), Say(3, 2)]


@example(history=FIVE_AND_MORE)
@example(history=LATE)
@example(history=CROWDED)
@example(history=ONE_SIDE)
@example(history=BACK_AGAIN)
@given(history=st.lists(STEP, max_size=60))
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_after_any_history_sums_are_what_they_are_made_anew_and_found_slowly(
    fresh_database: Callable[[], str], tmp_path: Path, history: list[Step]
) -> None:
    async def lives() -> None:
        async with arena_in(fresh_database(), tmp_path, Clock()) as arena:
            await arena.live(history)
            kept = await arena.kept()
            assert await arena.recounted() == kept
            assert await arena.sums() == await slowly(arena)
            await arena.live([Open(1), Say(2, 1), Wait(1), *history[:9]])  # it goes on from there
            kept = await arena.kept()
            assert await arena.recounted() == kept

    asyncio.run(lives())


async def test_votes_that_two_bots_take_at_once_are_counted_in_their_order(
    database: str, tmp_path: Path, clock: Clock
) -> None:
    chance = random.Random(2)
    async with arena_in(database, tmp_path, clock) as one:
        await one.live([Open(1), Open(2), Open(3)])
        async with arena_in(database, tmp_path, clock) as two:
            two.opened = one.opened
            for _ in range(15):
                saying = [
                    bot.take(
                        Say(chance.randint(1, 9), chance.choice([0, 1, 2]), chance.randrange(6))
                    )
                    for _ in range(6)
                    for bot in (one, two)
                ]
                await asyncio.gather(*saying)
                await two.live([Wait(8), Open(1)])
        kept = await one.kept()
        assert await one.recounted() == kept
        assert await one.sums() == await slowly(one)
        assert {*await one.sums()} == {1, 2}


async def test_a_persons_first_vote_is_one_even_if_two_bots_take_two_at_once(
    arena: Arena,
) -> None:
    await arena.live([Open(2), Say(3, 1), Publish(1), Open(2), Say(3, 1)])

    def vote(connection: Connection, duel: int) -> None:
        answers = [Answer(2, arena.opened[duel], 1)]
        take_answers(connection, answers, arena.clock(), Marks())

    async with arena.store.write() as connection:
        await connection.run_sync(vote, 0)
        second = asyncio.ensure_future(arena.store.run(lambda other: vote(other, 1)))
        await asyncio.wait({second}, timeout=0.5)
        assert not second.done()  # it waits for the person, whichever release it is about
    await second
    kept = await arena.kept()
    assert await arena.recounted() == kept
    assert [one.newcomers for one in (await arena.sums()).values()] == [2, 0]


# The same, found slowly


async def slowly(arena: Arena) -> dict[int, Sums]:
    """The sums of each release, by one look after the other at all votes."""

    def read(connection: Connection) -> tuple[list[Any], list[Any], list[int]]:
        columns = (
            *(votes.c[name] for name in ("id", "duel_id", "person_id", "choice", "cast_at")),
            *(duels.c.sampler_1, duels.c.opened_at, pairs.c.release, votes.c.left_out),
        )
        joined = (
            select(*columns)
            .join(duels, duels.c.id == votes.c.duel_id)
            .join(pairs, pairs.c.id == duels.c.pair_id)
            .order_by(votes.c.id)
        )
        marked: list[Any] = []
        for table in (encores, likes):
            of_release = select(pairs.c.release).select_from(table)
            of_release = of_release.join(duels, duels.c.id == table.c.duel_id)
            of_release = of_release.join(pairs, pairs.c.id == duels.c.pair_id)
            marked.append(Counter(connection.scalars(of_release)))
        numbers = connection.scalars(select(release_sums.c.release)).all()
        return list(connection.execute(joined)), marked, list(numbers)

    cast, (encored, liked), numbers = await arena.store.look(read)
    first_ever = {row.person_id: row.id for row in reversed(cast)}.values()
    found = {}
    for number in numbers:
        of_release = [row for row in cast if row.release == number]
        sums = slow_sums(of_release, {*first_ever}, arena.clock())
        sums.encores, sums.likes = encored[number], liked[number]
        found[number] = sums
    return found


def slow_sums(cast: list[Any], first_ever: Container[int], now: datetime) -> Sums:
    decided = [row for row in cast if row.choice]
    wins = {row.id: (row.sampler_1 == "random") == (row.choice == 1) for row in decided}
    by_person, by_duel = defaultdict(list), defaultdict(list)
    for row in decided:
        by_person[row.person_id].append(row)
        by_duel[row.duel_id].append(row)
    new_on = Counter(row.duel_id for row in cast if row.id in first_ever)
    lefts = {row.id: row.choice == 1 for row in decided}
    left = [row for row in decided if row.sampler_1 == "random"]
    sums = Sums(
        random=sum(wins.values()),
        consecutive=len(decided) - sum(wins.values()),
        neither=len(cast) - len(decided),
        people=len({row.person_id for row in cast}),
        newcomers=new_on.total(),
        lefts=sum(row.choice == 1 for row in decided),
        random_left=len(left),
        random_left_wins=sum(wins[row.id] for row in left),
        fast=sum(row.cast_at - row.opened_at < FAST for row in cast),
        one_sided=sum(
            len(mine) >= ONE_SIDED and len({row.choice for row in mine}) == 1
            for mine in by_person.values()
        ),
        crowds=sum(many >= CROWD for many in new_on.values()),
    )
    for spread, groups, is_win in (
        (sums.by_duel, by_duel, wins),
        (sums.by_person, by_person, wins),
        (sums.lefts_by_duel, by_duel, lefts),
        (sums.lefts_by_person, by_person, lefts),
    ):
        for group in groups.values():
            n, w = len(group), sum(is_win[row.id] for row in group)
            spread.votes_votes += n * n
            spread.wins_votes += w * n
            spread.wins_wins += w * w
    counting: dict[int, list[Any]] = {}
    taken: set[int] = set()
    for row in decided:
        if row.duel_id in taken or row.left_out:
            continue
        mine = counting.setdefault(row.person_id, [])
        if not mine or (len(mine) < CAP and row.cast_at - mine[0].cast_at < HOUR):
            mine.append(row)
            taken.add(row.duel_id)
    sums.counted = sum(map(len, counting.values()))
    settled = []
    for mine in counting.values():
        if not (len(mine) == CAP or now - mine[0].cast_at >= HOUR):
            break
        settled.append(Score(len(mine), sum(wins[row.id] for row in mine)))
    sums.ledger, sums.waiting = Ledger.of(settled), len(counting) - len(settled)
    return sums


# One by one


async def test_who_came_back_counts_in_the_plain_share_alone(arena: Arena) -> None:
    await arena.live([*(Open(1) for _ in range(3)), Say(2, 1, 2), Forget(2), Wait(0.05), Open(1)])
    await arena.live([Say(2, 1), Wait(60), Look()])
    (sums,) = (await arena.sums()).values()
    assert (sums.votes, sums.people, sums.counted) == (2, 2, 1)
    assert sum(sums.ledger.scores.values()) == 1


async def test_a_vote_that_does_not_count_takes_no_duels_place(arena: Arena) -> None:
    await arena.live([step for _ in range(CAP) for step in (Open(1), Say(2, 1))])
    await arena.live([Open(1), Say(2, 1), Say(3, 1)])
    (sums,) = (await arena.sums()).values()
    assert (sums.votes, sums.counted) == (CAP + 2, CAP + 1)


async def test_of_votes_committed_together_the_one_that_came_first_counts(arena: Arena) -> None:
    await arena.live([Open(1), *(Open(who) for who in (5, 6)), Open(1)])
    await arena.live([AtOnce((Say(6, 1), Say(5, 2), Say(5, 1, 1), Say(6, 2, 1)))])

    def in_order(connection: Connection) -> list[tuple[int, int]]:
        ordered = select(votes.c.duel_id, votes.c.choice).order_by(votes.c.id)
        return [(row.duel_id, row.choice) for row in connection.execute(ordered)]

    assert await arena.store.look(in_order) == [(4, 1), (4, 2), (3, 1), (3, 2)]


async def test_nobody_is_waited_for_until_a_moment_that_a_wrong_clock_told(arena: Arena) -> None:
    week = 7 * 24 * 60
    await arena.live([Open(1), Open(1), Wait(week), Say(2, 1), Wait(-week)])
    await arena.live([Say(3, 1, 1), Wait(61), Look()])
    (sums,) = (await arena.sums()).values()
    assert (sums.waiting, sum(sums.ledger.scores.values())) == (0, 2)


async def test_a_release_that_is_current_no_more_is_settled_too(arena: Arena) -> None:
    await arena.live([Open(1), Say(2, 1), Publish(1), Wait(61), Look()])
    assert (await arena.sums())[1].waiting == 0


def test_sums_are_the_same_when_written_down_and_read() -> None:
    sums = Sums(random=3, ledger=Ledger.of([Score(5, 5)] * 12 + [Score(2, 1)]))
    assert Sums.from_json(sums.to_json()) == sums
    assert asdict(sums.ledger.a) == {"fewest": sums.ledger.a.fewest, "people": 10}


@pytest.mark.parametrize(
    ("history", "flags"),
    [
        ([Open(1), Wait(0.06), Say(2, 1)], (1, 0, 0)),
        ([Open(1), Wait(0.07), Say(2, 1)], (0, 0, 0)),
        (ONE_SIDE[:-1], (9, 0, 0)),
        (ONE_SIDE, (10, 1, 0)),
        ([*ONE_SIDE, Open(1), Say(2, 2)], (11, 0, 0)),
        (CROWDED[:CROWD], (9, 0, 0)),
        (CROWDED, (11, 0, 1)),
        ([*CROWDED, Open(1), *CROWDED[1:]], (22, 0, 1)),  # they are not new any more
        ([*CROWDED, Publish(1), Open(1), Wait(1), *CROWDED[1:]], (0, 0, 0)),
    ],
)
async def test_what_looks_odd_is_flagged(
    arena: Arena, history: list[Step], flags: tuple[int, int, int]
) -> None:
    await arena.live(history)
    *_, sums = (await arena.sums()).values()
    assert (sums.fast, sums.one_sided, sums.crowds) == flags
