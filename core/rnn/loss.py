"""The projection to the vocabulary and its loss: where most of the time of a training goes.

    O = H W_hq + b_q                        one product over all steps
    loss = mean over rows of log(sum(exp(O))) - O[target]

Backwards, with S = softmax(O) and Y the one-hot targets:

    dO = (S - Y) / rows      dH = dO W_hq^T      dW_hq = H^T dO      db_q = sum over rows of dO

dO needs nothing from above but a factor, so it is made in the forward pass. The products may be in
bfloat16, where the machine is good at it (b_q is then added in it too); the softmax and all sums
are in the type of the weights.

Source: Dive into Deep Learning, first edition, section 3.4 (the softmax and its derivative).
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable


class ProjectionLoss(Function):
    """Of H (models, rows, hiddens) and targets (models, rows).

    W_hq is (models, hiddens, vocabulary), b_q (models, vocabulary).
    """

    @staticmethod
    def forward(
        ctx: Any, H: Tensor, W_hq: Tensor, b_q: Tensor, targets: Tensor, dtype: torch.dtype
    ) -> Tensor:
        """The mean loss of each model in nats (models,); `dtype` is that of the products."""
        H, W_hq = H.to(dtype), W_hq.to(dtype)
        O = torch.baddbmm(b_q.to(dtype)[:, None], H, W_hq).to(b_q.dtype)
        logarithms, which = torch.log_softmax(O, 2), targets[..., None]
        loss = -logarithms.gather(2, which).mean((1, 2))
        dO = logarithms.exp_()  # S, whose place S - Y takes
        dO.scatter_add_(2, which, dO.new_full(which.shape, -1.0))
        ctx.save_for_backward(H, W_hq, dO.to(dtype), dO.sum(1))
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, above: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients of H, W_hq and b_q."""
        H, W_hq, dO, db_q = ctx.saved_tensors
        above = above / H.shape[1]  # the n of the mean, left out of dO until here
        factor = above[:, None, None]
        dH = (dO @ W_hq.mT).to(db_q.dtype) * factor
        dW_hq = (H.mT @ dO).to(db_q.dtype) * factor
        return dH, dW_hq, db_q * above[:, None], None, None
