"""What a person can do: ask for a duel, vote, say encore, like, and see the standing."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Table, and_, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.arena.duel import Choice, Reveal, deal
from core.arena.releases import Model, Release, Releases
from core.arena.schema import (
    duels,
    encores,
    likes,
    lyrics,
    pairs,
    people,
    showings,
    vote_changes,
    votes,
)
from core.arena.store import Store, insert
from core.arena.verdict import Standing
from core.errors import AlreadyWriting, DuelUnknown, NoRelease
from core.lyrics.recipe import SAMPLERS, Sampler
from core.lyrics.writer import Lyric

MAX_SEED = 2**63 - 1


@dataclass(frozen=True)
class Duel:
    """Two lyrics for one prefix, blind."""

    id: int
    prefix: str
    text_1: str
    text_2: str
    skipped: str = ""  # characters of the prefix that the models never saw


@dataclass(frozen=True)
class Vote:
    """What became of a person's answer."""

    choice: Choice  # this answer
    counted: Choice | None  # their first one, the one that counts; None: came after the close
    first: bool  # whether this is it
    reveal: Reveal


@dataclass(frozen=True)
class Standings:
    """What the votes say: on the current release, and on all there were."""

    release: Release | None
    current: Standing
    all_time: Standing


class Contest:
    """The contest of one database."""

    def __init__(
        self,
        store: Store,
        releases: Releases,
        *,
        duel_lasts: timedelta,
        chance: random.Random,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._releases = releases
        self._duel_lasts = duel_lasts
        self._chance = chance
        self._clock = clock
        self._writing_for: set[int] = set()  # accounts

    async def open_duel(self, account: int, prefix: str) -> Duel:
        """Write two lyrics that begin with `prefix`, one of each sampler, and deal them sides.

        Raises:
            NoRelease, AlreadyWriting, PrefixEmpty, PrefixTooLong, PrefixUnknown, CheckpointError.
        """
        if account in self._writing_for:
            raise AlreadyWriting
        self._writing_for.add(account)
        try:
            return await self._open_duel(account, prefix)
        finally:
            self._writing_for.discard(account)

    async def _open_duel(self, account: int, prefix: str) -> Duel:
        release = await self._releases.serving()
        if release is None:
            raise NoRelease
        pair, reveal = deal(release.pairs, self._chance)
        dealt = [pair.model(reveal.sampler_1), pair.model(reveal.sampler_2)]
        writers = [await self._releases.writer(model) for model in dealt]
        read = writers[0].read_prefix(prefix)  # a pair shares its vocabulary
        seeds = [self._chance.randint(0, MAX_SEED) for _ in SAMPLERS]

        def write() -> list[Lyric]:
            both = zip(writers, seeds, strict=True)
            return [writer.write(read, seed=seed) for writer, seed in both]

        one, two = await asyncio.to_thread(write)
        now = self._clock()
        async with self._store.write() as connection:
            duel_id = await connection.scalar(
                duels.insert()
                .values(
                    pair_id=pair.id,
                    asker_id=await self._person(connection, account),
                    lyric_1_id=await _keep(connection, dealt[0], one, now),
                    lyric_2_id=await _keep(connection, dealt[1], two, now),
                    sampler_1=reveal.sampler_1,
                    opened_at=now,
                    closes_at=now + self._duel_lasts,
                )
                .returning(duels.c.id)
            )
        return Duel(duel_id or 0, read.text, one.text, two.text, read.skipped)

    async def duel(self, duel_id: int) -> Duel:
        """A duel that was opened before.

        Raises:
            DuelUnknown.
        """
        one, two = lyrics.alias("lyric_1"), lyrics.alias("lyric_2")
        wanted = (
            select(one.c.prefix, one.c.text.label("text_1"), two.c.text.label("text_2"))
            .select_from(duels)
            .join(one, one.c.id == duels.c.lyric_1_id)
            .join(two, two.c.id == duels.c.lyric_2_id)
            .where(duels.c.id == duel_id)
        )
        async with self._store.read() as connection:
            row = (await connection.execute(wanted)).one_or_none()
        if row is None:
            raise DuelUnknown(duel_id)
        return Duel(duel_id, row.prefix, row.text_1, row.text_2)

    async def shown(self, duel_id: int, *, room: int, post: int) -> None:
        """Remember that a duel stands in a room (a chat) as a post (a message in it)."""
        async with self._store.write() as connection:
            values = {"duel_id": duel_id, "shown_at": self._clock()}
            await connection.execute(
                insert(connection, showings)
                .values(room=room, post=post, **values)
                .on_conflict_do_update(index_elements=["room", "post"], set_=values)
            )

    async def duel_at(self, *, room: int, post: int) -> int | None:
        """The duel that stands there, if any."""
        async with self._store.read() as connection:
            return await connection.scalar(
                select(showings.c.duel_id).where(showings.c.room == room, showings.c.post == post)
            )

    async def latest_duel(self, *, room: int) -> tuple[int, int] | None:
        """The duel shown last in a room, and its post."""
        latest = (
            select(showings.c.duel_id, showings.c.post)
            .where(showings.c.room == room)
            .order_by(showings.c.shown_at.desc(), showings.c.post.desc())
            .limit(1)
        )
        async with self._store.read() as connection:
            row = (await connection.execute(latest)).one_or_none()
        return None if row is None else (row.duel_id, row.post)

    async def vote(self, account: int, duel_id: int, choice: Choice) -> Vote:
        """Commit a person's answer. Their first one counts; later ones are kept beside it.

        Raises:
            DuelUnknown.
        """
        now = self._clock()
        async with self._store.write() as connection:
            sampler_1, closes_at = await _duel_row(connection, duel_id)
            reveal = Reveal(sampler_1)
            if now >= closes_at:
                return Vote(choice, None, first=False, reveal=reveal)
            person = await self._person(connection, account)
            inserted = await connection.scalar(
                insert(connection, votes)
                .values(duel_id=duel_id, person_id=person, choice=choice, cast_at=now)
                .on_conflict_do_nothing()
                .returning(votes.c.id)
            )
            if inserted is not None:
                return Vote(choice, choice, first=True, reveal=reveal)
            counted = await _change(connection, duel_id, person, choice, now)
        return Vote(choice, counted, first=False, reveal=reveal)

    async def encore(self, account: int, duel_id: int) -> bool:
        """A person could sing it. False if they had said so before.

        Raises:
            DuelUnknown.
        """
        return await self._mark(encores, account, duel_id)

    async def like(self, account: int, duel_id: int) -> bool:
        """A person likes it. False if they had said so before.

        Raises:
            DuelUnknown.
        """
        return await self._mark(likes, account, duel_id)

    async def standings(self) -> Standings:
        """What the votes say so far."""
        release = await self._releases.current()
        async with self._store.read() as connection:
            all_time = await _standing(connection, None)
            number = release.number if release else None
            current = all_time if number is None else await _standing(connection, number)
        return Standings(release, current, all_time)

    async def _mark(self, table: Table, account: int, duel_id: int) -> bool:
        async with self._store.write() as connection:
            await _duel_row(connection, duel_id)
            person = await self._person(connection, account)
            row = insert(connection, table).values(
                duel_id=duel_id, person_id=person, at=self._clock()
            )
            return (
                await connection.scalar(row.on_conflict_do_nothing().returning(table.c.duel_id))
            ) is not None

    async def _person(self, connection: AsyncConnection, account: int) -> int:
        """The id of the person of that account, who is made known if new."""
        known = select(people.c.id).where(people.c.account == account)
        person = await connection.scalar(known)
        if person is None:
            await connection.execute(
                insert(connection, people)
                .values(account=account, first_seen=self._clock())
                .on_conflict_do_nothing()
            )
            person = await connection.scalar(known)
        return int(person)  # type: ignore[arg-type]  # it was inserted above, by us or another


async def _keep(
    connection: AsyncConnection, model: Model, lyric: Lyric, now: datetime
) -> int | None:
    """Store a lyric with what made it; its id."""
    lyric_id: int | None = await connection.scalar(
        lyrics.insert()
        .values(
            model_id=model.id,
            prefix=lyric.prefix,
            text=lyric.text,
            seed=lyric.seed,
            decoding=asdict(lyric.decoding),
            written_at=now,
        )
        .returning(lyrics.c.id)
    )
    return lyric_id


async def _duel_row(connection: AsyncConnection, duel_id: int) -> tuple[Sampler, datetime]:
    wanted = select(duels.c.sampler_1, duels.c.closes_at).where(duels.c.id == duel_id)
    row = (await connection.execute(wanted)).one_or_none()
    if row is None:
        raise DuelUnknown(duel_id)
    return row.sampler_1, row.closes_at


async def _change(
    connection: AsyncConnection, duel_id: int, person: int, choice: Choice, now: datetime
) -> Choice:
    """Keep a later answer beside the first, if it says something new; give back the first."""
    # Locked, so that a person's answers at once are taken one by one (SQLite does so by itself).
    of_person = (
        select(votes.c.id, votes.c.choice)
        .where(votes.c.duel_id == duel_id, votes.c.person_id == person)
        .with_for_update()
    )
    first = (await connection.execute(of_person)).one()
    latest = await connection.scalar(
        select(vote_changes.c.choice)
        .where(vote_changes.c.vote_id == first.id)
        .order_by(vote_changes.c.id.desc())
        .limit(1)
    )
    if choice != (first.choice if latest is None else latest):
        await connection.execute(
            vote_changes.insert().values(vote_id=first.id, choice=choice, changed_at=now)
        )
    counted: Choice = first.choice
    return counted


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
