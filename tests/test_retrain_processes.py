"""`lyricbot worker` as processes of their own, ended by kill -9 at any moment."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import new_database
from factories import SMALL, TEXT, make_corpus
from processes import alive, below, children
from sqlalchemy import update

from core.arena.contest import Contest
from core.arena.corpora import Corpora
from core.arena.files import Files
from core.arena.migrate import upgrade
from core.arena.releases import Releases
from core.arena.schema import jobs
from core.arena.store import Store, persistently
from core.lyrics.corpus import Corpus
from core.lyrics.recipe import SAMPLERS, Network, Recipe
from core.retrain.engine import Engine
from core.retrain.jobs import Job, Jobs
from core.retrain.retrains import STALE_AFTER, Retrains
from core.retrain.workers import Workers

MAIN = "from bot.cli import main; main()"
# On a core of its own a worker trains in one process, which starts sooner than several.
ALONE = "import os; os.sched_setaffinity(0, {int(os.environ['CORE'])}); " + MAIN
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
CORPUS = make_corpus(text=TEXT)
SHORT = replace(
    SMALL,
    network=Network(num_hiddens=16, start="scaled"),
    batch_size=16,
    num_steps=20,
    num_epochs=40,
    held_out=0.1,
    lr=1e-2,
    report_every=10,
)
LONGER = replace(SHORT, num_epochs=150)
ENDLESS = replace(SHORT, num_epochs=100_000)

pytestmark = pytest.mark.skipif(
    not Path("/proc").exists(), reason="looks for child processes in /proc"
)


def now() -> datetime:
    return datetime.now(UTC)


class Site:
    """A database with its engine and a store of files, and workers on it."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.folder, self.database_url = folder, database_url
        self.jobs_url = (
            f"sqlite:///{folder}/state/jobs.sqlite" if "sqlite" in database_url else database_url
        )
        self.store, self.engine = Store(database_url), Engine(self.jobs_url)
        self.files = Files(folder / "checkpoints")
        self.jobs = Jobs(self.store, now)
        self.releases = Releases(self.store, self.files, now)
        self.corpora = Corpora(self.store, self.files, now)
        self.seconds = 0.0
        self.retrains = Retrains(
            self.jobs,
            self.corpora,
            self.engine,
            chance=random.Random(1),
            clock=now,
            monotonic=lambda: self.seconds,
        )

    async def close(self) -> None:
        await self.engine.close()
        await self.store.close()

    async def ask(self, recipe: Recipe = SHORT, corpus: Corpus = CORPUS) -> int:
        await self.corpora.keep(corpus)
        job = await self.jobs.add(corpus, recipe, num_pairs=1, seed=3, by=None)
        await self.engine.start(job.id)
        return job.id

    @contextmanager
    def worker(
        self, name: str = "one", *, core: int | None = 0
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A worker; `core` None: on all there are."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("LYRICBOT_")} | {
            "LYRICBOT_DATABASE_URL": self.database_url,
            "LYRICBOT_JOBS_URL": self.jobs_url,
            "LYRICBOT_STATE": str(self.folder / f"state-{name}"),
            "LYRICBOT_CHECKPOINTS": str(self.folder / "checkpoints"),
            "LYRICBOT_WORKER_NAME": name,
            "LYRICBOT_DEVICE": "cpu",
            "OMP_NUM_THREADS": "1",
            "CORE": str(CORES[(core or 0) % len(CORES)]),
            "PYTHONPATH": str(Path(__file__).parents[1]),
        }
        code = MAIN if core is None else ALONE
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", code, "worker"],
                env=environment,
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def log(self, name: str = "one") -> Path:
        return self.folder / f"{name}.log"

    def began(self, name: str = "one") -> list[int]:
        """The epochs that a worker's trainings began with."""
        lines = self.log(name).read_text().splitlines()
        return [
            int(word.removeprefix("epoch="))
            for line in lines
            if "core.retrain.attempt" in line
            for word in line.split()
            if word.startswith("epoch=")
        ]

    async def until(
        self, number: int, condition: Callable[[Job], Any], patience: float = 120
    ) -> Job:
        """Wait for something to be true of a job; a job that ends meanwhile is told."""

        async def look() -> Job | None:
            job = await persistently(lambda: self.jobs.get(number))
            if condition(job):
                return job
            assert job.active, f"{job.status}: {job.reason}\n{self.logs()}"
            return None

        found: Job = await until(look, patience, self.logs)
        return found

    async def published(self, number: int) -> Job:
        job = await self.until(number, lambda job: job.status == "published")
        assert job.release is not None
        return job

    async def saved(self, number: int) -> Job:
        """Wait until more is saved than by now."""
        epochs = (await self.jobs.get(number)).epochs
        return await self.until(number, lambda job: job.epochs > epochs)

    async def all_silent(self, number: int) -> None:
        """Let so much time pass that a job is taken from its worker, and not a second less."""
        job = await self.jobs.get(number)
        await self.retrains.tend()
        self.seconds += STALE_AFTER
        await self.retrains.tend()
        assert await self.engine.states([number]) == {number: "PENDING"}
        assert await self.jobs.get(number) == job
        self.seconds += 1
        await self.retrains.tend()

    async def all_gone(self, trainers: Sequence[int], within: float = 5) -> None:
        async def gone() -> bool:
            return not any(map(alive, trainers))

        await until(gone, within, lambda: f"{[*filter(alive, trainers)]} are alive")

    async def nothing_unfinished(self) -> None:
        """Wait until no folder of an unfinished training is left."""

        async def look() -> bool:
            return not list((self.folder / "checkpoints").glob("unfinished/*"))

        await until(look, 5, lambda: "unfinished: something is left")

    def logs(self) -> str:
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("*.log")))


async def until(
    condition: Callable[[], Awaitable[Any]], within: float, about: Callable[[], str]
) -> Any:
    """Wait for something to become true; the value it became."""
    try:
        async with asyncio.timeout(within):
            while not (value := await condition()):
                await asyncio.sleep(0.05)
            return value
    except TimeoutError:
        pytest.fail(f"{within} seconds have passed\n{about()}")


@asynccontextmanager
async def opened(folder: Path, url: str = "") -> AsyncIterator[Site]:
    url = url or f"sqlite+aiosqlite:///{folder}/app.sqlite"
    await upgrade(url)
    site = Site(folder, url)
    yield site
    await site.close()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """On SQLite, without a worker."""
    async with opened(tmp_path) as site:
        yield site


@pytest.fixture
async def on_postgres(tmp_path: Path, postgres: str) -> AsyncIterator[Site]:
    async with opened(tmp_path, new_database(postgres)) as site:
        yield site


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """A place on SQLite whose worker is the same for several tests, since starting takes long."""
    folder = tmp_path_factory.mktemp("kept")

    async def open_and_close() -> Site:
        async with opened(folder) as site:
            return site

    with asyncio.run(open_and_close()).worker() as worker:
        yield folder, worker.pid


@pytest.fixture
async def here(kept: tuple[Path, int]) -> AsyncIterator[Site]:
    """On SQLite, with a worker."""
    async with opened(kept[0]) as site:
        yield site


@pytest.fixture
def worker(kept: tuple[Path, int]) -> int:
    """The pid of that worker."""
    return kept[1]


# One worker


async def test_a_job_is_published_and_a_duel_can_be_written(here: Site, worker: int) -> None:
    number = await here.ask()
    job = await here.published(number)
    await here.nothing_unfinished()
    (info,) = await Workers(here.store, now).alive()
    assert (info.name, info.pid, info.device) == ("one-0", worker, "cpu")
    assert (job.attempt, job.worker, job.epochs) == (1, "one-0", SHORT.num_epochs + 1)
    assert job.progress is not None
    assert (job.progress.stage, job.progress.epoch) == ("publishing", SHORT.num_epochs)
    assert set(job.progress.samples) == set(SAMPLERS)
    release = await here.releases.current()
    assert release is not None
    assert release.number == job.release
    assert all(model.measures is not None for model in release.models)
    lasts, chance = timedelta(hours=1), random.Random(1)
    contest = Contest(here.store, here.releases, duel_lasts=lasts, chance=chance, clock=now)
    duel = await contest.open_duel(7, "分开")
    assert duel.text_1.startswith("分开")
    assert len(duel.text_2.splitlines()) > 1


async def test_a_killed_trainer_is_started_again_by_the_same_worker(
    here: Site, worker: int
) -> None:
    before = len(here.began())
    number = await here.ask(LONGER)
    await here.saved(number)
    (trainer,) = children(worker)
    os.kill(trainer, signal.SIGKILL)
    job = await here.published(number)
    assert (job.attempt, job.worker) == (2, "one-0")
    first, second = here.began()[before:]
    assert first == 0 < second
    assert "cut short" in here.logs()
    assert children(worker) == []
    await here.nothing_unfinished()


async def test_cancelled_it_is_over_within_seconds_and_leaves_nothing_behind(
    here: Site, worker: int
) -> None:
    number = await here.ask(ENDLESS)
    await here.saved(number)
    trainers = below(worker)
    assert trainers
    assert (await here.retrains.cancel(number)).status == "cancelled"
    await here.all_gone(trainers, within=5)
    await here.nothing_unfinished()
    assert (await here.jobs.get(number)).status == "cancelled"
    assert below(worker) == []


@pytest.mark.parametrize("damage", ["gone", "damaged"])
async def test_a_job_whose_text_is_lost_fails_and_says_so(here: Site, damage: str) -> None:
    corpus = make_corpus(damage, TEXT + damage)
    file = here.folder / "checkpoints" / "corpora" / f"{corpus.sha256}.txt"
    await here.corpora.keep(corpus)
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-3])
    job = await here.jobs.add(corpus, SHORT, num_pairs=1, seed=3, by=None)
    await here.engine.start(job.id)
    failed = await here.until(job.id, lambda job: not job.active)
    assert failed.status == "failed"
    assert f"{corpus.sha256}.txt" in (failed.reason or "")
    assert f"Add corpus {damage} again" in (failed.reason or "")
    await here.nothing_unfinished()


async def test_a_job_of_another_versions_recipe_fails_and_says_so(here: Site) -> None:
    corpus = make_corpus("of the future", TEXT)
    await here.corpora.keep(corpus)
    job = await here.jobs.add(corpus, SHORT, num_pairs=1, seed=3, by=None)
    async with here.store.write() as connection:
        settings = SHORT.to_json() | {"dilation": 3}
        await connection.execute(update(jobs).where(jobs.c.id == job.id).values(recipe=settings))
    await here.engine.start(job.id)
    failed = await here.until(job.id, lambda job: not job.active)
    assert failed.status == "failed"
    assert "another version of lyricbot" in (failed.reason or "")
    assert "dilation" in (failed.reason or "")


async def test_a_job_that_diverges_fails_and_the_old_release_stays(
    here: Site, worker: int
) -> None:
    before = await here.releases.current()
    number = await here.ask(replace(SHORT, lr=1e6))
    failed = await here.until(number, lambda job: not job.active)
    assert failed.status == "failed"
    assert "The model of random sampling" in (failed.reason or "")
    assert await here.releases.current() == before
    await here.nothing_unfinished()
    assert below(worker) == []


# Killed


async def test_killed_by_9_in_the_middle_three_times_it_goes_on_and_publishes_once(
    site: Site,
) -> None:
    number = await site.ask(LONGER)
    saved = [0]
    for core in (None, 0, 1):
        with site.worker(core=core) as worker:
            saved.append((await site.saved(number)).epochs)
            trainers = below(worker.pid)
            worker.kill()
            worker.wait()
            await site.all_gone(trainers)
        assert len(trainers) >= (3 if core is None and len(CORES) > 1 else 1)
    with site.worker():
        job = await site.published(number)
        await site.nothing_unfinished()
    assert job.attempt == 4
    began = site.began()
    assert len(began) == 4
    assert began[0] == 0 < began[1] < began[2] < began[3]
    assert all(at >= known for at, known in zip(began, saved, strict=True))
    assert [release.number for release in await site.releases.list()] == [job.release]


async def test_another_worker_takes_over_from_one_that_hangs_or_is_killed_for_good(
    site: Site,
) -> None:
    number = await site.ask(LONGER)
    with site.worker("first") as first, site.worker("second", core=1) as second:
        job = await site.saved(number)
        workers = {"first-0": first, "second-0": second}
        owner = workers.pop(str(job.worker))
        ((heir_name, heir),) = workers.items()
        hanging = [owner.pid, *below(owner.pid)]
        for pid in hanging:
            os.kill(pid, signal.SIGSTOP)
        await site.all_silent(number)
        await site.until(number, lambda job: job.attempt == 2 and job.worker == heir_name)
        owner.send_signal(signal.SIGCONT)  # whatever it was about to say, it is not asked
        await site.all_gone(hanging[1:])
        await site.retrains.tend()
        assert (await site.saved(number)).attempt == 2
        assert await site.engine.states([number]) == {number: "PENDING"}
        trainers = below(heir.pid)
        heir.kill()
        await site.all_gone(trainers)
        await site.all_silent(number)
        done = await site.published(number)
    assert (done.worker, done.attempt) == (job.worker, 3)
    first_began, last_began = site.began(str(job.worker).removesuffix("-0"))
    (between,) = site.began(heir_name.removesuffix("-0"))
    assert first_began == 0 < between < last_began
    assert len(await site.releases.list()) == 1


# Several workers


async def test_two_workers_work_at_once_and_one_goes_on_with_what_the_other_gave_back(
    on_postgres: Site,
) -> None:
    site = on_postgres
    numbers = [await site.ask(SHORT, make_corpus(name, TEXT + name)) for name in "ab"]
    with site.worker("first") as first, site.worker("second", core=1) as second:
        workers = {"first-0": first, "second-0": second}
        running = [await site.until(n, lambda job: job.status == "running") for n in numbers]
        assert {job.worker for job in running} == {*workers}
        given_back = next(job for job in running if job.worker == "first-0")
        assert given_back.epochs == 0
        trainers = below(first.pid)
        first.terminate()
        assert await asyncio.to_thread(first.wait, 20) == 0
        job = await site.jobs.get(given_back.id)
        assert (job.fruitless, job.attempt) in [(0, 1), (1, 2)]  # the other may have it already
        await site.all_gone(trainers)
        done = [await site.published(number) for number in numbers]
    assert {(job.worker, job.attempt) for job in done} == {("second-0", 1), ("second-0", 2)}
    assert {job.release for job in done} == {r.number for r in await site.releases.list()}
    assert [worker.name for worker in await Workers(site.store, now).alive()] == ["second-0"]
