"""Training pairs, and doing without torch until then."""

import multiprocessing
import pkgutil
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from factories import SMALL, TEXT, make_corpus

import core.lyrics
from core.errors import CorpusTooShort, SettingsError
from core.lyrics.checkpoint import Checkpoint
from core.lyrics.corpus import Corpus
from core.lyrics.recipe import Sampler
from core.retrain.trainer import Order, Saves, train_pairs
from core.rnn.device import Wanted
from core.rnn.run import Entry
from core.rnn.train import EpochEnd, Start, train

LYRICS = make_corpus(text=TEXT[:640])
MODULES = ["core.retrain.trainer", "core.lyrics"] + [
    f"core.lyrics.{module.name}" for module in pkgutil.iter_modules(core.lyrics.__path__)
]


pytestmark = pytest.mark.usefixtures("one_thread")


def python(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def trained(order: Order) -> list[Sequence[Checkpoint]]:
    return train_pairs(replace(order, device="cpu", processes=1))


def test_each_pair_has_one_model_a_sampler_and_seeds_count_up() -> None:
    starts: list[Start] = []
    events: list[EpochEnd] = []
    order = Order(LYRICS, SMALL, num_pairs=3, seed=7, device="cpu", processes=1)
    pairs = train_pairs(order, on_start=starts.append, on_epoch=events.append)
    assert order.models == [
        (pair, sampler, 6 + pair) for pair in (1, 2, 3) for sampler in ("random", "consecutive")
    ]
    assert [[(c.sampler, c.seed) for c in pair] for pair in pairs] == [
        [("random", seed), ("consecutive", seed)] for seed in (7, 8, 9)
    ]
    assert [(event.epoch, event.index) for event in events] == [
        (epoch, index) for epoch in (1, 2) for index in range(6)
    ]
    assert all(event.sampler == order.models[event.index][1] for event in events)
    assert [(start.device.type, start.processes, start.epoch) for start in starts] == [
        ("cpu", 1, 0)
    ]
    for index, checkpoint in enumerate(one for pair in pairs for one in pair):
        fired = [event.perplexity for event in events if event.index == index]
        assert [figures.perplexity for figures in checkpoint.figures] == fired


def test_a_pair_starts_from_one_set_of_weights_and_the_next_from_another() -> None:
    (one, two), (three, four) = trained(Order(LYRICS, replace(SMALL, num_epochs=0), num_pairs=2))
    for name in one.weights:
        assert np.array_equal(one.weights[name], two.weights[name])
        assert np.array_equal(three.weights[name], four.weights[name])
    assert not np.array_equal(one.weights["W_hh"], three.weights["W_hh"])


@pytest.mark.parametrize("samplers", [("consecutive",), ("consecutive", "random")])
def test_samplers_are_trained_in_the_order_given(samplers: tuple[Sampler, ...]) -> None:
    order = Order(LYRICS, SMALL, samplers=samplers, num_pairs=2)
    for pair in trained(order):
        assert tuple(checkpoint.sampler for checkpoint in pair) == samplers
    assert [sampler for _, sampler, _ in order.models] == [*samplers, *samplers]


def test_a_model_of_a_pair_is_the_one_that_its_seed_gives_alone() -> None:
    pairs = trained(Order(LYRICS, SMALL, num_pairs=2, seed=3))
    (alone,) = train(
        LYRICS, SMALL, [Entry("consecutive", 4)], device=torch.device("cpu"), processes=1
    )
    assert pairs[1][1].to_bytes() == alone.to_bytes()


@pytest.mark.parametrize("index", [0, 1])
def test_a_process_that_is_ended_from_outside_is_named_and_leaves_none_behind(
    index: int,
) -> None:
    order = Order(LYRICS, replace(SMALL, num_epochs=50), device="cpu", processes=2)

    def end_them(event: EpochEnd) -> None:
        if event.index == index:
            for process in multiprocessing.active_children():
                process.kill()
                process.join()

    with pytest.raises(ChildProcessError, match="a training process ended"):
        train_pairs(order, on_epoch=end_them)
    assert multiprocessing.active_children() == []


def test_an_order_is_known_by_what_it_trains_and_not_by_where() -> None:
    order = Order(LYRICS, SMALL)
    assert re.fullmatch("[0-9a-f]{12}", order.key)
    assert replace(order, device="cpu", processes=2).key == order.key
    others = [
        replace(order, corpus=make_corpus(text=TEXT[:641])),
        replace(order, recipe=replace(SMALL, lr=1.0)),
        replace(order, samplers=("random",)),
        replace(order, samplers=("consecutive", "random")),
        replace(order, num_pairs=2),
        replace(order, seed=1),
    ]
    assert len({order.key, *(other.key for other in others)}) == 1 + len(others)


def test_what_is_saved_of_an_order_is_forgotten_alone(tmp_path: Path) -> None:
    saves, orders = Saves(tmp_path), [Order(LYRICS, SMALL, seed=seed) for seed in (0, 1)]
    for order in orders:
        train_pairs(replace(order, device="cpu", processes=1), saves=saves.of(order))
        assert len(list(saves.of(order).iterdir())) == 2
    saves.forget(orders[0])
    saves.forget(orders[0])
    assert not saves.of(orders[0]).exists()
    assert len(list(saves.of(orders[1]).iterdir())) == 2


def test_what_training_refuses_comes_through() -> None:
    for processes in (1, 2):
        with pytest.raises(CorpusTooShort):
            train_pairs(Order(Corpus("short", "分开"), SMALL, device="cpu", processes=processes))
    absent: dict[Wanted, bool] = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    for device in [name for name, is_there in absent.items() if not is_there]:
        with pytest.raises(SettingsError, match="LYRICBOT_DEVICE"):
            train_pairs(Order(LYRICS, SMALL, device=device))


def test_the_list_of_modules_is_not_empty() -> None:
    assert {"core.lyrics.writer", "core.lyrics.checkpoint", "core.lyrics.corpus"} <= {*MODULES}


@pytest.mark.parametrize("module", MODULES)
def test_importing_it_does_not_import_torch(module: str) -> None:
    assert python(f"import sys, {module}; print('torch' in sys.modules)") == "False"


def test_without_torch_lyrics_are_written_and_training_says_what_is_missing() -> None:
    program = f"""
import sys
sys.modules["torch"] = None  # as where it is not installed: importing it fails
sys.path.insert(0, {str(Path(__file__).parent)!r})
from factories import SMALL, make_checkpoint, make_corpus
from core.errors import TrainerMissing
from core.lyrics.writer import Writer
from core.retrain.trainer import Order, train_pairs
writer = Writer(make_checkpoint())
assert writer.write(writer.read_prefix("分开"), seed=0).text.startswith("分开")
try:
    train_pairs(Order(make_corpus(), SMALL))
except TrainerMissing as error:
    print(error)
"""
    said = python(program)
    assert "torch" in said
    assert "pip install 'lyricbot[train]'" in said
