"""A vanilla recurrent network from its formulas. Knows nothing of text or of training."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding


class RNNModel(nn.Module):
    """H_t = tanh(X_t W_xh + H_{t-1} W_hh + b_h), O_t = H_t W_hq + b_q.

    X_t is one-hot, so X_t W_xh is a row of W_xh and is taken by its index. What does not depend on
    the step before, the projection to the vocabulary above all, is one product over all steps.

    Source: Zhang, Lipton, Li and Smola, Dive into Deep Learning, first edition, sections 6.2, 6.4.
    """

    def __init__(
        self,
        vocab_size: int,
        num_hiddens: int,
        *,
        start: Literal["normal 0.01", "scaled"],
        generator: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()

        def normal(rows: int, columns: int, deviation: float) -> nn.Parameter:
            drawn = torch.randn(rows, columns, generator=generator, dtype=dtype)
            return nn.Parameter(drawn * deviation)

        # The article draws everything from N(0, 0.01^2). "scaled" keeps the variance of what goes
        # through: inputs are one row, so their deviation is that of the state wished for; products
        # of num_hiddens terms have deviation 1/sqrt(num_hiddens) (Glorot and Bengio 2010).
        scaled = start == "scaled"
        across = num_hiddens**-0.5 if scaled else 0.01
        self.W_xh = normal(vocab_size, num_hiddens, 0.5 if scaled else 0.01)
        self.W_hh = normal(num_hiddens, num_hiddens, across)
        self.b_h = nn.Parameter(torch.zeros(num_hiddens, dtype=dtype))
        self.W_hq = normal(num_hiddens, vocab_size, across)
        self.b_q = nn.Parameter(torch.zeros(vocab_size, dtype=dtype))

    def begin_state(self, batch_size: int) -> Tensor:
        """Zeros, (batch, hiddens)."""
        return self.b_h.new_zeros(batch_size, len(self.b_h))

    def forward(self, X: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Read X (batch, steps) of indices from `state` (batch, hiddens).

        Returns:
            The logits (steps * batch, vocabulary), the first step's rows first, so that they match
            Y.T.reshape(-1); and the state after the last step (batch, hiddens).
        """
        inputs = embedding(X.T, self.W_xh) + self.b_h  # (steps, batch, hiddens)
        states = []
        for step in inputs:
            state = torch.tanh(torch.addmm(step, state, self.W_hh))  # (batch, hiddens)
            states.append(state)
        H = torch.cat(states)  # (steps * batch, hiddens)
        return torch.addmm(self.b_q, H, self.W_hq), state
