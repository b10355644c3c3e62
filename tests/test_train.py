"""Training one model: what it reads, what it reports, and that it can be repeated."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from factories import SMALL, TEXT, make_corpus
from torch.optim.optimizer import register_optimizer_step_post_hook

from core.errors import CorpusTooShort
from core.lyrics.checkpoint import Checkpoint, EpochFigures
from core.lyrics.corpus import Corpus, read_bundled
from core.lyrics.decoding import Decoding
from core.lyrics.recipe import SAMPLERS, Recipe, Sampler
from core.lyrics.writer import Writer
from core.rnn.chance import For, generator
from core.rnn.model import RNNModel
from core.rnn.optimize import clip_gradients
from core.rnn.run import Entry
from core.rnn.train import EpochEnd, train
from core.rnn.trainee import perplexity

CPU = torch.device("cpu")
FROZEN = replace(SMALL, optimizer="sgd", lr=0.0)  # reads all, learns nothing
LYRICS = make_corpus(text=TEXT[:640])
SONGS = Corpus("songs", read_bundled().text[:3_000])


pytestmark = pytest.mark.usefixtures("one_thread")


def run(
    sampler: Sampler = "random",
    recipe: Recipe = SMALL,
    corpus: Corpus | None = None,
    *,
    seed: int = 0,
    events: list[EpochEnd] | None = None,
) -> Checkpoint:
    fired: list[EpochEnd] = [] if events is None else events
    entries = [Entry(sampler, seed)]
    (trained,) = train(
        corpus or LYRICS, recipe, entries, device=CPU, processes=1, on_epoch=fired.append
    )
    return trained


def equal(one: Checkpoint, two: Checkpoint) -> bool:
    """Bit for bit."""
    return all(one.weights[n].tobytes() == two.weights[n].tobytes() for n in one.weights)


def start_weights(checkpoint: Checkpoint) -> dict[str, np.ndarray[Any, Any]]:
    recipe = checkpoint.recipe
    chance = generator(checkpoint.seed, For.START)
    net = RNNModel(len(checkpoint.vocabulary), recipe.network, [chance])
    return {name: p.detach().numpy()[0] for name, p in net.named_parameters()}


class ByHand:
    """Reads with a checkpoint's weights, one character at a time, in float64."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.W = {name: w.astype(np.float64) for name, w in checkpoint.weights.items()}
        self.state = np.zeros(checkpoint.recipe.network.num_hiddens)
        self.unseen: list[int] = []

    def forget(self, unseen: list[int]) -> None:
        """Those have no place in the softmax."""
        self.unseen = unseen

    def losses(self, read: list[int], then: list[int], share: float = 0.0) -> Iterator[float]:
        """Minus the logarithm of each next character's probability, from the state it is in."""
        W = self.W
        for x, y in zip(read, then, strict=True):
            self.state = np.tanh(W["W_xh"][x] + self.state @ W["W_hh"] + W["b_h"])
            weights = np.exp(self.state @ W["W_hq"] + W["b_q"])
            if y in self.unseen:
                yield -math.log(share / len(self.unseen))
            else:
                weights[self.unseen] = 0
                yield -math.log((1 - share) * weights[y] / weights.sum())


def snapshots_of(events: list[EpochEnd]) -> list[Checkpoint]:
    return [event.checkpoint for event in events if event.checkpoint is not None]


# What is reported


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_an_event_is_fired_after_each_epoch_with_all_it_came_to(sampler: Sampler) -> None:
    recipe = replace(SMALL, num_epochs=3)
    events: list[EpochEnd] = []
    result = run(sampler, recipe, seed=4, events=events)
    snapshots = snapshots_of(events)
    assert [event.epoch for event in events] == [1, 2, 3]
    for event in events:
        assert (event.index, event.sampler, event.num_epochs) == (0, sampler, 3)
        assert 1 < event.perplexity < 1000
        assert event.held_out is not None
        assert 1 < event.held_out < 100
        assert event.seconds > 0
    assert result.figures == tuple(EpochFigures(e.epoch, e.perplexity, e.held_out) for e in events)
    per_epoch = (len(recipe.prepare(LYRICS).train) // 4 - 1) // 5
    assert (result.epoch, result.updates) == (3, 3 * per_epoch)
    assert (result.sampler, result.seed, result.recipe) == (sampler, 4, recipe)
    assert (result.corpus_name, result.corpus_sha256) == (LYRICS.name, LYRICS.sha256)
    assert result.openings == LYRICS.openings()
    assert result.vocabulary == recipe.prepare(LYRICS).vocabulary
    assert {weight.dtype for weight in result.weights.values()} == {np.dtype(np.float32)}
    assert [one.updates for one in snapshots] == [per_epoch, 2 * per_epoch, result.updates]
    assert snapshots[-1].to_bytes() == result.to_bytes()


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_snapshot_is_the_model_that_a_shorter_training_gives(sampler: Sampler) -> None:
    events: list[EpochEnd] = []
    run(sampler, replace(SMALL, num_epochs=3), events=events)
    snapshots = snapshots_of(events)
    assert len(snapshots) == 3
    for epochs, snapshot in enumerate(snapshots, start=1):
        shorter = run(sampler, replace(SMALL, num_epochs=epochs))
        assert equal(snapshot, shorter)
        assert snapshot.figures == shorter.figures


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_held_out_perplexity_is_that_of_reading_it_once_from_start_to_end(
    sampler: Sampler,
) -> None:
    events: list[EpochEnd] = []
    result = run(sampler, SMALL, SONGS, events=events)
    snapshots = snapshots_of(events)
    material = SMALL.prepare(SONGS)
    indices = material.vocabulary.encode(material.held_out)
    for snapshot, figures in zip(snapshots, result.figures, strict=True):
        by_hand = ByHand(snapshot)
        met = set(material.vocabulary.encode(material.train))
        by_hand.forget([i for i in range(len(material.vocabulary)) if i not in met])
        once = Counter(material.train)
        share = sum(times == 1 for times in once.values()) / len(material.train)
        losses = list(by_hand.losses(indices[:-1], indices[1:], share))
        assert 0 < share < 0.5
        assert set(indices) - met
        assert figures.held_out == pytest.approx(math.exp(sum(losses) / len(losses)), rel=1e-4)


def test_consecutive_perplexity_is_that_of_rows_read_on_with_their_state_and_anew_each_pass() -> (
    None
):
    result = run("consecutive", FROZEN, SONGS)
    indices = result.vocabulary.encode(FROZEN.prepare(SONGS).train)
    part = len(indices) // 4
    read = (part - 1) // 5 * 5
    losses: list[float] = []
    for row in range(4):
        at = row * part
        losses += ByHand(result).losses(indices[at : at + read], indices[at + 1 : at + read + 1])
    expected = math.exp(sum(losses) / len(losses))
    for figures in result.figures:
        assert figures.perplexity == pytest.approx(expected, rel=1e-4)


def test_random_perplexity_is_that_of_pieces_read_each_from_a_state_of_zeros() -> None:
    recipe = replace(FROZEN, held_out=0.0, num_epochs=2)
    # 4 * 5 * 20 + 4 characters: each pass has twenty minibatches, all pieces are read.
    corpus = Corpus("x", "".join(c for c in SONGS.text if c != "\n")[:403])
    result = run("random", recipe, corpus)
    indices = result.vocabulary.encode(recipe.prepare(corpus).train)
    assert len(indices) == 404
    losses: list[float] = []
    for at in range(0, 400, 5):
        losses += ByHand(result).losses(indices[at : at + 5], indices[at + 1 : at + 6])
    assert result.updates == 2 * 20
    for figures in result.figures:
        expected = math.exp(sum(losses) / len(losses))
        assert figures.perplexity == pytest.approx(expected, rel=1e-4)


def test_nothing_is_reported_of_what_is_not_held_out() -> None:
    events: list[EpochEnd] = []
    result = run(recipe=replace(SMALL, held_out=0.0), events=events)
    assert [event.held_out for event in events] == [None, None]
    assert [figures.held_out for figures in result.figures] == [None, None]


def test_a_perplexity_too_large_for_a_float_is_infinite() -> None:
    assert perplexity(math.log(5)) == pytest.approx(5)
    assert perplexity(1e4) == math.inf
    assert perplexity(math.nan) == math.inf


# What is learned from


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_held_out_tenth_is_never_trained_on(sampler: Sampler, optimizer: Any) -> None:
    learned, held_out = "分开的雨落下来\n" * 90, "月光照进车站我歌\n" * 10
    assert len(learned) == 720
    text = learned + held_out[:80]
    recipe = replace(SMALL, optimizer=optimizer, lr=0.1)
    material = recipe.prepare(Corpus("x", text))
    assert (material.train, len(material.held_out)) == (text[:721], 80)
    result = run(sampler, recipe, Corpus("x", text))
    start = start_weights(result)
    only_held_out = result.vocabulary.encode(sorted(set(material.held_out) - set(material.train)))
    assert len(only_held_out) == 7
    seen = result.vocabulary.encode("分开的雨落下来\n")
    moved = np.abs(result.weights["W_xh"] - start["W_xh"]).max(axis=1)
    assert not moved[only_held_out].any()
    assert moved[seen].all()


def test_a_model_learns_its_text_and_writes_it() -> None:
    recipe = replace(SMALL, network=replace(SMALL.network, num_hiddens=32), num_epochs=12, lr=1e-2)
    for sampler in SAMPLERS:
        events: list[EpochEnd] = []
        writer = Writer(run(sampler, recipe, events=events))
        assert events[-1].perplexity < 1.3 < 3 < events[0].perplexity
        lyric = writer.write(
            writer.read_prefix("不分"), seed=0, decoding=Decoding(temperature=0, lines=2)
        )
        assert lyric.text == "不分开的人等着\n月光照进旧车站"


def test_too_short_a_corpus_is_refused_before_anything_is_trained() -> None:
    events: list[EpochEnd] = []
    with pytest.raises(CorpusTooShort):
        run(corpus=Corpus("short", "分开" * 10), events=events)
    assert events == []


# Two samplers, one start


@pytest.mark.parametrize("recipe", [replace(SMALL, num_epochs=0), FROZEN], ids=["none", "frozen"])
def test_both_samplers_start_from_the_same_weights(recipe: Recipe) -> None:
    one, two = (run(sampler, recipe) for sampler in SAMPLERS)
    assert equal(one, two)
    for name, weight in start_weights(one).items():
        assert np.array_equal(one.weights[name], weight)
    assert not equal(run("random"), run("consecutive"))  # and then they part


@pytest.mark.parametrize("length", [24, 39, 40, 41, 43, 44, 61, 63, 64, 101])
def test_both_samplers_make_the_same_number_of_updates(length: int) -> None:
    # 4 rows of 5 steps: a random pass over 41 or 43 characters has two minibatches, a consecutive
    # one has one; over 61 or 63 it is three and two.
    recipe = replace(SMALL, held_out=0.0, num_epochs=3)
    corpus = Corpus("x", TEXT.replace("\n", "")[: length - 1])
    made = {}
    for sampler in SAMPLERS:
        count = 0

        def after_update(*_: Any) -> None:
            nonlocal count
            count += 1

        hook = register_optimizer_step_post_hook(after_update)
        try:
            updates = run(sampler, recipe, corpus).updates
        finally:
            hook.remove()
        assert count == updates
        made[sampler] = updates
    assert made["random"] == made["consecutive"] == 3 * ((length // 4 - 1) // 5) > 0


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_same_seed_gives_the_same_model_bit_for_bit_and_another_gives_another(
    sampler: Sampler,
) -> None:
    torch.manual_seed(1)
    one = run(sampler, seed=3)
    torch.manual_seed(2)  # what else draws random numbers must not matter
    two = run(sampler, seed=3)
    assert one.to_bytes() == two.to_bytes()
    other = run(sampler, seed=4)
    assert not any(np.array_equal(one.weights[name], other.weights[name]) for name in one.weights)


# Clipping


def parameters(*gradients: list[float] | None) -> list[torch.Tensor]:
    result = []
    for gradient in gradients:
        parameter = torch.zeros(1, 2, requires_grad=True)
        parameter.grad = None if gradient is None else torch.tensor([gradient])
        result.append(parameter)
    return result


def gradients(of: list[torch.Tensor]) -> list[list[float] | None]:
    return [None if p.grad is None else p.grad[0].tolist() for p in of]


def test_gradients_whose_common_norm_is_too_large_are_scaled_to_it_together() -> None:
    both = parameters([3.0, 0.0], None, [0.0, 4.0])  # norms 3 and 4, together 5
    clip_gradients(both, 1.0)
    assert gradients(both)[1] is None
    assert torch.tensor(gradients(both)[0]).tolist() == pytest.approx([0.6, 0.0])
    assert torch.tensor(gradients(both)[2]).tolist() == pytest.approx([0.0, 0.8])


def test_gradients_whose_norm_is_small_enough_stay_as_they_are() -> None:
    both = parameters([3.0, 0.0], [0.0, 4.0])
    clip_gradients(both, 5.0)
    assert gradients(both) == [[3.0, 0.0], [0.0, 4.0]]
    clip_gradients(both, 100.0)
    assert gradients(both) == [[3.0, 0.0], [0.0, 4.0]]


def test_gradients_of_zero_stay_zero() -> None:
    both = parameters([0.0, 0.0], [0.0, 0.0])
    clip_gradients(both, 0.01)
    assert gradients(both) == [[0.0, 0.0], [0.0, 0.0]]


@pytest.mark.parametrize("theta", [1e-2, 0.5, 3.0])
def test_clipping_does_what_torchs_own_does_to_each_model_alone(theta: float) -> None:
    chance = torch.Generator().manual_seed(0)
    shapes = [(5, 3), (7,), (2, 4)]
    ours = [torch.zeros(3, *shape, requires_grad=True) for shape in shapes]
    for mine in ours:
        mine.grad = torch.randn(mine.shape, generator=chance)
        mine.grad[1] *= 1e-3  # so that one model is clipped and another is not
    before = [[mine.grad[i].clone() for mine in ours if mine.grad is not None] for i in range(3)]
    clip_gradients(ours, theta)
    for model, its in enumerate(before):
        theirs = [torch.zeros_like(gradient, requires_grad=True) for gradient in its]
        for one, gradient in zip(theirs, its, strict=True):
            one.grad = gradient.clone()
        torch.nn.utils.clip_grad_norm_(theirs, theta)
        for mine, one in zip(ours, theirs, strict=True):
            assert mine.grad is not None
            torch.testing.assert_close(mine.grad[model], one.grad, rtol=1e-5, atol=1e-8)
