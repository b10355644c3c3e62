"""The lyrics that people liked best, and those that they would sing.

A like and an encore are said of a duel. They are credited to the lyric that the person voted for
there; to both where they voted for neither, or not at all.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Table, and_, func, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from core.arena.schema import duels, encores, likes, lyrics, votes
from core.arena.store import Store

COUNTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class TopLyric:
    """A lyric, and how many people it has the credit of."""

    text: str
    times: int
    duel_id: int
    key: str  # of its duel


@dataclass(frozen=True)
class Top:
    """The most credited first; of two alike, the older."""

    liked: tuple[TopLyric, ...]
    sung: tuple[TopLyric, ...]


class Tops:
    """What `top` says, counted at most once a minute whoever asks."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._counting = asyncio.Lock()
        self._counted: tuple[datetime, Top] | None = None

    async def now(self) -> Top:
        """The best, as of a minute ago at most."""
        async with self._counting:
            now = self._clock()
            if self._counted is None or abs(now - self._counted[0]) >= COUNTED_EVERY:
                self._counted = now, await top(self._store, now)
            return self._counted[1]


async def top(store: Store, now: datetime, limit: int = 3) -> Top:
    """The best of the duels that are closed: while people vote, nothing is to sway them."""
    async with store.read() as connection:
        return Top(
            liked=await _most(connection, likes, now, limit),
            sung=await _most(connection, encores, now, limit),
        )


async def _most(
    connection: AsyncConnection, marks: Table, now: datetime, limit: int
) -> tuple[TopLyric, ...]:
    voted = and_(votes.c.duel_id == marks.c.duel_id, votes.c.person_id == marks.c.person_id)
    credits = union_all(
        *(
            select(lyric.label("lyric_id"), duels.c.id.label("duel_id"))
            .select_from(marks)
            .join(duels, duels.c.id == marks.c.duel_id)
            .outerjoin(votes, voted)
            .where(
                duels.c.closes_at <= now, or_(votes.c.choice.is_(None), votes.c.choice != other)
            )
            for lyric, other in ((duels.c.lyric_1_id, 2), (duels.c.lyric_2_id, 1))
        )
    ).subquery()
    times = func.count().label("times")
    most = (
        select(credits.c.lyric_id, credits.c.duel_id, times)
        .group_by(credits.c.lyric_id, credits.c.duel_id)
        .order_by(times.desc(), credits.c.lyric_id)
        .limit(limit)
        .subquery()
    )
    wanted = (
        select(lyrics.c.text, most.c.times, duels.c.id, duels.c.key)
        .select_from(most)
        .join(lyrics, lyrics.c.id == most.c.lyric_id)
        .join(duels, duels.c.id == most.c.duel_id)
        .order_by(most.c.times.desc(), most.c.lyric_id)
    )
    return tuple(TopLyric(*row) for row in await connection.execute(wanted))
