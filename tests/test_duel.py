"""A duel's rules: sides and pairs are drawn by chance, and a choice speaks for a sampler."""

import random
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.arena.duel import Choice, Reveal, deal, other
from core.lyrics.recipe import SAMPLERS, Sampler

DEALS = 8_000


def chi_square(seen: Counter[object], cells: Iterable[object]) -> float:
    """How far the counts are from being equal in all `cells`."""
    wanted = list(cells)
    expected = seen.total() / len(wanted)
    return sum((seen[cell] - expected) ** 2 / expected for cell in wanted)


@pytest.mark.parametrize("seed", range(5))
def test_every_pair_stands_equally_often_on_either_side(seed: int) -> None:
    chance = random.Random(seed)
    dealt = [deal("abcd", chance) for _ in range(DEALS)]
    seen: Counter[object] = Counter((pair, reveal.sampler_1) for pair, reveal in dealt)
    # 24.3 is the 99.9 % point for 7 degrees of freedom: a coin of 55 % would give about 80.
    assert chi_square(seen, [(pair, one) for pair in "abcd" for one in SAMPLERS]) < 24.3


@pytest.mark.parametrize("seed", range(5))
def test_a_deal_does_not_depend_on_the_one_before(seed: int) -> None:
    chance = random.Random(seed)
    sides = [deal("a", chance)[1].sampler_1 for _ in range(DEALS)]
    seen: Counter[object] = Counter(pairwise(sides))
    # 16.3 is the 99.9 % point for 3 degrees of freedom: alternating sides would give 8,000.
    assert chi_square(seen, [(one, two) for one in SAMPLERS for two in SAMPLERS]) < 16.3


@given(seed=st.integers(), pairs=st.lists(st.integers(), min_size=1, max_size=9, unique=True))
@settings(max_examples=30, deadline=None)
def test_every_pair_is_drawn_sooner_or_later_and_nothing_else_is(
    seed: int, pairs: list[int]
) -> None:
    chance = random.Random(seed)
    assert {deal(pairs, chance)[0] for _ in range(400)} == set(pairs)


def test_the_same_chance_deals_the_same() -> None:
    one, two = random.Random(3), random.Random(3)
    assert [deal("abc", one) for _ in range(50)] == [deal("abc", two) for _ in range(50)]


@pytest.mark.parametrize(
    ("sampler_1", "choice", "winner"),
    [
        ("random", 0, None),
        ("random", 1, "random"),
        ("random", 2, "consecutive"),
        ("consecutive", 0, None),
        ("consecutive", 1, "consecutive"),
        ("consecutive", 2, "random"),
    ],
)
def test_a_choice_speaks_for_the_sampler_on_its_side(
    sampler_1: Sampler, choice: Choice, winner: Sampler | None
) -> None:
    assert Reveal(sampler_1).winner(choice) == winner


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_two_sides_are_the_two_samplers(sampler: Sampler) -> None:
    reveal = Reveal(sampler)
    assert {reveal.sampler_1, reveal.sampler_2} == set(SAMPLERS)
    assert reveal.sampler_2 == other(sampler)
    assert other(other(sampler)) == sampler
