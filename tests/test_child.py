"""The trainer as a process: what it tells, and when it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from factories import SMALL, TEXT
from processes import alive, children

from core.lyrics.checkpoint import Checkpoint
from core.lyrics.recipe import Recipe
from core.retrain.child import Task, trained_file

pytest.importorskip("torch")
ENDLESS = replace(SMALL, num_epochs=10**6)


@contextmanager
def trainer(folder: Path, recipe: Recipe, text: str = TEXT) -> Iterator[subprocess.Popen[str]]:
    corpus = folder / "corpus.txt"
    corpus.write_text(text, encoding="utf-8")
    task = Task("small", str(corpus), recipe.to_json(), 1, 3, "cpu", str(folder / "work"))
    process = subprocess.Popen(
        [sys.executable, "-m", "core.retrain.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1]), "OMP_NUM_THREADS": "1"},
    )
    assert process.stdin is not None
    process.stdin.write(task.to_line())
    process.stdin.flush()
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def events(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    assert process.stdout is not None
    return map(json.loads, process.stdout)


def test_it_tells_start_epochs_saves_and_the_end_and_leaves_the_models(tmp_path: Path) -> None:
    with trainer(tmp_path, SMALL) as process:
        told = list(events(process))
        assert process.wait() == 0
    kinds = [one["event"] for one in told]
    assert (kinds[0], kinds[-1]) == ("start", "trained")
    assert kinds.count("epoch") == 4
    assert [one["epoch"] for one in told if one["event"] == "saved"][-1] == 2
    models = [Checkpoint.load(trained_file(tmp_path / "work", index)) for index in (0, 1)]
    assert [one.sampler for one in models] == ["random", "consecutive"]


def test_what_cannot_be_trained_is_told_with_its_reason(tmp_path: Path) -> None:
    with trainer(tmp_path, SMALL, "分开\n") as process:
        (failed,) = events(process)
    assert failed["event"] == "failed"
    assert "Give a longer text" in failed["reason"]


def test_it_ends_at_once_with_all_its_processes_when_its_input_is_closed(tmp_path: Path) -> None:
    with trainer(tmp_path, ENDLESS) as process:
        next(one for one in events(process) if one["event"] == "saved")
        others = children(process.pid)
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None  # communicate would flush it
        assert process.wait(timeout=10) != 0
        until_gone(others)


def test_a_process_of_its_own_that_is_killed_ends_it_without_a_word_of_failure(
    tmp_path: Path,
) -> None:
    with trainer(tmp_path, ENDLESS) as process:
        next(one for one in events(process) if one["event"] == "saved")
        models = [
            pid
            for pid in children(process.pid)
            if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        if not models:
            pytest.skip("on one core every model is trained in the trainer itself")
        os.kill(models[0], signal.SIGKILL)
        assert "failed" not in [one["event"] for one in events(process)]
        assert process.wait(timeout=10) != 0
        until_gone(models)


def until_gone(pids: list[int]) -> None:
    end = time.monotonic() + 10
    while any(map(alive, pids)):
        assert time.monotonic() < end, f"{pids} are alive"
        time.sleep(0.05)
