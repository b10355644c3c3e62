"""The messages in which people watch a job, and how much of its end each has been told.

Several bots may share a database: a watch is held by one of them at a time, and taken over from
one that has stopped.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update

from core.arena.schema import watches
from core.arena.store import Store, insert

HELD_FOR = timedelta(seconds=15)
ALL = 3  # parts of an end: the message's last state, the curves, a duel


@dataclass(frozen=True)
class Watch:
    """A message that shows a job."""

    room: int
    post: int
    topic: int | None
    job_id: int
    account: int  # who asked
    language: str
    told: int = 0


class Watches:
    """The watches of one database, as one bot sees them."""

    def __init__(self, store: Store, clock: Callable[[], datetime], holder: str) -> None:
        """`holder` names this bot among those that share the database."""
        self._store = store
        self._clock = clock
        self._holder = holder

    async def add(self, watch: Watch) -> None:
        """Keep a message up to date from now on."""
        async with self._store.write() as connection:
            row = insert(connection, watches).values(
                room=watch.room,
                post=watch.post,
                topic=watch.topic,
                job_id=watch.job_id,
                account=watch.account,
                language=watch.language,
            )
            await connection.execute(row.on_conflict_do_nothing())

    async def shown_in(self, room: int, job: int) -> bool:
        """Whether a message in that room shows the job already."""
        wanted = select(watches.c.post).where(
            watches.c.room == room, watches.c.job_id == job, watches.c.told < ALL
        )
        async with self._store.read() as connection:
            return (await connection.execute(wanted)).first() is not None

    async def mine(self) -> tuple[Watch, ...]:
        """Those not told all that this bot is to keep up to date; they are held for a while."""
        now = self._clock()
        unheld = or_(
            watches.c.held_by == self._holder,
            watches.c.held_until.is_(None),
            watches.c.held_until < now,
        )
        wanted = [watches.c.told < ALL, unheld]
        async with self._store.read() as connection:
            rows = (await connection.execute(select(watches).where(*wanted))).all()
        renewing = now + HELD_FOR / 2
        if any(r.held_by != self._holder or r.held_until < renewing for r in rows):
            holding = update(watches).where(*wanted)
            values = {"held_by": self._holder, "held_until": now + HELD_FOR}
            async with self._store.write() as connection:
                rows = (
                    await connection.execute(holding.values(values).returning(*watches.c))
                ).all()
        return tuple(
            Watch(r.room, r.post, r.topic, r.job_id, r.account, r.language, r.told) for r in rows
        )

    async def told(self, watch: Watch, parts: int) -> None:
        """So many parts of the end are out; ALL of them also for a message that is gone."""
        one = update(watches).where(watches.c.room == watch.room, watches.c.post == watch.post)
        async with self._store.write() as connection:
            await connection.execute(one.values(told=parts))
