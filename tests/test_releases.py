"""Releases: published whole or not at all, each model under its file's sha256."""

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Clock
from factories import SMALL, make_checkpoint, make_pair
from sqlalchemy import Connection, Table, Update, func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from core.arena.files import Files
from core.arena.releases import KEPT_WRITERS, Model, Release, Releases
from core.arena.schema import activations, models, pairs, releases
from core.arena.store import Store
from core.errors import CheckpointError, NothingBefore, ReleaseUnknown, StoreError
from core.lyrics.checkpoint import EpochFigures
from core.lyrics.recipe import SAMPLERS

TABLES = (releases, pairs, models, activations)


@pytest.fixture
def published(store: Store, tmp_path: Path, clock: Clock) -> Releases:
    """Releases of an empty database."""
    return Releases(store, Files(tmp_path / "checkpoints"), clock)


def model_file(tmp_path: Path, file_sha256: str) -> Path:
    return tmp_path / "checkpoints" / "models" / f"{file_sha256}.safetensors"


def lose(tmp_path: Path, release: Release) -> None:
    """Remove the files of a release's models."""
    for model in release.models:
        model_file(tmp_path, model.file_sha256).unlink()


def numbers(found: tuple[Release, ...]) -> list[tuple[int, bool]]:
    return [(release.number, release.is_current) for release in found]


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
    found = sorted(path for path in (tmp_path / "checkpoints").rglob("*") if path.is_file())
    files = [path for path in found if path.suffix == ".safetensors"]
    named = {model.file_sha256 for release in (first, second) for model in all_models(release)}
    assert {model_file(tmp_path, sha256) for sha256 in named} == set(files)
    assert set(found) - set(files) == {path.with_suffix(".md") for path in files}
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


async def test_a_file_that_is_gone_is_named_and_may_come_back(
    published: Releases, tmp_path: Path
) -> None:
    release = await published.publish([make_pair()])
    model = release.pairs[0].random
    path = model_file(tmp_path, model.file_sha256)
    away = path.rename(path.with_suffix(".away"))
    with pytest.raises(CheckpointError, match=path.name):
        await published.writer(model)
    away.rename(path)
    assert (await published.writer(model)).checkpoint.sampler == "random"


async def test_a_file_that_is_damaged_is_named(published: Releases, tmp_path: Path) -> None:
    release = await published.publish([make_pair()])
    model = release.pairs[0].consecutive
    path = model_file(tmp_path, model.file_sha256)
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


async def test_a_sound_model_under_the_name_of_another_is_refused(
    published: Releases, tmp_path: Path
) -> None:
    release = await published.publish([make_pair()])
    one, other = (model_file(tmp_path, model.file_sha256) for model in all_models(release))
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
    with pytest.raises(StoreError, match="LYRICBOT_CHECKPOINTS"):
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


# What is kept


async def test_what_is_kept_is_no_release_yet_and_can_be_read(
    published: Releases, store: Store
) -> None:
    pairs = [make_pair(seed=1), make_pair(seed=2)]
    kept = await published.keep(pairs)
    assert await counts(store) == [0, 0, 0, 0]
    for pair, shas in zip(pairs, kept, strict=True):
        for checkpoint, sha256 in zip(pair, shas, strict=True):
            assert (await published.read(sha256)).to_bytes() == checkpoint.to_bytes()
    release = await published.publish(pairs)
    assert [(p.random.file_sha256, p.consecutive.file_sha256) for p in release.pairs] == kept


async def test_what_was_never_kept_cannot_be_read(published: Releases) -> None:
    with pytest.raises(CheckpointError, match="0" * 64):
        await published.read("0" * 64)


async def test_a_card_says_what_a_model_is_and_holds_no_lyrics(
    published: Releases, tmp_path: Path
) -> None:
    pair = make_pair(seed=7)
    ((sha256, _),) = await published.keep([pair])
    about = model_file(tmp_path, sha256).with_suffix(".md").read_text()
    for said in (
        sha256,
        pair[0].corpus_name,
        pair[0].corpus_sha256,
        f"{SMALL.name} ({SMALL.hash})",
        "| sampler | random |",
        "| seed | 7 |",
        "| epoch | 2 |",
        "| updates | 2 |",
        "| perplexity in training | 5.00 |",
        "| perplexity held out | 8.00 |",
        "| network.num_hiddens | 16 |",
        "| kept | 2026-01-02 03:04 UTC |",
    ):
        assert said in about
    assert not any(character in about for character in pair[0].vocabulary.characters.strip())


# Publishing together with something else


async def test_what_is_written_within_is_committed_with_the_release(
    published: Releases, store: Store
) -> None:
    async def within(connection: AsyncConnection, number: int) -> None:
        assert await connection.scalar(select(releases.c.number)) == number
        await connection.execute(releases.update().values(corpus_name="seen"))

    release = await published.publish([make_pair()], within=within)
    assert release.corpus_name == "seen"
    assert await published.current() == release


async def test_what_raises_within_leaves_no_row(published: Releases, store: Store) -> None:
    old = await published.publish([make_pair()])
    before = await counts(store)

    async def within(connection: AsyncConnection, number: int) -> None:
        raise RuntimeError(f"no release {number}")

    with pytest.raises(RuntimeError, match="no release 2"):
        await published.publish([make_pair(seed=1)], within=within)
    assert await counts(store) == before
    assert await published.current() == old


# Which one is current


async def test_the_list_is_the_newest_first_and_tells_which_is_current(
    published: Releases,
) -> None:
    assert await published.list() == ()
    made = [await published.publish([make_pair(seed=seed)]) for seed in range(3)]
    assert await published.list() == tuple(reversed(made))
    assert numbers(await published.list()) == [(3, True), (2, False), (1, False)]
    assert numbers(await published.list(limit=2)) == [(3, True), (2, False)]
    await published.use(1)
    assert numbers(await published.list()) == [(3, False), (2, False), (1, True)]
    assert (await published.get(2), (await published.get(1)).is_current) == (made[1], True)


async def test_an_unknown_release_is_told_those_there_are(published: Releases) -> None:
    with pytest.raises(ReleaseUnknown, match="There is none"):
        await published.get(1)
    for seed in range(2):
        await published.publish([make_pair(seed=seed)])
    for ask in (published.get, published.use):
        with pytest.raises(ReleaseUnknown, match=r"no release 3\. There are: 1, 2\."):
            await ask(3)


async def test_rolling_back_goes_back_further_each_time_and_not_to_and_fro(
    published: Releases, store: Store
) -> None:
    for seed in range(3):
        await published.publish([make_pair(seed=seed)])
    assert (await published.use(1)).number == 1
    assert [(await published.rollback()).number for _ in range(3)] == [3, 2, 1]
    with pytest.raises(NothingBefore):
        await published.rollback()
    assert (await counts(store))[-1] == 7  # none is ever overwritten
    await published.publish([make_pair(seed=9)])
    assert (await published.rollback()).number == 1
    with pytest.raises(NothingBefore):
        await published.rollback()
    assert (await published.get(1)).is_current


async def test_using_what_is_current_changes_nothing(published: Releases, store: Store) -> None:
    for seed in range(2):
        await published.publish([make_pair(seed=seed)])
    before = await counts(store)
    assert (await published.use(2)).is_current
    assert await counts(store) == before
    assert (await published.rollback()).number == 1


async def test_without_a_release_there_is_nothing_to_roll_back(published: Releases) -> None:
    with pytest.raises(NothingBefore):
        await published.rollback()


async def test_nobody_switches_to_a_release_whose_files_are_gone(
    published: Releases, store: Store, tmp_path: Path
) -> None:
    first = await published.publish([make_pair(seed=1), make_pair(seed=2)])
    await published.serving()  # in memory or not
    await published.publish([make_pair(seed=3)])
    model_file(tmp_path, first.pairs[1].consecutive.file_sha256).unlink()
    before = await counts(store)
    with pytest.raises(CheckpointError, match="safetensors"):
        await published.use(1)
    with pytest.raises(CheckpointError, match="safetensors"):
        await published.rollback()
    assert await counts(store) == before
    assert (await published.get(2)).is_current


async def test_rolled_back_by_several_at_once_it_goes_back_as_often(
    published: Releases, store: Store, tmp_path: Path, clock: Clock
) -> None:
    for seed in range(7):
        await published.publish([make_pair(seed=seed)])
    others = [Releases(store, Files(tmp_path / "checkpoints"), clock) for _ in range(4)]
    done = await asyncio.gather(*(one.rollback() for one in others))
    assert sorted(release.number for release in done) == [3, 4, 5, 6]
    assert (await published.get(3)).is_current


async def test_rolling_back_while_others_publish_never_loses_a_release(
    published: Releases, store: Store
) -> None:
    for seed in range(5):
        await published.publish([make_pair(seed=seed)])
    await asyncio.gather(
        *(published.publish([make_pair(seed=seed)]) for seed in range(5, 8)),
        *(published.rollback() for _ in range(3)),
    )
    # Five and three were put on, three taken off, in whatever order: five are left.
    for _ in range(4):
        await published.rollback()
    with pytest.raises(NothingBefore):
        await published.rollback()
    assert await counts(store) == [8, 8, 16, 15]


# What is served


async def test_what_is_served_is_the_current_release(published: Releases) -> None:
    assert await published.serving() is None
    await published.warm()
    for seed in range(2):
        release = await published.publish([make_pair(seed=seed)])
        await published.warm()
        assert await published.serving() == release


async def test_what_another_version_measured_is_no_reason_not_to_serve(
    published: Releases, store: Store
) -> None:
    await published.publish([make_pair()])
    await published.warm()
    for kept in ({"num": 3, "charm": 0.5, "line_lengths": {}}, {}, {"num": 3, "line_lengths": 0}):
        change = models.update().values(measures=kept)

        def write(connection: Connection, change: Update = change) -> None:
            connection.execute(change)

        await store.run(write)
        release = await published.serving()
        assert release is not None
        assert release.models[0].measures is None


async def test_what_was_served_needs_no_file_again_however_many_models_it_has(
    published: Releases, tmp_path: Path
) -> None:
    release = await published.publish([make_pair(seed=seed) for seed in range(KEPT_WRITERS)])
    await published.warm()
    lose(tmp_path, release)
    assert await published.serving() == release
    for model in release.models:
        assert (await published.writer(model)).checkpoint.sampler == model.sampler


async def test_while_the_current_files_are_gone_the_release_before_is_served(
    published: Releases, tmp_path: Path
) -> None:
    old = await published.publish([make_pair(seed=1)])
    await published.warm()
    new = await published.publish([make_pair(seed=2)])
    lose(tmp_path, new)
    with capture_logs() as logs:
        for _ in range(3):
            assert await published.serving() == old
    (warning,) = logs  # not one a duel
    assert (warning["log_level"], warning["release"], warning["served"]) == ("warning", 2, 1)
    assert (await published.get(2)).is_current
    await published.keep([make_pair(seed=2)])
    await published.warm()  # which tries again; no duel waits for it
    assert await published.serving() == new


async def test_a_process_that_served_none_before_says_what_is_missing(
    published: Releases, tmp_path: Path
) -> None:
    lose(tmp_path, await published.publish([make_pair()]))
    with pytest.raises(CheckpointError, match="safetensors"):
        await published.serving()


# In an object store


async def test_releases_in_an_object_store_are_as_those_in_a_folder(
    store: Store, bucket: str, clock: Clock
) -> None:
    here = Releases(store, Files(f"{bucket}/some/prefix"), clock)
    pair = make_pair()
    first, second = await here.publish([pair]), await here.publish([make_pair(seed=1)])
    elsewhere = Releases(store, Files(f"{bucket}/some/prefix"), clock)
    assert await elsewhere.serving() == second
    assert await elsewhere.rollback() == first
    writer = await elsewhere.writer(first.pairs[0].random)
    assert writer.checkpoint.to_bytes() == pair[0].to_bytes()
    Files(f"{bucket}/some/prefix").remove_folder("models")
    assert await elsewhere.serving() == second  # the last that it has in memory
    with pytest.raises(CheckpointError, match=r"s3://.*safetensors"):
        await Releases(store, Files(f"{bucket}/some/prefix"), clock).serving()


async def test_while_the_store_cannot_be_reached_what_is_in_memory_is_served(
    store: Store, bucket: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Releases(store, Files(bucket), clock)
    first = await here.publish([make_pair()])
    away = Releases(store, Files(bucket), clock)
    assert await away.serving() == first
    await here.publish([make_pair(seed=1)])
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    fresh = Releases(store, Files(bucket), clock)
    with pytest.raises(StoreError, match="LYRICBOT_CHECKPOINTS"):
        await fresh.serving()
    away._files = Files(bucket)
    assert await away.serving() == first
    with pytest.raises(StoreError, match="LYRICBOT_CHECKPOINTS"):
        await away.use(2)
