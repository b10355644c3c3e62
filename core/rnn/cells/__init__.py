"""The recurrent cells, one a file, behind one interface.

A cell is the part of a network that goes step by step. What comes in from below, X_t W_xh, is
computed for all steps at once by whoever calls, and so are the gradients of the weights: each of
them is one matrix product. A cell's backward pass is written by hand, from the derivatives in its
docstring. Models of one shape can be computed side by side: each step is then one batched product,
which is what keeps a GPU busy. A model alone is a batch of one.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd import Function

from core.lyrics.recipe import CellName
from core.rnn.cells.gru import GRU
from core.rnn.cells.lstm import LSTM
from core.rnn.cells.rnn import RNN


@dataclass(frozen=True)
class Cell:
    """A cell as the model sees it.

    `recurrence.apply(P, state, W_hh, b_h, dtype)` reads P (steps, models, batch, gates * hiddens)
    from state (states, models, batch, hiddens), W_hh (models, hiddens, gates * hiddens) and b_h
    (models, gates * hiddens); it gives back H (steps, models, batch, hiddens) and the state after
    the last step. The products are computed in `dtype`.
    """

    recurrence: type[Function]
    gates: int
    states: int

    def __call__(
        self,
        P: Tensor,
        state: Tensor,
        W_hh: Tensor,
        b_h: Tensor,
        dtype: torch.dtype | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Run the recurrence; `dtype` is that of the weights where not given.

        A cell of one gate keeps the weights' own: its products are over before another helps.
        """
        if dtype is None or self.gates == 1:
            dtype = W_hh.dtype
        H, last = self.recurrence.apply(P, state, W_hh, b_h, dtype)  # type: ignore[no-untyped-call]
        return H, last


CELLS: dict[CellName, Cell] = {
    "rnn": Cell(RNN, gates=1, states=1),
    "gru": Cell(GRU, gates=3, states=1),
    "lstm": Cell(LSTM, gates=4, states=2),
}
