"""Nothing that comes from outside is unpickled: a pickle that runs code when read runs none."""

import base64
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import new_database
from factories import make_corpus
from sqlalchemy import create_engine, text
from test_retrain_processes import ENDLESS, SHORT, Site, opened, until

from core.errors import CheckpointError, EngineError, LyricbotError
from core.lyrics.checkpoint import Checkpoint
from core.lyrics.corpus import read_corpus
from core.retrain import engine


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """What is there once a bomb went off."""
    return tmp_path / "went-off"


@pytest.fixture
def bomb(mark: Path) -> bytes:
    return pickle.dumps(Bomb(mark))


def test_the_bomb_goes_off(bomb: bytes, mark: Path) -> None:
    pickle.loads(bomb)  # noqa: S301 - this one is ours
    assert mark.is_dir()


# Files


def as_torch_saves(bomb: Bomb, path: Path) -> None:
    pytest.importorskip("torch").save({"W_xh": bomb}, path)


def as_numpy_saves(bomb: Bomb, path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.array([bomb], dtype=object), allow_pickle=True)


def as_pickle_does(bomb: Bomb, path: Path) -> None:
    path.write_bytes(pickle.dumps(bomb))


@pytest.fixture(params=[as_torch_saves, as_numpy_saves, as_pickle_does])
def poisoned(request: pytest.FixtureRequest, tmp_path: Path, mark: Path) -> Path:
    """A file that goes off where it is unpickled."""
    path = tmp_path / "poisoned"
    request.param(Bomb(mark), path)
    return path


def test_a_model_file_is_refused(poisoned: Path, mark: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be read as a model"):
        Checkpoint.load(poisoned)
    assert not mark.exists()


def test_a_corpus_is_refused(poisoned: Path, mark: Path) -> None:
    for name in ("songs.txt", "songs.zip"):
        with pytest.raises(LyricbotError, match=name):
            read_corpus(Path(shutil.copy(poisoned, poisoned.with_name(name))))
    assert not mark.exists()


def test_an_interrupted_training_is_refused(poisoned: Path, mark: Path) -> None:
    run = pytest.importorskip("core.rnn.run")
    trainee = pytest.importorskip("core.rnn.trainee")
    torch = pytest.importorskip("torch")
    material = SHORT.prepare(make_corpus())
    entries = [run.Entry("random", 0)]
    with pytest.raises(CheckpointError, match="cannot go on"):
        trainee.Trainee(run.Run(material, SHORT, entries, torch.device("cpu")), poisoned)
    assert not mark.exists()


# The engine


@pytest.mark.parametrize("what", ["value", "args", "exception"])
def test_a_row_that_says_that_it_is_a_pickle_is_not_believed(
    what: str, bomb: bytes, mark: Path
) -> None:
    from dbos import _serialization

    json, read = engine.serializer(), getattr(_serialization, f"deserialize_{what}")
    with pytest.raises(EngineError, match="who can write"):
        read(base64.b64encode(bomb).decode(), "py_pickle", json)
    assert not mark.exists()


def poison(site: Site, number: int, bomb: bytes) -> None:
    """Write what goes off when it is unpickled wherever the engine keeps something of a job."""
    schema = "" if site.jobs_url.startswith("sqlite") else "dbos."
    database = create_engine(site.jobs_url)
    row = {"bomb": base64.b64encode(bomb).decode(), "id": engine.workflow_of(number)}
    statements = (
        f"UPDATE {schema}workflow_status SET serialization = 'py_pickle', inputs = :bomb, "
        "output = :bomb, error = :bomb WHERE workflow_uuid = :id",
        f"UPDATE {schema}workflow_input SET inputs = :bomb WHERE workflow_uuid = :id",
    )
    with database.begin() as connection:
        for statement in statements:
            assert connection.execute(text(statement), row).rowcount == 1
    database.dispose()


async def test_who_only_asks_for_jobs_unpickles_none(
    tmp_path: Path, bomb: bytes, mark: Path
) -> None:
    async with opened(tmp_path) as site:
        number = await site.ask()
        poison(site, number, bomb)
        assert await site.engine.states([number]) == {number: "ENQUEUED"}
        await site.retrains.tend()
        await site.engine.take_over(number)
        await site.engine.stop(number)
    assert not mark.exists()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_a_worker_does_not_run_what_somebody_wrote_into_its_database(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, bomb: bytes, mark: Path
) -> None:
    pytest.importorskip("torch")
    server = request.getfixturevalue("postgres") if kind == "postgresql" else ""
    async with opened(tmp_path, server and new_database(server)) as site:
        number = await site.ask(ENDLESS)
        poison(site, number, bomb)

        async def read() -> bool:
            failed = await site.engine.states([number]) == {number: "ERROR"}
            return failed or mark.exists()

        with site.worker():
            await until(read, 60, site.logs)
        assert not mark.exists()
        assert "Find out who can write to it" in site.logs()
