"""What may go live: whatever beats the frequencies of single characters, and can write."""

import math
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
import torch
from factories import SMALL, make_checkpoint, make_corpus
from torch import Tensor

from core.errors import Unsound
from core.lyrics.checkpoint import Checkpoint, EpochFigures
from core.lyrics.corpus import Corpus
from core.lyrics.recipe import ARTICLE, Material, Recipe
from core.lyrics.vocabulary import Vocabulary
from core.retrain.judge import check_sound, frequencies_perplexity
from core.rnn.held_out import Unseen, mean_losses
from core.rnn.model import RNNModel

HOLDS_OUT = replace(SMALL, held_out=0.1)
NOTHING_HELD_OUT = replace(SMALL, held_out=0.0)
CORPUS = make_corpus()


def material(train: str, held_out: str, *, has_unknown: bool = True) -> Material:
    return Material(train, held_out, Vocabulary.of(train + held_out, has_unknown=has_unknown))


MATERIALS = {
    "all met": material("abcabcaab" * 3, "xabcab".replace("x", "a"), has_unknown=False),
    "some never met": material("aaabbbccccd" * 2 + "efg", "abzcqqde"),
    "none met once": material("aabb" * 5, "abbaz"),
    "only the mark never met": material("aabbcd", "abcdab"),
    "nothing held out": material("aaabbc" * 4, ""),
    "nothing but the first to read": material("aaabbc" * 4, "a"),
    "the corpus": HOLDS_OUT.prepare(CORPUS),
}
each_material = pytest.mark.parametrize("made", MATERIALS.values(), ids=MATERIALS.keys())


def slowly(made: Material) -> float:
    """The same, character by character."""
    text = made.train if len(made.held_out) < 2 else made.held_out[1:]
    size = len(made.vocabulary.characters) + made.vocabulary.has_unknown
    never = size - len(set(made.train))
    once = sum(made.train.count(c) == 1 for c in set(made.train))
    share = max(once, 1) / len(made.train) if never else 0
    product = 1.0
    for c in text:
        times = made.train.count(c)
        p = (1 - share) * times / len(made.train) if times else share / never
        product *= p ** (1 / len(text))
    return 1 / product


@each_material
def test_the_bar_is_what_counting_by_hand_gives(made: Material) -> None:
    assert frequencies_perplexity(made) == pytest.approx(slowly(made), rel=1e-9)


@pytest.mark.parametrize("name", ["all met", "some never met", "none met once", "the corpus"])
def test_it_is_what_a_model_is_measured_at_that_knows_the_frequencies_alone(name: str) -> None:
    made = MATERIALS[name]
    size = len(made.vocabulary)
    train, held_out = (
        torch.tensor(made.vocabulary.encode(text)) for text in (made.train, made.held_out)
    )
    log_frequencies = torch.bincount(train, minlength=size).double().log()

    class Frequencies:
        b_q = torch.zeros(1, size)

        def begin_state(self, batch_size: int) -> Tensor:
            return torch.zeros(1)

        def __call__(self, X: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
            return log_frequencies.expand(1, X.shape[-1], size), state

    (loss,) = mean_losses(cast(RNNModel, Frequencies()), held_out, Unseen.of(train, size))
    assert math.log(frequencies_perplexity(made)) == pytest.approx(loss, rel=1e-6)


def model(
    sampler: Any = "random", recipe: Recipe = HOLDS_OUT, perplexity: float = 3.0, **changes: Any
) -> Checkpoint:
    figures = EpochFigures(2, perplexity, perplexity if recipe.held_out else None)
    changes = {"figures": (figures,)} | changes
    return replace(make_checkpoint(sampler, recipe=recipe), **changes)


def check(corpus: Corpus = CORPUS, **changes: Any) -> None:
    """Whether a pair is sound whose second model is changed."""
    recipe = changes.get("recipe", HOLDS_OUT)
    check_sound([model(recipe=recipe), model("consecutive", **changes)], corpus)


def refused(about: str, **changes: Any) -> None:
    with pytest.raises(Unsound, match=f"consecutive sampling.*{about}"):
        check(**changes)


def test_a_sound_pair_passes() -> None:
    check()


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_weights_that_are_no_numbers_are_refused_by_name(broken: float) -> None:
    weights = dict(model().weights)
    weights["W_hh"] = weights["W_hh"].copy()
    weights["W_hh"][3, 2] = broken
    refused("diverged, W_hh holds no numbers", weights=weights)


@pytest.mark.parametrize("recipe", [HOLDS_OUT, NOTHING_HELD_OUT], ids=["some", "nothing"])
def test_a_model_no_better_than_the_frequencies_is_refused(recipe: Recipe) -> None:
    bar = frequencies_perplexity(recipe.prepare(CORPUS))
    kind = "held-out perplexity" if recipe.held_out else "perplexity in training"
    check(recipe=recipe, perplexity=bar * 0.999)
    for perplexity in (bar, bar * 1.001, math.inf, math.nan):
        refused(f"its {kind} is .* alone reach {bar:.4g}", recipe=recipe, perplexity=perplexity)


def test_only_where_nothing_is_held_out_the_training_counts() -> None:
    figures = (EpochFigures(2, 1.5, math.nan),)
    refused("held-out perplexity is nan", figures=figures)
    refused("held-out perplexity is 1e\\+06", figures=(EpochFigures(2, 1.5, 1e6),))
    check(figures=(EpochFigures(2, 1e6, 1.5),))


def test_the_epoch_counts_whose_weights_they_are() -> None:
    figures = (EpochFigures(1, 3.0, 3.0), EpochFigures(2, 1e6, 1e6))
    check(figures=figures, epoch=1)
    refused("held-out perplexity is 1e", figures=figures, epoch=2)


def test_a_model_of_another_vocabulary_is_refused() -> None:
    refused("its vocabulary is not that of the corpus", vocabulary=Vocabulary("".join(
        sorted(set("甲乙丙丁" + model().vocabulary.characters[4:]))
    )))  # fmt: skip
    with pytest.raises(Unsound, match=r"random sampling.*vocabulary"):
        check(corpus=make_corpus(text="甲乙丙丁分开的雨落下来\n" * 200))


def test_a_model_as_the_article_makes_it_passes() -> None:
    recipe = replace(ARTICLE, network=replace(ARTICLE.network, num_hiddens=16))
    assert not recipe.prepare(CORPUS).held_out
    check(recipe=recipe)


def test_a_model_that_writes_nothing_but_spaces_is_refused() -> None:
    recipe = replace(ARTICLE, network=replace(ARTICLE.network, num_hiddens=16))
    sound = model(recipe=recipe)
    weights = {name: np.zeros_like(one) for name, one in sound.weights.items()}
    weights["b_q"][sound.vocabulary.encode(" ")] = 1000
    refused("it writes nothing after 分开", recipe=recipe, weights=weights)


def test_a_model_that_can_read_no_beginning_is_refused() -> None:
    refused("there is no beginning", openings=(), unseen=model().vocabulary.characters)


def test_a_text_that_has_no_openings_is_tried_with_a_character_that_it_knows() -> None:
    check(openings=())
    check(openings=("鑫鑫", "龘龘"))


def test_frequencies_are_counted_over_millions_of_characters_in_no_time() -> None:
    made = material("abcdefgh" * 250_000, "hgfedcba" * 25_000)
    assert frequencies_perplexity(made) == pytest.approx(8, rel=1e-4)
