"""What an admin can do about jobs, and the watch that no job is lost.

A job's row is written first and then the engine is told. Whatever comes between the two, `tend`
mends: it is called every few seconds by every bot, and does nothing where all is well.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from core.arena.corpora import Corpora
from core.errors import EngineError, JobUnnamed, Superseded
from core.explaining import explain
from core.lyrics.corpus import BUNDLED
from core.lyrics.recipe import DEFAULT, recipe_named
from core.retrain.engine import OVER, Engine
from core.retrain.jobs import Job, Jobs

log = structlog.get_logger(__name__)
MAX_PAIRS = 16
MAX_SEED = 2**31
STALE_AFTER = 60.0  # seconds without a word of a job's worker, while the database could be read
REMEMBERED = timedelta(days=1)


class Retrains:
    """The jobs of one database, with the engine that runs them."""

    def __init__(
        self,
        jobs: Jobs,
        corpora: Corpora,
        engine: Engine,
        *,
        chance: random.Random,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.jobs = jobs
        self._corpora = corpora
        self._engine = engine
        self._chance = chance
        self._clock = clock
        self._monotonic = monotonic
        # When a job was first seen to be as it is: clocks of several hosts need not agree.
        self._unchanged: dict[int, tuple[object, float]] = {}

    async def ask(
        self,
        *,
        corpus: str = BUNDLED,
        recipe: str = DEFAULT.name,
        num_pairs: int = 1,
        by: int | None = None,
        seed: int | None = None,
    ) -> Job:
        """Ask for a retrain: checked, kept, queued.

        Raises:
            CorpusUnknown, CorpusTooShort, CorpusError, RecipeUnknown, StoreError.
            JobRunning: if the corpus has a job already.
        """
        wanted = recipe_named(recipe)
        text = await self._corpora.get(corpus)
        await asyncio.to_thread(wanted.prepare, text)  # what cannot be done is told at once
        await self._corpora.keep(text)
        seed = self._chance.randrange(MAX_SEED) if seed is None else seed
        job = await self.jobs.add(text, wanted, num_pairs=num_pairs, seed=seed, by=by)
        log.info("a job was asked for", job=job.id, corpus=text.sha256, recipe=wanted.name, by=by)
        try:
            await self._engine.start(job.id)
        except EngineError as error:  # it is kept, and `tend` tells the engine later
            log.warning("the engine cannot be told", job=job.id, why=explain(error))
        return job

    async def cancel(self, number: int | None = None) -> Job:
        """Cancel a job; without a number the one there is.

        Raises:
            JobUnknown, JobOver.
            JobUnnamed: without a number, if there is none or several.
        """
        if number is None:
            active = await self.jobs.active()
            if len(active) != 1:
                raise JobUnnamed([job.id for job in active])
            number = active[0].id
        job = await self.jobs.cancel(number)
        log.info("a job was cancelled", job=number)
        await self.stop([number])
        return job

    async def stop(self, numbers: Sequence[int]) -> None:
        """Have the engine stop jobs that have ended, or are gone, without a word to it."""
        for number in numbers:
            try:
                await self._engine.stop(number)
            except EngineError as error:  # whoever works on it is refused at the next word
                log.warning("the engine cannot be told", job=number, why=explain(error))

    async def check_engine(self) -> None:
        """Make sure that the engine can be used.

        Raises:
            EngineError.
        """
        await self._engine.check()

    async def hand_back(self, number: int) -> None:
        """Queue a job again whose worker stops."""
        try:
            await self._engine.take_over(number)
        except EngineError as error:  # `tend` finds it when it has been silent for long enough
            log.warning("the engine cannot be told", job=number, why=explain(error))

    async def tend(self) -> None:
        """See to it that every active job is queued or worked on, and that none else is.

        Raises:
            EngineError, and whatever the database raises: then nothing is concluded.
        """
        try:
            await self._tend()
        except Exception:
            self._unchanged.clear()  # what could not be seen is no proof of anything
            raise

    async def _tend(self) -> None:
        active = await self.jobs.active()
        cancelled = await self.jobs.cancelled_since(self._clock() - REMEMBERED)
        states = await self._engine.states([job.id for job in (*active, *cancelled)])
        for job in cancelled:
            if states.get(job.id) in ("ENQUEUED", "PENDING"):
                await self._engine.stop(job.id)
        for job in active:
            await self._tend_one(job, states.get(job.id))
        self._unchanged = {k: v for k, v in self._unchanged.items() if k in {j.id for j in active}}

    async def _tend_one(self, job: Job, state: str | None) -> None:
        if state is None:
            log.info("a job is queued again", job=job.id)
            await self._engine.start(job.id)
        elif state in OVER and job.attempt == 0:
            log.warning("the engine knows another job of that number", job=job.id, state=state)
            await self._engine.start_anew(job.id)
        elif state in OVER:
            await self._end(job, state)
        elif state == "PENDING" and self._is_stale(job):
            log.warning("a job is taken over", job=job.id, worker=job.worker)
            await self._engine.take_over(job.id)
            self._unchanged.pop(job.id, None)

    def _is_stale(self, job: Job) -> bool:
        """Whether its worker has been silent for too long, by this process's own clock."""
        shown = (job.attempt, job.seen_at)
        now = self._monotonic()
        last, since = self._unchanged.get(job.id, (None, now))
        if last != shown:
            self._unchanged[job.id] = (shown, now)
            return False
        return now - since > STALE_AFTER

    async def _end(self, job: Job, state: str) -> None:
        """The engine is done with a job that nobody has ended: that should not be."""
        if (await self.jobs.get(job.id)).active:
            log.error("a job ended without a word", job=job.id, state=state)
            reason = f"The engine ended it ({state}); the worker's log says why. Ask again."
            try:
                await self.jobs.fail(job.id, None, reason)
            except Superseded:
                return  # it has been ended meanwhile
