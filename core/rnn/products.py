"""Matrix products, in bfloat16 where the machine is good at it, and how rows lie for them.

A product in bfloat16 takes its factors with 8 significant bits, adds up in float32 and gives its
result with 8 bits again. What comes of that, and all else, is in the type of the weights.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable


class Product(Function):
    """A B, with A (models, rows, inner) and B (models, inner, columns), computed in `dtype`.

    Backwards: dA = dC B^T, dB = A^T dC.
    """

    @staticmethod
    def forward(ctx: Any, A: Tensor, B: Tensor, dtype: torch.dtype) -> Tensor:
        """C (models, rows, columns), in the type of A."""
        ctx.full, A, B = A.dtype, A.to(dtype), B.to(dtype)
        ctx.save_for_backward(A, B)
        return (A @ B).to(ctx.full)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dC: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients of A and B."""
        A, B = ctx.saved_tensors
        dC = dC.to(A.dtype)
        return (dC @ B.mT).to(ctx.full), (A.mT @ dC).to(ctx.full), None


def add_product(into: Tensor, A: Tensor, B: Tensor) -> Tensor:
    """`into` += A B in place, the product in the type of B."""
    if B.dtype == into.dtype:
        return into.baddbmm_(A, B)
    return into.add_(torch.bmm(A.to(B.dtype), B))


def product_over_steps(A: Tensor, B: Tensor, dtype: torch.dtype) -> Tensor:
    """The sum over t of A_t^T B_t: one product of all steps, (models, columns, columns).

    A and B are (steps, models, batch, columns).
    """
    return (over_steps(A).to(dtype).mT @ over_steps(B).to(dtype)).to(A.dtype)


def over_steps(values: Tensor) -> Tensor:
    """(steps, models, batch, units) as (models, steps * batch, units), the first step's first."""
    return values.transpose(0, 1).flatten(1, 2)


def by_step(rows: Tensor, X: Tensor) -> Tensor:
    """The inverse of `over_steps`, for rows that belong to X (models, batch, steps)."""
    models, batch, steps = X.shape
    return rows.view(models, steps, batch, -1).transpose(0, 1)
