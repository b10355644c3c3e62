"""What happens to gradients and weights in an update. Knows nothing of networks.

Every tensor has a leading dimension of models, each of which is treated as if it were alone.
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.optim import SGD, AdamW, Optimizer


def make_optimizer(
    kind: Literal["sgd", "adam"], parameters: Sequence[Tensor], lr: float, weight_decay: float
) -> Optimizer:
    """Plain gradient descent, or Adam; both take lr * weight_decay of each weight off it.

    Adam forgets its second moments after about 100 updates, not 1,000 (beta2 0.99): a training has
    a few hundred. Both treat every number on its own, so models side by side do not meet.

    Sources: Kingma and Ba, Adam: a method for stochastic optimization, 2015; Loshchilov and
    Hutter, Decoupled weight decay regularization, 2019.
    """
    fused = all(p.device.type in ("cpu", "cuda") for p in parameters) or None
    if kind == "sgd":
        return SGD(parameters, lr=lr, weight_decay=weight_decay, fused=fused)
    return AdamW(parameters, lr=lr, betas=(0.9, 0.99), weight_decay=weight_decay, fused=fused)


def learning_rate(
    update: int, num_updates: int, *, schedule: Literal["constant", "cosine"], warmup: int
) -> float:
    """The factor on lr in `update`, from 0 to `num_updates` - 1.

    1) It rises in equal steps over the first `warmup` updates.
    2) constant: it stays 1.
    3) cosine: it falls along half a wave, to nearly 0 at the last (Loshchilov and Hutter 2017).
    """
    rise = min(1.0, (update + 1) / warmup) if warmup else 1.0
    if schedule == "constant":
        return rise
    return rise * 0.5 * (1 + math.cos(math.pi * update / num_updates))


def clip_gradients(parameters: Sequence[Tensor], theta: float) -> None:
    """Scale a model's gradients by min(1, theta / norm), its norm that of all of them together.

    Source: Dive into Deep Learning, first edition, section 6.4; Pascanu, Mikolov and Bengio 2013.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    norms = [torch.linalg.vector_norm(g.flatten(1), dim=1) for g in gradients]  # (models,) each
    norm = torch.linalg.vector_norm(torch.stack(norms), dim=0)
    scale = (theta / norm).clamp(max=1.0)  # on the device: nothing waits for its value
    for gradient in gradients:
        gradient *= scale.view(-1, *[1] * (gradient.dim() - 1))


def move_average(
    average: Sequence[Tensor], now: Sequence[Tensor], *, decay: float, update: int
) -> None:
    """Move each average towards the weights of `update`, counted from 0.

    Until that decay is reached, the last tenth or so of all updates weighs most: the start is
    soon forgotten.

    Source: Polyak and Juditsky, Acceleration of stochastic approximation by averaging, 1992.
    """
    kept = min(decay, (update + 2) / (update + 11))
    for a, w in zip(average, now, strict=True):
        a.lerp_(w, 1 - kept)
