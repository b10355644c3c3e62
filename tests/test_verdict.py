"""The verdict: what is called, and its intervals against published values and slow versions."""

from collections.abc import Callable
from decimal import Decimal, localcontext
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.arena.bets import CAP, Ledger, Score
from core.arena.sums import DECIDED, OfPair, Spread, Sums
from core.arena.verdict import Z_95, clustered, pairs_verdict, verdict_of, wilson, worth
from core.lyrics.recipe import Sampler

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


# Clusters

VOTES = st.lists(
    st.tuples(st.integers(1, 6), st.integers(1, 6), st.booleans()),
    min_size=1,
    unique_by=lambda vote: vote[:2],  # a person votes once on a duel
)


def spread(votes: list[tuple[int, int, bool]], by: int) -> Spread:
    """The sums of one kind of groups, a vote at a time."""
    found, groups = Spread(), dict[int, tuple[int, int]]()
    for vote in votes:
        many, wins = groups.get(vote[by], (0, 0))
        found.add(many, wins, vote[2])
        groups[vote[by]] = (many + 1, wins + vote[2])
    return found


@given(votes=VOTES)
@settings(max_examples=200, deadline=None)
def test_votes_are_worth_what_the_formula_says_as_it_is_written(
    votes: list[tuple[int, int, bool]],
) -> None:
    wins = sum(win for _, _, win in votes)
    centre = (wins + Z_95**2 / 2) / (len(votes) + Z_95**2)

    def variance(by: Callable[[tuple[int, int, bool]], object]) -> float:
        groups: dict[object, float] = {}
        for vote in votes:
            groups[by(vote)] = groups.get(by(vote), 0.0) + vote[2] - centre
        return sum(one**2 for one in groups.values())

    alone = variance(lambda vote: vote)
    together = variance(lambda vote: vote[0]) + variance(lambda vote: vote[1]) - alone
    ratio = max(1.0, together / alone)
    many = worth(wins, len(votes), spread(votes, 0), spread(votes, 1))
    assert many == pytest.approx(len(votes) / ratio)
    assert 0 < many <= len(votes) + 1e-9


def test_votes_of_different_people_on_different_duels_are_worth_themselves() -> None:
    votes = [(number, number, number % 3 == 0) for number in range(30)]
    found = clustered(10, 30, spread(votes, 0), spread(votes, 1))
    assert found is not None
    assert found.interval == wilson(10, 30)


def test_all_votes_of_one_person_are_worth_one() -> None:
    votes = [(number, 1, True) for number in range(30)]
    assert worth(30, 30, spread(votes, 0), spread(votes, 1)) == pytest.approx(1)


def test_many_votes_on_one_duel_do_not_make_a_fair_coin_look_crooked() -> None:
    chance = np.random.default_rng(5)
    missed = alone = 0
    for _ in range(60):
        # One lyric of each duel is the better one; forty duels, twenty votes each.
        lefts = chance.binomial(20, chance.beta(0.3, 0.3, 40))
        by_duel, by_person = Spread(), Spread()
        for of_duel in lefts:
            for number in range(20):
                left = number < of_duel
                by_duel.add(number, min(number, of_duel), left)
                by_person.add(0, 0, left)
        found = clustered(int(lefts.sum()), 800, by_duel, by_person)
        assert found is not None
        missed += not found.interval.low <= 0.5 <= found.interval.high
        naive = wilson(int(lefts.sum()), 800)
        alone += not naive.low <= 0.5 <= naive.high
    assert missed <= 9
    assert alone > 20


def test_before_the_first_vote_there_is_no_share() -> None:
    assert clustered(0, 0) is None
    verdict = verdict_of(Sums(neither=9, encores=8, likes=7, people=6))
    assert (verdict.winner, verdict.counted, verdict.plain, verdict.lefts) == (None,) * 4


# What is called


def sums_of(*scores: Score) -> Sums:
    return Sums(ledger=Ledger.of(scores))


def test_a_call_names_its_sampler_and_what_would_undo_it() -> None:
    full = Score(CAP, CAP)
    verdict = verdict_of(sums_of(*[full] * 30))
    assert (verdict.winner, verdict.people_at_call) == ("random", 10)
    assert (verdict.fewest, verdict.holds, verdict.ahead) == (21, True, "random")
    assert verdict.counted is not None
    assert verdict.counted.interval.low > 0.5
    other = verdict_of(sums_of(*[full.mirrored] * 11))
    assert (other.winner, other.fewest, other.holds) == ("consecutive", 2, False)
    assert verdict_of(sums_of(*[full] * 9)).winner is None


def test_where_the_crowd_turned_the_first_call_stands() -> None:
    sums = sums_of(*[Score(5, 5)] * 12, *[Score(5, 0)] * 60)
    assert sums.ledger.a.is_called
    assert sums.ledger.b.is_called
    assert verdict_of(sums).winner == "random"
    assert verdict_of(sums).turned
    assert not verdict_of(sums_of(*[Score(5, 5)] * 12, *[Score(1, 0)] * 9)).turned


@given(scores=st.lists(st.sampled_from([Score(1, 0), Score(1, 1), Score(5, 4), Score(5, 0)])))
@settings(max_examples=100, deadline=None)
def test_a_verdict_favours_neither_sampler(scores: list[Score]) -> None:
    swapped = {"random": "consecutive", "consecutive": "random", None: None}
    one, two = verdict_of(sums_of(*scores)), verdict_of(sums_of(*(s.mirrored for s in scores)))
    assert two.winner == swapped[one.winner]
    assert (two.fewest, two.people_at_call) == (one.fewest, one.people_at_call)
    if one.counted is not None and two.counted is not None:
        mirrored = one.counted.mirrored
        assert two.counted.wins == mirrored.wins
        assert two.counted.interval.low == pytest.approx(mirrored.interval.low)


# Pairs


def pair(leader: Sampler | None, votes: int = DECIDED) -> OfPair:
    return OfPair(votes, 0, leader)


def test_ten_pairs_that_agree_are_the_least_that_speak_of_the_sampler() -> None:
    nine = pairs_verdict([pair("random")] * 9)
    assert (nine.winner, nine.pairs_needed, nine.votes_needed) == (None, 1, DECIDED)
    assert nine.leads == {"random": 9, "consecutive": 0}
    ten = pairs_verdict([pair("consecutive")] * 10)
    assert (ten.winner, ten.pairs_needed, ten.votes_needed) == ("consecutive", 0, 0)


def test_of_pairs_under_way_only_what_is_left_is_needed() -> None:
    begun = [pair("random")] * 8 + [pair(None, 30), pair(None, 2), pair(None, 20)]
    assert pairs_verdict(begun).pairs_needed == 2
    assert pairs_verdict(begun).votes_needed == 1 + 11
    none = pairs_verdict([])
    assert (none.pairs_needed, none.votes_needed) == (10, 10 * DECIDED)


def test_pairs_that_disagree_take_more() -> None:
    mixed = pairs_verdict([pair("random"), pair("consecutive"), pair("random")])
    assert mixed.winner is None
    assert mixed.pairs_needed > 9
