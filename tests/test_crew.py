"""Models side by side: in processes, in one batch, and stopped together."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from factories import SMALL, TEXT, make_corpus

from core.lyrics.checkpoint import EpochFigures
from core.lyrics.recipe import DEFAULT, SAMPLERS
from core.rnn.crew import groups_of
from core.rnn.run import Entry, Run
from core.rnn.train import Start, judge, train

CPU = torch.device("cpu")
LYRICS = make_corpus(text=TEXT[:900])
ENTRIES = [Entry(sampler, seed) for seed in (3, 4) for sampler in SAMPLERS]
FULL = replace(
    DEFAULT,
    network=replace(DEFAULT.network, num_hiddens=12, num_embed=12),
    batch_size=4,
    num_steps=5,
    num_epochs=2,
    warmup=4,
    products="float32",
)


pytestmark = pytest.mark.usefixtures("one_thread")


def test_processes_give_the_files_that_one_process_gives_in_the_same_order() -> None:
    files: list[list[bytes]] = []
    starts: list[Start] = []
    for processes in (1, 3):
        trained = train(
            LYRICS, FULL, ENTRIES, device=CPU, processes=processes, on_start=starts.append
        )
        files.append([one.to_bytes() for one in trained])
        assert [(one.sampler, one.seed) for one in trained] == [
            (entry.sampler, entry.seed) for entry in ENTRIES
        ]
    assert files[0] == files[1]
    assert len(set(files[0])) == 4
    assert [start.processes for start in starts] == [1, 3]
    assert all(isinstance(start, Start) and start.threads >= 1 for start in starts)


def test_models_in_one_batch_learn_what_each_learns_alone() -> None:
    material = FULL.prepare(LYRICS)

    def after(entries: list[Entry]) -> tuple[list[float], list[dict[str, np.ndarray]]]:
        run = Run(material, FULL, entries, CPU, torch.float64)
        for model in (run.model, run.average):
            model.double()  # so that the order in which a batch adds up does not show
        losses = [loss for _ in range(3) for loss in run.learn()]
        held_out = run.measure()
        assert held_out is not None
        return losses + held_out, run.weights()

    figures, weights = after(ENTRIES)
    for i, entry in enumerate(ENTRIES):
        alone, (its,) = after([entry])
        assert figures[i :: len(ENTRIES)] == pytest.approx(alone, rel=1e-6)
        for name, weight in its.items():
            np.testing.assert_allclose(weights[i][name], weight, rtol=0, atol=1e-9)


def test_off_the_cpu_all_models_are_one_batch_and_on_it_each_is_its_own() -> None:
    assert groups_of(3, CPU) == [(0,), (1,), (2,)]
    for kind in ("cuda", "mps", "xpu"):
        assert groups_of(3, torch.device(kind)) == [(0, 1, 2)]


# When to stop

PATIENT = replace(SMALL, num_epochs=9, patience=2)


def figures(*perplexities: float | None) -> list[EpochFigures]:
    return [EpochFigures(e, 1.0, held_out) for e, held_out in enumerate(perplexities, 1)]


def test_the_mean_of_the_losses_says_which_epoch_is_best_for_all() -> None:
    # The first model is best at epoch 3, the second at 1; the mean of the logarithms at 2.
    one, two = figures(8.0, 4.0, 3.9, 9.0), figures(4.0, 4.1, 8.0, 9.0)
    assert [judge([one, two], epoch, PATIENT) for epoch in range(1, 5)] == [
        (1, False),
        (2, False),
        (2, False),
        (2, True),
    ]


def test_the_last_epoch_is_the_last_whatever_gets_better() -> None:
    falling = figures(*(10.0 - e for e in range(9)))
    assert [judge([falling], epoch, PATIENT) for epoch in (0, 8, 9)] == [
        (0, False),
        (8, False),
        (9, True),
    ]


def test_without_patience_the_last_epoch_counts() -> None:
    assert judge([figures(1.0, 2.0, 3.0)], 3, replace(PATIENT, patience=None)) == (3, False)


@pytest.mark.parametrize("odd", [None, math.inf, math.nan])
def test_where_no_loss_is_a_number_it_goes_on_to_the_end(odd: float | None) -> None:
    assert judge([figures(odd, odd, odd, odd)], 4, PATIENT) == (4, False)
    assert judge([figures(odd, 5.0, odd, odd)], 4, PATIENT) == (2, True)


def test_best_weights_are_kept_and_both_samplers_stop_at_the_same_update() -> None:
    recipe = replace(SMALL, num_epochs=40, patience=2, lr=0.05)
    trained = train(LYRICS, recipe, ENTRIES[:2], device=CPU, processes=1)
    assert len({one.updates for one in trained}) == len({one.epoch for one in trained}) == 1
    epoch, last = trained[0].epoch, trained[0].figures[-1].epoch
    assert (last == 40 and epoch > 38) or last == epoch + 2
    means = [
        sum(math.log(one.figures[e].held_out or math.inf) for one in trained) for e in range(last)
    ]
    assert means.index(min(means)) + 1 == epoch
    exact = train(LYRICS, replace(recipe, num_epochs=epoch), ENTRIES[:2], device=CPU, processes=1)
    for one, same in zip(trained, exact, strict=True):
        assert one.reached == same.reached
        for name, weight in one.weights.items():
            assert np.array_equal(weight, same.weights[name])
