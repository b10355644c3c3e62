"""Trains the pairs of a release. Imports torch only then: a bot's host needs none."""

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import TrainerMissing
from core.lyrics.checkpoint import Checkpoint
from core.lyrics.corpus import Corpus
from core.lyrics.recipe import SAMPLERS, Recipe, Sampler

if TYPE_CHECKING:
    from core.rnn.device import Wanted
    from core.rnn.train import EpochEnd, Start


@dataclass(frozen=True)
class Order:
    """What is to be trained."""

    corpus: Corpus
    recipe: Recipe
    samplers: tuple[Sampler, ...] = SAMPLERS
    num_pairs: int = 1
    seed: int = 0  # of the first pair; the next ones count up from it
    device: "Wanted" = "auto"
    processes: int | None = None  # None: as many as there are cores

    @property
    def models(self) -> list[tuple[int, Sampler, int]]:
        """(pair from 1, sampler, seed) of each model: pair by pair."""
        return [
            (pair + 1, sampler, self.seed + pair)
            for pair in range(self.num_pairs)
            for sampler in self.samplers
        ]

    @property
    def key(self) -> str:
        """Twelve hex digits: the same for the same models, wherever they are trained."""
        what = [self.corpus.sha256, self.recipe.hash, self.models]
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:12]


class Saves:
    """Where interrupted trainings wait to be taken up again: a folder an order."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, order: Order) -> Path:
        """The folder of `order`."""
        return self._folder / order.key

    def forget(self, order: Order) -> None:
        """Remove it: the order is done, or is to begin anew."""
        shutil.rmtree(self.of(order), ignore_errors=True)


def train_pairs(
    order: Order,
    *,
    saves: Path | None = None,
    on_start: Callable[["Start"], None] = lambda event: None,
    on_epoch: Callable[["EpochEnd"], None] = lambda event: None,
    on_saved: Callable[[int], None] = lambda epoch: None,
) -> list[Sequence[Checkpoint]]:
    """Train every pair of `order`, both samplers from the same start weights, all side by side.

    Args:
        order: what to train.
        saves: a folder to go on from if this order was interrupted, and to keep what that takes.
        on_start: is told how the work is shared out.
        on_epoch: is told what came of each epoch; its index counts `order.models`.
        on_saved: is told after each epoch up to which one all models are in `saves`.

    Returns:
        A sequence a pair, of one checkpoint a sampler in the order's order.

    Raises:
        TrainerMissing: where torch is not installed.
        CorpusTooShort, SettingsError (the device), CheckpointError (what was saved), OutOfMemory,
        ChildProcessError (a training process was ended from outside).
    """
    try:
        from core.rnn.device import choose_device
        from core.rnn.run import Entry
        from core.rnn.train import train
    except ModuleNotFoundError as error:
        raise TrainerMissing(
            "Training needs torch, which is not installed here: pip install 'lyricbot[train]'"
        ) from error
    trained = train(
        order.corpus,
        order.recipe,
        [Entry(sampler, seed) for _, sampler, seed in order.models],
        device=choose_device(order.device),
        processes=order.processes,
        saves=saves,
        on_start=on_start,
        on_epoch=on_epoch,
        on_saved=on_saved,
    )
    size = len(order.samplers)
    return [trained[i : i + size] for i in range(0, len(trained), size)]
