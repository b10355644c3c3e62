"""The inbox: taken once, held by one, taken up by another, left once handled."""

from datetime import timedelta

import pytest
from conftest import Clock
from sqlalchemy import delete, func, select

from core.arena.inbox import LEASE, REMEMBERED, Inbox, Taken
from core.arena.schema import handled
from core.arena.schema import inbox as rows
from core.arena.store import Store

UPDATES = [Taken(number, f'{{"update_id": {number}}}') for number in (1, 2, 3)]


@pytest.fixture
def inbox(store: Store, clock: Clock) -> Inbox:
    return Inbox(store, clock, "one")


async def test_what_is_taken_is_new_once(inbox: Inbox) -> None:
    assert await inbox.take(UPDATES[:2]) == UPDATES[:2]
    assert await inbox.take(UPDATES) == UPDATES[2:]
    assert await inbox.take([]) == ()
    assert (await inbox.waiting()).number == 3


async def test_the_same_update_twice_in_one_batch_is_new_once(inbox: Inbox) -> None:
    assert await inbox.take([UPDATES[0], UPDATES[0]]) == [UPDATES[0]]


async def test_what_was_handled_is_not_new_when_it_is_delivered_again(inbox: Inbox) -> None:
    await inbox.take(UPDATES)
    await inbox.leave(2)
    assert (await inbox.waiting()).number == 2
    assert await inbox.take(UPDATES) == []
    assert (await inbox.waiting()).number == 2


async def test_what_a_bot_holds_no_other_takes_up(
    inbox: Inbox, store: Store, clock: Clock
) -> None:
    other = Inbox(store, clock, "other")
    await inbox.take(UPDATES)
    assert await other.claim(10) == ()
    clock.advance(LEASE)
    await inbox.renew()
    assert await other.claim(10) == ()


async def test_what_a_bot_that_is_gone_held_another_takes_up_the_oldest_first(
    inbox: Inbox, store: Store, clock: Clock
) -> None:
    other, third = Inbox(store, clock, "other"), Inbox(store, clock, "third")
    await inbox.take(UPDATES[::-1])
    clock.advance(LEASE)
    assert await other.claim(2) == UPDATES[:2]
    assert await third.claim(10) == UPDATES[2:]
    assert await inbox.claim(10) == ()


async def test_a_bot_that_renews_does_not_take_back_what_another_has_taken_up(
    inbox: Inbox, store: Store, clock: Clock
) -> None:
    other = Inbox(store, clock, "other")
    await inbox.take(UPDATES)
    clock.advance(LEASE)
    await other.claim(10)
    await inbox.renew()
    clock.advance(LEASE - timedelta(seconds=1))
    assert await inbox.claim(10) == ()


async def test_whoever_renews_or_claims_waits_for_nothing_that_is_leaving(
    inbox: Inbox, store: Store, clock: Clock
) -> None:
    if "sqlite" in store.address:
        pytest.skip("SQLite has one writer at a time")
    await inbox.take(UPDATES)
    async with store.write() as connection:
        await connection.execute(delete(rows).where(rows.c.number == 1))
        assert await inbox.renew() == {2, 3}
        clock.advance(LEASE)
        assert await Inbox(store, clock, "other").claim(10) == UPDATES[1:]


async def test_what_is_let_go_is_free_at_once(inbox: Inbox, store: Store, clock: Clock) -> None:
    await inbox.take(UPDATES)
    await inbox.let_go()
    assert await Inbox(store, clock, "other").claim(10) == UPDATES


async def test_it_tells_how_long_the_oldest_has_waited(inbox: Inbox, clock: Clock) -> None:
    assert (await inbox.waiting()).seconds == 0
    await inbox.take(UPDATES[:1])
    clock.advance(timedelta(seconds=7))
    await inbox.take(UPDATES)
    assert (await inbox.waiting()).seconds == 7


async def test_numbers_are_forgotten_after_a_while(
    inbox: Inbox, store: Store, clock: Clock
) -> None:
    async def remembered() -> int:
        async with store.read() as connection:
            return await connection.scalar(select(func.count()).select_from(handled)) or 0

    await inbox.take(UPDATES)
    await inbox.leave(1)
    clock.advance(REMEMBERED)
    await inbox.prune()
    assert await remembered() == 1
    clock.advance(timedelta(seconds=1))
    await inbox.prune()
    assert await remembered() == 0


async def test_what_a_bot_holds_unknowingly_is_free_in_the_end(
    inbox: Inbox, store: Store, clock: Clock
) -> None:
    await inbox.take(UPDATES)  # and say that the answer to the commit was lost for 2 and 3
    await inbox.renew([1])
    clock.advance(LEASE - timedelta(seconds=1))
    await inbox.renew([1])
    clock.advance(timedelta(seconds=1))
    assert await Inbox(store, clock, "other").claim(10) == UPDATES[1:]


async def test_what_a_dead_bot_held_by_a_clock_that_was_ahead_is_taken_up(
    store: Store, clock: Clock
) -> None:
    inbox, other = Inbox(store, clock, "bot"), Inbox(store, clock, "other")
    await inbox.take(UPDATES)
    clock.advance(timedelta(hours=-5))
    assert await inbox.renew() == {one.number for one in UPDATES}  # a living bot's stays its own
    assert await other.claim(10) == ()
    clock.advance(timedelta(hours=-5))
    assert await other.claim(10) == UPDATES
