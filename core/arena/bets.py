"""When one sampler may be called better: a mixture of bets that holds however often one looks.

Whoever votes gives one score: of `votes` counted ones, `wins` for sampler A. Somebody bets against
"the share of A is m or less" and stakes a part of what they have on each score in turn. Where the
statement is true, what they have is a nonnegative supermartingale, so it reaches 40 times the
stake with probability 1/40 at most, whenever one looks (Ville 1939); twice that for both sides.

The share is that of counted votes, E[wins] / E[votes]: who gives five weighs five times who gives
one. Assumed is E[wins - m votes] = 0 at the true m for each person, given all who were settled
before. So nothing is promised on a vote a head where those who like A give more votes than others;
and where the crowd changes, a call says that those who came preferred A.

What is staked is not tuned to the outcome but spread over several bets beforehand, and the wealth
is their mean (Robbins 1970; Ryu and Bhatt 2022, arXiv:2207.12382); the values that m can still
have are those that no such wealth refutes by now (Waudby-Smith and Ramdas, J. R. Stat. Soc. B,
2024). A call looks at the best moment there was, so one half may be among them again.

That is: whatever came before, the mean of what they have after the next person is at most what
they have before. A person with 3 wins of 5 votes multiplies a bet of T = 0.2 against m = 1/2 by
1 + 0.2 (3 - 2.5) / 2.5 = 1.04, one with 2 of 5 by 0.96. The divisor, m CAP, is the most that a
score can fall short by, so that nobody ever loses more than the part T.

What a person has is a sum and not a mean, of at most CAP votes: people of one taste who stop at a
first win for A would turn a mean, since half of them have 1 of 1. CAP, TILTS and SHARES were
chosen by simulations like those of tests/bench/verdict.py.

A call holds against any ACCOUNTS accounts if it stands without what they gave, whoever they were.
That does not undo that they were first in duels in which others' votes would have counted.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

CAP = 5  # counted votes a person, at most
TILTS = (0.05, 0.10, 0.20, 0.40, 0.80)  # how much is staked on a score, as a share
SHARES = (0.05, 0.15, 0.35, 0.30, 0.15)  # of the first stake, by tilt
CALLED = 40.0  # times the first stake: 2.5 % a side, 5 % for both
LOG_CALLED = math.log(CALLED)
ACCOUNTS = 20  # that may be stuffed
STEPS = 40  # halvings of [0, 1]: far below what is shown


@dataclass(frozen=True, order=True)
class Score:
    """What a person gives: 1 to CAP votes, of which 0 to all are wins for A."""

    votes: int
    wins: int

    def __post_init__(self) -> None:
        """Refuse what nobody can give.

        Raises:
            ValueError.
        """
        if not (self.votes >= 1 and 0 <= self.wins <= self.votes):
            raise ValueError(f"{self.wins} wins of {self.votes} votes are no score")

    @property
    def mirrored(self) -> "Score":
        """The same, told of B."""
        return Score(self.votes, self.votes - self.wins)


Scores = Mapping[Score, int]  # how many people gave each: no more needs to be known of them


def mirrored(scores: Scores) -> Scores:
    """The same, told of B."""
    return {score.mirrored: people for score, people in scores.items()}


def log_parts(
    scores: Scores, mean: float = 0.5, *, without: int = 0, cap: int = CAP
) -> NDArray[np.float64]:
    """Natural logarithms of what whoever bets against "A's share is `mean` or less" has.

    SHARES_j prod_i [1 + TILTS_j (wins_i - mean votes_i) / (mean cap)] for each bet j

    Args:
        scores: of any number of people, each of at most `cap` votes.
        mean: above 0, at most 1.
        without: so many people are left out as the largest factors above 1, which are the same
            people's in all bets: what is left is never above what the scores of the others alone
            bring, whoever those were.
        cap: votes that a person can give.
    """
    of_each = [(one.wins - mean * one.votes, people) for one, people in scores.items()]
    gains, people = np.array(sorted(of_each, reverse=True) or [(0.0, 0)]).T
    before = np.cumsum(people) - people
    left = people - np.where(gains > 0, np.clip(without - before, 0, people), 0)
    factors = np.log1p(np.multiply.outer(TILTS, gains / (mean * cap)))
    parts: NDArray[np.float64] = np.log(SHARES) + factors @ left
    return parts


def log_wealth(scores: Scores, mean: float = 0.5, *, without: int = 0, cap: int = CAP) -> float:
    """The natural logarithm of what all bets together have; `log_parts` says by what."""
    return float(np.logaddexp.reduce(log_parts(scores, mean, without=without, cap=cap)))


def interval(scores: Scores, *, cap: int = CAP) -> tuple[float, float]:
    """The ends of the shares of A that are not refuted, with 95 % for all looks together."""
    return _least(scores, cap), 1.0 - _least(mirrored(scores), cap)


@dataclass(frozen=True)
class Call:
    """What the bets against "A's share is one half or less" have come to."""

    fewest: int = 0  # accounts that must be left out to undo the call, at its best moment
    people: int | None = None  # that had been settled when it was called

    @property
    def is_called(self) -> bool:
        """Once is for ever: that is what the error is counted by."""
        return self.fewest > 0

    @property
    def holds(self) -> bool:
        """Whether it is called against any ACCOUNTS accounts as well."""
        return self.fewest > ACCOUNTS

    def after(self, scores: Scores, cap: int) -> "Call":
        """With one person more, who is in the scores."""
        people, fewest = sum(scores.values()), self.fewest
        while fewest < people and log_wealth(scores, without=fewest, cap=cap) >= LOG_CALLED:
            fewest += 1
        if fewest == self.fewest:
            return self
        return Call(fewest, people if self.people is None else self.people)


@dataclass
class Ledger:
    """Scores and what they call; one person's is added at a time."""

    cap: int = CAP
    scores: dict[Score, int] = field(default_factory=dict)
    a: Call = Call()
    b: Call = Call()

    def add(self, score: Score) -> None:
        """Settle one person more."""
        self.scores[score] = self.scores.get(score, 0) + 1
        self.a = self.a.after(self.scores, self.cap)
        self.b = self.b.after(mirrored(self.scores), self.cap)

    @property
    def called(self) -> tuple[int, Call] | None:
        """The side that is called, 0 for A and 1 for B, and the call; None without one.

        Where the crowd changed both may have been: the earlier call stands.
        """
        sides = [(side, call) for side, call in enumerate((self.a, self.b)) if call.is_called]
        return min(sides, key=lambda one: one[1].people or 0, default=None)

    @classmethod
    def of(cls, scores: Iterable[Score], *, cap: int = CAP) -> "Ledger":
        """That of people in their order."""
        ledger = cls(cap)
        for score in scores:
            ledger.add(score)
        return ledger


def _least(scores: Scores, cap: int) -> float:
    """The smallest mean that is not refuted: where the wealth, which falls with it, is CALLED."""
    if not any(score.wins for score in scores):
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        if log_wealth(scores, middle, cap=cap) >= LOG_CALLED:
            low = middle
        else:
            high = middle
    return low
