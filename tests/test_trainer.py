"""Training pairs, and doing without torch until then."""

import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from factories import SMALL, TEXT, make_corpus

import core.lyrics
from core.errors import CorpusTooShort, SettingsError
from core.lyrics.corpus import Corpus
from core.lyrics.recipe import Sampler
from core.retrain.trainer import Order, train_pairs
from core.rnn.device import Wanted
from core.rnn.train import EpochEnd, train

LYRICS = make_corpus(text=TEXT[:640])
Events = list[tuple[int, EpochEnd]]
MODULES = ["core.retrain.trainer", "core.lyrics"] + [
    f"core.lyrics.{module.name}" for module in pkgutil.iter_modules(core.lyrics.__path__)
]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small only wait for each other's threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def python(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_each_pair_has_one_model_a_sampler_and_seeds_count_up() -> None:
    events: Events = []
    order = Order(LYRICS, SMALL, num_pairs=3, seed=7, device="cpu")
    pairs = train_pairs(order, lambda pair, event: events.append((pair, event)))
    assert order.num_models == 6
    assert [[(c.sampler, c.seed) for c in pair] for pair in pairs] == [
        [("random", seed), ("consecutive", seed)] for seed in (7, 8, 9)
    ]
    assert [(pair, event.sampler, event.epoch) for pair, event in events] == [
        (pair, sampler, epoch)
        for pair in (1, 2, 3)
        for sampler in ("random", "consecutive")
        for epoch in (1, 2)
    ]
    for pair, checkpoints in enumerate(pairs, start=1):
        for checkpoint in checkpoints:
            fired = [
                event.perplexity
                for number, event in events
                if (number, event.sampler) == (pair, checkpoint.sampler)
            ]
            assert [figures.perplexity for figures in checkpoint.figures] == fired


def test_a_pair_starts_from_one_set_of_weights_and_the_next_from_another() -> None:
    order = Order(LYRICS, replace(SMALL, num_epochs=0), num_pairs=2, device="cpu")
    (one, two), (three, four) = train_pairs(order, lambda pair, event: None)
    for name in one.weights:
        assert np.array_equal(one.weights[name], two.weights[name])
        assert np.array_equal(three.weights[name], four.weights[name])
    assert not np.array_equal(one.weights["W_hh"], three.weights["W_hh"])


@pytest.mark.parametrize("samplers", [("consecutive",), ("consecutive", "random")])
def test_samplers_are_trained_in_the_order_given(samplers: tuple[Sampler, ...]) -> None:
    order = Order(LYRICS, SMALL, samplers=samplers, device="cpu")
    (pair,) = train_pairs(order, lambda pair, event: None)
    assert tuple(checkpoint.sampler for checkpoint in pair) == samplers
    assert order.num_models == len(samplers)


def test_a_model_of_a_pair_is_the_one_that_its_seed_gives_alone() -> None:
    order = Order(LYRICS, SMALL, num_pairs=2, seed=3, device="cpu")
    pairs = train_pairs(order, lambda pair, event: None)
    alone = train(LYRICS, SMALL, "consecutive", seed=4, device=torch.device("cpu"))
    assert pairs[1][1].to_bytes() == alone.to_bytes()


def test_what_training_refuses_comes_through() -> None:
    with pytest.raises(CorpusTooShort):
        train_pairs(Order(Corpus("short", "分开"), SMALL, device="cpu"), lambda pair, event: None)
    absent: dict[Wanted, bool] = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    for device in [name for name, is_there in absent.items() if not is_there]:
        with pytest.raises(SettingsError, match="LYRICBOT_DEVICE"):
            train_pairs(Order(LYRICS, SMALL, device=device), lambda pair, event: None)


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
    train_pairs(Order(make_corpus(), SMALL), print)
except TrainerMissing as error:
    print(error)
"""
    said = python(program)
    assert "torch" in said
    assert "pip install 'lyricbot[train]'" in said
