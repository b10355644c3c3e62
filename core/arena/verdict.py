"""What the votes say, pure: wins, shares and the interval around them."""

import math
from dataclasses import dataclass

from core.lyrics.recipe import Sampler

Z_95 = 1.959963984540054  # the normal distribution's 97.5 % point


@dataclass(frozen=True)
class Interval:
    """A 95 % interval of a share, each end from 0 to 1."""

    low: float
    high: float


@dataclass(frozen=True)
class Standing:
    """What a set of votes says so far. Only first answers are counted."""

    random: int = 0  # wins
    consecutive: int = 0
    neither: int = 0
    encores: int = 0
    likes: int = 0
    people: int = 0

    @property
    def votes(self) -> int:
        """Votes for one of the two; neither stays out of the share."""
        return self.random + self.consecutive

    def wins(self, sampler: Sampler) -> int:
        """How often `sampler` was chosen."""
        return self.random if sampler == "random" else self.consecutive

    def share(self, sampler: Sampler) -> float | None:
        """The sampler's share of the votes for one of the two; None before the first."""
        return self.wins(sampler) / self.votes if self.votes else None

    def interval(self, sampler: Sampler) -> Interval | None:
        """The share's Wilson interval; None before the first vote."""
        return wilson(self.wins(sampler), self.votes) if self.votes else None

    @property
    def ahead(self) -> Sampler:
        """The sampler with more wins; the first named where they are equal."""
        return "consecutive" if self.consecutive > self.random else "random"

    @property
    def leader(self) -> Sampler | None:
        """The sampler whose whole interval is above one half; None while it is too early."""
        interval = self.interval(self.ahead)
        return self.ahead if interval is not None and interval.low > 0.5 else None


def wilson(wins: int, votes: int, z: float = Z_95) -> Interval:
    """The score interval of a binomial share.

    Source: Wilson, Probable inference, the law of succession, and statistical inference,
    JASA 22 (1927), 209-212.

    Args:
        wins: from 0 to `votes`.
        votes: at least 1.
        z: the normal quantile of the confidence wished for, 1.96 for 95 %.
    """
    share = wins / votes
    shrunk = 1 + z * z / votes
    centre = (share + z * z / (2 * votes)) / shrunk
    half = z * math.sqrt(share * (1 - share) / votes + z * z / (4 * votes * votes)) / shrunk
    return Interval(max(0.0, centre - half), min(1.0, centre + half))
