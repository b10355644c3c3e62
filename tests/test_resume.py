"""A training that is interrupted at any moment goes on, and ends as if it never had been."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from factories import SMALL, TEXT, make_corpus
from processes import alive, children
from safetensors.torch import load_file

from core.errors import CheckpointError
from core.lyrics.checkpoint import Checkpoint
from core.lyrics.recipe import DEFAULT, Network, Recipe
from core.rnn import trainee
from core.rnn.run import Entry
from core.rnn.train import EpochEnd, Start, train

LYRICS = make_corpus(text=TEXT[:900])
PAIR = [Entry("random", 3), Entry("consecutive", 3)]
CPU = torch.device("cpu")
# All that the default recipe has, small: every kind of state there is.
FULL = replace(
    DEFAULT,
    network=replace(DEFAULT.network, num_hiddens=12, num_embed=12),
    batch_size=4,
    num_steps=5,
    num_epochs=6,
    warmup=4,
    report_every=2,
)
PLAIN = replace(SMALL, optimizer="sgd", lr=0.5, num_epochs=6)
LSTM = replace(FULL, network=Network(cell="lstm", num_hiddens=8, start="scaled"), patience=1)


class Interrupted(Exception):
    """Somebody pulled the plug."""


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def _always_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainee, "SECONDS_BETWEEN_SAVES", 0.0)


def run(
    recipe: Recipe,
    saves: Path | None = None,
    *,
    stop_after: int | None = None,
    starts: list[int] | None = None,
) -> list[bytes]:
    """The files of a pair; `stop_after` so many events of epochs it is interrupted."""
    events: list[EpochEnd] = []

    def on_epoch(event: EpochEnd) -> None:
        events.append(event)
        if len(events) == stop_after:
            raise Interrupted

    def on_start(event: Start) -> None:
        if starts is not None:
            starts.append(event.epoch)

    trained = train(
        LYRICS, recipe, PAIR, device=CPU, processes=1, saves=saves,
        on_start=on_start, on_epoch=on_epoch,
    )  # fmt: skip
    return [one.to_bytes() for one in trained]


@pytest.mark.parametrize("recipe", [FULL, PLAIN, LSTM], ids=["full", "plain", "lstm"])
@pytest.mark.parametrize("events", [1, 2, 3, 4, 5])
def test_an_interrupted_training_ends_with_the_same_files(
    recipe: Recipe, events: int, tmp_path: Path
) -> None:
    unbroken = run(recipe)
    starts: list[int] = []
    with pytest.raises(Interrupted):
        run(recipe, tmp_path, stop_after=events, starts=starts)
    # An odd event is that of the first model alone: it is one epoch ahead, but not yet on disk.
    assert run(recipe, tmp_path, starts=starts) == unbroken
    assert starts == [0, (events - 1) // 2]


def test_a_training_interrupted_after_every_epoch_ends_with_the_same_files(
    tmp_path: Path,
) -> None:
    unbroken = run(FULL)
    starts: list[int] = []
    for _ in range(FULL.num_epochs - 1):
        with pytest.raises(Interrupted):
            run(FULL, tmp_path, stop_after=3, starts=starts)
    assert run(FULL, tmp_path, starts=starts) == unbroken
    assert starts == [0, 1, 2, 3, 4, 5]


def test_a_model_that_was_saved_later_than_the_other_waits_for_it(tmp_path: Path) -> None:
    unbroken = run(FULL)
    with pytest.raises(Interrupted):
        run(FULL, tmp_path / "early", stop_after=3)
    with pytest.raises(Interrupted):
        run(FULL, tmp_path / "late", stop_after=9)
    for behind in ("3-random.safetensors", "3-consecutive.safetensors"):
        mixed = tmp_path / behind
        shutil.copytree(tmp_path / "late", mixed)
        shutil.copy(tmp_path / "early" / behind, mixed / behind)
        starts: list[int] = []
        assert run(FULL, mixed, starts=starts) == unbroken
        assert starts == [1]


def test_a_training_that_was_over_is_over_at_once(tmp_path: Path) -> None:
    unbroken = run(LSTM, tmp_path)
    starts: list[int] = []
    assert run(LSTM, tmp_path, stop_after=1, starts=starts) == unbroken
    assert starts != [0]


def test_what_is_saved_holds_optimiser_average_and_best_weights_and_nothing_of_chance(
    tmp_path: Path,
) -> None:
    run(FULL, tmp_path)
    kept = load_file(tmp_path / "3-random.safetensors")
    kinds = {name.split(".")[0] for name in kept}
    assert kinds == {"model", "average", "optimizer", "best"}
    assert {name.rsplit(".", 1)[1] for name in kept if name.startswith("optimizer")} == {
        "step",
        "exp_avg",
        "exp_avg_sq",
    }


@pytest.mark.parametrize("damage", ["cut", "empty", "foreign", "other models"])
def test_a_file_that_cannot_be_gone_on_from_is_refused_by_name(
    damage: str, tmp_path: Path
) -> None:
    with pytest.raises(Interrupted):
        run(FULL, tmp_path, stop_after=5)
    file = tmp_path / "3-random.safetensors"
    raw = file.read_bytes()
    file.write_bytes(
        {
            "cut": raw[: len(raw) // 2],
            "empty": b"",
            "foreign": b"not a model\n" * 50,
            "other models": (tmp_path / "3-consecutive.safetensors").read_bytes(),
        }[damage]
    )
    with pytest.raises(CheckpointError, match=r"3-random\.safetensors.*--fresh"):
        run(FULL, tmp_path)


# Killed


def start_training(out: str, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "from bot.cli import main; main()", "train", "--json"]
    return subprocess.Popen(
        [*command, "--corpus", "mine.txt", "--epochs", "16", "--out", out, *more],
        stdout=subprocess.PIPE,
        text=True,
    )


def saves() -> list[tuple[str, int]]:
    """The files that an interrupted training goes on from, and when they were written."""
    files = Path("checkpoints").glob("unfinished/*/*.safetensors")
    return [(file.name, file.stat().st_mtime_ns) for file in files]


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for child processes in /proc")
def test_killed_by_9_at_any_moment_it_goes_on_and_its_processes_end_with_it() -> None:
    Path("mine.txt").write_text(TEXT)
    unbroken = start_training("unbroken")
    unbroken.communicate()
    assert unbroken.returncode == 0
    begins = []
    for more_events in (0, 3, None):
        process = start_training("broken")
        assert process.stdout is not None
        begins.append(json.loads(process.stdout.readline())["epochs_done"])
        if more_events is None:
            process.communicate()
            assert process.returncode == 0
            break
        known = saves()
        try:
            while {*known} == {*saves()} or len(saves()) < 2:  # until both have saved anew
                assert json.loads(process.stdout.readline())["event"] == "epoch"
            for _ in range(more_events):
                assert json.loads(process.stdout.readline())["event"] == "epoch"
            trainers = children(process.pid)
        finally:
            os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        end = time.monotonic() + 30
        while any(map(alive, trainers)):
            assert time.monotonic() < end, "trainers outlive the process that started them"
            time.sleep(0.02)
    assert begins[0] == 0 < begins[1] <= begins[2]
    files = sorted(Path("unbroken").iterdir())
    assert [file.name for file in files] == [
        file.name for file in sorted(Path("broken").iterdir())
    ]
    for file in files:
        assert file.read_bytes() == (Path("broken") / file.name).read_bytes()
        assert Checkpoint.load(file).figures[-1].epoch == 16
    assert not list(Path("checkpoints/unfinished").iterdir())
