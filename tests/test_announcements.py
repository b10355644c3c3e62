"""Announcements: to whom they go, which bot sends which, and how far they are."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from conftest import Clock

from core.arena.announcements import LEASE, Announcements, Delivery
from core.arena.rooms import Rooms
from core.arena.store import Store

ADMIN = 10**12
MOMENT = timedelta(seconds=1)


@pytest.fixture
def one(store: Store, clock: Clock) -> Announcements:
    return Announcements(store, clock)


@pytest.fixture
def other(store: Store, clock: Clock) -> Announcements:
    """What another bot has."""
    return Announcements(store, clock)


@pytest.fixture
def rooms(store: Store) -> Rooms:
    return Rooms(store)


async def want(rooms: Rooms, *numbers: int) -> None:
    for room in numbers:
        await rooms.set_news(room, True)


async def test_it_goes_to_every_room_that_wants_news(one: Announcements, rooms: Rooms) -> None:
    await want(rooms, -(10**12), 8)
    await rooms.set_language(7, "zh")
    number, num_rooms = await one.announce("大家好", by=ADMIN)
    assert num_rooms == 2
    assert await one.claim() == (
        Delivery(number, -(10**12), "大家好"),
        Delivery(number, 8, "大家好"),
    )


async def test_where_nobody_wants_news_it_goes_nowhere(one: Announcements) -> None:
    number, num_rooms = await one.announce("hello", by=ADMIN)
    assert num_rooms == 0
    assert await one.claim() == ()
    assert await one.progress(number) == (0, 0, 0)


async def test_who_wants_news_afterwards_gets_the_next(one: Announcements, rooms: Rooms) -> None:
    await want(rooms, 7)
    first, _ = await one.announce("first", by=ADMIN)
    await want(rooms, 8)
    second, num_rooms = await one.announce("second", by=ADMIN)
    assert (num_rooms, second > first) == (2, True)
    assert [(d.room, d.text) for d in await one.claim()] == [
        (7, "first"),
        (7, "second"),
        (8, "second"),
    ]


async def test_so_many_are_taken_at_a_time_and_none_twice(
    one: Announcements, other: Announcements, rooms: Rooms
) -> None:
    await want(rooms, *range(1, 9))
    await one.announce("hello", by=ADMIN)
    assert [d.room for d in await one.claim(3)] == [1, 2, 3]
    assert [d.room for d in await other.claim()] == [4, 5, 6, 7, 8]
    assert await one.claim() == ()


async def test_taken_by_many_at_once_each_is_ones(
    store: Store, clock: Clock, one: Announcements, rooms: Rooms
) -> None:
    await want(rooms, *range(1, 31))
    await one.announce("hello", by=ADMIN)
    bots = [Announcements(store, clock) for _ in range(8)]
    taken: Counter[int] = Counter()
    for _ in range(6):
        found = await asyncio.gather(*(bot.claim(5) for bot in bots))
        assert all(len(each) <= 5 for each in found)
        taken.update(delivery.room for each in found for delivery in each)
    assert taken == Counter(range(1, 31))


async def test_what_a_bot_took_and_never_told_of_is_taken_again(
    one: Announcements, other: Announcements, rooms: Rooms, clock: Clock
) -> None:
    await want(rooms, 7)
    await one.announce("hello", by=ADMIN)
    taken = await one.claim()
    clock.advance(LEASE - MOMENT)
    assert await other.claim() == ()
    clock.advance(MOMENT)
    assert await other.claim(lease=timedelta(seconds=5)) == taken
    clock.advance(timedelta(seconds=5))
    assert await one.claim() == taken


async def test_what_is_over_is_taken_no_more_and_counted(
    one: Announcements, rooms: Rooms, clock: Clock
) -> None:
    await want(rooms, 1, 2, 3, 4)
    number, _ = await one.announce("hello", by=ADMIN)
    assert await one.progress(number) == (0, 0, 4)
    first, second, third, _ = await one.claim()
    await one.over(first, arrived=True)
    await one.over(second, arrived=True)
    await one.over(third, arrived=False)
    progress = await one.progress(number)
    assert (progress.arrived, progress.failed, progress.open) == (2, 1, 1)
    clock.advance(LEASE)
    assert [d.room for d in await one.claim()] == [4]
    assert await one.progress(number + 1) == (0, 0, 0)


async def test_what_has_arrived_stays_so(one: Announcements, rooms: Rooms, clock: Clock) -> None:
    await want(rooms, 7)
    number, _ = await one.announce("hello", by=ADMIN)
    (delivery,) = await one.claim()
    await one.over(delivery, arrived=True)
    await one.over(delivery, arrived=False)  # by a bot that held it before
    await one.later(delivery, 0)
    await one.gone(7)
    assert await one.progress(number) == (1, 0, 0)
    assert await one.claim() == ()


async def test_what_is_to_be_tried_later_is_taken_then(
    one: Announcements, other: Announcements, rooms: Rooms, clock: Clock
) -> None:
    await want(rooms, 7)
    await one.announce("hello", by=ADMIN)
    (delivery,) = await one.claim()
    await one.later(delivery, 90)
    clock.advance(timedelta(seconds=89))
    assert await other.claim() == ()
    clock.advance(MOMENT)
    assert await other.claim() == (delivery,)


async def test_a_room_that_is_gone_gets_none_any_more(
    one: Announcements, rooms: Rooms, clock: Clock
) -> None:
    await want(rooms, 7, 8)
    first, _ = await one.announce("first", by=ADMIN)
    second, _ = await one.announce("second", by=ADMIN)
    taken = {(d.announcement, d.room): d for d in await one.claim()}
    await one.over(taken[first, 7], arrived=True)
    await one.gone(7)
    assert await one.progress(first) == (1, 0, 1)
    assert await one.progress(second) == (0, 1, 1)
    await one.later(taken[second, 7], 1)  # by a bot that had it in hand
    clock.advance(LEASE)
    assert [d.room for d in await one.claim()] == [8, 8]
    assert await rooms.wanting_news() == 1
    await one.gone(9)  # was never there
    _, num_rooms = await one.announce("third", by=ADMIN)
    assert num_rooms == 1


async def test_one_that_arrived_as_its_room_was_given_up_has_arrived(
    one: Announcements, rooms: Rooms
) -> None:
    await want(rooms, 7)
    number, _ = await one.announce("hello", by=ADMIN)
    (delivery,) = await one.claim()
    await one.gone(7)
    await one.over(delivery, arrived=True)
    assert await one.progress(number) == (1, 0, 0)
