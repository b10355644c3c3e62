"""Retrains: jobs asked for, cancelled, and tended so that none is lost; with the real engine."""

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from factories import SMALL, TEXT, make_corpus
from sqlalchemy import create_engine, make_url, text

from core.arena.corpora import Corpora
from core.arena.files import Files
from core.arena.store import Store
from core.errors import (
    CorpusError,
    CorpusTooShort,
    CorpusUnknown,
    EngineError,
    JobOver,
    JobRunning,
    JobUnnamed,
    RecipeUnknown,
    StoreError,
)
from core.lyrics.corpus import BUNDLED
from core.lyrics.recipe import ARTICLE, DEFAULT
from core.retrain.engine import SCHEDULE, WORKFLOW, Engine, workflow_of
from core.retrain.jobs import Job, Jobs
from core.retrain.progress import Progress
from core.retrain.retrains import MAX_SEED, REMEMBERED, STALE_AFTER, Retrains

LONG = TEXT * 12  # for the default recipe


class Seconds:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 5.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Place:
    """All that these tests work with."""

    url: str
    engine: Engine
    jobs: Jobs
    corpora: Corpora
    files: Files
    retrains: Retrains
    clock: Clock
    seconds: Seconds

    def engine_row(self, job: int) -> dict[str, Any] | None:
        """What the engine keeps of a job."""
        found = self.engine_sql(
            f"SELECT * FROM {self.schema}workflow_status"
            f" WHERE workflow_uuid = '{workflow_of(job)}'"
        )
        return found[0] if found else None

    def engine_sql(self, statement: str) -> list[dict[str, Any]]:
        engine = create_engine(self.url)
        try:
            with engine.begin() as connection:
                found = connection.execute(text(statement))
                return [{**row} for row in found.mappings()] if found.returns_rows else []
        finally:
            engine.dispose()

    @property
    def schema(self) -> str:
        return "" if make_url(self.url).get_backend_name() == "sqlite" else "dbos."

    def set_state(self, job: int, state: str) -> None:
        """Have the engine be somewhere with a job, as if a worker had brought it there."""
        self.engine_sql(
            f"UPDATE {self.schema}workflow_status SET status = '{state}'"
            f" WHERE workflow_uuid = '{workflow_of(job)}'"
        )

    async def state(self, job: int) -> str | None:
        return (await self.engine.states([job])).get(job)

    async def add(self, corpus: str = "small") -> Job:
        """A row of which the engine was never told."""
        return await self.jobs.add(make_corpus(corpus), SMALL, num_pairs=1, seed=5, by=None)

    async def claimed(self, worker: str = "w") -> Job:
        """A job that is being worked on, as the engine and the row have it."""
        job = await self.add()
        await self.engine.start(job.id)
        self.set_state(job.id, "PENDING")
        return await self.jobs.claim(job.id, worker)


@pytest.fixture
async def place(database: str, store: Store, tmp_path: Path, clock: Clock) -> AsyncIterator[Place]:
    url = database
    if "sqlite" in url:
        url = f"sqlite:///{tmp_path}/state/jobs.sqlite"
    engine, seconds, files = Engine(url), Seconds(), Files(tmp_path / "checkpoints")
    jobs, corpora = Jobs(store, clock), Corpora(store, files, clock)
    chance = random.Random(1)
    retrains = Retrains(jobs, corpora, engine, chance=chance, clock=clock, monotonic=seconds)
    yield Place(url, engine, jobs, corpora, files, retrains, clock, seconds)
    await engine.close()


def unreachable() -> Engine:
    """An engine whose database is away."""
    return Engine("postgresql+psycopg://nobody@127.0.0.1:9/nothing?connect_timeout=2")


# Asking


async def test_what_is_asked_for_is_kept_and_queued(place: Place) -> None:
    job = await place.retrains.ask(by=99, num_pairs=2)
    assert await place.jobs.active() == (job,)
    assert (job.corpus_name, job.recipe, job.num_pairs, job.asked_by) == (BUNDLED, DEFAULT, 2, 99)
    assert 0 <= job.seed < MAX_SEED
    assert await place.state(job.id) == "ENQUEUED"
    row = place.engine_row(job.id)
    assert row is not None
    assert row["name"] == WORKFLOW
    # A worker elsewhere has the text from the store, the bundled one as well.
    assert (await place.corpora.read(BUNDLED, job.corpus_sha256)).sha256 == job.corpus_sha256


async def test_corpus_recipe_and_seed_can_be_chosen(place: Place) -> None:
    await place.corpora.add(make_corpus("mine", LONG))
    job = await place.retrains.ask(corpus="mine", recipe="article", seed=12)
    assert (job.corpus_name, job.recipe, job.seed) == ("mine", ARTICLE, 12)
    assert job.corpus_sha256 == make_corpus("mine", LONG).sha256


async def test_what_cannot_be_done_is_told_at_once_and_nothing_is_kept(place: Place) -> None:
    await place.corpora.add(make_corpus("short", "分开\n" * 20))
    await place.corpora.add(make_corpus("gone", LONG))
    place.files.remove(f"corpora/{make_corpus('gone', LONG).sha256}.txt")
    with pytest.raises(CorpusUnknown, match=r"no corpus 'nothing'.*short"):
        await place.retrains.ask(corpus="nothing")
    with pytest.raises(RecipeUnknown, match=r"no recipe 'soup'.*default"):
        await place.retrains.ask(recipe="soup")
    with pytest.raises(CorpusTooShort, match="Corpus short leaves"):
        await place.retrains.ask(corpus="short")
    with pytest.raises(CorpusError, match="Add corpus gone again"):
        await place.retrains.ask(corpus="gone")
    assert await place.jobs.list() == ()


async def test_a_store_that_takes_nothing_is_told_and_nothing_is_kept(
    place: Place, tmp_path: Path
) -> None:
    (tmp_path / "checkpoints").write_text("in the way")
    with pytest.raises(StoreError, match="LYRICBOT_CHECKPOINTS"):
        await place.retrains.ask()
    assert await place.jobs.list() == ()


async def test_whoever_asks_again_is_told_which_job_runs(place: Place) -> None:
    job = await place.retrains.ask()
    with pytest.raises(JobRunning) as refused:
        await place.retrains.ask(recipe="article")
    assert refused.value.job == job.id
    await place.corpora.add(make_corpus("mine", LONG))
    other = await place.retrains.ask(corpus="mine")
    assert await place.jobs.active() == (job, other)


async def test_while_the_engine_is_away_a_job_is_kept_and_queued_when_it_is_back(
    place: Place,
) -> None:
    away = unreachable()
    lonely = Retrains(place.jobs, place.corpora, away, chance=random.Random(1), clock=place.clock)
    job = await lonely.ask()
    assert await place.jobs.active() == (job,)
    with pytest.raises(EngineError, match="LYRICBOT_JOBS_URL"):
        await lonely.check_engine()
    with pytest.raises(EngineError):
        await lonely.tend()
    assert await place.state(job.id) is None
    await place.retrains.check_engine()
    await place.retrains.tend()
    assert await place.state(job.id) == "ENQUEUED"
    assert (await lonely.cancel()).status == "cancelled"
    assert await place.state(job.id) == "ENQUEUED"
    await place.retrains.tend()
    assert await place.state(job.id) == "CANCELLED"


# Cancelling


@pytest.mark.parametrize("state", ["ENQUEUED", "PENDING"])
async def test_cancelled_the_engine_stops_it(place: Place, state: str) -> None:
    job = await place.retrains.ask()
    place.set_state(job.id, state)
    assert (await place.retrains.cancel(job.id)).status == "cancelled"
    assert await place.state(job.id) == "CANCELLED"
    await place.retrains.tend()
    assert (await place.jobs.get(job.id)).status == "cancelled"


async def test_without_a_number_the_one_job_is_meant(place: Place) -> None:
    with pytest.raises(JobUnnamed, match="no job to cancel"):
        await place.retrains.cancel()
    jobs = [await place.add(name) for name in "ab"]
    with pytest.raises(JobUnnamed, match=f"say which of {jobs[0].id}, {jobs[1].id}"):
        await place.retrains.cancel()
    await place.retrains.cancel(jobs[0].id)
    assert (await place.retrains.cancel()).id == jobs[1].id
    with pytest.raises(JobOver, match="cancelled"):
        await place.retrains.cancel(jobs[1].id)


# Tending


async def test_where_all_is_well_nothing_is_done(place: Place) -> None:
    await place.retrains.tend()
    queued = await place.retrains.ask()
    running = await place.claimed()
    rows = [place.engine_row(job.id) for job in (queued, running)]
    jobs = await place.jobs.list()
    for _ in range(3):
        await place.retrains.tend()
    assert [place.engine_row(job.id) for job in (queued, running)] == rows
    assert await place.jobs.list() == jobs


async def test_a_job_that_the_engine_was_never_told_of_is_queued(place: Place) -> None:
    job = await place.add()
    assert await place.state(job.id) is None
    for _ in range(2):
        await place.retrains.tend()
        assert await place.state(job.id) == "ENQUEUED"
    assert (await place.jobs.get(job.id)).status == "queued"


@pytest.mark.parametrize(
    "state", ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
)
async def test_a_job_whose_workflow_ended_without_a_word_fails_and_says_so(
    place: Place, state: str
) -> None:
    job = await place.claimed()
    place.set_state(job.id, state)
    await place.retrains.tend()
    failed = await place.jobs.get(job.id)
    assert failed.status == "failed"
    assert state in (failed.reason or "")
    await place.retrains.tend()
    assert await place.jobs.get(job.id) == failed


async def test_a_number_that_the_engine_knows_from_another_database_is_begun_anew(
    place: Place,
) -> None:
    job = await place.add()
    await place.engine.start(job.id)
    place.set_state(job.id, "SUCCESS")  # as a database that is gone had it
    await place.retrains.tend()
    assert await place.state(job.id) == "ENQUEUED"
    assert (await place.jobs.get(job.id)).status == "queued"


async def test_a_cancelled_job_that_the_engine_still_has_is_stopped(place: Place) -> None:
    jobs = [await place.claimed(), await place.add("other")]
    await place.engine.start(jobs[1].id)
    for job in jobs:
        await place.jobs.cancel(job.id)  # and whoever did that died before telling the engine
    place.clock.advance(REMEMBERED - timedelta(minutes=1))
    await place.retrains.tend()
    assert [await place.state(job.id) for job in jobs] == ["CANCELLED", "CANCELLED"]


async def test_a_job_is_taken_over_when_its_worker_was_silent_for_long_enough(
    place: Place,
) -> None:
    job = await place.claimed()
    await place.retrains.tend()
    place.clock.advance(timedelta(days=1))  # what hosts hold for the time is no matter
    place.seconds.now += STALE_AFTER
    await place.retrains.tend()
    assert await place.state(job.id) == "PENDING"
    place.seconds.now += 1
    await place.retrains.tend()
    assert await place.state(job.id) == "ENQUEUED"
    row = place.engine_row(job.id)
    assert row is not None
    assert row["queue_name"] == "retrain"
    # Taken up again it is given time again.
    place.set_state(job.id, "PENDING")
    await place.jobs.claim(job.id, "other")
    for _ in range(2):
        await place.retrains.tend()
        assert await place.state(job.id) == "PENDING"
        place.seconds.now += STALE_AFTER - 1


async def test_a_word_of_its_worker_gives_it_time_again(place: Place) -> None:
    job = await place.claimed()
    for _ in range(5):
        await place.retrains.tend()
        place.seconds.now += STALE_AFTER - 1
        place.clock.advance(timedelta(seconds=1))
        await place.jobs.tell(job.id, 1, Progress())
    await place.retrains.tend()
    assert await place.state(job.id) == "PENDING"


async def test_what_could_not_be_seen_is_no_proof_of_silence(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await place.claimed()
    await place.retrains.tend()
    for away in (place.jobs, place.engine):
        place.seconds.now += STALE_AFTER + 1
        with monkeypatch.context() as patched:
            patched.setattr(away, "active" if away is place.jobs else "states", _away)
            with pytest.raises(OSError, match="away"):
                await place.retrains.tend()
        await place.retrains.tend()
        assert await place.state(job.id) == "PENDING"
    place.seconds.now += STALE_AFTER + 1
    await place.retrains.tend()
    assert await place.state(job.id) == "ENQUEUED"


async def _away(*_: object) -> None:
    raise OSError("the database is away")


async def test_a_job_handed_back_is_queued_at_once(place: Place) -> None:
    job = await place.claimed()
    await place.retrains.hand_back(job.id)
    assert await place.state(job.id) == "ENQUEUED"


# Every Monday


async def test_a_schedule_is_set_changed_and_removed(place: Place) -> None:
    async def schedules() -> list[tuple[str, str]]:
        rows = place.engine_sql(
            f"SELECT schedule_name, schedule FROM {place.schema}workflow_schedules"
        )
        return [(row["schedule_name"], row["schedule"]) for row in rows]

    await place.engine.schedule(None)
    assert await schedules() == []
    for cron in ("0 4 * * 1", "0 4 * * 1", "30 5 * * *"):
        await place.engine.schedule(cron)
        assert await schedules() == [(SCHEDULE, cron)]
    await place.engine.schedule(None)
    assert await schedules() == []
