"""What each room has chosen: a language, the characters of lyrics, and whether it wants news.

Every update asks for it, so it is kept in memory for some seconds: another bot's room may be told
of a change that late.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.arena.schema import boards, deliveries, duels, rooms, showings
from core.arena.store import Store, insert
from core.together import Together

KEPT_FOR = 10.0  # seconds
MOST_KEPT = 10_000  # rooms


@dataclass(frozen=True)
class RoomSettings:
    """What a room has chosen; None: nothing yet."""

    language: str | None = None
    traditional: bool | None = None  # the characters of lyrics
    news: bool = False  # wants announcements


class Rooms:
    """The rooms of one database."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` counts seconds."""
        self._store = store
        self._clock = clock
        self._kept: dict[int, tuple[RoomSettings, float]] = {}  # until when, the oldest first
        self._changes = 0
        self._read = Together(self._read_together)

    async def get(self, room: int) -> RoomSettings:
        """What the room has chosen."""
        kept = self._kept.get(room)
        if kept is not None and self._clock() < kept[1]:
            return kept[0]
        return await self._read(room)

    async def set_language(
        self, room: int, language: str | None, traditional: bool | None = None
    ) -> None:
        """Choose a language; `traditional` None leaves the characters as they are."""
        values: dict[str, Any] = {"language": language}
        if traditional is not None:
            values["traditional"] = traditional
        await self._set(room, values)

    async def set_traditional(self, room: int, traditional: bool) -> None:
        """Choose the characters of lyrics."""
        await self._set(room, {"traditional": traditional})

    async def set_news(self, room: int, news: bool) -> None:
        """Want announcements, or want none."""
        await self._set(room, {"news": news})

    async def toggle_news(self, room: int) -> bool:
        """Want announcements, or want them no more; whether it wants them now."""
        async with self._store.write() as connection:
            row = insert(connection, rooms).values(room=room, news=True)
            toggling = row.on_conflict_do_update(
                index_elements=[rooms.c.room], set_={"news": ~rooms.c.news}
            )
            wanted = await connection.scalar(toggling.returning(rooms.c.news))
        self.drop(room)
        return bool(wanted)

    async def move(self, old: int, new: int) -> None:
        """A room goes on under another number, and its posts do not: what it chose follows.

        What was chosen under the new number already stands. A second time does nothing.
        """
        async with self._store.write() as connection:
            await _move_choices(connection, old, new)
            await _move_deliveries(connection, old, new)
            for table in (boards, showings):
                await connection.execute(delete(table).where(table.c.room == old))
            await connection.execute(update(duels).where(duels.c.room == old).values(room=new))
        self.drop(old, new)

    async def wanting_news(self) -> int:
        """How many rooms want announcements."""
        async with self._store.read() as connection:
            wanting = select(func.count()).select_from(rooms).where(rooms.c.news)
            return await connection.scalar(wanting) or 0

    async def _read_together(self, numbers: Sequence[int]) -> Sequence[RoomSettings]:
        before = self._changes
        wanted = select(rooms).where(rooms.c.room.in_(sorted(set(numbers))))
        rows = await self._store.look(lambda connection: connection.execute(wanted).all())
        found = {row.room: RoomSettings(row.language, row.traditional, row.news) for row in rows}
        settings = [found.get(number, RoomSettings()) for number in numbers]
        if self._changes == before:  # else this may be what it was before the change
            for number, one in zip(numbers, settings, strict=True):
                self._keep(number, one)
        return settings

    async def _set(self, room: int, values: dict[str, Any]) -> None:
        async with self._store.write() as connection:
            await connection.execute(
                insert(connection, rooms)
                .values(room=room, **values)
                .on_conflict_do_update(index_elements=[rooms.c.room], set_=values)
            )
        self.drop(room)

    def _keep(self, room: int, settings: RoomSettings) -> None:
        self._kept.pop(room, None)
        if len(self._kept) >= MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[room] = (settings, self._clock() + KEPT_FOR)

    def drop(self, *changed: int) -> None:
        """Read those rooms anew; of two changes at once nobody here knows which was the later."""
        self._changes += 1
        for room in changed:
            self._kept.pop(room, None)


async def _move_choices(connection: AsyncConnection, old: int, new: int) -> None:
    taken = delete(rooms).where(rooms.c.room == old).returning(*rooms.c)
    row = (await connection.execute(taken)).one_or_none()
    if row is None:
        return
    follows = insert(connection, rooms).values({**row._mapping, "room": new})
    chosen = follows.excluded
    await connection.execute(
        follows.on_conflict_do_update(
            index_elements=[rooms.c.room],
            set_={
                "language": func.coalesce(rooms.c.language, chosen.language),
                "traditional": func.coalesce(rooms.c.traditional, chosen.traditional),
                "news": or_(rooms.c.news, chosen.news),
            },
        )
    )


async def _move_deliveries(connection: AsyncConnection, old: int, new: int) -> None:
    still_open = (deliveries.c.room == old, deliveries.c.due_at.is_not(None))
    taken = delete(deliveries).where(*still_open).returning(*deliveries.c)
    rows = [{**row._mapping, "room": new} for row in await connection.execute(taken)]
    if rows:
        follow = insert(connection, deliveries).values(rows)
        await connection.execute(follow.on_conflict_do_nothing())
