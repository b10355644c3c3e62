"""Where the random numbers of a training come from.

Each is drawn by a generator of its own name: the model's seed, what it is for, and the epoch or
update it is drawn in. So nothing of chance has to be kept when a training is interrupted, and what
one sampler draws never moves what the other does.
"""

from enum import IntEnum

import numpy as np
import torch


class For(IntEnum):
    """What is drawn."""

    START = 0  # the start weights
    ORDER = 1  # where an epoch begins, and in which order random sampling takes its pieces
    UPDATE = 2  # noise and dropout


def generator(
    seed: int, purpose: For, index: int = 0, device: torch.device | None = None
) -> torch.Generator:
    """The generator of that name; the same on every machine for the same device."""
    (state,) = np.random.SeedSequence((seed, purpose, index)).generate_state(1, np.uint64)
    return torch.Generator(device or "cpu").manual_seed(int(state >> np.uint64(1)))
