"""A recurrent language model from its formulas. Knows nothing of text or of training.

    P_t = X_t W_xh                      X_t is one-hot: a row of W_xh, taken by its index
    H_t, S_t = cell(P_t, S_{t-1})       the only part that goes step by step
    O_t = H_t W_hq + b_q                over all steps at once

With an embedding the row comes from E first, P_t = (X_t E) W_xh, and where it is tied the
projection is the same matrix again, W_hq = E^T: a character is written as it is read.

Every tensor has a leading dimension of models, which are computed side by side and know nothing of
each other.

Sources: Zhang, Lipton, Li and Smola, Dive into Deep Learning, first edition, sections 6.2 and 6.4;
Press and Wolf, Using the output embedding to improve language models, 2017.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from core.lyrics.recipe import Network
from core.rnn.cells import CELLS
from core.rnn.dropout import Dropout
from core.rnn.loss import ProjectionLoss
from core.rnn.products import Product, by_step, over_steps

NO_DROPOUT = Dropout(())


class RNNModel(nn.Module):
    """Models of one shape, each with start weights drawn by its own generator."""

    def __init__(
        self,
        vocab_size: int,
        network: Network,
        generators: Sequence[torch.Generator],
        *,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.network = network
        self.cell = CELLS[network.cell]
        self.vocab_size = vocab_size
        hiddens, width = network.num_hiddens, network.num_embed
        gates = self.cell.gates * hiddens

        def normal(rows: int, columns: int, deviation: float) -> nn.Parameter:
            drawn = [torch.randn(rows, columns, generator=g, dtype=dtype) for g in generators]
            return nn.Parameter(torch.stack(drawn) * deviation)

        # The article draws everything from N(0, 0.01^2). "scaled" keeps the variance of what goes
        # through: a product of n terms has deviation 1/sqrt(n) (Glorot and Bengio 2010), a row
        # taken alone about that of a tanh's argument. Factors above 1 were found by trial: they
        # spare a network half of the epochs in which it would first have to grow its weights.
        scaled = network.start == "scaled"

        def across(terms: int, factor: float = 1.0) -> float:
            return factor * terms**-0.5 if scaled else 0.01

        self.E = None
        if width is not None:
            self.E = normal(vocab_size, width, across(width))
            self.W_xh = normal(width, gates, across(width, 2.0))
        else:
            self.W_xh = normal(vocab_size, gates, across(1, 1.5))
        self.W_hh = normal(hiddens, gates, across(hiddens))
        self.b_h = nn.Parameter(torch.zeros(len(generators), gates, dtype=dtype))
        self.W_hq = None if network.tied else normal(hiddens, vocab_size, across(hiddens, 3.0))
        self.b_q = nn.Parameter(torch.zeros(len(generators), vocab_size, dtype=dtype))

    def begin_state(self, batch_size: int) -> Tensor:
        """Zeros, (states, models, batch, hiddens)."""
        shape = (self.cell.states, len(self.b_h), batch_size, self.network.num_hiddens)
        return self.b_h.new_zeros(shape)

    def hidden(
        self,
        X: Tensor,
        state: Tensor,
        dropout: Dropout = NO_DROPOUT,
        dtype: torch.dtype | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Read X (models, batch, steps) of indices from `state`, with products in `dtype`.

        Returns:
            H (models, steps * batch, hiddens), the first step's rows first, so that they match
            Y.mT.flatten(1); and the state after the last step.
        """
        if self.E is None:
            P = by_step(self._rows(self.W_xh, X), X)
        else:
            rows = by_step(self._rows(self.E, X), X)
            rows = dropout.units(rows, self.network.dropout_input)
            product: Tensor = Product.apply(  # type: ignore[no-untyped-call]
                over_steps(rows), self.W_xh, dtype or rows.dtype
            )
            P = by_step(product, X)
        W_hh = dropout.weights(self.W_hh, self.network.dropout_weights)
        H, state = self.cell(P, state, W_hh, self.b_h, dtype)
        return over_steps(dropout.units(H, self.network.dropout_output)), state

    def _rows(self, matrix: Tensor, X: Tensor) -> Tensor:
        """The row of every index of X in its model's matrix, (models, steps * batch, …)."""
        first = torch.arange(len(X), device=X.device) * self.vocab_size  # each model's first row
        return embedding(X.mT.flatten(1) + first[:, None], matrix.flatten(0, 1))

    @property
    def projection(self) -> Tensor:
        """W_hq (models, hiddens, vocabulary)."""
        return self.E.mT if self.W_hq is None else self.W_hq  # type: ignore[union-attr]

    def forward(self, X: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """The logits (models, steps * batch, vocabulary) after X; and the state."""
        H, state = self.hidden(X, state)
        return torch.baddbmm(self.b_q[:, None], H, self.projection), state

    def loss(
        self,
        X: Tensor,
        Y: Tensor,
        state: Tensor,
        *,
        dropout: Dropout = NO_DROPOUT,
        dtype: torch.dtype | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Each model's mean cross-entropy in nats (models,) of Y after X; and the state.

        `dtype` is that of the products, the weights' own where not given.
        """
        H, state = self.hidden(X, state, dropout, dtype)
        loss: Tensor = ProjectionLoss.apply(  # type: ignore[no-untyped-call]
            H, self.projection, self.b_q, Y.mT.flatten(1), dtype or self.b_q.dtype
        )
        return loss, state
