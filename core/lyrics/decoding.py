"""Chooses the next character from a model's logits. The same for both sides of a duel."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """How a lyric is written; stored with it.

    With `characters` the lyric goes on for that many after its prefix, as the article's did;
    otherwise it has `lines` lines and ends where a line ends.
    """

    temperature: float  # 0 is argmax: always the likeliest character
    lines: int = 8
    characters: int | None = None


def choose(logits: NDArray[np.float32], temperature: float, chance: np.random.Generator) -> int:
    """Draw an index with probability softmax(logits / temperature); argmax at temperature 0.

    Args:
        logits: (vocabulary,); -inf marks what may not be drawn.
        temperature: 0 or more; above 1 is wilder, below 1 tamer.
        chance: where the randomness comes from.
    """
    if temperature < 1e-3:  # the likeliest has all the weight
        return int(logits.argmax())
    weights = np.exp((logits - logits.max()) / temperature)
    running = weights.cumsum(dtype=np.float64)
    # side="right" and a draw below the total: an index of weight 0 is never met.
    return int(running.searchsorted(chance.random() * running[-1], side="right"))
