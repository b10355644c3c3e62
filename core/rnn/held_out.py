"""Measures a model on a text it never learned from.

A text has characters that the training text had not, 2.7 % of them where a tenth of 63,000 is held
out. A softmax knows nothing of those: whatever it gives them is an accident of its start weights
and of how long it trained. So they get a share of their own, which the training text tells: what
was met once there foretells what will be met for the first time,

    P(any character never met) = characters met once / length                (Good–Turing)

evenly spread over all that were never met, and the softmax, over the others alone, has the rest.
That is also what a writer does, which never writes what it never met.

Source: Good, The population frequencies of species and the estimation of population parameters,
Biometrika, 1953.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from core.rnn.model import RNNModel

PIECE = 1024  # characters whose logits are held at once


@dataclass(frozen=True)
class Unseen:
    """The indices that a training text does not hold, and their share of what is to come."""

    mask: Tensor  # (vocabulary,) of bool
    share: float

    @classmethod
    def of(cls, indices: Tensor, vocab_size: int) -> "Unseen":
        """What the training text `indices` (length,) leaves open of a vocabulary."""
        counts = torch.bincount(indices, minlength=vocab_size)
        mask = counts == 0
        once = max(int((counts == 1).sum()), 1)  # none met once is no proof that none will come
        return cls(mask, once / len(indices) if mask.any() else 0.0)

    def losses(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Minus the logarithm of each target's probability, in nats.

        Args:
            logits: (…, rows, vocabulary); those of unseen indices are not looked at.
            targets: (rows,).

        Returns:
            (…, rows).
        """
        known = torch.log_softmax(logits.masked_fill(self.mask, -math.inf), -1)
        which = targets.expand(logits.shape[:-1])[..., None]
        losses = -known.gather(-1, which)[..., 0] - math.log1p(-self.share)
        if not self.share:
            return losses
        apart = math.log(int(self.mask.sum())) - math.log(self.share)
        return torch.where(self.mask[targets], apart, losses)


@torch.no_grad()
def mean_losses(model: RNNModel, indices: Tensor, unseen: Unseen) -> list[float]:
    """Of each model, over `indices` (length,) read once from start to end, the state carried."""
    state, num_models = model.begin_state(1), len(model.b_q)
    total = torch.zeros(num_models, device=indices.device)
    for start in range(0, len(indices) - 1, PIECE):
        piece = indices[start : start + PIECE + 1].long()  # with the last one's successor
        X = piece[None, None, :-1].expand(num_models, 1, -1)
        logits, state = model(X, state)
        total += unseen.losses(logits, piece[1:]).sum(1)
    means: list[float] = (total / (len(indices) - 1)).tolist()
    return means
