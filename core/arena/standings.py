"""What the votes of one release, and of all releases, say so far: from the sums that are kept."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, fields
from datetime import datetime
from functools import cached_property, partial
from typing import Any

import numpy as np
from sqlalchemy import Connection, Select, and_, select

from core.arena.counting import is_due, keep, lock, recount, settle
from core.arena.releases import Release
from core.arena.schema import pair_sums, pairs, past_sums, release_sums, releases
from core.arena.store import Store
from core.arena.sums import OfPair, Standing, Sums
from core.arena.verdict import PairsVerdict, Verdict, pairs_verdict, verdict_of

NO_PAIRS = pairs_verdict(())


@dataclass(frozen=True)
class Standings:
    """What the votes say: on the current release, and on all there were."""

    release: Release | None
    by_release: Mapping[int, Sums] = field(default_factory=dict)  # where there is an answer
    pairs: PairsVerdict = NO_PAIRS  # of the current release's corpus and recipe

    @property
    def sums(self) -> Sums:
        """Of the current release."""
        number = self.release.number if self.release else None
        return (number and self.by_release.get(number)) or Sums()

    @cached_property
    def verdict(self) -> Verdict:
        """On the current release's models."""
        return verdict_of(self.sums)

    @property
    def current(self) -> Standing:
        """Of the current release; of all, where there is none."""
        return self.all_time if self.release is None else self.sums.standing

    @property
    def all_time(self) -> Standing:
        """Of all releases; a person counts once."""
        parts = [(*astuple(one.standing)[:-1], one.newcomers) for one in self.by_release.values()]
        return Standing(*map(sum, zip(*parts, strict=True)))


async def standings(store: Store, release: Release | None, now: datetime) -> Standings:
    """Look them up; people whose hour is over by now are settled first."""
    number = release.number if release else 0  # no release has it

    def look(connection: Connection) -> tuple[dict[int, Sums], list[int], PairsVerdict]:
        rows = connection.execute(select(release_sums).order_by(release_sums.c.release))
        found = {row.release: Sums.from_json(row.sums) for row in rows}
        due = [one for one in found if found[one].waiting and is_due(connection, one, now)]
        alike = _of_different_seeds(connection.execute(_alike(number)))
        return found, due, pairs_verdict(alike)

    def change(connection: Connection) -> dict[int, Sums]:
        changed = lock(connection, due)
        for one, sums in changed.items():
            settle(connection, one, sums, now)
        keep(connection, changed)
        return changed

    found, due, over_pairs = await store.look(look)
    if due:
        found |= await store.run(change)
    return Standings(release, found, over_pairs)


async def recount_all(store: Store, now: datetime) -> None:
    """Make all sums anew of the votes, a release in one transaction; its votes wait meanwhile."""
    wanted = select(releases.c.number).order_by(releases.c.number)
    for number in await store.look(lambda connection: connection.scalars(wanted).all()):
        await store.run(partial(recount, release=number, now=now))


async def past(store: Store, release: int, most: int) -> Sequence[tuple[datetime, Sums]]:
    """How a release's sums stood after the last vote of an hour.

    Of all hours that had a vote, the first, the last, and what is between evenly, `most` in all.
    """
    of_release = past_sums.c.release == release
    hours = select(past_sums.c.hour).where(of_release).order_by(past_sums.c.hour)

    def look(connection: Connection) -> list[tuple[datetime, Sums]]:
        there = connection.scalars(hours).all()
        places = np.linspace(0, len(there) - 1, min(len(there), most)).round().astype(int)
        some = past_sums.c.hour.in_([there[place] for place in places])
        wanted = select(past_sums).where(of_release, some).order_by(past_sums.c.hour)
        return [(row.hour, Sums.from_json(row.sums)) for row in connection.execute(wanted)]

    return await store.look(look)


def _alike(release: int) -> Select[Any]:
    """All pairs of its corpus and recipe: decided ones first, as they were; then by votes."""
    this = releases.alias("this")
    columns = (pair_sums.c[one.name] for one in fields(OfPair))
    return (
        select(pairs.c.seed, *columns)
        .join(pair_sums, pair_sums.c.pair_id == pairs.c.id)
        .join(releases, releases.c.number == pairs.c.release)
        .join(
            this,
            and_(
                this.c.corpus_sha256 == releases.c.corpus_sha256,
                this.c.recipe_hash == releases.c.recipe_hash,
            ),
        )
        .where(this.c.number == release)
        .order_by(pair_sums.c.led_at.is_(None), pair_sums.c.led_at, pair_sums.c.votes.desc())
    )


def _of_different_seeds(rows: Iterable[Any]) -> list[OfPair]:
    """The first of each seed: the same seed makes the same models."""
    found: dict[int, OfPair] = {}
    for seed, *of_pair in rows:
        found.setdefault(seed, OfPair(*of_pair))
    return list(found.values())
