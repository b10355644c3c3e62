"""The two ways to draw minibatches from one long text: the experiment's only variable.

Both cut pairs (X, Y) of shape (batch, steps) in which Y is X one character later. On range(30),
with a batch of 2 and 6 steps:

    random                                      consecutive
    X [[18 19 20 21 22 23], [12 13 … 17]]       X [[0 1 2 3 4  5], [15 16 17 18 19 20]]
    X [[ 0  1  2  3  4  5], [ 6  7 … 11]]       X [[6 7 8 9 10 11], [21 22 23 24 25 26]]

Random draws its pieces in a random order, so that a state carried from one minibatch to the next
would mean nothing: each begins with zeros. In consecutive sampling row i of a minibatch goes on
where row i of the one before ended, so the state is carried, detached, and made anew only at the
start of a pass.

Source: Zhang, Lipton, Li and Smola, Dive into Deep Learning, first edition, section 6.3.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from core.lyrics.recipe import Recipe

Minibatch = tuple[Tensor, Tensor]


def random_batches(
    indices: Tensor, batch_size: int, num_steps: int, generator: torch.Generator
) -> Iterator[Minibatch]:
    """One pass over `indices` (length,) in pieces, in an order drawn by `generator`."""
    num_pieces = (len(indices) - 1) // num_steps  # the last piece needs a successor
    order = torch.randperm(num_pieces, generator=generator).to(indices.device)
    steps = torch.arange(num_steps, device=indices.device)
    for i in range(0, num_pieces - batch_size + 1, batch_size):
        rows = order[i : i + batch_size, None] * num_steps + steps  # (batch, steps)
        yield indices[rows], indices[rows + 1]


def consecutive_batches(indices: Tensor, batch_size: int, num_steps: int) -> Iterator[Minibatch]:
    """One pass over `indices` (length,) cut into `batch_size` rows that are read side by side."""
    row_length = len(indices) // batch_size
    rows = indices[: batch_size * row_length].view(batch_size, row_length)
    for i in range(0, row_length - num_steps, num_steps):
        yield rows[:, i : i + num_steps], rows[:, i + 1 : i + num_steps + 1]


def updates_per_epoch(length: int, recipe: Recipe) -> int:
    """How many minibatches an epoch on `length` characters has, for both samplers.

    What is compared gets the same number of updates: that of a consecutive pass from the last
    place it may begin at. A random pass never has fewer.
    """
    if recipe.offset == "drawn":
        length -= recipe.num_steps - 1
    return (length // recipe.batch_size - 1) // recipe.num_steps
