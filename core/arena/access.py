"""Who may use the bot: those it is open to, less those who are banned.

It is asked for every update, so the answers come from memory. `refresh`, called every few seconds,
brings the bans of other bots.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select

from core.arena.schema import bans
from core.arena.store import Store, insert

LATEST = 20


@dataclass(frozen=True)
class Ban:
    """An account that may do nothing."""

    account: int
    banned_by: int
    at: datetime


class Access:
    """Who may use the bots of one database."""

    def __init__(
        self, store: Store, clock: Callable[[], datetime], allowed: frozenset[int] = frozenset()
    ) -> None:
        """`allowed` are the accounts and rooms that it is open to; none: to everybody."""
        self._store = store
        self._clock = clock
        self._allowed = allowed
        self._banned: frozenset[int] = frozenset()
        # What was read before a ban is never put in memory after it.
        self._one_at_a_time = asyncio.Lock()

    async def refresh(self) -> None:
        """Read who is banned."""
        async with self._one_at_a_time, self._store.read() as connection:
            self._banned = frozenset(await connection.scalars(select(bans.c.account)))

    async def ban(self, account: int, by: int) -> None:
        """Ban an account; of two bans the first stands."""
        async with self._one_at_a_time:
            async with self._store.write() as connection:
                row = insert(connection, bans).values(
                    account=account, banned_by=by, at=self._clock()
                )
                await connection.execute(row.on_conflict_do_nothing())
            self._banned |= {account}

    async def unban(self, account: int) -> bool:
        """Let an account in again. False if it was not banned."""
        async with self._one_at_a_time:
            async with self._store.write() as connection:
                lifting = delete(bans).where(bans.c.account == account)
                lifted = (await connection.execute(lifting)).rowcount == 1
            self._banned -= {account}
        return lifted

    def is_banned(self, account: int) -> bool:
        """Whether an account is banned, as far as is known here."""
        return account in self._banned

    def allows(self, account: int, room: int | None) -> bool:
        """Whether an account may use the bot in a room; None: in none in particular.

        A room that is banned is closed to all.
        """
        if account in self._banned or room in self._banned:
            return False
        return not self._allowed or account in self._allowed or room in self._allowed

    async def banned(self) -> tuple[Ban, ...]:
        """The latest bans, newest first."""
        wanted = select(bans.c.account, bans.c.banned_by, bans.c.at)
        async with self._store.read() as connection:
            rows = await connection.execute(
                wanted.order_by(bans.c.at.desc(), bans.c.account).limit(LATEST)
            )
            return tuple(Ban(*row) for row in rows)
