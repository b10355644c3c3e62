"""What the votes of a release say, and those of all pairs of one corpus and recipe. Pure.

Two kinds of shares stand side by side. The verdict's rests on the votes that count towards it, and
its interval holds however often one looks. The plain one takes every vote; its interval is right
for one look, and knows that votes on one duel, and votes of one person, are alike. It wants many
duels and many people, none with most of the votes; else it holds less often than it says.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from core.arena.bets import Call, Ledger, Score, interval, log_wealth, mirrored
from core.arena.sums import DECIDED, OfPair, Spread, Sums
from core.lyrics.recipe import SAMPLERS, Sampler

Z_95 = 1.959963984540054  # the normal distribution's 97.5 % point


@dataclass(frozen=True)
class Interval:
    """A 95 % interval of a share, each end from 0 to 1."""

    low: float
    high: float

    @property
    def mirrored(self) -> "Interval":
        """That of the rest."""
        return Interval(1 - self.high, 1 - self.low)


@dataclass(frozen=True)
class Share:
    """So many of so many."""

    wins: int
    votes: int  # at least 1

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.wins / self.votes

    @property
    def is_even(self) -> bool:
        """Whether it is one half."""
        return 2 * self.wins == self.votes

    @property
    def mirrored(self) -> Self:
        """That of the rest."""
        return replace(self, wins=self.votes - self.wins)


@dataclass(frozen=True)
class Estimate(Share):
    """A share and the interval around it."""

    interval: Interval

    @property
    def mirrored(self) -> Self:
        """That of the rest."""
        return replace(self, wins=self.votes - self.wins, interval=self.interval.mirrored)


@dataclass(frozen=True)
class Verdict:
    """What a release's votes say. Shares are random's, unless they say otherwise."""

    winner: Sampler | None  # None: it is not called
    people_at_call: int | None  # settled by then
    fewest: int  # accounts whose votes must be left out to undo the call; 0 without one
    holds: bool  # whatever ACCOUNTS accounts have voted
    turned: bool  # those who came after the call like the other better
    log_wealth: dict[Sampler, float]  # of bets on each, natural; that of CALLED calls it
    people: int  # settled
    waiting: int  # people whose votes count, not settled yet
    counted: Estimate | None  # of settled people's votes that count; valid at every look
    plain: Estimate | None  # of every vote, clustered by duel and by person
    lefts: Estimate | None  # of side 1, of every vote, clustered alike
    on_left: Share | None  # of random, in votes where it stood on side 1
    on_right: Share | None
    stood_left: Share | None  # how often, of votes, random stood on side 1

    @property
    def ahead(self) -> Sampler:
        """The winner; without one, the sampler with the larger share."""
        if self.winner is not None:
            return self.winner
        known = self.counted or self.plain
        return SAMPLERS[known is not None and 2 * known.wins < known.votes]


@dataclass(frozen=True)
class PairsVerdict:
    """What all pairs of one corpus and one recipe say: whose models lead, pair by pair."""

    winner: Sampler | None
    leads: dict[Sampler, int]  # decided pairs
    pairs_needed: int  # at least, if all of them agree with the majority
    votes_needed: int  # at least, until so many are decided


def verdict_of(sums: Sums) -> Verdict:
    """The verdict on one release's models."""
    ledger = sums.ledger
    scores = ledger.scores
    side, call = ledger.called or (None, Call())
    counted = sum(one.votes * people for one, people in scores.items())
    wins = sum(one.wins * people for one, people in scores.items())
    winners = counted - wins if side else wins
    told = zip(SAMPLERS, (scores, mirrored(scores)), strict=True)
    right, right_wins = sums.votes - sums.random_left, sums.random - sums.random_left_wins
    return Verdict(
        winner=None if side is None else SAMPLERS[side],
        people_at_call=call.people,
        fewest=call.fewest,
        holds=call.holds,
        turned=side is not None and 2 * winners < counted,
        log_wealth={name: log_wealth(one) for name, one in told},
        people=sum(scores.values()),
        waiting=sums.waiting,
        counted=Estimate(wins, counted, Interval(*interval(scores))) if counted else None,
        plain=plain_share(sums),
        lefts=clustered(sums.lefts, sums.votes, sums.lefts_by_duel, sums.lefts_by_person),
        on_left=_share(sums.random_left_wins, sums.random_left),
        on_right=_share(right_wins, right),
        stood_left=_share(sums.random_left, sums.votes),
    )


def _share(wins: int, votes: int) -> Share | None:
    return Share(wins, votes) if votes else None


def plain_share(sums: Sums) -> Estimate | None:
    """Random's share of every vote for one of the two."""
    return clustered(sums.random, sums.votes, sums.by_duel, sums.by_person)


def clustered(wins: int, votes: int, *spreads: Spread) -> Estimate | None:
    """A share with Wilson's interval for as many independent votes as these are worth.

    The variance of a share of votes in groups is the sum over groups of (w - share n) squared,
    over the votes squared; of two kinds of groups the sums are added, and what is in both, each
    vote by itself, is taken off once (Cameron, Gelbach and Miller, Robust inference with multiway
    clustering, J. Bus. Econ. Stat. 29, 2011, 238-249). Both are taken at the share that Wilson's
    interval has at its centre, since at a share of 0 or 1 there would be no spread.

    Args:
        wins: from 0 to `votes`.
        votes: any number; without one there is no share.
        spreads: of the same votes and wins, by each kind of group; none: they are independent.
    """
    if votes == 0:
        return None
    many = worth(wins, votes, *spreads)
    return Estimate(wins, votes, wilson(wins / votes * many, many))


def worth(wins: int, votes: int, *spreads: Spread) -> float:
    """How many independent votes these, at least one, are worth: see `clustered`."""
    centre = (wins + Z_95**2 / 2) / (votes + Z_95**2)
    alone = wins * (1 - centre) ** 2 + (votes - wins) * centre**2
    together = sum(one.squares(centre) for one in spreads) - (len(spreads) - 1) * alone
    return votes / max(1.0, together / alone) if spreads else votes


def pairs_verdict(pairs: Sequence[OfPair]) -> PairsVerdict:
    """The verdict on the samplers: a pair, which is one draw of the weights, is one observation.

    Args:
        pairs: of different seeds, as they were decided; undecided ones may stand anywhere.

    Returns:
        Who is better over pairs, and if nobody yet, what it takes at the least.
    """
    leaders = [pair.leader for pair in pairs if pair.leader is not None]
    leads: dict[Sampler, int] = {name: leaders.count(name) for name in SAMPLERS}
    ledger = Ledger.of((Score(1, int(one == SAMPLERS[0])) for one in leaders), cap=1)
    if ledger.called is not None:
        return PairsVerdict(SAMPLERS[ledger.called[0]], leads, 0, 0)
    needed = 0
    agrees = Score(1, int(leads[SAMPLERS[0]] >= leads[SAMPLERS[1]]))
    while ledger.called is None:
        ledger.add(agrees)
        needed += 1
    begun = sorted((pair.votes for pair in pairs if pair.leader is None), reverse=True)
    have = sum(begun[:needed])
    return PairsVerdict(None, leads, needed, DECIDED * needed - have)


def wilson(wins: float, votes: float, z: float = Z_95) -> Interval:
    """The score interval of a binomial share.

    Source: Wilson, Probable inference, the law of succession, and statistical inference,
    JASA 22 (1927), 209-212.

    Args:
        wins: from 0 to `votes`.
        votes: above 0.
        z: the normal quantile of the confidence wished for, 1.96 for 95 %.
    """
    share = wins / votes
    shrunk = 1 + z * z / votes
    centre = (share + z * z / (2 * votes)) / shrunk
    half = z * math.sqrt(share * (1 - share) / votes + z * z / (4 * votes * votes)) / shrunk
    return Interval(max(0.0, centre - half), min(1.0, centre + half))
