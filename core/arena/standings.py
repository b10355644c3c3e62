"""What the votes of one release, and of all releases, say so far: counted from the tables."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Table, and_, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.arena.releases import Release
from core.arena.schema import duels, encores, likes, pairs, votes
from core.arena.store import Store
from core.arena.verdict import Standing


@dataclass(frozen=True)
class Standings:
    """What the votes say: on the current release, and on all there were."""

    release: Release | None
    current: Standing
    all_time: Standing


async def standings(store: Store, release: Release | None) -> Standings:
    """Count them, on `release` and on all."""
    async with store.read() as connection:
        all_time = await _standing(connection, None)
        number = release.number if release else None
        current = all_time if number is None else await _standing(connection, number)
    return Standings(release, current, all_time)


async def _standing(connection: AsyncConnection, release: int | None) -> Standing:
    """The standing of one release's duels, or of all where `release` is None."""

    def within(table: Table, *columns: ColumnElement[int]):  # type: ignore[no-untyped-def]
        query = select(*columns).select_from(table).join(duels, duels.c.id == table.c.duel_id)
        if release is None:
            return query
        return query.join(pairs, and_(pairs.c.id == duels.c.pair_id, pairs.c.release == release))

    def count(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)

    random_won = votes.c.choice == case((duels.c.sampler_1 == "random", 1), else_=2)
    chosen = votes.c.choice != 0
    row = (
        await connection.execute(
            within(
                votes,
                count(and_(chosen, random_won)),
                count(and_(chosen, ~random_won)),
                count(~chosen),
                func.count(votes.c.person_id.distinct()),
            )
        )
    ).one()
    marks = [await connection.scalar(within(t, func.count())) for t in (encores, likes)]
    return Standing(row[0], row[1], row[2], marks[0] or 0, marks[1] or 0, row[3])
