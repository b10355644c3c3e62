"""Releases: what a training run publishes, which one is current, and the models in them."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.arena.schema import activations, models, pairs, releases
from core.arena.store import Store
from core.errors import CheckpointError
from core.lyrics.checkpoint import Checkpoint, write_aside
from core.lyrics.recipe import SAMPLERS, Sampler
from core.lyrics.writer import Writer

KEPT_WRITERS = 16  # models in memory: those of the current release and of a few before it


@dataclass(frozen=True)
class Model:
    """One trained model of a release."""

    id: int
    sampler: Sampler
    file_sha256: str
    perplexity: float
    held_out: float | None


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


TrainedPair = tuple[Checkpoint, Checkpoint]  # random, consecutive


class Releases:
    """The releases of one database, with their files below one folder."""

    def __init__(self, store: Store, folder: Path, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._folder = folder / "models"
        self._clock = clock
        self._read_writer = lru_cache(maxsize=KEPT_WRITERS)(self._load)

    async def publish(self, trained: Sequence[TrainedPair]) -> Release:
        """Make a release of `trained` and make it current, in one transaction.

        The files are written first, under their own sha256: a release never names one that is
        not there.
        """
        files = await asyncio.to_thread(self._save, trained)
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
            for index, (pair, shas) in enumerate(zip(trained, files, strict=True), 1):
                await self._insert_pair(connection, number, index, pair, shas)
            await connection.execute(activations.insert().values(release=number, at=now))
            release = await _release(connection, number)
        assert release is not None  # noqa: S101 - it was inserted above
        return release

    async def current(self) -> Release | None:
        """The release that duels are written by; None before the first."""
        async with self._store.read() as connection:
            number = await connection.scalar(
                select(activations.c.release).order_by(activations.c.id.desc()).limit(1)
            )
            return None if number is None else await _release(connection, number)

    async def writer(self, model: Model) -> Writer:
        """The writer of one of the models, kept in memory once loaded.

        Raises:
            CheckpointError: naming the file, if it is gone or damaged.
        """
        return await asyncio.to_thread(self._read_writer, model.file_sha256)

    def path(self, file_sha256: str) -> Path:
        """Where a model's file lies."""
        return self._folder / f"{file_sha256}.safetensors"

    def _load(self, file_sha256: str) -> Writer:
        path = self.path(file_sha256)
        checkpoint = Checkpoint.load(path)
        if hashlib.sha256(path.read_bytes()).hexdigest() != file_sha256:
            raise CheckpointError(f"{path}: not the file that was released. Restore it.")
        return Writer(checkpoint)

    def _save(self, trained: Sequence[TrainedPair]) -> list[tuple[str, str]]:
        """Write all files; their sha256, a tuple a pair."""
        return [(self._keep(random), self._keep(consecutive)) for random, consecutive in trained]

    def _keep(self, checkpoint: Checkpoint) -> str:
        content = checkpoint.to_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        write_aside(self.path(sha256), content)
        return sha256

    async def _insert_pair(
        self,
        connection: AsyncConnection,
        release: int | None,
        number: int,
        pair: TrainedPair,
        shas: tuple[str, str],
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
            }
            for checkpoint, sha256 in zip(pair, shas, strict=True)
        ]
        await connection.execute(models.insert(), rows)


async def _release(connection: AsyncConnection, number: int | None) -> Release | None:
    row = (
        await connection.execute(select(releases).where(releases.c.number == number))
    ).one_or_none()
    if row is None:
        return None
    found: dict[int, dict[Sampler, Model]] = {}
    of_release = select(pairs.c.id).where(pairs.c.release == number)
    for m in await connection.execute(select(models).where(models.c.pair_id.in_(of_release))):
        found.setdefault(m.pair_id, {})[m.sampler] = Model(
            m.id, m.sampler, m.file_sha256, m.perplexity, m.held_out_perplexity
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
            for p in await connection.execute(in_order)
        ),
    )
