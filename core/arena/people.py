"""People: each is an account of the chat platform, and becomes known by doing something."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, select

from core.arena.schema import people
from core.arena.store import insert


def lock_people(connection: Connection, accounts: Iterable[int]) -> None:
    """Nobody else locks or forgets any of them before this transaction ends.

    On SQLite every transaction that writes has that already.
    """
    if connection.dialect.name == "postgresql":
        known = select(people.c.id).where(people.c.account.in_(set(accounts)))
        connection.execute(known.order_by(people.c.id).with_for_update(key_share=True))


def people_of(connection: Connection, accounts: Iterable[int], now: datetime) -> dict[int, int]:
    """The ids of the people of those accounts, who are made known if new."""
    wanted = sorted(set(accounts))
    if not wanted:
        return {}
    known = select(people.c.account, people.c.id).where(people.c.account.in_(wanted))
    found = {row.account: row.id for row in connection.execute(known)}
    new = [{"account": one, "first_seen": now} for one in wanted if one not in found]
    if new:
        connection.execute(insert(connection, people).on_conflict_do_nothing(), new)
        found = {row.account: row.id for row in connection.execute(known)}
    return found
