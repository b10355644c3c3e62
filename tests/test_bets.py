"""The bets: exact values, slow and obvious versions of themselves, and what they promise."""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.arena.bets import (
    CALLED,
    CAP,
    SHARES,
    TILTS,
    Ledger,
    Score,
    interval,
    log_wealth,
    mirrored,
)

SCORE = st.integers(1, CAP).flatmap(lambda k: st.builds(Score, st.just(k), st.integers(0, k)))
PEOPLE = st.lists(SCORE, max_size=30)


def slow(people: Sequence[Score], mean: float) -> float:
    """The formula as it is written."""
    return sum(
        share * math.prod(1 + tilt * (p.wins - mean * p.votes) / (mean * CAP) for p in people)
        for tilt, share in zip(TILTS, SHARES, strict=True)
    )


def slow_without(people: Sequence[Score], number: int) -> float:
    """What is left where for each bet those people are left out that it is worst without."""
    total = 0.0
    for tilt, share in zip(TILTS, SHARES, strict=True):
        factors = [1 + tilt * (p.wins - p.votes / 2) / (CAP / 2) for p in people]
        left = [
            math.prod(f for at, f in enumerate(factors) if at not in out)
            for size in range(number + 1)
            for out in combinations(range(len(people)), size)
        ]
        total += share * min(left)
    return total


def test_the_first_stake_is_one() -> None:
    assert sum(SHARES) == pytest.approx(1)
    assert log_wealth({}) == pytest.approx(0)


def test_exact_values() -> None:
    # One vote for A of a person: 1 + T (1 - 1/2) / (5/2) for each T, in the mean 1 + T/5.
    mean_tilt = sum(t * s for t, s in zip(TILTS, SHARES, strict=True))
    assert math.exp(log_wealth({Score(1, 1): 1})) == pytest.approx(1 + mean_tilt / 5)
    assert math.exp(log_wealth({Score(5, 5): 1})) == pytest.approx(1 + mean_tilt)
    assert log_wealth({Score(4, 2): 7}) == pytest.approx(0)  # a tie multiplies by one


@given(people=PEOPLE, mean=st.floats(0.01, 1))
@settings(max_examples=200, deadline=None)
def test_it_is_the_formula_as_it_is_written(people: list[Score], mean: float) -> None:
    assert math.exp(log_wealth(Counter(people), mean)) == pytest.approx(slow(people, mean))


@given(people=st.lists(SCORE, max_size=6), number=st.integers(0, 3))
@settings(max_examples=100, deadline=None)
def test_leaving_out_is_leaving_out_whoever_it_is_worst_without(
    people: list[Score], number: int
) -> None:
    left = math.exp(log_wealth(Counter(people), without=number))
    assert left == pytest.approx(slow_without(people, number))


@given(honest=PEOPLE, stuffed=st.lists(SCORE, max_size=5))
@settings(max_examples=200, deadline=None)
def test_what_is_left_is_never_above_what_the_honest_alone_have(
    honest: list[Score], stuffed: list[Score]
) -> None:
    left = log_wealth(Counter([*honest, *stuffed]), without=5)
    assert left <= log_wealth(Counter(honest)) + 1e-9


@given(people=PEOPLE, votes=st.integers(1, CAP), mean=st.floats(0.05, 1))
@settings(max_examples=200, deadline=None)
def test_at_the_true_share_a_person_changes_nothing_in_the_mean(
    people: list[Score], votes: int, mean: float
) -> None:
    """Whoever wins each vote by chance with that share."""
    after = sum(
        math.comb(votes, wins)
        * mean**wins
        * (1 - mean) ** (votes - wins)
        * math.exp(log_wealth(Counter([*people, Score(votes, wins)]), mean))
        for wins in range(votes + 1)
    )
    assert after == pytest.approx(math.exp(log_wealth(Counter(people), mean)))


@given(people=PEOPLE)
@settings(max_examples=100, deadline=None)
def test_the_interval_ends_where_the_bets_reach_what_calls(people: list[Score]) -> None:
    scores = Counter(people)
    low, high = interval(scores)
    assert 0 <= low <= high <= 1
    for end, told in ((low, scores), (1 - high, mirrored(scores))):
        if end > 0:
            assert slow([*Counter(told).elements()], end) == pytest.approx(CALLED)
        else:
            assert log_wealth(told, 1e-9) < math.log(CALLED)


@given(people=PEOPLE)
@settings(max_examples=100, deadline=None)
def test_a_call_is_never_taken_back(people: list[Score]) -> None:
    ledger, called = Ledger(), False
    for number, score in enumerate([*people, *[Score(5, 5)] * 9, *[Score(5, 0)] * 20], 1):
        ledger.add(score)
        called = called or log_wealth(ledger.scores) >= math.log(CALLED)
        assert ledger.a.is_called == called
        if ledger.a.people == number:
            assert log_wealth(ledger.scores) >= math.log(CALLED)


def test_ten_full_accounts_call_and_twenty_more_are_needed_to_hold() -> None:
    few, many = Ledger.of([Score(5, 5)] * 10), Ledger.of([Score(5, 5)] * 30)
    assert (few.a.is_called, few.a.holds, few.b.is_called) == (True, False, False)
    assert many.a.holds
    assert (few.a.fewest, many.a.fewest, many.b.fewest) == (1, 21, 0)


def test_what_nobody_can_give_is_refused() -> None:
    for votes, wins in ((0, 0), (2, 3), (2, -1)):
        with pytest.raises(ValueError, match="no score"):
            Score(votes, wins)
