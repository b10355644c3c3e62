"""What is drawn for each lyric, by its own seed: the same alone and beside others."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

DRAWN = 64  # numbers drawn at once


class Chance:
    """Numbers from 0 to below 1, for some lyrics that have `each` rows."""

    def __init__(self, seeds: Sequence[int], each: int = 1, *, draws: bool = True) -> None:
        """Where nothing `draws`, there are none."""
        self._generators = [np.random.default_rng(seed) for seed in seeds] if draws else []
        self._each = each
        self._columns = np.arange(len(seeds) * each)
        self._drawn = np.empty((0, len(seeds) * each))
        self._next = 0

    def draws(self) -> NDArray[np.float64]:
        """One number a row."""
        if not self._generators:
            return np.empty(0)
        if self._next >= len(self._drawn):
            self.begin()
        self._next += 1
        drawn: NDArray[np.float64] = self._drawn[self._next - 1, self._columns]
        return drawn

    def begin(self) -> None:
        """Draw anew; what was not used is lost."""
        if self._generators:
            drawn = np.zeros((DRAWN, len(self._generators), self._each))
            for lyric in set((self._columns // self._each).tolist()):
                drawn[:, lyric] = self._generators[lyric].random((DRAWN, self._each))
            self._drawn, self._next = drawn.reshape(DRAWN, -1), 0

    def keep(self, rows: NDArray[np.intp]) -> None:
        """Go on with those rows."""
        self._columns = self._columns[rows]
