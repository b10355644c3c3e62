"""Jobs: the row says who may speak for one, on both databases."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import Clock
from factories import SMALL, make_corpus, make_pair
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from core.arena.files import Files
from core.arena.releases import Releases
from core.arena.schema import jobs as table
from core.arena.schema import releases as release_table
from core.arena.store import Store
from core.errors import JobOver, JobRunning, JobUnknown, Superseded
from core.retrain.jobs import TRIES, Job, Jobs
from core.retrain.progress import Progress

Speech = Callable[[Jobs, int, int], Awaitable[None]]


@pytest.fixture
def jobs(store: Store, clock: Clock) -> Jobs:
    return Jobs(store, clock)


@pytest.fixture
def releases(store: Store, tmp_path: Path, clock: Clock) -> Releases:
    return Releases(store, Files(tmp_path / "checkpoints"), clock)


async def add(jobs: Jobs, corpus: str = "small") -> Job:
    return await jobs.add(make_corpus(corpus), SMALL, num_pairs=2, seed=5, by=99)


async def num_releases(store: Store) -> int:
    async with store.read() as connection:
        return await connection.scalar(select(func.count()).select_from(release_table)) or 0


async def publish(releases: Releases, jobs: Jobs, number: int, attempt: int) -> int:
    within = jobs.publishing(number, attempt)
    return (await releases.publish([make_pair()], within=within)).number


async def let_lie(jobs: Jobs, number: int, times: int) -> None:
    """So many attempts, none of which comes to anything."""
    for _ in range(times):
        await jobs.claim(number, "w")


SPEECHES: dict[str, Speech] = {
    "tell": lambda jobs, number, attempt: jobs.tell(number, attempt, Progress()),
    "saved": lambda jobs, number, attempt: jobs.saved(number, attempt, 7),
    "check": lambda jobs, number, attempt: jobs.check(number, attempt),
    "let go": lambda jobs, number, attempt: jobs.let_go(number, attempt),
    "fail": lambda jobs, number, attempt: jobs.fail(number, attempt, "no"),
}
each_speech = pytest.mark.parametrize("speech", SPEECHES.values(), ids=SPEECHES.keys())


# Asked for


async def test_a_new_job_is_queued_and_holds_all_that_a_worker_needs(
    jobs: Jobs, clock: Clock
) -> None:
    job = await add(jobs)
    assert (job.corpus_name, job.corpus_sha256) == ("small", make_corpus().sha256)
    assert (job.recipe, job.recipe_name, job.num_pairs, job.seed) == (SMALL, SMALL.name, 2, 5)
    assert (job.asked_by, job.asked_at, job.status, job.active) == (99, clock(), "queued", True)
    assert (job.attempt, job.fruitless, job.epochs) == (0, 0, 0)
    assert [job.worker, job.progress, job.seen_at, job.started_at, job.ended_at] == [None] * 5
    assert (job.release, job.reason) == (None, None)
    assert await jobs.get(job.id) == job


async def test_a_corpus_has_one_active_job_and_whoever_asks_again_is_told_which(
    jobs: Jobs,
) -> None:
    job = await add(jobs)
    other = await add(jobs, "other")
    for _ in ("queued", "running"):
        with pytest.raises(JobRunning, match=f"small.*job {job.id}") as refused:
            await add(jobs)
        assert refused.value.job == job.id
        await jobs.claim(job.id, "w")
    assert await jobs.active() == (await jobs.get(job.id), other)
    await jobs.cancel(job.id)
    again = await add(jobs)
    assert await jobs.active() == (other, again)


async def test_asked_for_by_ten_at_once_there_is_one(jobs: Jobs) -> None:
    done = await asyncio.gather(*(add(jobs) for _ in range(10)), return_exceptions=True)
    (job,) = [one for one in done if isinstance(one, Job)]
    refused = [one for one in done if isinstance(one, JobRunning)]
    assert [one.job for one in refused] == [job.id] * 9
    assert await jobs.list() == (job,)


async def test_the_list_is_the_newest_first(jobs: Jobs) -> None:
    assert await jobs.list() == ()
    made = [await add(jobs, name) for name in "abc"]
    assert await jobs.list() == (*reversed(made),)
    assert await jobs.list(2) == (made[2], made[1])


async def test_a_job_that_never_was_is_unknown(jobs: Jobs) -> None:
    with pytest.raises(JobUnknown, match="no job 7"):
        await jobs.get(7)
    with pytest.raises(JobUnknown, match="no job 7"):
        await jobs.cancel(7)
    with pytest.raises(Superseded, match="7"):
        await jobs.claim(7, "w")


async def test_a_job_of_another_versions_recipe_can_be_listed_but_not_trained(
    jobs: Jobs, store: Store
) -> None:
    job = await add(jobs)
    for settings in (SMALL.to_json() | {"dilation": 3}, {"name": "of long ago"}):
        async with store.write() as connection:
            await connection.execute(update(table).values(recipe=settings))
        (listed,) = await jobs.list()
        assert (listed.id, listed.recipe_name) == (job.id, settings["name"])
        with pytest.raises((TypeError, KeyError)):
            _ = listed.recipe
    assert (await jobs.claim(job.id, "w")).attempt == 1


# Taken up


async def test_each_claim_is_an_attempt_of_its_own(jobs: Jobs, clock: Clock) -> None:
    number, began = (await add(jobs)).id, clock()
    for attempt in range(1, TRIES + 1):
        job = await jobs.claim(number, f"w-{attempt}")
        assert (job.status, job.attempt, job.fruitless) == ("running", attempt, attempt)
        assert (job.worker, job.started_at, job.seen_at) == (f"w-{attempt}", began, clock())
        assert await jobs.get(number) == job
        clock.advance(timedelta(minutes=1))


async def test_claimed_by_several_at_once_each_has_an_attempt_and_the_last_may_speak(
    jobs: Jobs,
) -> None:
    number = (await add(jobs)).id
    done = await asyncio.gather(*(jobs.claim(number, f"w-{i}") for i in range(TRIES)))
    assert sorted(job.attempt for job in done) == [1, 2, 3]
    for job in done:
        if job.attempt == 3:
            await jobs.check(number, 3)
            assert (await jobs.get(number)).worker == job.worker
        else:
            with pytest.raises(Superseded):
                await jobs.check(number, job.attempt)


@each_speech
async def test_an_earlier_attempt_may_not_speak_for_a_job_and_changes_nothing(
    jobs: Jobs, speech: Speech
) -> None:
    number = (await add(jobs)).id
    await let_lie(jobs, number, 2)
    before = await jobs.get(number)
    with pytest.raises(Superseded, match=str(number)):
        await speech(jobs, number, 1)
    assert await jobs.get(number) == before
    await speech(jobs, number, 2)


@each_speech
async def test_nobody_may_speak_for_a_job_that_is_queued_or_over(
    jobs: Jobs, speech: Speech, releases: Releases
) -> None:
    cancelled, failed, published, back = [(await add(jobs, name)).id for name in "abcd"]
    for number in (cancelled, failed, published, back):
        await jobs.claim(number, "w")
    await jobs.cancel(cancelled)
    await jobs.fail(failed, None, "enough")
    await publish(releases, jobs, published, 1)
    await jobs.let_go(back, 1)
    before = await jobs.list()
    for number in (cancelled, failed, published, back):
        with pytest.raises(Superseded):
            await speech(jobs, number, 1)
    assert await jobs.list() == before


async def test_what_is_told_is_kept_with_the_time(jobs: Jobs, clock: Clock) -> None:
    number = (await add(jobs)).id
    await jobs.claim(number, "w")
    clock.advance(timedelta(seconds=9))
    progress = Progress(
        "training", "cpu", 3, 9, {"random": 2.5, "consecutive": None}, {}, 4.0, {"random": "分开"}
    )
    await jobs.tell(number, 1, progress)
    job = await jobs.get(number)
    assert (job.progress, job.seen_at) == (progress, clock())


# Fruitless


async def test_after_three_fruitless_attempts_the_fourth_fails_the_job_and_says_why(
    jobs: Jobs, clock: Clock
) -> None:
    number = (await add(jobs)).id
    await let_lie(jobs, number, TRIES)
    with pytest.raises(Superseded, match="failed"):
        await jobs.claim(number, "w")
    job = await jobs.get(number)
    assert (job.status, job.ended_at) == ("failed", clock())
    assert "3 attempts" in (job.reason or "")
    with pytest.raises(Superseded, match="over"):
        await jobs.claim(number, "w")


async def test_a_save_that_holds_more_than_ever_makes_attempts_fruitful(jobs: Jobs) -> None:
    number = (await add(jobs)).id
    for attempt, epochs in ((3, 1), (6, 4)):
        await let_lie(jobs, number, TRIES)
        await jobs.saved(number, attempt, epochs)
        job = await jobs.get(number)
        assert (job.fruitless, job.epochs, job.status) == (0, epochs, "running")
    for attempt, epochs in ((7, 4), (8, 3), (9, 1)):  # nothing that was not there before
        await jobs.claim(number, "w")
        await jobs.saved(number, attempt, epochs)
        assert (await jobs.get(number)).epochs == 4
    with pytest.raises(Superseded, match="failed"):
        await jobs.claim(number, "w")


async def test_a_job_given_back_is_queued_and_the_attempt_is_not_held_against_it(
    jobs: Jobs,
) -> None:
    number = (await add(jobs)).id
    for attempt in range(1, 3 * TRIES):
        await jobs.claim(number, "w")
        await jobs.let_go(number, attempt)
        job = await jobs.get(number)
        assert (job.status, job.attempt, job.fruitless) == ("queued", attempt, 0)
    attempt = (await jobs.claim(number, "w")).attempt
    await jobs.saved(number, attempt, 1)
    await jobs.let_go(number, attempt)
    assert (await jobs.get(number)).fruitless == 0


# Ended


async def test_cancelled_it_is_over_for_good(jobs: Jobs, clock: Clock) -> None:
    queued, running = await add(jobs, "a"), await add(jobs, "b")
    await jobs.claim(running.id, "w")
    clock.advance(timedelta(minutes=1))
    for number in (queued.id, running.id):
        job = await jobs.cancel(number)
        assert (job.status, job.active, job.ended_at) == ("cancelled", False, clock())
        with pytest.raises(JobOver, match="over already: cancelled"):
            await jobs.cancel(number)
        with pytest.raises(Superseded):
            await jobs.claim(number, "w")
    assert await jobs.active() == ()


async def test_those_cancelled_of_late_are_known(jobs: Jobs, clock: Clock) -> None:
    long_ago, failed, of_late = [(await add(jobs, name)).id for name in "abc"]
    await jobs.cancel(long_ago)
    moment = clock()
    clock.advance(timedelta(minutes=1))
    await jobs.fail(failed, None, "no")
    await jobs.cancel(of_late)
    assert [job.id for job in await jobs.cancelled_since(moment)] == [of_late]


async def test_failed_it_says_why(jobs: Jobs, clock: Clock) -> None:
    mine, anyones = await add(jobs, "a"), await add(jobs, "b")
    await jobs.claim(mine.id, "w")
    await jobs.fail(mine.id, 1, "the disk is full")
    await jobs.fail(anyones.id, None, "nobody came")
    for number, reason in ((mine.id, "the disk is full"), (anyones.id, "nobody came")):
        job = await jobs.get(number)
        assert (job.status, job.reason, job.ended_at) == ("failed", reason, clock())
        with pytest.raises(Superseded):
            await jobs.fail(number, None, "again")


# Published


async def test_a_job_and_its_release_are_published_together(
    jobs: Jobs, releases: Releases, clock: Clock
) -> None:
    number = (await add(jobs)).id
    await jobs.claim(number, "w")
    clock.advance(timedelta(minutes=1))
    release = await publish(releases, jobs, number, 1)
    job = await jobs.get(number)
    assert (job.status, job.release, job.ended_at) == ("published", release, clock())
    assert (await releases.get(release)).is_current


async def test_what_an_earlier_attempt_publishes_leaves_no_release(
    jobs: Jobs, releases: Releases, store: Store
) -> None:
    number = (await add(jobs)).id
    await let_lie(jobs, number, 2)
    with pytest.raises(Superseded):
        await publish(releases, jobs, number, 1)
    assert await num_releases(store) == 0
    assert await releases.current() is None
    assert (await jobs.get(number)).status == "running"
    assert await publish(releases, jobs, number, 2) >= 1
    assert await num_releases(store) == 1


async def test_a_job_is_published_once(jobs: Jobs, releases: Releases, store: Store) -> None:
    number = (await add(jobs)).id
    await jobs.claim(number, "w")
    release = await publish(releases, jobs, number, 1)
    with pytest.raises(Superseded):
        await publish(releases, jobs, number, 1)
    assert await num_releases(store) == 1
    assert (await jobs.get(number)).release == release


async def test_published_by_several_at_once_there_is_one_release(
    jobs: Jobs, releases: Releases, store: Store
) -> None:
    number = (await add(jobs)).id
    await jobs.claim(number, "w")
    done = await asyncio.gather(
        *(publish(releases, jobs, number, 1) for _ in range(5)), return_exceptions=True
    )
    (release,) = [one for one in done if isinstance(one, int)]
    assert [type(one) for one in done].count(Superseded) == 4
    assert await num_releases(store) == 1
    assert (await jobs.get(number)).release == release


async def test_published_or_cancelled_it_is_never_both(
    jobs: Jobs, releases: Releases, store: Store
) -> None:
    for expected in range(4):
        number = (await add(jobs)).id
        await jobs.claim(number, "w")
        before = await num_releases(store)
        await asyncio.gather(
            publish(releases, jobs, number, 1), jobs.cancel(number), return_exceptions=True
        )
        job, made = await jobs.get(number), await num_releases(store) - before
        assert (job.status, made, job.release is None) in [
            ("published", 1, False),
            ("cancelled", 0, True),
        ], expected


@pytest.mark.parametrize("values", [{"status": "published"}, {"status": "done"}])
async def test_the_database_itself_refuses_a_status_that_cannot_be(
    jobs: Jobs, store: Store, values: dict[str, str]
) -> None:
    await add(jobs)
    with pytest.raises(IntegrityError):
        async with store.write() as connection:
            await connection.execute(update(table).values(values))


async def test_the_recipe_comes_back_as_it_was(jobs: Jobs) -> None:
    recipe = replace(SMALL, lr=0.1 + 0.2, patience=2, held_out=0.25)
    job = await jobs.add(make_corpus(), recipe, num_pairs=1, seed=2**31, by=None)
    assert (job.recipe, job.recipe.hash) == (recipe, recipe.hash)
    assert (job.seed, job.asked_by) == (2**31, None)
