"""The plain recurrent cell.

    A_t = P_t + H_{t-1} W_hh + b_h         P_t = X_t W_xh comes from outside
    H_t = tanh(A_t)

Backwards, with dH_t the gradient that comes from above, from the last step to the first:

    dA_t = (dH_t + dA_{t+1} W_hh^T) * (1 - H_t^2)
    dW_hh = sum over t of H_{t-1}^T dA_t    one product over all steps
    db_h = sum over t of dA_t              dP_t = dA_t

Source: Zhang, Lipton, Li and Smola, Dive into Deep Learning, first edition, sections 6.2 and 6.6;
Werbos, Backpropagation through time: what it does and how to do it, 1990.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from core.rnn.products import add_product, product_over_steps


class RNN(Function):
    """P (steps, models, batch, hiddens), state (1, models, batch, hiddens)."""

    @staticmethod
    def forward(
        ctx: Any, P: Tensor, state: Tensor, W_hh: Tensor, b_h: Tensor, dtype: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        """Read P from `state`; H of every step, and the state after the last."""
        A, W = P + b_h[:, None], W_hh.to(dtype)
        H = torch.cat((state, torch.empty_like(P)))  # H[0] is what the first step reads
        for t in range(len(P)):
            torch.tanh(add_product(A[t], H[t], W), out=H[t + 1])
        ctx.save_for_backward(H, W)
        return H[1:], H[-1:].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dH: Tensor, dlast: Tensor) -> tuple[Tensor | None, ...]:
        """From the gradients of both results, those of the first four arguments."""
        H, W = ctx.saved_tensors
        slope, W_T = 1 - H[1:] ** 2, W.mT.contiguous()
        d = torch.cat((torch.zeros_like(dlast), dH))  # d[t + 1] is dH_t, and becomes dA_t
        d[-1:] += dlast
        for t in range(len(dH) - 1, -1, -1):
            d[t + 1] *= slope[t]
            add_product(d[t], d[t + 1], W_T)
        dA = d[1:]
        return dA, d[:1], product_over_steps(H[:-1], dA, W.dtype), dA.sum((0, 2)), None
