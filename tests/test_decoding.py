"""Choosing the next character."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from core.lyrics.decoding import choose

LOGITS = arrays.arrays(
    np.float32,
    st.integers(1, 12),
    elements=st.one_of(
        st.floats(-100, 100, width=32, allow_subnormal=False), st.just(float("-inf"))
    ),
).filter(lambda logits: bool(np.isfinite(logits).any()))


@given(logits=LOGITS, temperature=st.sampled_from([0, 1e-3, 0.6, 1, 10]), seed=st.integers(0, 99))
@settings(max_examples=100, deadline=None)
def test_what_is_marked_is_never_drawn(
    logits: np.ndarray[tuple[int], np.dtype[np.float32]], temperature: float, seed: int
) -> None:
    chance = np.random.default_rng(seed)
    for _ in range(20):
        assert np.isfinite(logits[choose(logits, temperature, chance)])


def test_the_least_draw_there_is_does_not_fall_on_what_is_marked() -> None:
    source = np.random.MT19937()
    source.state = {
        "bit_generator": "MT19937",
        "state": {"key": np.zeros(624, np.uint32), "pos": 624},
    }
    chance = np.random.Generator(source)
    assert chance.random() == 0.0  # and ever after
    assert choose(np.array([-np.inf, 0.0, -np.inf, 5.0], np.float32), 1.0, chance) == 1


def test_each_index_comes_as_often_as_its_probability_says() -> None:
    logits = np.array([0.0, -np.inf, 1.0, 2.5, -1.0], np.float32)
    draws = 20_000
    for temperature in (0.5, 1.0, 2.0):
        chance = np.random.default_rng(5)
        times = [0] * len(logits)
        for _ in range(draws):
            times[choose(logits, temperature, chance)] += 1
        weights = [math.exp(float(logit) / temperature) for logit in logits]
        for n, weight in zip(times, weights, strict=True):
            p = weight / sum(weights)
            # Five standard deviations of a binomial: the seed is fixed, so this cannot flicker.
            assert abs(n / draws - p) <= 5 * math.sqrt(p * (1 - p) / draws)


def test_temperature_zero_takes_the_likeliest_and_draws_nothing() -> None:
    chance = np.random.default_rng(0)
    before = chance.bit_generator.state
    assert choose(np.array([1, 3, 2, 3], np.float32), 0.0, chance) == 1
    assert chance.bit_generator.state == before


def test_a_low_temperature_comes_close_to_the_likeliest() -> None:
    logits = np.array([1.0, 3.0, 2.0], np.float32)
    chance = np.random.default_rng(0)
    for temperature in (1e-2, 1e-3, 1e-30, 1e-38, 1e-45, 1e-60):
        assert {choose(logits, temperature, chance) for _ in range(50)} == {1}


def test_the_same_chance_draws_the_same() -> None:
    logits = np.zeros(50, np.float32)

    def draws(seed: int) -> list[int]:
        chance = np.random.default_rng(seed)
        return [choose(logits, 1.0, chance) for _ in range(20)]

    assert draws(1) == draws(1)
    assert draws(1) != draws(2)


@pytest.mark.parametrize("shift", [-1000.0, 0.0, 1000.0])
def test_adding_a_number_to_all_logits_changes_nothing(shift: float) -> None:
    logits = np.array([0.0, 1.0, 2.0, -3.0], np.float32)

    def draws(logits: np.ndarray[tuple[int], np.dtype[np.float32]]) -> list[int]:
        chance = np.random.default_rng(3)
        return [choose(logits, 0.7, chance) for _ in range(50)]

    assert draws(logits + np.float32(shift)) == draws(logits)


def test_the_logits_are_left_as_they_were() -> None:
    logits = np.array([0.0, 1.0, -np.inf], np.float32)
    for temperature in (0.0, 0.5):
        choose(logits, temperature, np.random.default_rng(0))
    assert logits.tolist() == [0.0, 1.0, -np.inf]
