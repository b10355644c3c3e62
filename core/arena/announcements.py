"""What an admin tells every room that wants news, and how far each is on its way.

Several bots may share a database: each takes a few deliveries at a time, and what one took and
never told of is taken again when its time is over.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Update, and_, case, func, literal, select, tuple_, update

from core.arena.schema import announcements, deliveries, rooms
from core.arena.store import Store, insert

LEASE = timedelta(seconds=60)


@dataclass(frozen=True)
class Delivery:
    """An announcement that is to be sent to a room."""

    announcement: int
    room: int
    text: str


class Progress(NamedTuple):
    """How many rooms have an announcement, never will, and are still to be told."""

    arrived: int
    failed: int
    open: int


class Announcements:
    """The announcements of one database."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    async def announce(
        self, text: str, by: int, asked: tuple[int, int] | None = None
    ) -> tuple[int, int]:
        """Tell every room that wants news; the announcement's number, and how many rooms.

        `asked` is the post (room, post) in which it was asked whether to: it is told once.
        """
        now = self._clock()
        room, post = asked or (None, None)
        values = {"text": text, "written_by": by, "at": now, "room": room, "post": post}
        async with self._store.write() as connection:
            row = insert(connection, announcements).values(values).on_conflict_do_nothing()
            number = await connection.scalar(row.returning(announcements.c.id))
            if number is None:
                of_that = announcements.c.room == room, announcements.c.post == post
                number = await connection.scalar(select(announcements.c.id).where(*of_that))
            else:
                due = literal(now, deliveries.c.due_at.type)
                wanting = select(literal(number), rooms.c.room, due).where(rooms.c.news)
                columns = ["announcement_id", "room", "due_at"]
                await connection.execute(deliveries.insert().from_select(columns, wanting))
            of_this = deliveries.c.announcement_id == number
            num_rooms = await connection.scalar(
                select(func.count()).select_from(deliveries).where(of_this)
            )
        return number or 0, num_rooms or 0

    async def claim(self, limit: int = 5, lease: timedelta = LEASE) -> tuple[Delivery, ...]:
        """Take some that are due; for so long no other bot has them."""
        now = self._clock()
        key = (deliveries.c.announcement_id, deliveries.c.room)
        # A CTE that locks is run once; as a mere subquery it might be run again, and take more.
        due = (
            select(*key)
            .where(deliveries.c.due_at <= now)
            .order_by(deliveries.c.due_at, *key)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("due")
        )
        text = select(announcements.c.text).where(
            announcements.c.id == deliveries.c.announcement_id
        )
        taking = (
            update(deliveries)
            .where(tuple_(*key).in_(select(due.c.announcement_id, due.c.room)))
            .values(due_at=now + lease)
            .returning(*key, text.scalar_subquery())
        )
        async with self._store.write() as connection:
            rows = sorted((await connection.execute(taking)).all())
        return tuple(Delivery(*row) for row in rows)

    async def over(self, delivery: Delivery, arrived: bool) -> None:
        """It was sent, or never will be. What has arrived stays so, whatever is said after."""
        ending = _one(delivery).values(due_at=None)
        async with self._store.write() as connection:
            await connection.execute(ending.values(arrived=True) if arrived else ending)

    async def later(self, delivery: Delivery, seconds: float) -> None:
        """It is to be tried again in so many seconds, unless it is over by now."""
        due_at = self._clock() + timedelta(seconds=seconds)
        still_open = deliveries.c.due_at.is_not(None)
        async with self._store.write() as connection:
            await connection.execute(_one(delivery).where(still_open).values(due_at=due_at))

    async def gone(self, room: int) -> None:
        """A room cannot be written to: it wants no more news, and what is on its way is over."""
        still_open = and_(deliveries.c.room == room, deliveries.c.due_at.is_not(None))
        async with self._store.write() as connection:
            await connection.execute(update(rooms).where(rooms.c.room == room).values(news=False))
            await connection.execute(update(deliveries).where(still_open).values(due_at=None))

    async def progress(self, number: int) -> Progress:
        """How far an announcement is."""
        over = deliveries.c.due_at.is_(None)
        counts = [
            func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
            for condition in (
                and_(over, deliveries.c.arrived),
                and_(over, ~deliveries.c.arrived),
                ~over,
            )
        ]
        wanted = select(*counts).where(deliveries.c.announcement_id == number)
        async with self._store.read() as connection:
            return Progress(*(await connection.execute(wanted)).one())


def _one(delivery: Delivery) -> Update:
    return update(deliveries).where(
        deliveries.c.announcement_id == delivery.announcement,
        deliveries.c.room == delivery.room,
    )
