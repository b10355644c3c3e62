"""A person who wants to be forgotten.

What they said in the contest stays, since it counts: under a number that leads to nobody.
"""

import random
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from core.arena.limits import FORGOTTEN, KINDS
from core.arena.schema import (
    boards,
    deliveries,
    duels,
    jobs,
    people,
    rooms,
    showings,
    tallies,
    watches,
)
from core.arena.store import Store, insert


async def forget(
    store: Store, account: int, chance: random.Random, *, mark: int, now: datetime
) -> bool:
    """Remove what leads to an account. False if nobody of that account was known.

    A ban stays: else whoever is banned would only have to ask for this. So does, under the
    account's `mark`, how often they asked today, and that they are to vote no second time in duels
    that were open: what shows there is known to them.
    """
    counted = tallies.c.kind.in_(KINDS)
    async with store.write() as connection:
        known = await _rename(connection, account, chance)
        if known:
            gone = {"kind": FORGOTTEN, "who": mark, "begins": int(now.timestamp())}
            row = insert(connection, tallies).values(**gone, times=now.microsecond)
            later = {"times": row.excluded.times}
            await connection.execute(
                row.on_conflict_do_update(index_elements=[*tallies.primary_key], set_=later)
            )
        for table in (rooms, showings, boards, deliveries):  # of their own room
            await connection.execute(delete(table).where(table.c.room == account))
        for removed in (
            delete(tallies).where(counted, tallies.c.who == account),
            delete(watches).where(or_(watches.c.account == account, watches.c.room == account)),
            update(jobs).where(jobs.c.asked_by == account).values(asked_by=None),
            update(duels).where(duels.c.room == account).values(room=None),
        ):
            await connection.execute(removed)
    return known


def forgotten(connection: Connection, marks: Collection[int]) -> dict[int, datetime]:
    """When those of these marks who asked to be forgotten did, for the last time."""
    wanted = select(tallies).where(tallies.c.kind == FORGOTTEN, tallies.c.who.in_(marks))
    return {
        row.who: datetime.fromtimestamp(row.begins, UTC) + timedelta(microseconds=row.times)
        for row in connection.execute(wanted.order_by(tallies.c.begins))
    }


async def _rename(connection: AsyncConnection, account: int, chance: random.Random) -> bool:
    """Put a random number for the account, and the day for the moment it was first seen."""
    # Locked, so that of two requests at once the second finds nobody.
    wanted = select(people.c.id, people.c.first_seen).where(people.c.account == account)
    person = (await connection.execute(wanted.with_for_update())).one_or_none()
    if person is None:
        return False
    day = person.first_seen.replace(hour=0, minute=0, second=0, microsecond=0)
    while True:
        # Of 62 bits, the first of them set: far from all accounts and rooms that there are.
        nobody = -(2**61 + chance.getrandbits(61))
        renaming = update(people).where(people.c.id == person.id)
        try:
            async with connection.begin_nested():
                await connection.execute(renaming.values(account=nobody, first_seen=day))
        except IntegrityError:  # somebody has that number
            continue
        return True
