"""One attempt at a job: train in a process of its own, judge, publish. Knows no engine.

Whatever it does it does as this attempt: when another has taken the job, or an admin has cancelled
it, the next word to the database is refused (Superseded), and the attempt ends with its process.
"""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import structlog

from core.arena.corpora import Corpora
from core.arena.files import Files
from core.arena.releases import Releases, TrainedPair
from core.arena.store import UNUSABLE, Store, persistently
from core.background import running
from core.errors import CorpusError, LyricbotError, StoreError, Superseded
from core.explaining import explain
from core.lyrics.checkpoint import Checkpoint
from core.lyrics.corpus import Corpus
from core.lyrics.measure import Measures, measure
from core.lyrics.recipe import SAMPLERS
from core.lyrics.writer import Writer
from core.retrain.child import Task, trained_file
from core.retrain.jobs import Job, Jobs
from core.retrain.judge import check_sound
from core.retrain.progress import Tracker
from core.retrain.workplace import Workplace
from core.settings import Settings

log = structlog.get_logger(__name__)
TELL_EVERY = 1.0  # seconds from one word to the database to the next, in training
ALIVE_EVERY = 5.0  # … and at any time
COPY_EVERY = 20.0  # … and from one copy of the saves to a remote store to the next
TRIES = 4  # of what a store refuses
LINE_LIMIT = 2**20
T = TypeVar("T")
Shas = list[list[str]]  # of the model files: random and consecutive, a list a pair


@dataclass(frozen=True)
class Means:
    """What every attempt works with."""

    settings: Settings
    store: Store
    jobs: Jobs
    corpora: Corpora
    releases: Releases
    files: Files


class Attempt:
    """This worker's attempt at a job."""

    def __init__(self, means: Means, job: Job, worker: str, *, mine: bool) -> None:
        """`job` as it was claimed; `mine`: the attempt before was this worker's too."""
        self._means = means
        self._worker = worker
        self._mine = mine
        self.job = job
        models = [(sampler, pair) for pair in range(1, job.num_pairs + 1) for sampler in SAMPLERS]
        self._tracker = Tracker(models, job.recipe.num_epochs, told=job.progress)
        self._workplace = Workplace(means.files, means.settings.state, job)
        self._saved = 0

    @classmethod
    async def claim(cls, means: Means, number: int, worker: str) -> "Attempt":
        """Take a job up.

        Raises:
            Superseded: if it is over.
            LyricbotError: if it is beyond this version.
        """
        before = await persistently(lambda: means.jobs.get(number))
        job = await persistently(lambda: means.jobs.claim(number, worker))
        try:
            return cls(means, job, worker, mine=before.worker == worker)
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise LyricbotError(
                f"Its recipe is of another version of lyricbot ({error}). Run one version of bot "
                f"and worker, and ask again."
            ) from error

    @asynccontextmanager
    async def alive(self) -> AsyncIterator[None]:
        """Say every few seconds that it is worked on, whatever it is that takes its time."""

        async def keep_saying() -> None:
            with suppress(Superseded):  # whatever is done next will meet it too
                while True:
                    await self._tell()
                    await asyncio.sleep(ALIVE_EVERY)

        async with running(keep_saying()):
            yield

    async def train(self) -> Shas:
        """Train all models and put them into the store; cut short, the next try goes on.

        Raises:
            Superseded, LyricbotError: why it cannot be done.
        """
        corpus = await self._corpus()
        await _from_store(lambda: asyncio.to_thread(self._workplace.take_up, mine=self._mine))
        while not await self._run(corpus):
            claim = partial(self._means.jobs.claim, self.job.id, self._worker)
            self.job = await persistently(claim)
        models = await asyncio.to_thread(self._trained)
        shas = await _from_store(lambda: self._means.releases.keep(models))
        await self._have_saved(self.job.recipe.num_epochs + 1)
        return [list(pair) for pair in shas]

    async def judge(self, shas: Shas) -> None:
        """See to it that what lies in the store is fit to go live.

        Raises:
            Superseded, LyricbotError: why it is not.
        """
        self._tracker.enter("judging")
        await self._tell()
        corpus = await self._corpus()
        for pair in await self._models(shas):
            await asyncio.to_thread(check_sound, pair, corpus)

    async def publish(self, shas: Shas) -> int:
        """Make it the current release, in one transaction; its number.

        Raises:
            Superseded, LyricbotError.
        """
        self._tracker.enter("publishing")
        await self._tell()
        models = await self._models(shas)
        measures = await asyncio.to_thread(_measured, models)
        within = self._means.jobs.publishing(self.job.id, self.job.attempt)
        release = await persistently(
            lambda: _from_store(
                lambda: self._means.releases.publish(models, within=within, measures=measures)
            )
        )
        return release.number

    async def fail(self, why: Exception) -> None:
        """End the job; nothing happens if it is another's by now."""
        log.error("the job has failed", job=self.job.id, why=explain(why))
        with suppress(Superseded):
            await persistently(
                lambda: self._means.jobs.fail(self.job.id, self.job.attempt, str(why))
            )

    async def let_go(self) -> None:
        """Give the job back unfinished."""
        with suppress(Superseded):
            await self._means.jobs.let_go(self.job.id, self.job.attempt)

    async def _run(self, corpus: Corpus) -> bool:
        """Run the trainer once; False if it was cut short.

        Raises:
            Superseded, LyricbotError.
        """
        file = self._workplace.folder / "corpus.txt"
        await asyncio.to_thread(file.write_text, corpus.text, encoding="utf-8")
        task = Task(
            corpus.name,
            str(file),
            self.job.settings,
            self.job.num_pairs,
            self.job.seed,
            self._means.settings.device,
            str(self._workplace.folder),
        )
        done = asyncio.Event()
        code = None
        try:
            async with _trainer(task) as process, asyncio.TaskGroup() as group:
                beside = [self._keep_telling(), self._keep_copying()]
                tasks = [group.create_task(one) for one in beside]
                try:
                    await self._follow(process, done)
                    code = await process.wait()
                finally:
                    for one in tasks:
                        one.cancel()
        except BaseExceptionGroup as several:  # whichever came first has ended the others
            raise several.exceptions[0] from several
        if not done.is_set():
            log.warning("the trainer was cut short", job=self.job.id, code=code)
        return done.is_set()

    async def _follow(self, process: Process, done: asyncio.Event) -> None:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        while line := await process.stdout.readline():
            try:
                event: dict[str, Any] = json.loads(line)
            except ValueError:
                continue  # cut off with its process
            match event.pop("event"):
                case "start":
                    self._tracker.start(event["device"], event["epoch"])
                    log.info("training", job=self.job.id, **event)
                case "epoch":
                    self._tracker.epoch(**event)
                case "saved":
                    await self._have_saved(event["epoch"])
                case "trained":
                    done.set()
                case "failed":
                    failure = CorpusError if event["repeats_people"] else LyricbotError
                    raise failure(event["reason"])

    async def _have_saved(self, epochs: int) -> None:
        if epochs > self._saved:
            self._saved = epochs
            job = self.job
            await persistently(lambda: self._means.jobs.saved(job.id, job.attempt, epochs))

    async def _keep_telling(self) -> None:
        while True:
            await self._tell()
            await asyncio.sleep(TELL_EVERY)

    async def _tell(self) -> None:
        """Say how far it is; a database that is away for a while does not stop the training."""
        try:
            await self._means.jobs.tell(self.job.id, self.job.attempt, self._tracker.progress)
        except UNUSABLE as error:
            log.warning("progress could not be told", job=self.job.id, why=explain(error))

    async def _keep_copying(self) -> None:
        while True:
            await asyncio.sleep(COPY_EVERY)
            try:
                await asyncio.to_thread(self._workplace.copy_out)
            except (StoreError, OSError) as error:  # the training itself needs no store
                log.warning("the saves could not be copied", job=self.job.id, why=explain(error))

    async def _corpus(self) -> Corpus:
        job = self.job
        return await _from_store(
            lambda: self._means.corpora.read(job.corpus_name, job.corpus_sha256)
        )

    async def _models(self, shas: Shas) -> list[TrainedPair]:
        read = self._means.releases.read
        return [
            (await _from_store(partial(read, one)), await _from_store(partial(read, two)))
            for one, two in shas
        ]

    def _trained(self) -> list[TrainedPair]:
        files = [trained_file(self._workplace.folder, i) for i in range(2 * self.job.num_pairs)]
        models = [Checkpoint.load(file) for file in files]
        return list(zip(models[::2], models[1::2], strict=True))


@asynccontextmanager
async def _trainer(task: Task) -> AsyncIterator[Process]:
    """The trainer's process: it ends with the context, and with this process, whatever ends it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "core.retrain.child"),
        stdin=PIPE,
        stdout=PIPE,
        limit=LINE_LIMIT,
        start_new_session=True,  # a group of its own, that ends as one
    )
    try:
        assert process.stdin is not None  # noqa: S101 - it was asked for
        with suppress(ConnectionError):
            process.stdin.write(task.to_line().encode())
            await process.stdin.drain()
        yield process
    finally:
        with suppress(ProcessLookupError, PermissionError):  # it has ended
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _measured(trained: Sequence[TrainedPair]) -> list[tuple[Measures, Measures]] | None:
    try:
        return [(measure(Writer(one)), measure(Writer(two))) for one, two in trained]
    except Exception:  # a training is not lost for its statistics
        log.exception("what the models write could not be measured")
        return None


async def _from_store(work: Callable[[], Awaitable[T]]) -> T:
    """Ask the store, some times over: it may be away for a moment."""
    for left in reversed(range(TRIES)):
        try:
            return await work()
        except StoreError:
            if not left:
                raise
            await asyncio.sleep(2 * (TRIES - left))
    raise AssertionError("unreachable")
