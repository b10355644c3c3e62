"""The verdict: Wilson's interval against published values and against its own equation."""

import math
from collections.abc import Callable
from decimal import Decimal, localcontext
from statistics import NormalDist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.arena.verdict import Z_95, Standing, wilson
from core.lyrics.recipe import SAMPLERS

COUNTS = st.integers(1, 100_000).flatmap(
    lambda votes: st.tuples(st.integers(0, votes), st.just(votes))
)


def bisect(is_left: Callable[[Decimal], bool], low: Decimal, high: Decimal) -> Decimal:
    """Where `is_left` turns from true to false."""
    for _ in range(80):
        middle = (low + high) / 2
        if is_left(middle):
            low = middle
        else:
            high = middle
    return low


def slow_interval(wins: int, votes: int, z: float) -> tuple[float, float]:
    """All p that a score test does not reject: |wins / votes - p| <= z sqrt(p (1 - p) / votes)."""
    with localcontext(prec=50):
        share = Decimal(wins) / votes

        def rejected(p: Decimal) -> bool:
            return (share - p) ** 2 * votes > Decimal(z) ** 2 * p * (1 - p)

        low = bisect(rejected, Decimal(0), share)
        high = bisect(lambda p: not rejected(p), share, Decimal(1))
        return float(low), float(high)


@pytest.mark.parametrize(
    ("wins", "votes", "low", "high"),
    [  # Newcombe, Two-sided confidence intervals for the single proportion, 1998, table I
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_published_values(wins: int, votes: int, low: float, high: float) -> None:
    interval = wilson(wins, votes)
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


def test_z_is_the_normal_distributions_97_5_percent_point() -> None:
    assert pytest.approx(NormalDist().inv_cdf(0.975), abs=1e-12) == Z_95


@given(counts=COUNTS, z=st.floats(0.5, 5))
@settings(max_examples=60, deadline=None)
def test_wilsons_ends_are_the_roots_of_the_score_equation(
    counts: tuple[int, int], z: float
) -> None:
    interval = wilson(*counts, z)
    assert (interval.low, interval.high) == pytest.approx(slow_interval(*counts, z), abs=1e-12)


@given(counts=COUNTS)
@settings(max_examples=200, deadline=None)
def test_the_interval_lies_from_0_to_1_around_the_share(counts: tuple[int, int]) -> None:
    wins, votes = counts
    interval = wilson(wins, votes)
    assert 0 <= interval.low < interval.high <= 1
    assert interval.low - 1e-15 <= wins / votes <= interval.high + 1e-15


@given(votes=st.integers(1, 10_000))
@settings(max_examples=100, deadline=None)
def test_no_win_and_nothing_but_wins_have_their_closed_form(votes: int) -> None:
    none, all_ = wilson(0, votes), wilson(votes, votes)
    beyond = Z_95**2 / (votes + Z_95**2)
    assert (none.low, none.high) == pytest.approx((0, beyond), abs=1e-12)
    assert (all_.low, all_.high) == pytest.approx((1 - beyond, 1), abs=1e-12)


@given(counts=COUNTS)
@settings(max_examples=100, deadline=None)
def test_the_loser_has_the_winners_interval_seen_from_the_other_end(
    counts: tuple[int, int],
) -> None:
    wins, votes = counts
    one, other = wilson(wins, votes), wilson(votes - wins, votes)
    assert (other.low, other.high) == pytest.approx((1 - one.high, 1 - one.low), abs=1e-12)


def test_more_votes_of_the_same_share_narrow_the_interval() -> None:
    widths = [i.high - i.low for i in (wilson(3 * n, 4 * n) for n in (1, 2, 10, 100, 10_000))]
    assert widths == sorted(widths, reverse=True)


def test_before_the_first_vote_there_is_no_share_and_no_leader() -> None:
    standing = Standing(neither=9, encores=8, likes=7, people=6)
    assert standing.votes == 0
    assert [standing.share(sampler) for sampler in SAMPLERS] == [None, None]
    assert [standing.interval(sampler) for sampler in SAMPLERS] == [None, None]
    assert standing.leader is None


def test_share_and_interval_are_the_samplers_own() -> None:
    standing = Standing(random=1, consecutive=3)
    assert (standing.wins("random"), standing.wins("consecutive")) == (1, 3)
    assert (standing.share("random"), standing.share("consecutive")) == (0.25, 0.75)
    assert standing.interval("random") == wilson(1, 4)
    assert standing.interval("consecutive") == wilson(3, 4)


def test_neither_encores_and_likes_stay_out_of_the_share() -> None:
    plain = Standing(random=60, consecutive=40)
    busy = Standing(random=60, consecutive=40, neither=900, encores=80, likes=70, people=5)
    assert busy.votes == 100
    for sampler in SAMPLERS:
        assert busy.share(sampler) == plain.share(sampler)
        assert busy.interval(sampler) == plain.interval(sampler)
    assert (busy.ahead, busy.leader) == (plain.ahead, plain.leader)


@pytest.mark.parametrize(
    ("random", "consecutive", "leader"),
    [
        (3, 0, None),  # 3 of 3 is [0.44, 1]
        (4, 0, "random"),  # 4 of 4 is [0.51, 1]
        (59, 41, None),  # [0.492, 0.681]
        (60, 40, "random"),  # [0.502, 0.691]
        (40, 60, "consecutive"),
        (41, 59, None),
        (500, 500, None),
    ],
)
def test_there_is_no_leader_while_the_interval_holds_one_half(
    random: int, consecutive: int, leader: str | None
) -> None:
    assert Standing(random, consecutive).leader == leader


@given(random=st.integers(0, 5_000), consecutive=st.integers(0, 5_000))
@settings(max_examples=200, deadline=None)
def test_the_leader_is_ahead_by_more_than_chance_would_give(random: int, consecutive: int) -> None:
    # The interval leaves out 1/2 just where the score test at 1/2 rejects.
    by = abs(random - consecutive) - Z_95 * math.sqrt(random + consecutive)
    standing = Standing(random, consecutive)
    assert (standing.leader is not None) == (by > 0)
    if standing.leader:
        assert standing.leader == standing.ahead
        assert standing.wins(standing.leader) == max(random, consecutive)


@given(random=st.integers(0, 300), consecutive=st.integers(0, 300))
@settings(max_examples=200, deadline=None)
def test_leader_and_ahead_favour_neither_sampler(random: int, consecutive: int) -> None:
    swapped = {"random": "consecutive", "consecutive": "random", None: None}
    one, two = Standing(random, consecutive), Standing(consecutive, random)
    assert two.leader == swapped[one.leader]
    if random != consecutive:
        assert two.ahead == swapped[one.ahead]


def test_where_wins_are_equal_the_first_named_is_shown_ahead_and_nobody_leads() -> None:
    for wins in (0, 1, 1_000):
        assert Standing(wins, wins).ahead == SAMPLERS[0]
        assert Standing(wins, wins).leader is None
