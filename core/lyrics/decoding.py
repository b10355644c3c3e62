"""Chooses next characters from a model's logits. The same for both sides of a duel."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MIN_TEMPERATURE = 1e-3  # below it the likeliest has all the weight


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """How a lyric is written; stored with it.

    With `characters` the lyric goes on for that many after its prefix, as the article's did;
    otherwise it has `lines` lines and ends where a line ends.
    """

    temperature: float  # 0 is argmax: always the likeliest character
    lines: int = 8
    characters: int | None = None

    @property
    def draws(self) -> bool:
        """Whether chance has a say."""
        return self.temperature >= MIN_TEMPERATURE


BLOCK = 32


def choose(
    logits: NDArray[np.float32], temperature: float, draws: NDArray[np.float64]
) -> NDArray[np.intp]:
    """Draw an index a row with probability softmax(logits / temperature); argmax at temperature 0.

    The draw falls on the index at which the running sum of the probabilities passes it. Sums go
    block by block first and one by one only in the block that is hit, which spares most of the
    adding one after another.

    Args:
        logits: (lyrics, vocabulary), overwritten; -inf marks what may not be drawn.
        temperature: 0 or more; above 1 is wilder, below 1 tamer.
        draws: (lyrics,), from 0 to below 1; not looked at where the temperature is 0.

    Returns:
        (lyrics,).
    """
    if temperature < MIN_TEMPERATURE:
        likeliest: NDArray[np.intp] = logits.argmax(1)
        return likeliest
    rows, size = logits.shape
    logits -= logits.max(1, keepdims=True)
    logits *= np.float32(1 / temperature)
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
