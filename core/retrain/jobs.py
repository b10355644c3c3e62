"""Where jobs are kept: asked for, taken up, told of, and ended. The engine runs them.

The row is the truth: who may speak for a job is decided here. A worker that takes a job up makes
an attempt of its own, and whatever an earlier attempt wants of the job afterwards is refused.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Row, Update, case, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.arena.schema import ACTIVE, jobs
from core.arena.store import Store, insert
from core.errors import JobOver, JobRunning, JobUnknown, Superseded
from core.lyrics.corpus import Corpus
from core.lyrics.recipe import Recipe
from core.retrain.progress import Progress

Status = Literal["queued", "running", "published", "failed", "cancelled"]
TRIES = 3  # with no new save between them


@dataclass(frozen=True)
class Job:
    """One retrain."""

    id: int
    corpus_name: str
    corpus_sha256: str
    settings: Mapping[str, Any]  # of the recipe
    num_pairs: int
    seed: int
    asked_by: int | None
    asked_at: datetime
    status: Status
    attempt: int
    fruitless: int  # attempts since a save held a new epoch
    epochs: int
    worker: str | None
    progress: Progress | None
    seen_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    release: int | None
    reason: str | None

    @property
    def recipe_name(self) -> str:
        """Its recipe's."""
        return str(self.settings["name"])

    @property
    def recipe(self) -> Recipe:
        """Its recipe.

        Raises:
            TypeError, KeyError: for settings that this version does not know.
        """
        return Recipe.from_json(dict(self.settings))

    @property
    def active(self) -> bool:
        """Whether it may still be published."""
        return self.status in ("queued", "running")


class Jobs:
    """The jobs of one database."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    async def add(
        self, corpus: Corpus, recipe: Recipe, *, num_pairs: int, seed: int, by: int | None
    ) -> Job:
        """Keep a new job.

        Raises:
            JobRunning: if the corpus has an active one.
        """
        async with self._store.write() as connection:
            row = insert(connection, jobs).values(
                corpus_name=corpus.name,
                corpus_sha256=corpus.sha256,
                recipe=recipe.to_json(),
                num_pairs=num_pairs,
                seed=seed,
                asked_by=by,
                asked_at=self._clock(),
                status="queued",
            )
            row = row.on_conflict_do_nothing(
                index_elements=[jobs.c.corpus_name], index_where=text(ACTIVE)
            )
            number = await connection.scalar(row.returning(jobs.c.id))
            if number is None:
                running = await connection.scalar(
                    select(jobs.c.id).where(jobs.c.corpus_name == corpus.name, text(ACTIVE))
                )
                raise JobRunning(corpus.name, running or 0)
        return await self.get(number)

    async def get(self, number: int) -> Job:
        """The job of that number.

        Raises:
            JobUnknown.
        """
        async with self._store.read() as connection:
            row = (await connection.execute(select(jobs).where(jobs.c.id == number))).one_or_none()
        if row is None:
            raise JobUnknown(number)
        return _job(row)

    async def list(self, limit: int = 10) -> tuple[Job, ...]:
        """The latest, newest first."""
        return await self._all(select(jobs).order_by(jobs.c.id.desc()).limit(limit))

    async def active(self) -> tuple[Job, ...]:
        """All that are queued or running, oldest first."""
        return await self._all(select(jobs).where(text(ACTIVE)).order_by(jobs.c.id))

    async def cancelled_since(self, moment: datetime) -> tuple[Job, ...]:
        """Those that were cancelled after `moment`."""
        wanted = select(jobs).where(jobs.c.status == "cancelled", jobs.c.ended_at > moment)
        return await self._all(wanted.order_by(jobs.c.id))

    async def claim(self, number: int, worker: str) -> Job:
        """Take a job up: a new attempt, which alone may speak for it from now on.

        Raises:
            Superseded: if it is over; also if it is by now, after too many fruitless attempts.
        """
        now = self._clock()
        async with self._store.write() as connection:
            row = (
                await connection.execute(
                    update(jobs)
                    .where(jobs.c.id == number, text(ACTIVE))
                    .values(
                        status="running",
                        attempt=jobs.c.attempt + 1,
                        fruitless=jobs.c.fruitless + 1,
                        worker=worker,
                        started_at=func.coalesce(jobs.c.started_at, now),
                        seen_at=now,
                    )
                    .returning(*jobs.c)
                )
            ).one_or_none()
        if row is None:
            raise Superseded(f"Job {number} is over.")
        job = _job(row)
        if job.fruitless > TRIES:
            await self.fail(
                number,
                job.attempt,
                f"{TRIES} attempts were cut short (killed, or out of memory), with nothing new "
                f"saved between them.",
            )
            raise Superseded(f"Job {number} has failed.")
        return job

    async def tell(self, number: int, attempt: int, progress: Progress) -> None:
        """Keep how far it is; also a sign of life.

        Raises:
            Superseded: if `attempt` may not speak for it any more.
        """
        await self._speak(
            number,
            attempt,
            _mine(number, attempt).values(progress=progress.to_json(), seen_at=self._clock()),
        )

    async def saved(self, number: int, attempt: int, epochs: int) -> None:
        """A save holds so many epochs: if that is more than ever, the attempts bear fruit.

        Raises:
            Superseded.
        """
        grew = jobs.c.epochs < epochs
        values = {"epochs": epochs, "fruitless": 0}
        async with self._store.write() as connection:
            await connection.execute(_mine(number, attempt).where(grew).values(values))
        await self.check(number, attempt)

    async def check(self, number: int, attempt: int) -> None:
        """Make sure that `attempt` may still speak for the job.

        Raises:
            Superseded.
        """
        async with self._store.read() as connection:
            mine = await connection.scalar(
                select(jobs.c.id).where(
                    jobs.c.id == number, jobs.c.attempt == attempt, jobs.c.status == "running"
                )
            )
        if mine is None:
            raise Superseded(f"Job {number} is no longer this attempt's.")

    async def let_go(self, number: int, attempt: int) -> None:
        """Give a job back unfinished, without holding the attempt against it.

        Raises:
            Superseded.
        """
        fruitless = case((jobs.c.fruitless > 0, jobs.c.fruitless - 1), else_=0)
        values = {"status": "queued", "fruitless": fruitless}
        await self._speak(number, attempt, _mine(number, attempt).values(values))

    async def fail(self, number: int, attempt: int | None, reason: str) -> None:
        """End it; `attempt` None speaks for whichever there is.

        Raises:
            Superseded.
        """
        ending = update(jobs).where(jobs.c.id == number, text(ACTIVE))
        if attempt is not None:
            ending = _mine(number, attempt)
        values = {"status": "failed", "reason": reason, "ended_at": self._clock()}
        await self._speak(number, attempt, ending.values(values))

    async def cancel(self, number: int) -> Job:
        """End an active job; no attempt may speak for it any more.

        Raises:
            JobUnknown, JobOver.
        """
        values = {"status": "cancelled", "ended_at": self._clock()}
        ending = update(jobs).where(jobs.c.id == number, text(ACTIVE)).values(values)
        async with self._store.write() as connection:
            row = (await connection.execute(ending.returning(*jobs.c))).one_or_none()
        if row is None:
            job = await self.get(number)
            raise JobOver(number, job.status)
        return _job(row)

    def publishing(
        self, number: int, attempt: int
    ) -> Callable[[AsyncConnection, int], Awaitable[None]]:
        """What is to happen within the transaction that publishes: the job names its release.

        It raises Superseded where `attempt` may not speak for the job, and nothing is published.
        """

        async def within(connection: AsyncConnection, release: int) -> None:
            ending = _mine(number, attempt).values(
                status="published", release=release, ended_at=self._clock()
            )
            if (await connection.execute(ending)).rowcount != 1:
                raise Superseded(f"Job {number} is no longer this attempt's.")

        return within

    async def _speak(self, number: int, attempt: int | None, statement: Update) -> None:
        async with self._store.write() as connection:
            if (await connection.execute(statement)).rowcount != 1:
                raise Superseded(f"Job {number} is no longer attempt {attempt}'s.")

    async def _all(self, wanted: Any) -> tuple[Job, ...]:
        async with self._store.read() as connection:
            return tuple(map(_job, await connection.execute(wanted)))


def _mine(number: int, attempt: int) -> Update:
    return update(jobs).where(
        jobs.c.id == number, jobs.c.attempt == attempt, jobs.c.status == "running"
    )


def _job(row: Row[Any]) -> Job:
    values = dict(row._mapping)
    settings, progress = values.pop("recipe"), values.pop("progress")
    told = None if progress is None else Progress.from_json(progress)
    return Job(settings=settings, progress=told, **values)
