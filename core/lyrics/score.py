"""Says which of several candidates for a lyric is dealt. The same for both sides of a duel."""

from collections.abc import Sequence
from itertools import pairwise

from core.lyrics.copies import Copied, bare
from core.lyrics.rhyme import rhyme

VARIETY = 1.0  # nats that a lyric without any pair of characters twice is worth
RHYME = 0.5  # that one is worth in which each line rhymes with the one before
COPY = 2.0  # that one loses that is copied throughout


def score(text: str, likelihood: float, copied: Copied | None) -> float:
    """How good a candidate is: the more, the better.

    likelihood + VARIETY * distinct-2 + RHYME * rhyming neighbours - COPY * share in runs of 6,
    where likelihood is the mean log-probability of a character (nats), and distinct-2 the share
    of different pairs of neighbouring characters (Li et al. 2016).
    """
    variety = distinct(bare(text), 2)
    ends = [line.strip()[-1:] for line in text.split("\n")]  # a character is read by itself: quick
    copy = 0.0 if copied is None else 1.0 - copied.originality
    return likelihood + VARIETY * variety + RHYME * rhyming_neighbours(ends) - COPY * copy


def distinct(text: str, size: int) -> float:
    """Share of different runs of that size (Li et al. 2016)."""
    runs = [text[n : n + size] for n in range(len(text) - size + 1)]
    return len({*runs}) / len(runs) if runs else 1.0


def rhyming_neighbours(lines: Sequence[str]) -> float:
    """Share of lines that rhyme with the one before, by another character."""
    pairs = [rhyme(one, two) for one, two in pairwise(lines)]
    return sum(pairs) / len(pairs) if pairs else 0.0
