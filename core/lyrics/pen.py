"""A network that reads characters and says what may follow, in numpy, for several lyrics at once.

Knows nothing of text. Everything it works in is laid out once: a step allocates nothing.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.lyrics.cells import STATES, STEPS
from core.lyrics.checkpoint import Checkpoint

Floats = NDArray[np.float32]


class Tables:
    """The weights of a checkpoint, as reading and writing want them."""

    def __init__(self, checkpoint: Checkpoint, never: Sequence[int] = ()) -> None:
        """`never` are the indices that are not to be written."""
        shape, weights = checkpoint.recipe.network, checkpoint.weights
        self.step = STEPS[shape.cell]
        self.states, self.hiddens = STATES[shape.cell], shape.num_hiddens
        # A row a character, whether the model has an embedding or not.
        rows = weights["E"] @ weights["W_xh"] if shape.num_embed else weights["W_xh"]
        W_hq = weights["E"].T if shape.tied else weights["W_hq"]
        self.rows, self.W_hh, self.b_h, self.W_hq, self.b_q = (
            np.array(one, dtype=np.float32, order="C")
            for one in (rows, weights["W_hh"], weights["b_h"], W_hq, weights["b_q"])
        )
        self.b_q[list(never)] = -np.inf


class Pen:
    """The states of some lyrics, and room to work in."""

    def __init__(self, tables: Tables, lyrics: int) -> None:
        self._tables = tables
        self._state = np.zeros((tables.states, lyrics, tables.hiddens), np.float32)
        self._P, self._B = np.empty((2, lyrics, tables.W_hh.shape[1]), np.float32)
        self._logits = np.empty((lyrics, len(tables.b_q)), np.float32)

    @classmethod
    def of(cls, pens: Sequence["Pen"]) -> "Pen":
        """One pen for the lyrics of several."""
        return cls._with(pens[0]._tables, np.concatenate([pen._state for pen in pens], axis=1))

    @classmethod
    def _with(cls, tables: Tables, state: Floats) -> "Pen":
        pen = cls(tables, state.shape[1])
        pen._state[:] = state
        return pen

    def take(self, rows: NDArray[np.intp]) -> "Pen":
        """A pen for those lyrics; one may be given several times."""
        return self._with(self._tables, self._state[:, rows])

    def put_into(self, states: Floats, rows: NDArray[np.bool_]) -> None:
        """Copy the states of those lyrics into theirs."""
        states[:, rows] = self._state[:, rows]

    def new_states(self) -> Floats:
        """Room for the states of all its lyrics."""
        return np.empty_like(self._state)

    def with_states(self, states: Floats) -> "Pen":
        """A pen that goes on from there."""
        return self._with(self._tables, states)

    def read(self, indices: NDArray[np.intp]) -> None:
        """Read a character for each lyric, (lyrics,)."""
        tables = self._tables
        np.take(tables.rows, indices, axis=0, out=self._P, mode="clip")  # unbuffered
        np.matmul(self._state[0], tables.W_hh, out=self._B)
        self._B += tables.b_h
        tables.step(self._P, self._B, self._state)

    def logits(self) -> Floats:
        """O = H W_hq + b_q (lyrics, vocabulary), to be overwritten; -inf where not to write."""
        np.matmul(self._state[0], self._tables.W_hq, out=self._logits)
        self._logits += self._tables.b_q
        return self._logits
