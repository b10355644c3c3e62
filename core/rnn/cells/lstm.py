"""The long short-term memory.

    [Ai Af Ag Ao]_t = P_t + H_{t-1} W_hh + b_h
    I_t, F_t, O_t = sigmoid(Ai), sigmoid(Af), sigmoid(Ao)     what enters, stays, and is shown
    G_t = tanh(Ag)                                            the candidate
    C_t = F_t * C_{t-1} + I_t * G_t                           the memory
    H_t = O_t * tanh(C_t)

Backwards, with dH_t all that comes to H_t and dC_t what comes to C_t from the step after:

    dC_t += dH_t * O_t * (1 - tanh(C_t)^2)
    dAi = dC_t * G_t * I_t * (1 - I_t)          dAf = dC_t * C_{t-1} * F_t * (1 - F_t)
    dAg = dC_t * I_t * (1 - G_t^2)              dAo = dH_t * tanh(C_t) * O_t * (1 - O_t)
    dH_{t-1} = dA_t W_hh^T                      dC_{t-1} = dC_t * F_t
    dW_hh = sum over t of H_{t-1}^T dA_t        one product over all steps

Source: Hochreiter and Schmidhuber, Long short-term memory, 1997, with the forget gate of Gers,
Schmidhuber and Cummins, 2000; Dive into Deep Learning, first edition, section 6.8.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from core.rnn.products import add_product, product_over_steps


class LSTM(Function):
    """P (steps, models, batch, 4 * hiddens) as I, F, G, O.

    The state (2, models, batch, hiddens) is H and C.
    """

    @staticmethod
    def forward(
        ctx: Any, P: Tensor, state: Tensor, W_hh: Tensor, b_h: Tensor, dtype: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        """Read P from `state`; H of every step, and the state after the last."""
        steps, hiddens, W = len(P), W_hh.shape[1], W_hh.to(dtype)
        H, C = P.new_empty(2, steps + 1, *state.shape[1:])
        H[0], C[0] = state
        gates = P + b_h[:, None]  # become I, F, G, O, step by step
        tanh_C = torch.empty_like(H[1:])
        for t in range(steps):
            add_product(gates[t], H[t], W)
            IF, G, O = torch.split(gates[t], [2 * hiddens, hiddens, hiddens], dim=-1)
            IF.sigmoid_()
            G.tanh_()
            O.sigmoid_()
            I, F = IF.chunk(2, dim=-1)
            torch.mul(F, C[t], out=C[t + 1])
            C[t + 1].addcmul_(I, G)
            torch.tanh(C[t + 1], out=tanh_C[t])
            torch.mul(O, tanh_C[t], out=H[t + 1])
        ctx.save_for_backward(H, C, gates, tanh_C, W)
        return H[1:], torch.stack((H[-1], C[-1]))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dH: Tensor, dlast: Tensor) -> tuple[Tensor | None, ...]:
        """From the gradients of both results, those of the first four arguments."""
        H, C, gates, tanh_C, W = ctx.saved_tensors
        I, F, G, O = gates.chunk(4, dim=-1)
        # dA_t is dC_t or dH_t times these, which do not wait: made for all steps at once.
        slope_c = O * (1 - tanh_C**2)
        slopes = torch.stack((G * I * (1 - I), C[:-1] * F * (1 - F), I * (1 - G**2)), dim=-2)
        slope_o = tanh_C * O * (1 - O)
        dA, W_T = gates.new_empty(*G.shape[:-1], 4, G.shape[-1]), W.mT.contiguous()
        d = torch.cat((torch.zeros_like(dlast[:1]), dH))  # d[t + 1] is dH_t
        d[-1] += dlast[0]
        dC = dlast[1]
        for t in range(len(dH) - 1, -1, -1):
            dC = torch.addcmul(dC, d[t + 1], slope_c[t])
            torch.mul(dC[..., None, :], slopes[t], out=dA[t, ..., :3, :])
            torch.mul(d[t + 1], slope_o[t], out=dA[t, ..., 3, :])
            add_product(d[t], dA[t].flatten(-2), W_T)
            dC = dC * F[t]
        dA = dA.flatten(-2)
        dW_hh = product_over_steps(H[:-1], dA, W.dtype)
        return dA, torch.stack((d[0], dC)), dW_hh, dA.sum((0, 2)), None
