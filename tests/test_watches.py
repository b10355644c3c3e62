"""Watches: which bot keeps which message up to date, and how much of the end was told."""

import asyncio
from datetime import timedelta

import pytest
from conftest import Clock
from factories import SMALL, make_corpus

from core.arena.store import Store
from core.retrain.jobs import Jobs
from core.retrain.watches import ALL, HELD_FOR, Watch, Watches

MOMENT = timedelta(seconds=1)


@pytest.fixture
async def job(store: Store, clock: Clock) -> int:
    jobs = Jobs(store, clock)
    return (await jobs.add(make_corpus(), SMALL, num_pairs=1, seed=0, by=None)).id


@pytest.fixture
def one(store: Store, clock: Clock) -> Watches:
    return Watches(store, clock, "one")


@pytest.fixture
def other(store: Store, clock: Clock) -> Watches:
    return Watches(store, clock, "other")


def watch(job: int, post: int = 1, room: int = -100) -> Watch:
    return Watch(room=room, post=post, topic=None, job_id=job, account=7, language="zh")


async def test_a_watch_is_given_back_as_it_was_put(one: Watches, job: int) -> None:
    put = [Watch(-(2**40), 5, 77, job, 2**40, "en"), watch(job)]
    for each in put:
        await one.add(each)
    assert {*await one.mine()} == {*put}


async def test_put_twice_it_is_there_once(one: Watches, job: int) -> None:
    await one.add(watch(job))
    await one.told(watch(job), 2)
    await one.add(watch(job))
    assert [found.told for found in await one.mine()] == [2]


async def test_it_is_held_by_whoever_asked_first(
    one: Watches, other: Watches, job: int, clock: Clock
) -> None:
    await one.add(watch(job))
    assert len(await other.mine()) == 1
    for _ in range(10):  # as long as that one goes on asking
        clock.advance(HELD_FOR / 4)
        assert await one.mine() == ()
        assert len(await other.mine()) == 1


async def test_asked_for_by_many_at_once_one_holds_it(
    store: Store, one: Watches, job: int, clock: Clock
) -> None:
    for post in range(3):
        await one.add(watch(job, post))
    bots = [Watches(store, clock, f"bot {i}") for i in range(8)]
    found = await asyncio.gather(*(bot.mine() for bot in bots))
    assert sum(map(len, found)) == 3
    assert {w.post for each in found for w in each} == {0, 1, 2}


async def test_from_a_bot_that_has_stopped_it_is_taken_over_when_its_hold_ends(
    one: Watches, other: Watches, job: int, clock: Clock
) -> None:
    await one.add(watch(job))
    assert len(await one.mine()) == 1
    clock.advance(HELD_FOR - MOMENT)
    assert await other.mine() == ()
    clock.advance(2 * MOMENT)
    assert len(await other.mine()) == 1
    assert await one.mine() == ()  # when it is back it is the other's


async def test_what_one_told_the_other_knows(
    one: Watches, other: Watches, job: int, clock: Clock
) -> None:
    await one.add(watch(job))
    (mine,) = await one.mine()
    await one.told(mine, 1)
    clock.advance(HELD_FOR + MOMENT)
    (theirs,) = await other.mine()
    assert theirs.told == 1


async def test_what_was_told_all_is_nobodys_any_more(
    one: Watches, other: Watches, job: int, clock: Clock
) -> None:
    await one.add(watch(job, 1))
    await one.add(watch(job, 2))
    await one.told(watch(job, 1), ALL)
    assert [found.post for found in await one.mine()] == [2]
    clock.advance(HELD_FOR + MOMENT)
    assert [found.post for found in await other.mine()] == [2]


async def test_a_room_is_shown_a_job_until_all_is_told(one: Watches, job: int) -> None:
    assert not await one.shown_in(-100, job)
    await one.add(watch(job))
    assert await one.shown_in(-100, job)
    assert not await one.shown_in(-101, job)
    assert not await one.shown_in(-100, job + 1)
    await one.told(watch(job), ALL)
    assert not await one.shown_in(-100, job)
