"""Updates that were taken and not yet handled, so that none is lost when a bot is killed.

An update is put here before its sender is told that it arrived. It is in the hands of one bot, for
a while at a time; what a bot that is gone had in hand, another takes up. It leaves when it was
handled. Knows nothing of what is in an update: a number and a text.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, or_, select, update

from core.arena.schema import handled, inbox
from core.arena.store import Store, insert, persistently
from core.together import Together

LEASE = timedelta(seconds=20)
REMEMBERED = timedelta(days=2)  # what was handled; a sender tries again for a day


@dataclass(frozen=True)
class Taken:
    """An update: the number that its sender gave it, and what it says."""

    number: int
    text: str


@dataclass(frozen=True)
class Waiting:
    """How many updates are in the inbox, and how long the oldest has been."""

    number: int
    seconds: float


class Inbox:
    """The inbox of one database, as one bot sees it."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        holder: str,
        *,
        lease: timedelta = LEASE,
    ) -> None:
        """`holder` names this bot among all; `lease` is how long it holds what it took."""
        self._store = store
        self._clock = clock
        self._holder = holder
        self._lease = lease
        self._leave = Together(self._leave_together)
        self._take = Together(self._take_together)

    async def take(self, updates: Sequence[Taken]) -> Sequence[Taken]:
        """Put updates in, in this bot's hands, in one commit; those that are new."""
        return await self._take(updates) if updates else ()

    async def claim(self, limit: int) -> Sequence[Taken]:
        """Take up what no living bot has in hand, the oldest first."""
        now = self._clock()
        # Nobody holds anything for so long: a clock was ahead, and has been put right.
        is_free = or_(inbox.c.held_until <= now, inbox.c.held_until > now + 2 * self._lease)
        free = select(inbox.c.number).where(is_free)
        oldest = free.order_by(inbox.c.number).limit(limit).with_for_update(skip_locked=True)
        if await self._store.look(lambda connection: connection.scalar(free.limit(1))) is None:
            return ()
        claiming = (
            update(inbox)
            # Asked again, since another bot may have been quicker.
            .where(inbox.c.number.in_(oldest), is_free)
            .values(held_by=self._holder, held_until=now + self._lease)
            .returning(inbox.c.number, inbox.c.text)
        )
        rows = await self._store.run(lambda connection: connection.execute(claiming).all())
        return sorted((Taken(*row) for row in rows), key=lambda one: one.number)

    async def leave(self, number: int) -> None:
        """An update was handled, or is to be skipped. Waits for a database that is away."""
        await self._leave(number)

    async def renew(self, numbers: Collection[int] | None = None) -> set[int]:
        """Go on holding what is in this bot's hands; of that, `numbers` alone. What it holds.

        A commit whose answer was lost puts into its hands what the bot knows nothing of, and
        another bot takes up what was not renewed in time.
        """
        return await self._hold_until(self._clock() + self._lease, numbers)

    async def let_go(self) -> None:
        """Leave what is in this bot's hands to any other, at once."""
        await self._hold_until(self._clock())

    async def waiting(self) -> Waiting:
        """What is in the inbox."""
        wanted = select(func.count(), func.min(inbox.c.taken_at)).select_from(inbox)
        number, oldest = await self._store.look(lambda c: c.execute(wanted).one())
        return Waiting(number, (self._clock() - oldest).total_seconds() if number else 0.0)

    async def prune(self) -> None:
        """Forget the numbers of what was handled long ago."""
        old = delete(handled).where(handled.c.at < self._clock() - REMEMBERED)
        await self._store.run(lambda connection: connection.execute(old))

    async def _hold_until(
        self, moment: datetime, numbers: Collection[int] | None = None
    ) -> set[int]:
        mine = select(inbox.c.number).where(inbox.c.held_by == self._holder)
        if numbers is not None:
            mine = mine.where(inbox.c.number.in_(numbers))
        # What is leaving just now is not waited for: two that wait for each other's rows are a
        # deadlock to PostgreSQL.
        mine = mine.with_for_update(skip_locked=True)
        holding = update(inbox).where(inbox.c.number.in_(mine)).values(held_until=moment)
        holding = holding.returning(inbox.c.number)
        return await self._store.run(lambda connection: set(connection.scalars(holding)))

    async def _take_together(
        self, batches: Sequence[Sequence[Taken]]
    ) -> Sequence[Sequence[Taken] | Exception]:
        updates = [one for batch in batches for one in batch]
        new = await self._store.run(lambda connection: self._insert(connection, updates))
        # The same number twice is new once.
        return [[one for one in batch if new.pop(one.number, None)] for batch in batches]

    def _insert(self, connection: Connection, updates: Sequence[Taken]) -> dict[int, bool]:
        now = self._clock()
        held = {"taken_at": now, "held_by": self._holder, "held_until": now + self._lease}
        rows = [
            {"number": one.number, "text": one.text, **held}
            for one in sorted(updates, key=lambda one: one.number)  # no two bots wait crosswise
        ]
        inserting = insert(connection, inbox).on_conflict_do_nothing().returning(inbox.c.number)
        new = set(connection.scalars(inserting, rows))
        # Asked after it was put in: another bot may have handled it a moment ago.
        known = select(handled.c.number).where(handled.c.number.in_(new))
        done = set(connection.scalars(known))
        if done:
            connection.execute(delete(inbox).where(inbox.c.number.in_(done)))
        return dict.fromkeys(new - done, True)

    async def _leave_together(self, numbers: Sequence[int]) -> Sequence[None]:
        rows = [{"number": one, "at": self._clock()} for one in sorted(set(numbers))]

        def leave(connection: Connection) -> None:
            connection.execute(insert(connection, handled).on_conflict_do_nothing(), rows)
            connection.execute(delete(inbox).where(inbox.c.number.in_(numbers)))

        await persistently(lambda: self._store.run(leave))
        return [None] * len(numbers)
