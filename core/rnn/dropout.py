"""What is left out by chance while a network learns, so that it does not learn by heart.

A mask is one for all steps of a minibatch: a unit that comes and goes from step to step would be
noise that the recurrence adds up.

Sources: Gal and Ghahramani, A theoretically grounded application of dropout in recurrent neural
networks, 2016 (units); Merity, Keskar and Socher, Regularizing and optimizing LSTM language
models, 2018 (weights).
"""

from collections.abc import Sequence

import torch
from torch import Tensor


class Dropout:
    """Zeroes a share of what it is given and scales the rest up, model by model.

    Each model has a generator of its own, so that it meets the same chance alone or beside others.
    Without generators nothing is left out.
    """

    def __init__(self, generators: Sequence[torch.Generator]) -> None:
        self._generators = generators

    def units(self, values: Tensor, share: float) -> Tensor:
        """Of values (steps, models, batch, units): the same units in every step."""
        return values * self._mask(values[0], share) if self._on(share) else values

    def weights(self, values: Tensor, share: float) -> Tensor:
        """Of values (models, rows, columns)."""
        return values * self._mask(values, share) if self._on(share) else values

    def _on(self, share: float) -> bool:
        return share > 0 and len(self._generators) > 0

    def _mask(self, like: Tensor, share: float) -> Tensor:
        drawn = torch.empty_like(like)
        for one, generator in zip(drawn, self._generators, strict=True):
            one.uniform_(generator=generator)
        return (drawn >= share).to(like.dtype) / (1 - share)
