"""The projection to the vocabulary and its loss: where most of the time of a training goes.

    O = H W_hq + b_q                        one product over all steps
    loss = mean over rows of log(sum(exp(O))) - O[target]

Backwards, with S = softmax(O) and Y the one-hot targets:

    dO = (S - Y) / rows      dH = dO W_hq^T      dW_hq = H^T dO      db_q = sum over rows of dO

dO needs nothing from above but a factor, so it is made in the forward pass, in the place of O. The
products may be in bfloat16, where the machine is good at it; sums and the softmax stay in the type
of the weights.

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
        rows = H.shape[1]
        H, W_hq = H.to(dtype), W_hq.to(dtype)
        O = torch.baddbmm(b_q.to(dtype)[:, None], H, W_hq).to(b_q.dtype)
        which = targets[..., None]
        O -= O.amax(2, keepdim=True)  # so that exp overflows for none
        target = O.gather(2, which)
        total = O.exp_().sum(2, keepdim=True)
        O /= total * rows
        O.scatter_add_(2, which, O.new_full(which.shape, -1 / rows))
        ctx.save_for_backward(H, W_hq, O.to(dtype), O.sum(1))
        return (total.log() - target).mean((1, 2))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, above: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients of H, W_hq and b_q."""
        H, W_hq, dO, db_q = ctx.saved_tensors
        factor = above[:, None, None]
        dH = (dO @ W_hq.mT).to(db_q.dtype) * factor
        dW_hq = (H.mT @ dO).to(db_q.dtype) * factor
        return dH, dW_hq, db_q * above[:, None], None, None
