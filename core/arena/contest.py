"""What a person can do: ask for a duel, vote, say encore, like, reveal, and see the standing."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, Table, case, select, update

from core.arena.answers import (
    Answer,
    Marked,
    Outcome,
    Vote,
    duel_of,
    find_duels,
    take_answers,
)
from core.arena.boards import Tally, tally_of
from core.arena.duel import Choice, Duel, Reveal, deal, new_key
from core.arena.limits import Ask, Limits
from core.arena.marks import Marks
from core.arena.people import people_of
from core.arena.releases import Model, Pair, Releases
from core.arena.schema import boards, duels, lyrics, models, people, showings
from core.arena.standings import Standings, standings
from core.arena.store import Store, insert, persistently
from core.errors import (
    AcrosticImpossible,
    AlreadyWriting,
    DatabaseReplaced,
    DecodingError,
    DuelUnknown,
    FormUnmet,
    NoRelease,
    NothingClean,
    NotTheirDuel,
    PrefixBanned,
    PrefixUnknown,
)
from core.lyrics.decoding import Decoding
from core.lyrics.desk import Desk
from core.lyrics.form import Form
from core.lyrics.words import BannedWords
from core.lyrics.writer import Lyric, Prefix, Writer
from core.together import Together

MAX_SEED = 2**63 - 1
TRIES = 4  # at a lyric without a banned word


@dataclass(frozen=True)
class _Written:
    """A duel that is written and not yet kept."""

    account: int
    room: int | None
    pair: Pair
    reveal: Reveal
    key: str
    lyrics: tuple[Lyric, Lyric]

    @property
    def models(self) -> tuple[Model, Model]:
        """Who wrote side 1, and who side 2."""
        return self.pair.model(self.reveal.sampler_1), self.pair.model(self.reveal.sampler_2)


@dataclass(frozen=True)
class Result:
    """What came of a duel that is closed."""

    duel: Duel
    reveal: Reveal
    tally: Tally


class Contest:
    """The contest of one database.

    What many people do at once is done together: lyrics are written in one batch, and duels and
    answers are committed in one transaction, each person being answered after its commit.
    """

    def __init__(
        self,
        store: Store,
        releases: Releases,
        *,
        duel_lasts: timedelta,
        chance: random.Random,
        clock: Callable[[], datetime],
        desk: Desk | None = None,
        limits: Limits | None = None,
        banned: BannedWords | None = None,
        marks: Marks | None = None,
    ) -> None:
        self._store = store
        self._releases = releases
        self._duel_lasts = duel_lasts
        self._chance = chance
        self._clock = clock
        self._marks = marks or Marks()
        self._banned = banned or BannedWords.none()
        self._desk = desk or Desk()
        self._admit = Together(limits.admit) if limits else None
        self._keep = Together(self._keep_together)
        self._answer = Together(self._answer_together)
        self._show = Together(self._show_together)
        self._writing_for: set[int] = set()  # accounts

    async def open_duel(
        self,
        account: int,
        prefix: str,
        *,
        room: int | None = None,
        inline: bool = False,
        limited: bool = True,
        form: Form | None = None,
    ) -> Duel:
        """Write two lyrics that begin with `prefix`, one of each sampler, and deal them sides.

        `room` is where it was asked for, `inline` whether while it was being typed, in whatever
        room; `limited`, whether it counts towards the limits; `form`, what is asked of both. Of a
        person's inline queries the next may begin before the last is done. An acrostic begins with
        its own first character, whatever the prefix.

        Raises:
            NoRelease, AlreadyWriting, PrefixEmpty, PrefixTooLong, PrefixUnknown, PrefixBanned,
            LimitReached, NothingClean, FormImpossible, FormUnmet, AcrosticImpossible,
            CheckpointError, DatabaseReplaced.
        """
        form = form or Form()
        ask = Ask(account, room, inline) if limited else None
        with self._desk.duel():
            if inline:
                return await self._open_duel(account, prefix, room, ask, form)
            if account in self._writing_for:
                raise AlreadyWriting
            self._writing_for.add(account)
            try:
                return await self._open_duel(account, prefix, room, ask, form)
            finally:
                self._writing_for.discard(account)

    async def _open_duel(
        self, account: int, prefix: str, room: int | None, ask: Ask | None, form: Form
    ) -> Duel:
        release = await self._releases.serving()
        if release is None:
            raise NoRelease
        pair, reveal = deal(release.pairs, self._chance)
        models = (pair.model(reveal.sampler_1), pair.model(reveal.sampler_2))
        one, two = [await self._releases.writer(model) for model in models]
        given = form.acrostic or prefix
        self._refuse_banned(given)
        decoding = await self._decoding([one, two], form)
        try:
            read = one.read_prefix(form.acrostic[:1] or prefix)  # a pair shares its vocabulary
        except PrefixUnknown as unknown:
            self._refuse_banned(unknown.characters)
            raise
        form.check(read.text)
        self._refuse_banned(read.text)
        self._refuse_banned("".join(read.skipped))  # which are told
        if ask is not None and self._admit is not None:
            await self._admit(ask)
        written = await asyncio.gather(
            self._write(one, read, decoding), self._write(two, read, decoding)
        )
        key = new_key(self._chance)
        duel_id = await self._keep(_Written(account, room, pair, reveal, key, written))
        text_1, text_2 = (lyric.text for lyric in written)
        original = [None if one.copied is None else one.copied.originality for one in written]
        return Duel(
            *(duel_id, read.text, text_1, text_2, read.skipped, key, form),
            originality=(original[0], original[1]),
        )

    def _refuse_banned(self, text: str) -> None:
        if self._banned.found(text):
            raise PrefixBanned

    async def _decoding(self, writers: Sequence[Writer], form: Form) -> Decoding:
        """How both sides are written: as the recipe says, but for the form and for what load
        allows.
        """
        own = writers[0].checkpoint.recipe.decoding  # a pair shares its recipe
        decoding = form.apply(own).settled(self._chance)
        if decoding.draws:
            candidates = self._desk.beam if decoding.rhyme else self._desk.candidates
            decoding = replace(decoding, candidates=candidates)

        def check() -> None:
            for writer in writers:
                writer.check(decoding)

        try:
            if decoding.rhyme is None:
                check()
            else:  # which may have to load a dictionary
                await asyncio.to_thread(check)
        except DecodingError as error:
            raise FormUnmet(error.lacks) from error
        except AcrosticImpossible as unknown:
            self._refuse_banned(unknown.characters)
            raise
        return decoding

    async def _write(self, writer: Writer, prefix: Prefix, decoding: Decoding) -> Lyric:
        """One that holds no banned word; both sides are dealt with alike."""
        for _ in range(TRIES):
            seed = self._chance.randint(0, MAX_SEED)
            lyric = await self._desk.write(writer, prefix, seed=seed, decoding=decoding)
            if not self._banned.found(lyric.text):
                return lyric
        raise NothingClean

    async def duel(self, duel_id: int, key: str | None = None) -> Duel:
        """A duel that was opened before; by its key, where somebody names it.

        Raises:
            DuelUnknown: also where a word in it has been banned since.
        """
        found = await self._store.look(lambda connection: find_duels(connection, [duel_id]))
        row = found.get(duel_id)
        if row is None or key not in (None, row.key):
            raise DuelUnknown(duel_id)
        duel = duel_of(row)
        if any(self._banned.found(text) for text in (duel.text_1, duel.text_2)):
            raise DuelUnknown(duel_id)
        return duel

    async def result(self, duel_id: int) -> Result | None:
        """What came of a duel; None while it is open.

        Raises:
            DuelUnknown.
        """
        now = self._clock()

        def look(connection: Connection) -> Result | None:
            row = find_duels(connection, [duel_id]).get(duel_id)
            if row is None:
                raise DuelUnknown(duel_id)
            return _result(connection, row) if row.closes_at <= now else None

        return await self._store.look(look)

    async def close(self, account: int, duel_id: int) -> Result:
        """Close a duel, as only its asker can; one that is closed stays so.

        Raises:
            DuelUnknown, NotTheirDuel.
        """
        now = self._clock()

        def close(connection: Connection) -> Result:
            row = find_duels(connection, [duel_id]).get(duel_id)
            if row is None:
                raise DuelUnknown(duel_id)
            asker = select(people.c.account).where(people.c.id == row.asker_id)
            if account != connection.scalar(asker):
                raise NotTheirDuel
            closing = update(duels).where(duels.c.id == duel_id, duels.c.closes_at > now)
            if connection.execute(closing.values(closes_at=now)).rowcount:
                # Its boards show the result at the next chance.
                standing = boards.c.duel_id == duel_id, boards.c.due_at.is_not(None)
                soon = case((boards.c.free_at > now, boards.c.free_at), else_=now)
                connection.execute(update(boards).where(*standing).values(due_at=soon))
            return _result(connection, row)

        return await self._store.run(close)

    async def shown(self, duel_id: int, *, room: int, post: int) -> None:
        """Remember that a duel stands in a room (a chat) as a post (a message in it)."""
        await self._show((duel_id, room, post))

    async def duel_at(self, *, room: int, post: int) -> int | None:
        """The duel that stands there, if any."""
        there = showings.c.room == room, showings.c.post == post
        standing = select(showings.c.duel_id).where(*there)
        return await self._store.look(lambda connection: connection.scalar(standing))

    async def latest_duel(
        self, *, room: int, asked_by: int | None = None
    ) -> tuple[int, int] | None:
        """The duel shown last in a room, and its post; of those that somebody asked for."""
        latest = (
            select(showings.c.duel_id, showings.c.post)
            .where(showings.c.room == room)
            .order_by(showings.c.shown_at.desc(), showings.c.post.desc())
            .limit(1)
        )
        if asked_by is not None:
            asker = select(people.c.id).where(people.c.account == asked_by).scalar_subquery()
            latest = latest.join(duels).where(duels.c.asker_id == asker)
        row = await persistently(
            lambda: self._store.look(lambda c: c.execute(latest).one_or_none())
        )
        return None if row is None else (row.duel_id, row.post)

    async def vote(
        self, account: int, duel_id: int, choice: Choice, key: str | None = None
    ) -> Vote:
        """Commit a person's answer. Their first one counts; later ones are kept beside it.

        Raises:
            DuelUnknown: also where `key` is not the duel's.
        """
        outcome = await self._answer(Answer(account, duel_id, choice, key))
        assert isinstance(outcome, Vote)  # noqa: S101 - it is what a choice becomes
        return outcome

    async def encore(self, account: int, duel_id: int, key: str | None = None) -> bool:
        """A person could sing it. False if they had said so before.

        Raises:
            DuelUnknown: also where `key` is not the duel's.
        """
        outcome = await self._answer(Answer(account, duel_id, "encore", key))
        return isinstance(outcome, Marked) and outcome.new

    async def like(self, account: int, duel_id: int, key: str | None = None) -> bool:
        """A person likes it. False if they had said so before.

        Raises:
            DuelUnknown: also where `key` is not the duel's.
        """
        outcome = await self._answer(Answer(account, duel_id, "like", key))
        return isinstance(outcome, Marked) and outcome.new

    async def standings(self) -> Standings:
        """What the votes say so far."""
        return await standings(self._store, await self._releases.current(), self._clock())

    async def _answer_together(self, answers: Sequence[Answer]) -> Sequence[Outcome]:
        now = self._clock()
        # An answer that was given is kept, however long the database is away.
        take = partial(take_answers, answers=answers, now=now, marks=self._marks)
        return await persistently(lambda: self._store.run(take))

    async def _show_together(self, shown: Sequence[tuple[int, int, int]]) -> Sequence[None]:
        now = self._clock()
        # Of two in one place the later stands.
        places = {(room, post): duel_id for duel_id, room, post in shown}
        rows = [
            {"room": room, "post": post, "duel_id": duel_id, "shown_at": now}
            for (room, post), duel_id in sorted(places.items())
        ]

        def show(connection: Connection) -> None:
            values = insert(connection, showings)
            new = {name: values.excluded[name] for name in ("duel_id", "shown_at")}
            place = ["room", "post"]
            connection.execute(values.on_conflict_do_update(index_elements=place, set_=new), rows)

        await self._store.run(show)
        return [None] * len(shown)

    async def _keep_together(self, written: Sequence[_Written]) -> Sequence[int]:
        """Store duels with their lyrics, and what made these; their ids."""
        now = self._clock()
        closes_at = now + self._duel_lasts

        def keep(connection: Connection) -> Sequence[int]:
            _check_models(connection, [model for one in written for model in one.models])
            asker = people_of(connection, {one.account for one in written}, now)
            wrote = [
                {
                    "model_id": model.id,
                    "prefix": lyric.prefix,
                    "text": lyric.text,
                    "seed": lyric.seed,
                    "decoding": asdict(lyric.decoding),
                    "copied": None if lyric.copied is None else asdict(lyric.copied),
                    "written_at": now,
                }
                for one in written
                for model, lyric in zip(one.models, one.lyrics, strict=True)
            ]
            sides = iter(_ids(connection, lyrics, wrote))
            opened = [
                {
                    "pair_id": one.pair.id,
                    "asker_id": asker[one.account],
                    "lyric_1_id": next(sides),
                    "lyric_2_id": next(sides),
                    "sampler_1": one.reveal.sampler_1,
                    "key": one.key,
                    "room": one.room,
                    "opened_at": now,
                    "closes_at": closes_at,
                }
                for one in written
            ]
            return _ids(connection, duels, opened)

        return await self._store.run(keep)


def _check_models(connection: Connection, wrote: Sequence[Model]) -> None:
    """Make sure that a model's id is still that model's: a backup may have been restored.

    Raises:
        DatabaseReplaced.
    """
    ids = sorted({model.id for model in wrote})
    kept = select(models.c.id, models.c.file_sha256).where(models.c.id.in_(ids))
    if {(row.id, row.file_sha256) for row in connection.execute(kept)} != {
        (model.id, model.file_sha256) for model in wrote
    }:
        raise DatabaseReplaced


def _result(connection: Connection, row: Any) -> Result:
    return Result(duel_of(row), Reveal(row.sampler_1), tally_of(connection, row.id))


def _ids(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> Sequence[int]:
    """Insert rows; their ids, in the same order."""
    inserted = table.insert().returning(table.c.id, sort_by_parameter_order=True)
    return connection.scalars(inserted, list(rows)).all()
