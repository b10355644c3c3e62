"""Deletes duels that nobody was shown: inline mode writes one at each pause in what is typed."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, exists, select

from core.arena.schema import boards, duels, encores, likes, lyrics, showings, votes
from core.arena.store import Store

KEPT_FOR = timedelta(days=1)  # after the close
MOST = 500  # at a time


async def prune_duels(store: Store, now: datetime) -> int:
    """Delete duels without a room that were closed a day ago and left no trace; how many."""
    traces = (
        exists().where(table.c.duel_id == duels.c.id)
        for table in (boards, showings, votes, encores, likes)
    )
    unseen = (
        select(duels.c.id, duels.c.lyric_1_id, duels.c.lyric_2_id)
        .where(duels.c.room.is_(None), duels.c.closes_at < now - KEPT_FOR)
        .where(*(~trace for trace in traces))
        .limit(MOST)
    )

    def prune(connection: Connection) -> int:
        rows = connection.execute(unseen).all()
        connection.execute(delete(duels).where(duels.c.id.in_([row.id for row in rows])))
        written = [lyric for row in rows for lyric in (row.lyric_1_id, row.lyric_2_id)]
        connection.execute(delete(lyrics).where(lyrics.c.id.in_(written)))
        return len(rows)

    deleted = 0
    while (some := await store.run(prune)) > 0:
        deleted += some
    return deleted
