"""Trains the pairs of a release. Imports torch only then: a bot's host needs none."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import TrainerMissing
from core.lyrics.checkpoint import Checkpoint
from core.lyrics.corpus import Corpus
from core.lyrics.recipe import SAMPLERS, Recipe, Sampler

if TYPE_CHECKING:
    from core.rnn.device import Wanted
    from core.rnn.train import EpochEnd


@dataclass(frozen=True)
class Order:
    """What is to be trained."""

    corpus: Corpus
    recipe: Recipe
    samplers: tuple[Sampler, ...] = SAMPLERS
    num_pairs: int = 1
    seed: int = 0  # of the first pair; the next ones count up from it
    device: "Wanted" = "auto"

    @property
    def num_models(self) -> int:
        """How many models that is."""
        return self.num_pairs * len(self.samplers)


def train_pairs(
    order: Order, on_epoch: Callable[[int, "EpochEnd"], None]
) -> list[Sequence[Checkpoint]]:
    """Train every pair of `order`, both samplers from the same start weights.

    Args:
        order: what to train.
        on_epoch: called after each epoch with the pair's number, from 1, and what came of it.

    Returns:
        A sequence a pair, of one checkpoint a sampler in the order's order.

    Raises:
        TrainerMissing: where torch is not installed.
        CorpusTooShort, SettingsError (the device).
    """
    try:
        from core.rnn.device import choose_device
        from core.rnn.train import train
    except ModuleNotFoundError as error:
        raise TrainerMissing(
            "Training needs torch, which is not installed here: pip install 'lyricbot[train]'"
        ) from error
    device = choose_device(order.device)
    return [
        [
            train(
                order.corpus,
                order.recipe,
                sampler,
                seed=order.seed + index,
                device=device,
                on_epoch=lambda event, pair=index + 1: on_epoch(pair, event),  # type: ignore[misc]
            )
            for sampler in order.samplers
        ]
        for index in range(order.num_pairs)
    ]
