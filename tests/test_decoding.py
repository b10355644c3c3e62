"""Choosing the next character, for several lyrics at once."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from core.lyrics.decoding import MIN_TEMPERATURE, Decoding, choose

Floats = NDArray[np.float32]
LEAST, MOST = 0.0, math.nextafter(1, 0)  # of all draws
# What is summed goes block by block: sizes on both sides of a block's end, and of several.
SIZES = [1, 2, 12, 31, 32, 33, 63, 64, 65, 95, 96, 97, 1000, 1024, 1027]
ELEMENTS = st.one_of(st.floats(-100, 100, width=32, allow_subnormal=False), st.just(float("-inf")))
LOGITS = st.sampled_from([size for size in SIZES if size < 100]).flatmap(
    lambda size: arrays.arrays(np.float32, (3, size), elements=ELEMENTS, fill=ELEMENTS)
)


def chosen(logits: Floats, temperature: float, *draws: float) -> list[int]:
    """What is chosen of one row of logits by each draw, all at once."""
    rows = np.repeat(logits[None], len(draws), axis=0)
    indices: list[int] = choose(rows, temperature, np.array(draws)).tolist()
    return indices


def by_definition(logits: Floats, temperature: float, draw: float) -> int:
    """The first index at which the running sum of the probabilities passes the draw."""
    weights = np.exp((logits.astype(np.float64) - logits.max()) / temperature)
    return int((weights.cumsum() > draw * weights.sum()).argmax())


@given(
    logits=LOGITS,
    temperature=st.sampled_from([0, MIN_TEMPERATURE, 0.6, 1, 10]),
    draws=st.lists(
        st.one_of(
            st.floats(0, 1, exclude_max=True), st.sampled_from([LEAST, MOST, 1 - 1e-9, 1e-300])
        ),
        min_size=3,
        max_size=3,
    ),
)
@settings(max_examples=300, deadline=None)
def test_what_is_marked_is_never_drawn(
    logits: Floats, temperature: float, draws: list[float]
) -> None:
    logits[~np.isfinite(logits).any(1), 0] = 0.0
    indices = choose(logits.copy(), temperature, np.array(draws))
    assert indices.shape == (3,)
    assert np.isfinite(logits[np.arange(3), indices]).all()


@pytest.mark.parametrize("size", [size for size in SIZES if size > 2])
@pytest.mark.parametrize("temperature", [0.1, 0.6, 1.0, 10.0])
def test_the_least_and_the_greatest_draw_take_the_first_and_the_last_that_is_not_marked(
    size: int, temperature: float
) -> None:
    chance = np.random.default_rng(size)
    for first, last in [(0, size - 1), (1, size - 2), (size // 3, size // 2), (size // 2,) * 2]:
        logits = np.full(size, -np.inf, np.float32)
        logits[first : last + 1] = chance.normal(0, 0.1, last + 1 - first)
        assert chosen(logits, temperature, LEAST, MOST) == [first, last]


def test_a_weight_too_small_to_be_a_number_is_drawn_by_no_draw() -> None:
    logits = np.full(65, -1000.0, np.float32)
    logits[[5, 40]] = 1.0
    assert chosen(logits, 1.0, LEAST, 0.49, 0.51, MOST) == [5, 5, 40, 40]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_a_draw_falls_where_the_running_sum_of_the_probabilities_passes_it(
    size: int, temperature: float
) -> None:
    chance = np.random.default_rng(size)
    logits = chance.normal(0, 2, (200, size)).astype(np.float32)
    logits[chance.random(logits.shape) < 0.2] = -np.inf
    logits[:, size // 2] = 1.0
    draws = chance.random(200)
    expected = [by_definition(one, temperature, d) for one, d in zip(logits, draws, strict=True)]
    assert choose(logits.copy(), temperature, draws).tolist() == expected


@pytest.mark.parametrize("size", [32, 33, 1027])
def test_even_weights_share_the_draws_evenly_among_them(size: int) -> None:
    draws = (np.arange(size) + 0.5) / size
    assert chosen(np.zeros(size, np.float32), 0.8, *draws) == list(range(size))


def test_each_index_comes_as_often_as_its_probability_says() -> None:
    narrow = np.array([0.0, -np.inf, 1.0, 2.5, -1.0], np.float32)
    wide = np.random.default_rng(1).normal(0, 2, 97).astype(np.float32)
    wide[[0, 31, 32, 96]] = 4.0
    wide[[33, 64]] = -np.inf
    draws = 20_000
    for logits in (narrow, wide):
        for temperature in (0.5, 1.0, 2.0):
            drawn = np.random.default_rng(5).random(draws)
            times = np.bincount(chosen(logits, temperature, *drawn), minlength=len(logits))
            weights = [math.exp(float(logit) / temperature) for logit in logits]
            for n, weight in zip(times, weights, strict=True):
                p = weight / sum(weights)
                # Five standard deviations of a binomial: the seed is fixed, so no flicker.
                assert abs(n / draws - p) <= 5 * math.sqrt(p * (1 - p) / draws)


@pytest.mark.parametrize("temperature", [0.0, 0.7])
@pytest.mark.parametrize("size", SIZES)
def test_each_row_is_chosen_as_if_it_were_alone(size: int, temperature: float) -> None:
    chance = np.random.default_rng(3)
    logits = chance.normal(0, 3, (50, size)).astype(np.float32)
    draws = chance.random(50)
    together = choose(logits.copy(), temperature, draws)
    alone = [choose(logits[i : i + 1].copy(), temperature, draws[i : i + 1]) for i in range(50)]
    assert together.tolist() == np.concatenate(alone).tolist()
    backwards = choose(logits[::-1].copy(), temperature, draws[::-1])
    assert backwards[::-1].tolist() == together.tolist()


def test_temperature_zero_takes_the_likeliest_and_looks_at_no_draw() -> None:
    logits = np.array([[1, 3, 2, 3], [7, 3, 2, 3], [-np.inf, -5, -9, -np.inf]], np.float32)
    assert choose(logits, 0.0, np.empty(0)).tolist() == [1, 0, 1]


@pytest.mark.parametrize("temperature", [1e-2, MIN_TEMPERATURE, 1e-30, 1e-38, 1e-45, 1e-60])
def test_a_low_temperature_comes_close_to_the_likeliest(temperature: float) -> None:
    logits = np.array([1.0, 3.0, 2.0], np.float32)
    assert {*chosen(logits, temperature, LEAST, 0.3, 0.7, MOST)} == {1}


def test_chance_has_a_say_from_the_least_temperature_on() -> None:
    assert Decoding(temperature=MIN_TEMPERATURE).draws
    assert not Decoding(temperature=math.nextafter(MIN_TEMPERATURE, 0)).draws
    assert not Decoding(temperature=0.0).draws


@pytest.mark.parametrize("shift", [-1000.0, 0.0, 1000.0])
def test_adding_a_number_to_all_logits_changes_nothing(shift: float) -> None:
    logits = np.array([0.0, 1.0, 2.0, -3.0], np.float32)
    draws = np.random.default_rng(3).random(50)
    assert chosen(logits + np.float32(shift), 0.7, *draws) == chosen(logits, 0.7, *draws)


def test_the_draws_are_left_as_they_were() -> None:
    draws = np.random.default_rng(0).random(4)
    before = draws.copy()
    choose(np.zeros((4, 40), np.float32), 0.5, draws)
    assert np.array_equal(draws, before)


@given(
    rows=st.lists(st.lists(st.integers(-50, 50), min_size=5, max_size=5), min_size=1, max_size=4),
    top_k=st.integers(0, 7),
    top_p=st.sampled_from([0.1, 0.5, 0.9, 1.0]),
    seed=st.integers(0, 99),
)
@settings(max_examples=300, deadline=None)
def test_only_the_likeliest_are_drawn_from(
    rows: list[list[int]], top_k: int, top_p: float, seed: int
) -> None:
    logits = (np.array(rows) / 10).astype(np.float32)
    draws = np.random.default_rng(seed).random(len(rows))
    chosen = choose(logits.copy(), 0.7, draws, top_k=top_k, top_p=top_p)
    for row, index in zip(logits, chosen.tolist(), strict=True):
        weights = np.exp((row - row.max()) / np.float32(0.7))
        order = np.argsort(-weights, kind="stable")[: top_k or 5]
        enough = np.cumsum(weights[order]) >= top_p * weights[order].sum() - 1e-6
        least = weights[order[int(enough.argmax())]]
        assert weights[index] >= least * (1 - 1e-5)


def test_top_p_of_next_to_nothing_is_argmax() -> None:
    logits = np.array([[0.1, 0.3, 0.2]], np.float32)
    assert choose(logits, 1.0, np.array([0.999]), top_p=1e-6).tolist() == [1]
