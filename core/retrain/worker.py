"""The worker: takes jobs from the queue and does them, one at a time. A composition root.

The engine (DBOS) runs a job as one workflow of three steps: train, judge, publish. Steps that were
finished are not done again, whatever happens. An execution that was cut short is run again, by
this worker when it is back or by another: then as an attempt of its own.
"""

import asyncio
import os
import random
import signal
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from socket import gethostname
from typing import Any

import structlog

from core.arena.corpora import Corpora
from core.arena.files import Files
from core.arena.migrate import upgrade
from core.arena.releases import Releases
from core.arena.store import UNUSABLE, Store, persistently
from core.disk import check_room
from core.errors import JobUnknown, LyricbotError, StoreError, Superseded, TrainerMissing
from core.explaining import explain, raised_at
from core.monitor import Check, monitor, process_registry
from core.retrain import engine
from core.retrain.attempt import Attempt, Means
from core.retrain.engine import Engine
from core.retrain.jobs import Job, Jobs
from core.retrain.retrains import Retrains
from core.retrain.slot import hold_slot
from core.retrain.workers import WorkerInfo, Workers
from core.retrain.workplace import Workplace
from core.settings import Settings

log = structlog.get_logger(__name__)
NICE = 10
SIGN_EVERY = 5.0  # seconds
SWEPT = 20  # of the latest jobs are looked at
SWEEP_EVERY = timedelta(minutes=1)
STOP_WITHIN = 4.0  # seconds
GRACE = 5.0  # seconds in which a worker whose parent is gone may give its job back


class Worker:
    """One worker, on one slot of this host."""

    def __init__(
        self, means: Means, workers: Workers, retrains: Retrains, info: WorkerInfo
    ) -> None:
        self._means = means
        self._workers = workers
        self._retrains = retrains
        self.info = info
        self._attempts: set[Attempt] = set()
        self._stopping = False

    async def retrain(self, number: int) -> None:
        """The workflow of a job. Claiming is no step: each execution is an attempt."""
        if self._stopping:
            raise asyncio.CancelledError
        attempt = await self._claim(number)
        if attempt is None:
            return
        self._attempts.add(attempt)
        try:
            async with attempt.alive():
                shas = await self._step("train", attempt.train, preemptible=True)
                await self._step("judge", lambda: attempt.judge(shas))
                release = await self._step("publish", lambda: attempt.publish(shas))
            log.info("published", job=number, release=release)
        except Superseded as error:
            log.info("stopped", job=number, why=explain(error))
        except (LyricbotError, OSError) as error:
            await attempt.fail(error)
        finally:
            self._attempts.discard(attempt)
            if not self._stopping:
                await self.clear(number)

    async def scheduled(self) -> None:
        """The workflow that a schedule starts: ask for what the current release was made of."""
        current = await self._means.releases.current()
        try:
            if current is None:
                await self._retrains.ask()
            else:
                await self._retrains.ask(
                    corpus=current.corpus_name,
                    recipe=current.recipe_name,
                    num_pairs=len(current.pairs),
                )
        except LyricbotError as error:  # one that runs already, or a corpus that is gone
            log.warning("nothing was asked for on schedule", why=explain(error))

    @property
    def checks(self) -> dict[str, Check]:
        """What /healthz checks."""

        async def checkpoints() -> None:
            await asyncio.to_thread(self._means.files.reach)

        async def disk() -> None:
            places = (self._means.settings.state, self._means.files.local)
            await asyncio.to_thread(check_room, filter(None, places))

        return {
            "database": self._means.store.check,
            "engine": self._retrains.check_engine,
            "checkpoints": checkpoints,
            "disk": disk,
        }

    def make_place(self) -> None:
        """Make the folder of models and corpora, if it is to be one.

        Raises:
            StoreError: if it cannot be made.
        """
        self._means.files.make()

    async def clear(self, number: int) -> None:
        """Leave nothing behind of a job, if it is over."""
        try:
            job = await persistently(lambda: self._means.jobs.get(number))
        except JobUnknown:  # a backup was restored that knows nothing of it
            return
        if not job.active:
            await asyncio.to_thread(self._clear, job)

    async def sweep(self) -> None:
        """Leave nothing behind of jobs that ended while no worker could see to it."""
        since = datetime.min.replace(tzinfo=UTC)  # at the start whenever it was
        while True:
            for job in await persistently(lambda: self._means.jobs.list(SWEPT)):
                if job.ended_at is not None and job.ended_at > since:
                    await asyncio.to_thread(self._clear, job)
            since = _now() - 2 * SWEEP_EVERY
            await asyncio.sleep(SWEEP_EVERY.total_seconds())

    def _clear(self, job: Job) -> None:
        workplace = Workplace(self._means.files, self._means.settings.state, job)
        with suppress(StoreError, OSError):
            if workplace.is_there():
                workplace.clear()

    async def sign(self) -> None:
        """Say every few seconds that this worker is alive."""
        while True:
            try:
                await self._workers.sign(self.info)
            except UNUSABLE as error:
                log.warning("no sign could be given", why=explain(error))
            await asyncio.sleep(SIGN_EVERY)

    async def stop(self) -> None:
        """Give unfinished jobs back, so that another worker may go on at once."""
        self._stopping = True
        try:
            async with asyncio.timeout(STOP_WITHIN):
                for attempt in tuple(self._attempts):
                    await attempt.let_go()
                    await self._retrains.hand_back(attempt.job.id)
                await self._workers.leave(self.info.name)
        except UNUSABLE as error:  # a TimeoutError is one: whoever tends the jobs finds them
            log.warning("nothing could be given back", why=explain(error))

    async def _claim(self, number: int) -> Attempt | None:
        try:
            return await Attempt.claim(self._means, number, self.info.name)
        except Superseded as error:
            log.info("not taken up", job=number, why=explain(error))
            await self.clear(number)
        except LyricbotError as error:
            log.error("the job has failed", job=number, why=explain(error))
            fail = partial(self._means.jobs.fail, number, None, str(error))
            with suppress(Superseded):
                await persistently(fail)
        return None

    async def _step(
        self, name: str, work: Callable[[], Awaitable[Any]], *, preemptible: bool = False
    ) -> Any:
        """A step of the workflow: once it has ended it is never done again.

        What is refused on purpose travels as a value: the engine would keep an exception without
        its kind.
        """
        from dbos import DBOS

        async def told() -> Any:
            try:
                return {"done": await work()}
            except Superseded as error:
                if self._stopping:  # nothing of this is to be kept: the job goes on elsewhere
                    raise asyncio.CancelledError from error
                return {"superseded": str(error)}
            except (LyricbotError, OSError) as error:
                return {"failed": str(error)}
            except Exception as error:  # a fault of ours
                return {"failed": f"unexpected: {explain(error)} at {raised_at(error)}"}

        options: Any = {"name": name, "preemptible": preemptible}
        outcome = await DBOS.run_step_async(options, told)
        if "superseded" in outcome:
            raise Superseded(outcome["superseded"])
        if "failed" in outcome:
            raise LyricbotError(outcome["failed"])
        return outcome["done"]


def run_worker(settings: Settings, *, with_parent: bool = False) -> None:
    """Work until told to stop; `with_parent`: or until the input is closed, by whatever end.

    With a parent it serves no /healthz: the parent's covers it, and has the address.

    Raises:
        TrainerMissing: without torch.
        SettingsError, DatabaseError, EngineError: where something cannot be used.
    """
    device = find_device(settings)
    if with_parent:
        settings = settings.model_copy(update={"http": None})
        os.nice(NICE)  # people are answered first, on the same cores
    asyncio.run(_run(settings, device, with_parent=with_parent))


def describe_device(settings: Settings) -> list[str]:
    """What this host has to train on, and what is taken; a line each.

    Raises:
        TrainerMissing, SettingsError.
    """
    find_device(settings)
    from core.rnn.found import describe

    return describe(settings.device)


def find_device(settings: Settings) -> str:
    """The device to train on, by its name.

    Raises:
        TrainerMissing, SettingsError.
    """
    try:
        from core.rnn.device import choose_device
    except ModuleNotFoundError as error:
        raise TrainerMissing(
            "A worker needs torch, which is not installed here: pip install 'lyricbot[train]'"
        ) from error
    return str(choose_device(settings.device))


async def _run(settings: Settings, device: str, *, with_parent: bool) -> None:
    stopping = asyncio.Event()
    if with_parent:
        stop = partial(asyncio.get_running_loop().call_soon_threadsafe, stopping.set)
        threading.Thread(target=_wait_for_parent, args=(stop,), daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    with hold_slot(settings.state, settings.worker_name) as name:
        async with _opened(settings, device, name) as worker:
            log.info("working", worker=name, device=device)
            async with _monitored(settings, worker), asyncio.TaskGroup() as group:
                signing = group.create_task(worker.sign())
                sweeping = group.create_task(worker.sweep())
                await stopping.wait()
                log.info("stopping", worker=name)
                signing.cancel()
                sweeping.cancel()
                await worker.stop()


@asynccontextmanager
async def _monitored(settings: Settings, worker: Worker) -> AsyncIterator[None]:
    """Serve /healthz and /metrics where LYRICBOT_HTTP says, if it says so."""
    if settings.http_address is None:
        yield
        return
    with suppress(StoreError):  # /healthz will say so
        await asyncio.to_thread(worker.make_place)
    registry = process_registry()
    async with monitor(settings.http_address, worker.checks, registry):
        yield


@asynccontextmanager
async def _opened(settings: Settings, device: str, name: str) -> AsyncIterator[Worker]:
    """Build everything, launch the engine; close all again at the end."""
    await upgrade(settings.database_url)
    await asyncio.to_thread(engine.prepare, settings.engine_url)
    store = Store(settings.database_url)
    asking = Engine(settings.engine_url)
    try:
        files = Files(settings.checkpoints)
        jobs, corpora = Jobs(store, _now), Corpora(store, files, _now)
        means = Means(settings, store, jobs, corpora, Releases(store, files, _now), files)
        retrains = Retrains(jobs, corpora, asking, chance=random.SystemRandom(), clock=_now)
        info = WorkerInfo(name, gethostname(), os.getpid(), device, _now())
        worker = Worker(means, Workers(store, _now), retrains, info)
        async with _launched(settings.engine_url, worker):
            try:
                yield worker
            finally:  # before the engine ends, and with it the threads that it gave the loop
                await asking.close()
    finally:
        await store.close()


@asynccontextmanager
async def _launched(url: str, worker: Worker) -> AsyncIterator[None]:
    """The engine, running this worker's workflows until the context is left."""
    from dbos import DBOS

    async def retrain(number: int) -> None:
        await worker.retrain(number)

    async def scheduled(_when: object, _context: object) -> None:
        await worker.scheduled()

    engine.quiet()
    DBOS(
        config={
            "name": engine.APPLICATION,
            "system_database_url": url,
            "executor_id": worker.info.name,
            "application_version": engine.VERSION,
            "serializer": engine.serializer(),
            "log_level": "WARNING",
        }
    )
    DBOS.workflow(name=engine.WORKFLOW)(retrain)
    DBOS.workflow(name=engine.SCHEDULED)(scheduled)
    DBOS.listen_queues([engine.QUEUE])
    DBOS.launch()
    await DBOS.register_queue_async(engine.QUEUE, worker_concurrency=1)
    try:
        yield
    finally:
        DBOS.destroy()


def _wait_for_parent(stop: Callable[[], object]) -> None:
    while os.read(0, 1):
        pass
    stop()
    time.sleep(GRACE)
    os._exit(1)


def _now() -> datetime:
    return datetime.now(UTC)
