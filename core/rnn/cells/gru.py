"""The gated recurrent unit, in the form that cuDNN and torch compute.

    [Ar Az An]_t = P_t                      [Br Bz Bn]_t = H_{t-1} W_hh + b_h
    R_t = sigmoid(Ar + Br)                  how much of the past enters the candidate
    Z_t = sigmoid(Az + Bz)                  how much of the past stays
    N_t = tanh(An + R_t * Bn)               the candidate
    H_t = (1 - Z_t) * N_t + Z_t * H_{t-1}

Backwards, with dH_t all that comes to H_t, from above and from the step after:

    dAn = dH_t * (1 - Z_t) * (1 - N_t^2)                dBn = dAn * R_t
    dAz = dH_t * (H_{t-1} - N_t) * Z_t * (1 - Z_t)      dBz = dAz
    dAr = dAn * Bn * R_t * (1 - R_t)                    dBr = dAr
    dH_{t-1} = dH_t * Z_t + dB_t W_hh^T
    dW_hh = sum over t of H_{t-1}^T dB_t                one product over all steps

The book multiplies R_t into H_{t-1} before the product, here it meets the product's result: so one
product a step serves all three gates.

Source: Cho et al., Learning phrase representations using RNN encoder-decoder, 2014, in the version
of torch.nn.GRU's documentation; Dive into Deep Learning, first edition, section 6.7.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from core.rnn.products import add_product, product_over_steps


class GRU(Function):
    """P (steps, models, batch, 3 * hiddens) as R, Z, N; state (1, models, batch, hiddens)."""

    @staticmethod
    def forward(
        ctx: Any, P: Tensor, state: Tensor, W_hh: Tensor, b_h: Tensor, dtype: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        """Read P from `state`; H of every step, and the state after the last."""
        hiddens, W = W_hh.shape[1], W_hh.to(dtype)
        RZ = P[..., : 2 * hiddens].clone()  # becomes R and Z, step by step
        N = P[..., 2 * hiddens :].clone()
        B = b_h[:, None].expand_as(P).clone()
        Bn = B[..., 2 * hiddens :]
        H = torch.cat((state, torch.empty_like(N)))  # H[0] is what the first step reads
        for t in range(len(P)):
            add_product(B[t], H[t], W)
            RZ[t].add_(B[t, ..., : 2 * hiddens]).sigmoid_()
            R, Z = RZ[t].chunk(2, dim=-1)
            N[t].addcmul_(R, Bn[t]).tanh_()
            torch.lerp(N[t], H[t], Z, out=H[t + 1])  # N + Z (H - N)
        ctx.save_for_backward(H, RZ, N, Bn, W)
        return H[1:], H[-1:].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dH: Tensor, dlast: Tensor) -> tuple[Tensor | None, ...]:
        """From the gradients of both results, those of the first four arguments."""
        H, RZ, N, Bn, W = ctx.saved_tensors
        R, Z = RZ.chunk(2, dim=-1)
        # dB_t is dH_t times this, which does not wait for dH_t: made for all steps at once.
        slope_n = (1 - Z) * (1 - N**2)
        slope_r, slope_z = Bn * R * (1 - R), (H[:-1] - N) * Z * (1 - Z)
        slopes = torch.stack((slope_n * slope_r, slope_z, slope_n * R), dim=-2)
        dB, W_T = torch.empty_like(slopes), W.mT.contiguous()
        d = torch.cat((torch.zeros_like(dlast), dH))  # d[t + 1] is dH_t
        d[-1:] += dlast
        for t in range(len(dH) - 1, -1, -1):
            torch.mul(d[t + 1, ..., None, :], slopes[t], out=dB[t])
            add_product(d[t].addcmul_(d[t + 1], Z[t]), dB[t].flatten(-2), W_T)
        dP = dB.clone()
        torch.mul(d[1:], slope_n, out=dP[..., 2, :])
        dB = dB.flatten(-2)
        dW_hh = product_over_steps(H[:-1], dB, W.dtype)
        return dP.flatten(-2), d[:1], dW_hh, dB.sum((0, 2)), None
