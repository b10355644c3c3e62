"""Chooses next characters from a model's logits. The same for both sides of a duel."""

import random
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.lyrics.rhyme import Scheme

MIN_TEMPERATURE = 1e-3  # below it the likeliest has all the weight


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """How a lyric is written; stored with it.

    With `characters` the lyric goes on for that many after its prefix, as the article's did;
    otherwise it has `lines` lines and ends where a line ends.
    """

    temperature: float  # 0 is argmax: always the likeliest character
    top_k: int = 0  # only the likeliest so many are drawn from; 0: all
    top_p: float = 1.0  # only the likeliest that have this share of the weight
    lines: int = 8
    most_lines: int = 0  # lines up to so many, by chance; 0: as many as `lines`
    line_least: int = 1  # characters of a line, spaces not counted
    line_most: int = 40  # a model that never ends its line is made to
    characters: int | None = None
    max_run: int = 0  # longest run that may be copied from the corpus; 0: any
    max_copied: float = 1.0  # share of a lyric that may lie in copied runs of 6 or more
    max_repeat: int = 0  # longest run that the lyric may repeat from itself; 0: any
    frequency_penalty: float = 0.0  # nats off a character for each time that the lyric has it
    rhyme: Scheme | None = None
    acrostic: str = ""  # what the lines begin with, a character each
    candidates: int = 1  # written at once, of which the best is taken

    @property
    def draws(self) -> bool:
        """Whether chance has a say."""
        return self.temperature >= MIN_TEMPERATURE

    def settled(self, chance: random.Random) -> "Decoding":
        """With a number of lines, where there is a choice."""
        if self.most_lines <= self.lines:
            return self
        return replace(self, lines=chance.randint(self.lines, self.most_lines), most_lines=0)


BLOCK = 32


def choose(
    logits: NDArray[np.float32],
    temperature: float,
    draws: NDArray[np.float64],
    *,
    top_k: int = 0,
    top_p: float = 1.0,
) -> NDArray[np.intp]:
    """Draw an index a row with probability softmax(logits / temperature); argmax at temperature 0.

    Only the `top_k` likeliest are drawn from (Fan et al. 2018), and of these, at that temperature,
    the likeliest that have a share of `top_p` together (Holtzman et al. 2020).

    The draw falls on the index at which the running sum of the probabilities passes it. Sums go
    block by block first and one by one only in the block that is hit, which spares most of the
    adding one after another.

    Args:
        logits: (lyrics, vocabulary), overwritten; -inf marks what may not be drawn.
        temperature: 0 or more; above 1 is wilder, below 1 tamer.
        draws: (lyrics,), from 0 to below 1; not looked at where the temperature is 0.
        top_k: 0 for all. Of equally likely ones it may be more.
        top_p: above 0; 1 for all.

    Returns:
        (lyrics,).
    """
    if temperature < MIN_TEMPERATURE:
        likeliest: NDArray[np.intp] = logits.argmax(1)
        return likeliest
    rows, size = logits.shape
    logits -= logits.max(1, keepdims=True)
    logits *= np.float32(1 / temperature)
    if top_p < 1 or 0 < top_k < size:
        logits[logits < _threshold(logits, top_k or size, top_p)] = -np.inf
    num_blocks = -(-size // BLOCK)
    weights = np.zeros((rows, num_blocks * BLOCK), np.float32)
    np.exp(logits, out=weights[:, :size])
    blocks = weights.reshape(rows, num_blocks, BLOCK)
    sums = (blocks @ np.ones(BLOCK, np.float32)).cumsum(1, dtype=np.float64)
    aim = draws * sums[:, -1]
    block = _first_above(sums, aim)
    row = np.arange(rows)
    before = np.where(block > 0, sums[row, block - 1], 0.0)
    inside = blocks[row, block].cumsum(1, dtype=np.float64)
    index: NDArray[np.intp] = block * BLOCK + _first_above(inside, aim - before)
    return index


def _first_above(running: NDArray[np.float64], aim: NDArray[np.float64]) -> NDArray[np.intp]:
    """Where running (rows, n), which never falls, first passes aim (rows,); the last rise else.

    An index of weight 0 is not a rise, so it is never met: not by rounding either.
    """
    below_total = np.nextafter(running[:, -1], 0.0)
    first: NDArray[np.intp] = (running > np.minimum(aim, below_total)[:, None]).argmax(1)
    return first


def _threshold(logits: NDArray[np.float32], top_k: int, top_p: float) -> NDArray[np.float32]:
    """The smallest logit (lyrics, 1) that is drawn from; the largest are 0."""
    top_k = min(top_k, logits.shape[1])
    best = np.partition(logits, -top_k, axis=1)[:, -top_k:]
    best.sort(axis=1)
    best = best[:, ::-1]
    if top_p >= 1:
        return best[:, -1:]
    weights = np.exp(best)
    sums = weights.cumsum(1)
    needed = (sums < top_p * sums[:, -1:]).sum(1)  # how many are not yet enough
    least: NDArray[np.float32] = best[np.arange(len(best)), np.minimum(needed, top_k - 1)]
    return least[:, None]
