"""The measurements: that they run and are kept; never how fast anything is."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from factories import TEXT

TESTS = Path(__file__).parent


def bench(module: str, *arguments: str) -> str:
    path = os.pathsep.join([str(TESTS.parent), str(TESTS)])
    done = subprocess.run(
        [sys.executable, "-m", module, "--small", *arguments],
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_small_run_measures_everything_and_keeps_table_and_picture() -> None:
    said = bench("bench")
    kept = json.loads(Path("build/bench/bench.json").read_text())
    assert kept["about"]["corpus"] == "synthetic"
    rows = kept["rows"]
    contenders = {row["contender"] for row in rows}
    assert {"article", "nn.RNN", "nn.GRU", "lyricbot", "float32", "bfloat16"} <= contenders
    assert all(row["work"].split()[0] in said for row in rows)
    assert {row["unit"] for row in rows} >= {"s", "ms", "lyrics/s", "GFLOP/s", "MB at most"}
    assert all(row["ratio"] > 0 for row in rows if row["ratio"] is not None)
    assert Path("build/bench/bench.png").read_bytes().startswith(b"\x89PNG")


def test_any_corpus_can_be_named_and_a_wrong_one_is_refused_in_a_line() -> None:
    Path("mine.txt").write_text(TEXT * 3)
    said = bench("bench.recipes", "--corpus", "mine.txt", "--seconds", "0.1")
    assert "corpus mine" in said
    assert said.count("\n| ") >= 3
    said = bench("bench.lyrics", "--corpus", "mine.txt", "--samples", "samples.jsonl")
    assert said.count("\n| ") == 8
    assert len(Path("samples.jsonl").read_text().splitlines()) == 6 * 4
    with pytest.raises(AssertionError, match=r"make bench: .*nowhere\.txt"):
        bench("bench", "--corpus", "nowhere.txt")
