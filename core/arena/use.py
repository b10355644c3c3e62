"""How much the bot is used today, since midnight UTC, and how far it is behind."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Column, ScalarSelect, func, select, union

from core.arena.schema import duels, encores, inbox, likes, votes
from core.arena.store import Store


@dataclass(frozen=True)
class Today:
    """What happened today, and what waits."""

    duels: int  # opened
    votes: int  # cast
    encores: int
    likes: int
    people: int  # who asked or voted
    rooms: int  # in which somebody asked
    waiting: int  # updates that were taken and not handled yet
    oldest_seconds: float  # for how long the oldest of them has been


async def today(store: Store, now: datetime) -> Today:
    """Count it."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

    def since_midnight(at: Column[datetime]) -> ScalarSelect[int]:
        return select(func.count()).where(at >= midnight).scalar_subquery()

    asked = duels.c.opened_at >= midnight
    active = union(
        select(duels.c.asker_id).where(asked),
        select(votes.c.person_id).where(votes.c.cast_at >= midnight),
    ).subquery()
    counts = {
        "duels": since_midnight(duels.c.opened_at),
        "votes": since_midnight(votes.c.cast_at),
        "encores": since_midnight(encores.c.at),
        "likes": since_midnight(likes.c.at),
        "people": select(func.count()).select_from(active).scalar_subquery(),
        "rooms": select(func.count(duels.c.room.distinct())).where(asked).scalar_subquery(),
        "waiting": select(func.count()).select_from(inbox).scalar_subquery(),
    }
    wanted = select(*(count.label(name) for name, count in counts.items()))
    async with store.read() as connection:
        row = (await connection.execute(wanted)).one()
        oldest = await connection.scalar(select(func.min(inbox.c.taken_at)))
    waited = 0.0 if oldest is None else (now - oldest).total_seconds()
    return Today(**row._mapping, oldest_seconds=max(waited, 0.0))
