"""Says which of several candidates for a lyric is dealt. The same for both sides of a duel."""

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
    written = bare(text)
    pairs = [written[n : n + 2] for n in range(len(written) - 1)]
    distinct = len({*pairs}) / len(pairs) if pairs else 1.0
    ends = [line.strip()[-1:] for line in text.split("\n")]  # a character is read by itself: quick
    neighbours = [rhyme(one, two) for one, two in pairwise(ends)]
    rhymes = sum(neighbours) / len(neighbours) if neighbours else 0.0
    copy = 0.0 if copied is None else 1.0 - copied.originality
    return likelihood + VARIETY * distinct + RHYME * rhymes - COPY * copy
