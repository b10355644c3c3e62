"""Releases: published whole or not at all, each model under its file's sha256."""

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Clock
from factories import SMALL, make_checkpoint, make_pair
from sqlalchemy import Table, func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from core.arena.releases import Model, Release, Releases
from core.arena.schema import activations, models, pairs, releases
from core.arena.store import Store
from core.errors import CheckpointError
from core.lyrics.checkpoint import EpochFigures
from core.lyrics.recipe import SAMPLERS

TABLES = (releases, pairs, models, activations)


@pytest.fixture
def published(store: Store, tmp_path: Path, clock: Clock) -> Releases:
    """Releases of an empty database."""
    return Releases(store, tmp_path / "checkpoints", clock)


def all_models(release: Release) -> list[Model]:
    return [pair.model(sampler) for pair in release.pairs for sampler in SAMPLERS]


async def counts(store: Store) -> list[int]:
    async with store.read() as connection:
        return [
            await connection.scalar(select(func.count()).select_from(table)) or 0
            for table in TABLES
        ]


async def execute(store: Store, statement: str) -> None:
    async with store.write() as connection:
        await connection.execute(text(statement))


async def test_before_the_first_there_is_no_current_release(published: Releases) -> None:
    assert await published.current() is None


async def test_what_is_published_is_current_and_says_what_it_is(
    published: Releases, clock: Clock
) -> None:
    pair = make_pair(seed=5)
    release = await published.publish([pair])
    assert release == await published.current()
    assert release.number == 1
    assert release.corpus_name == pair[0].corpus_name
    assert (release.recipe_name, release.recipe_hash) == (SMALL.name, SMALL.hash)
    assert release.published_at == clock.time
    (only,) = release.pairs
    assert (only.number, only.seed, only.updates) == (1, 5, 2)
    for checkpoint, model in zip(pair, all_models(release), strict=True):
        assert model.sampler == checkpoint.sampler
        assert (model.perplexity, model.held_out) == (
            5.0,
            8.0,
        )  # of epoch 2, whose weights these are
        assert model.file_sha256 == hashlib.sha256(checkpoint.to_bytes()).hexdigest()


async def test_the_figures_kept_are_those_of_the_epoch_whose_weights_are_published(
    published: Releases,
) -> None:
    one, two = make_pair()
    release = await published.publish([(replace(one, epoch=1), replace(two, epoch=1))])
    for model in all_models(release):
        assert (model.perplexity, model.held_out) == (9.0, 10.0)


async def test_nothing_held_out_is_kept_as_nothing(published: Releases) -> None:
    pair = make_pair()
    figures = (EpochFigures(1, 9.0, 8.0), EpochFigures(2, 4.5, None))
    release = await published.publish([(replace(pair[0], figures=figures), pair[1])])
    assert (release.pairs[0].random.perplexity, release.pairs[0].random.held_out) == (4.5, None)
    assert release.pairs[0].consecutive.held_out == 8.0


async def test_numbers_count_up_and_the_latest_is_current(published: Releases) -> None:
    for number in (1, 2, 3):
        release = await published.publish([make_pair(seed=number)])
        assert release.number == number
        assert await published.current() == release


async def test_a_release_holds_several_pairs_of_different_seeds_in_their_order(
    published: Releases,
) -> None:
    await published.publish([make_pair(seed=0)])
    release = await published.publish([make_pair(seed=seed) for seed in (30, 10, 20)])
    assert [(pair.number, pair.seed) for pair in release.pairs] == [(1, 30), (2, 10), (3, 20)]
    assert len({model.file_sha256 for model in all_models(release)}) == 6
    assert len({model.id for model in all_models(release)}) == 6
    for pair in release.pairs:
        for sampler in SAMPLERS:
            checkpoint = (await published.writer(pair.model(sampler))).checkpoint
            assert (checkpoint.sampler, checkpoint.seed) == (sampler, pair.seed)


async def test_a_pair_given_in_the_other_order_is_the_same_pair(published: Releases) -> None:
    random, consecutive = make_pair()
    release = await published.publish([(consecutive, random)])
    assert [model.sampler for model in all_models(release)] == list(SAMPLERS)
    assert (await published.writer(release.pairs[0].random)).checkpoint.sampler == "random"


async def test_files_lie_under_their_sha256_and_nothing_else_is_left(
    published: Releases, tmp_path: Path
) -> None:
    first = await published.publish([make_pair(seed=1), make_pair(seed=2)])
    second = await published.publish([make_pair(seed=2), make_pair(seed=3)])
    files = sorted(path for path in (tmp_path / "checkpoints").rglob("*") if path.is_file())
    named = {model.file_sha256 for release in (first, second) for model in all_models(release)}
    assert {published.path(sha256) for sha256 in named} == set(files)
    assert len(files) == 6  # the pair of seed 2 is in both
    assert [path.stem for path in files] == [
        hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    ]


async def test_a_writer_is_loaded_once(published: Releases) -> None:
    release = await published.publish([make_pair()])
    model = release.pairs[0].random
    writer = await published.writer(model)
    assert await published.writer(model) is writer
    assert await published.writer(release.pairs[0].consecutive) is not writer
    again = await published.publish([make_pair()])
    assert await published.writer(again.pairs[0].random) is writer  # the same file


async def test_a_file_that_is_gone_is_named_and_may_come_back(published: Releases) -> None:
    release = await published.publish([make_pair()])
    model = release.pairs[0].random
    path = published.path(model.file_sha256)
    away = path.rename(path.with_suffix(".away"))
    with pytest.raises(CheckpointError, match=path.name):
        await published.writer(model)
    away.rename(path)
    assert (await published.writer(model)).checkpoint.sampler == "random"


async def test_a_file_that_is_damaged_is_named(published: Releases) -> None:
    release = await published.publish([make_pair()])
    model = release.pairs[0].consecutive
    path = published.path(model.file_sha256)
    content = path.read_bytes()
    for damaged in (
        content[:-1],
        content[:-1] + bytes([content[-1] ^ 1]),
        bytes([content[0] ^ 1]) + content[1:],
        b"",
        content + b"\0",
    ):
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=path.name):
            await published.writer(model)
    assert (await published.writer(release.pairs[0].random)).checkpoint.sampler == "random"


async def test_a_sound_model_under_the_name_of_another_is_refused(published: Releases) -> None:
    release = await published.publish([make_pair()])
    one, other = (published.path(model.file_sha256) for model in all_models(release))
    one.write_bytes(other.read_bytes())
    with pytest.raises(CheckpointError, match=one.name):
        await published.writer(release.pairs[0].random)


async def test_the_release_activated_last_is_current_whatever_its_number(
    published: Releases, store: Store, clock: Clock
) -> None:
    first = await published.publish([make_pair(seed=1)])
    second = await published.publish([make_pair(seed=2), make_pair(seed=3)])
    for release in (first, second, first):
        async with store.write() as connection:
            values = {"release": release.number, "at": clock.time}
            await connection.execute(activations.insert().values(values))
        assert await published.current() == release


async def test_publishing_what_the_database_refuses_leaves_the_old_release_current(
    published: Releases, store: Store
) -> None:
    old = await published.publish([make_pair()])
    before = await counts(store)
    twice = (make_checkpoint("random", seed=1), make_checkpoint("random", seed=2))
    with pytest.raises(IntegrityError):
        await published.publish([make_pair(seed=3), twice])
    assert await published.current() == old
    assert await counts(store) == before
    new = await published.publish([make_pair(seed=3)])
    assert new.number > old.number
    assert await published.current() == new


@pytest.mark.parametrize("table", [models, activations], ids=lambda t: str(t.name))
async def test_publishing_into_a_broken_database_leaves_the_old_release_current(
    published: Releases, store: Store, table: Table
) -> None:
    old = await published.publish([make_pair()])
    before = await counts(store)
    await execute(store, f"ALTER TABLE {table.name} RENAME TO away")
    with pytest.raises(DBAPIError, match=table.name):
        await published.publish([make_pair(seed=1)])
    await execute(store, f"ALTER TABLE away RENAME TO {table.name}")
    assert await published.current() == old
    assert await counts(store) == before


async def test_where_the_files_cannot_be_written_the_database_is_not_touched(
    published: Releases, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "checkpoints").write_text("a file where a folder should be")
    with pytest.raises(OSError, match="checkpoints"):
        await published.publish([make_pair()])
    assert await counts(store) == [0, 0, 0, 0]


async def test_every_file_of_the_current_release_is_there_while_others_are_published(
    published: Releases,
) -> None:
    await published.publish([make_pair()])
    done = asyncio.Event()

    async def publish() -> None:
        for seed in range(1, 6):
            await published.publish([make_pair(seed=seed)])
        done.set()

    async def read() -> None:
        while not done.is_set():
            release = await published.current()
            assert release is not None
            for model in all_models(release):
                assert (await published.writer(model)).checkpoint.sampler == model.sampler

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(publish())
        tasks.create_task(read())


async def test_releases_published_at_once_are_all_whole(published: Releases, store: Store) -> None:
    made = await asyncio.gather(*(published.publish([make_pair(seed=n)]) for n in range(8)))
    assert len({release.number for release in made}) == 8
    assert await counts(store) == [8, 8, 16, 8]
    assert [release.pairs[0].seed for release in made] == list(range(8))
    current = await published.current()
    assert current in made
