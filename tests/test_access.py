"""Access: who may use the bot, whom it is closed to, and when other bots know."""

import asyncio
from datetime import timedelta

import pytest
from conftest import Clock
from sqlalchemy import event

from core.arena.access import LATEST, Access, Ban
from core.arena.store import Store

ANNA, BEN, ADMIN = 10**12, 5, 1  # accounts
GROUP = -(10**12)
SECOND = timedelta(seconds=1)


@pytest.fixture
def access(store: Store, clock: Clock) -> Access:
    return Access(store, clock, frozenset())


@pytest.fixture
def other(store: Store, clock: Clock) -> Access:
    """What another bot has."""
    return Access(store, clock, frozenset())


async def test_with_nobody_named_it_is_open_to_everybody(access: Access) -> None:
    assert access.allows(ANNA, ANNA)
    assert access.allows(BEN, GROUP)
    assert access.allows(BEN, None)


async def test_it_is_open_to_the_accounts_and_rooms_that_are_named(
    store: Store, clock: Clock
) -> None:
    access = Access(store, clock, frozenset({ANNA, GROUP}))
    assert access.allows(ANNA, ANNA)
    assert access.allows(ANNA, -7)
    assert access.allows(ANNA, None)
    assert access.allows(BEN, GROUP)
    assert not access.allows(BEN, BEN)
    assert not access.allows(BEN, -7)
    assert not access.allows(BEN, None)


async def test_who_is_banned_is_out_at_once_and_until_let_in_again(
    store: Store, clock: Clock
) -> None:
    access = Access(store, clock, frozenset({BEN, GROUP}))
    await access.ban(BEN, ADMIN)
    assert access.is_banned(BEN)
    assert not access.is_banned(ANNA)
    assert not access.allows(BEN, BEN)
    assert not access.allows(BEN, GROUP)
    assert access.allows(ANNA, GROUP)
    assert await access.unban(BEN)
    assert not access.is_banned(BEN)
    assert access.allows(BEN, BEN)
    assert not await access.unban(BEN)


async def test_another_bots_ban_arrives_with_the_next_refresh(
    access: Access, other: Access
) -> None:
    await other.ban(BEN, ADMIN)
    assert not access.is_banned(BEN)
    await access.refresh()
    assert access.is_banned(BEN)
    await other.unban(BEN)
    assert access.is_banned(BEN)
    await access.refresh()
    assert not access.is_banned(BEN)
    await other.ban(BEN, ADMIN)
    assert await access.unban(BEN)  # whether or not it had arrived
    await other.refresh()
    assert not other.is_banned(BEN)


async def test_a_refresh_at_the_same_time_takes_no_ban_back(access: Access) -> None:
    for account in range(20):
        await asyncio.gather(access.refresh(), access.ban(account, ADMIN), access.refresh())
        assert access.is_banned(account)


async def test_what_is_asked_for_every_update_costs_no_query(store: Store, access: Access) -> None:
    await access.ban(BEN, ADMIN)

    def refuse(*_: object) -> None:
        raise AssertionError

    event.listen(store._engine.sync_engine, "before_cursor_execute", refuse)
    assert not access.allows(BEN, GROUP)
    assert access.is_banned(BEN)


async def test_banned_twice_the_first_ban_stands(access: Access, clock: Clock) -> None:
    await access.ban(BEN, ADMIN)
    ban = Ban(BEN, ADMIN, clock())
    clock.advance(SECOND)
    await access.ban(BEN, ANNA)
    assert await access.banned() == (ban,)


async def test_the_latest_bans_are_listed_newest_first(access: Access, clock: Clock) -> None:
    assert await access.banned() == ()
    for account in range(LATEST + 5):
        await access.ban(account, ADMIN)
        clock.advance(SECOND)
    listed = await access.banned()
    assert [ban.account for ban in listed] == [*range(LATEST + 4, 4, -1)]
    assert listed[0].at == clock() - SECOND
