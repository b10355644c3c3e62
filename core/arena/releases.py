"""Releases: what a training run publishes, which one is current, and the models in them."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

import structlog
from sqlalchemy import Connection, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.arena.cards import card
from core.arena.files import Files
from core.arena.schema import activations, models, pairs, releases
from core.arena.store import Store
from core.errors import (
    CheckpointError,
    FileMissing,
    NoRelease,
    NothingBefore,
    ReleaseUnknown,
    StoreError,
)
from core.explaining import explain
from core.lyrics.checkpoint import Checkpoint
from core.lyrics.measure import Measures
from core.lyrics.recipe import SAMPLERS, Sampler
from core.lyrics.writer import Writer
from core.together import Together

log = structlog.get_logger(__name__)

CURRENT = select(activations.c.release).order_by(activations.c.id.desc()).limit(1)
# A number alone may be another release's, once a backup was restored under a running bot.
CURRENT_SINCE = select(releases.c.number, releases.c.published_at).where(
    releases.c.number == CURRENT.scalar_subquery()
)
KEPT_WRITERS = 16  # models in memory: those of the current release and of a few before it


@dataclass(frozen=True)
class Model:
    """One trained model of a release."""

    id: int
    sampler: Sampler
    file_sha256: str
    perplexity: float
    held_out: float | None
    measures: Measures | None = None  # of what it writes


@dataclass(frozen=True)
class Pair:
    """Two models that differ in the sampler only."""

    id: int
    number: int
    seed: int
    updates: int
    random: Model
    consecutive: Model

    def model(self, sampler: Sampler) -> Model:
        """The pair's model of that sampler."""
        return self.random if sampler == "random" else self.consecutive


@dataclass(frozen=True)
class Release:
    """What one training run published."""

    number: int
    corpus_name: str
    recipe_name: str
    recipe_hash: str
    published_at: datetime
    pairs: tuple[Pair, ...]
    is_current: bool = field(default=False, compare=False)  # when it was read

    @property
    def models(self) -> tuple[Model, ...]:
        """The models of all pairs."""
        return tuple(pair.model(sampler) for pair in self.pairs for sampler in SAMPLERS)


TrainedPair = tuple[Checkpoint, Checkpoint]  # random, consecutive
Within = Callable[[AsyncConnection, int], Awaitable[None]]  # is given the release's number


class Releases:
    """The releases of one database, with their files in one place."""

    def __init__(self, store: Store, files: Files, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._files = files
        self._clock = clock
        self._read_writer = lru_cache(maxsize=KEPT_WRITERS)(self._load)
        # What was served last, and all its writers, however many: never read again to be served.
        self._served: Release | None = None
        self._writers: dict[str, Writer] = {}
        self._warned_of = 0  # the release that could not be served
        self._sound: dict[str, object] = {}  # the mark of each file that was found to be whole
        self._current_since = Together(self._read_current_since)

    async def keep(self, trained: Sequence[TrainedPair]) -> Sequence[tuple[str, str]]:
        """Put the files of all models, each with its card beside it; their sha256 a pair.

        Raises:
            StoreError: if they cannot be put.
        """
        return await asyncio.to_thread(self._keep_all, trained, self._clock())

    async def read(self, file_sha256: str) -> Checkpoint:
        """The model of that file.

        Raises:
            CheckpointError: naming the file, if it is gone or damaged.
            StoreError: if the files cannot be reached.
        """
        return await asyncio.to_thread(self._read, file_sha256)

    async def publish(
        self,
        trained: Sequence[TrainedPair],
        *,
        within: Within | None = None,
        measures: Sequence[tuple[Measures, Measures]] | None = None,
    ) -> Release:
        """Make a release of `trained` and make it current, in one transaction.

        The files are put first, under their own sha256: a release never names one that is
        not there. `within` is awaited inside the transaction, and what it raises undoes all of it.
        `measures` are of what the models of each pair write.

        Raises:
            StoreError: if the files cannot be put.
        """
        files = await self.keep(trained)
        now = self._clock()
        first = trained[0][0]
        async with self._store.write() as connection:
            number = await connection.scalar(
                releases.insert()
                .values(
                    corpus_name=first.corpus_name,
                    corpus_sha256=first.corpus_sha256,
                    recipe_name=first.recipe.name,
                    recipe_hash=first.recipe.hash,
                    published_at=now,
                )
                .returning(releases.c.number)
            )
            found: Sequence[tuple[Measures | None, Measures | None]] = measures or [
                (None, None)
            ] * len(trained)
            for index, (pair, shas, its) in enumerate(zip(trained, files, found, strict=True), 1):
                await self._insert_pair(connection, number, index, pair, shas, its)
            await self._activate(connection, number or 0)
            if within is not None:
                await within(connection, number or 0)
            return await connection.run_sync(_release, number or 0)

    async def keep_measures(self, model: Model, found: Measures) -> None:
        """Keep what was measured of a model, in place of what was before."""
        keeping = update(models).where(models.c.id == model.id)
        async with self._store.write() as connection:
            await connection.execute(keeping.values(measures=found.to_json()))

    async def current(self) -> Release | None:
        """The release that duels are written by; None before the first."""

        def look(connection: Connection) -> Release | None:
            number = connection.scalar(CURRENT)
            return None if number is None else _release(connection, number)

        return await self._store.look(look)

    async def serving(self, *, again: bool = False) -> Release | None:
        """The release to write with, all of its writers in memory; None before the first.

        It is the current one. Where that one's files cannot be had it is the one served before.

        One that could not be had is tried for `again` only: no duel waits for it twice.

        Raises:
            CheckpointError, StoreError: if this process has served none before.
        """
        current = await self._current_since(None)
        if current is None:
            return None
        number = current[0]
        if self._served and current == (self._served.number, self._served.published_at):
            return self._served
        if self._served is not None and self._warned_of == number and not again:
            return self._served
        release = await self.get(number)
        try:
            writers = {one.file_sha256: await self.writer(one) for one in release.models}
        except (CheckpointError, StoreError) as error:
            if self._served is None:
                raise
            if self._warned_of != release.number:  # once, not at every duel
                self._warned_of = release.number
                log.warning(
                    "the current release cannot be served",
                    release=release.number,
                    served=self._served.number,
                    why=explain(error),
                )
            return self._served
        self._served, self._writers, self._warned_of = release, writers, 0
        return release

    async def _read_current_since(
        self, asked: Sequence[None]
    ) -> Sequence[tuple[int, datetime] | None]:
        row = await self._store.look(lambda c: c.execute(CURRENT_SINCE).one_or_none())
        return [None if row is None else (row.number, row.published_at)] * len(asked)

    async def warm(self) -> None:
        """Load the writers of the current release, so that no duel waits for them.

        Raises:
            CheckpointError, StoreError: as `serving`.
        """
        await self.serving(again=True)

    async def check(self) -> None:
        """Make sure that the current release can be served, by this process and by the next.

        Raises:
            NoRelease.
            CheckpointError, StoreError: naming the file, and what is served instead.
        """
        release = await self.current()
        if release is None:
            raise NoRelease
        try:
            await asyncio.to_thread(self._check, release)
        except (CheckpointError, StoreError) as error:
            served = "Nothing is served."
            if self._served is not None:
                served = f"Release {self._served.number} is served meanwhile."
                if self._served.number == release.number:
                    served = "It is served from memory, until the bot ends."
            raise type(error)(f"Release {release.number}: {error} {served}") from error

    async def get(self, number: int) -> Release:
        """The release of that number.

        Raises:
            ReleaseUnknown: naming those there are.
        """
        async with self._store.read() as connection:
            return await connection.run_sync(_release, number)

    async def use(self, number: int) -> Release:
        """Make a release current, if it is not, once all of its models were found sound.

        Raises:
            ReleaseUnknown: naming those there are.
            CheckpointError, StoreError: if a model cannot be had; nothing has changed then.
        """
        await self._prove(await self.get(number))
        async with self._store.write() as connection:
            await _lock(connection)
            if number != await connection.scalar(CURRENT):
                await self._activate(connection, number)
            return await connection.run_sync(_release, number)

    async def rollback(self) -> Release:
        """Make current what was so before the current one; again, and it goes back further.

        Raises:
            NothingBefore: if none was.
            CheckpointError, StoreError: if a model of it cannot be had; nothing has changed then.
        """
        async with self._store.read() as connection:
            number = await _before(connection)
        while True:
            # Files are slow to read: never while others wait for the lock.
            proven = number
            await self._prove(await self.get(proven))
            async with self._store.write() as connection:
                await _lock(connection)
                number = await _before(connection)
                if number == proven:  # else another was quicker, and it is a step further
                    await self._activate(connection, number, rolled_back=True)
                    return await connection.run_sync(_release, number)

    async def previous(self) -> Release | None:
        """The release that `rollback` would go back to; None if there is none."""
        async with self._store.read() as connection:
            try:
                return await connection.run_sync(_release, await _before(connection))
            except NothingBefore:
                return None

    async def writer(self, model: Model) -> Writer:
        """The writer of one of the models, kept in memory once loaded.

        Raises:
            CheckpointError: naming the file, if it is gone or damaged.
            StoreError: if the files cannot be reached.
        """
        if model.file_sha256 in self._writers:
            return self._writers[model.file_sha256]
        return await asyncio.to_thread(self._read_writer, model.file_sha256)

    async def list(self, limit: int = 20) -> tuple[Release, ...]:
        """The last so many releases, the newest first; `is_current` tells which is current."""
        async with self._store.read() as connection:
            numbers = select(releases.c.number).order_by(releases.c.number.desc()).limit(limit)
            found = (await connection.scalars(numbers)).all()
            return tuple([await connection.run_sync(_release, one) for one in found])

    async def _prove(self, release: Release) -> None:
        """Read all models from where they lie, whatever is in memory; each into a writer."""
        for model in release.models:
            await asyncio.to_thread(self._load, model.file_sha256)

    async def _activate(
        self, connection: AsyncConnection, number: int, *, rolled_back: bool = False
    ) -> None:
        values = {"release": number, "at": self._clock(), "rolled_back": rolled_back}
        await connection.execute(activations.insert().values(values))

    def _check(self, release: Release) -> None:
        for model in release.models:
            mark = self._files.mark(model_file(model.file_sha256))
            if self._sound.get(model.file_sha256) != mark:
                self._sound.pop(model.file_sha256, None)
                self._read(model.file_sha256)
                self._sound[model.file_sha256] = mark

    def _load(self, file_sha256: str) -> Writer:
        return Writer(self._read(file_sha256))

    def _read(self, file_sha256: str) -> Checkpoint:
        name = model_file(file_sha256)
        try:
            content = self._files.get(name)
        except FileMissing as error:
            raise CheckpointError(str(error)) from error
        if hashlib.sha256(content).hexdigest() != file_sha256:
            raise CheckpointError(
                f"{self._files.where(name)}: not the file that was released. Restore it."
            )
        return Checkpoint.from_bytes(content, self._files.where(name))

    def _keep_all(
        self, trained: Sequence[TrainedPair], now: datetime
    ) -> Sequence[tuple[str, str]]:
        return [(self._keep(one, now), self._keep(two, now)) for one, two in trained]

    def _keep(self, checkpoint: Checkpoint, now: datetime) -> str:
        content = checkpoint.to_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        # The card first: wherever there is a model, there is its card.
        about = card(checkpoint, sha256, now).encode()
        self._files.put(model_file(sha256, "md"), about)
        self._files.put(model_file(sha256), content)
        return sha256

    async def _insert_pair(
        self,
        connection: AsyncConnection,
        release: int | None,
        number: int,
        pair: TrainedPair,
        shas: tuple[str, str],
        found: tuple[Measures | None, Measures | None],
    ) -> None:
        pair_id = await connection.scalar(
            pairs.insert()
            .values(release=release, number=number, seed=pair[0].seed, updates=pair[0].updates)
            .returning(pairs.c.id)
        )
        rows = [
            {
                "pair_id": pair_id,
                "sampler": checkpoint.sampler,
                "file_sha256": sha256,
                "perplexity": checkpoint.reached.perplexity,
                "held_out_perplexity": checkpoint.reached.held_out,
                "measures": its and its.to_json(),
            }
            for checkpoint, sha256, its in zip(pair, shas, found, strict=True)
        ]
        await connection.execute(models.insert(), rows)


def model_file(file_sha256: str, ending: str = "safetensors") -> str:
    """The name that a model's file lies under, or with "md" its card."""
    return f"models/{file_sha256}.{ending}"


async def _lock(connection: AsyncConnection) -> None:
    """Nobody else makes a release current until this transaction ends, and all who did are seen.

    On SQLite every transaction that writes has that already.
    """
    if connection.dialect.name == "postgresql":
        await connection.execute(text("LOCK TABLE activations IN EXCLUSIVE MODE"))


async def _before(connection: AsyncConnection) -> int:
    """What was current before the current release.

    Raises:
        NothingBefore.
    """
    stack: list[int] = []
    for row in await connection.execute(select(activations).order_by(activations.c.id)):
        if row.rolled_back:
            stack.pop()
        else:
            stack.append(row.release)
    if len(stack) < 2:
        raise NothingBefore
    return stack[-2]


def _measures(kept: dict[str, Any] | None) -> Measures | None:
    try:
        return None if kept is None else Measures.from_json(kept)
    except (TypeError, KeyError, ValueError, AttributeError):
        return None  # what another version measured is no reason not to serve


def _release(connection: Connection, number: int) -> Release:
    row = connection.execute(select(releases).where(releases.c.number == number)).one_or_none()
    if row is None:
        there_are = select(releases.c.number).order_by(releases.c.number)
        raise ReleaseUnknown(number, connection.scalars(there_are).all())
    found: dict[int, dict[Sampler, Model]] = {}
    of_release = select(pairs.c.id).where(pairs.c.release == number)
    for m in connection.execute(select(models).where(models.c.pair_id.in_(of_release))):
        found.setdefault(m.pair_id, {})[m.sampler] = Model(
            *(m.id, m.sampler, m.file_sha256, m.perplexity, m.held_out_perplexity),
            _measures(m.measures),
        )
    in_order = select(pairs).where(pairs.c.release == number).order_by(pairs.c.number)
    return Release(
        row.number,
        row.corpus_name,
        row.recipe_name,
        row.recipe_hash,
        row.published_at,
        tuple(
            Pair(p.id, p.number, p.seed, p.updates, *(found[p.id][s] for s in SAMPLERS))
            for p in connection.execute(in_order)
        ),
        is_current=number == connection.scalar(CURRENT),
    )
