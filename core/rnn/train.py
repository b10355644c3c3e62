"""Trains models side by side, in step, until they have learned enough.

After each epoch all models are judged together: the mean of their held-out losses says whether the
epoch was the best so far, and when to stop. So the models of a pair end at the same update.

Fires an event at the start and one a model and epoch; whoever calls decides what to print or draw.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean

import torch

from core.errors import OutOfMemory
from core.lyrics.checkpoint import Checkpoint, EpochFigures
from core.lyrics.copies import Copies
from core.lyrics.corpus import Corpus
from core.lyrics.recipe import Material, Recipe, Sampler
from core.rnn.batches import updates_per_epoch
from core.rnn.crew import Crew
from core.rnn.device import Products, choose_products
from core.rnn.run import Arrays, Entry


@dataclass(frozen=True)
class Start:
    """What is fired once, before the first epoch."""

    device: torch.device
    products: Products
    processes: int
    threads: int  # of each process; 0 where the device is not the CPU
    epoch: int  # how many epochs an interrupted training had made; 0: it begins


@dataclass(frozen=True)
class EpochEnd:
    """What is fired after each epoch of each model."""

    index: int  # of the model among the entries
    sampler: Sampler
    epoch: int  # from 1
    num_epochs: int  # at most
    perplexity: float  # of what was trained on, as it went: under dropout and noise
    held_out: float | None  # of what was not; None where nothing is held out
    seconds: float  # this epoch's updates; the reading of the held-out text is left out
    checkpoint: Checkpoint | None  # the model as it stands; every recipe.report_every epochs


def train(
    corpus: Corpus,
    recipe: Recipe,
    entries: Sequence[Entry],
    *,
    device: torch.device,
    processes: int | None = None,
    saves: Path | None = None,
    on_start: Callable[[Start], None] = lambda event: None,
    on_epoch: Callable[[EpochEnd], None] = lambda event: None,
    on_saved: Callable[[int], None] = lambda epoch: None,
) -> list[Checkpoint]:
    """Train a model for each of `entries` on `corpus` by `recipe`.

    Args:
        corpus: the text.
        recipe: every setting but the sampler.
        entries: sampler and seed of each model. The same seed gives the same start weights to both
            samplers, and on one machine the same model.
        device: where to compute. On a CPU each model is computed alone, in as many processes as
            there are cores; elsewhere all are computed as one batch.
        processes: another number of processes; 1: this one.
        saves: a folder to keep what is needed to go on after an interruption, and to go on from.
        on_start: is told how the work is shared out.
        on_epoch: is told what came of each epoch.
        on_saved: is told after each epoch up to which one all models are in `saves`.

    Returns:
        A checkpoint an entry, in their order: the weights of the epoch whose mean held-out loss is
        least, or those of the last where the recipe has no patience.

    Raises:
        CorpusTooShort: where the corpus does not fill a minibatch.
        CheckpointError: where a file in `saves` cannot be read.
        ChildProcessError: where a process was ended from outside.
        OutOfMemory: where the models do not fit the device.
    """
    material, copies = recipe.prepare(corpus), Copies(corpus.text)
    products = choose_products(device, recipe.products)
    make = partial(Crew, corpus, recipe, entries, device, products.dtype)
    with _memory(device), closing(make(processes=processes, saves=saves)) as crew:
        figures = crew.history()
        epoch = min(map(len, figures))
        on_start(Start(device, products, crew.processes, crew.threads, epoch))
        while True:
            epoch = min(map(len, figures))
            best, over = judge(figures, epoch, recipe)
            if over:
                break
            epoch += 1
            behind = [i for i, its in enumerate(figures) if len(its) < epoch]
            reports = epoch % recipe.report_every == 0
            for index, done in crew.learn(behind, with_weights=reports):
                figures[index].append(done.figures)
                snapshot = None
                if done.weights is not None:
                    snapshot = _checkpoint(
                        corpus,
                        material,
                        copies,
                        recipe,
                        entries[index],
                        done.weights,
                        epoch,
                        figures[index],
                    )
                on_epoch(
                    EpochEnd(
                        index,
                        entries[index].sampler,
                        epoch,
                        recipe.num_epochs,
                        done.figures.perplexity,
                        done.figures.held_out,
                        done.seconds,
                        snapshot,
                    )
                )
            best, over = judge(figures, epoch, recipe)
            keep = recipe.patience is not None and best == epoch
            on_saved(crew.settle(behind, keep=keep, save=over))
        return [
            _checkpoint(corpus, material, copies, recipe, entry, weights, best, its)
            for entry, weights, its in zip(entries, crew.results(best), figures, strict=True)
        ]


@contextmanager
def _memory(device: torch.device) -> Iterator[None]:
    """Say what to do where there is too little of it."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise OutOfMemory(
            f"The memory of {device} does not hold these models. Train fewer pairs at once, free "
            f"it of other work, or set LYRICBOT_DEVICE=cpu."
        ) from error


def judge(
    figures: Sequence[Sequence[EpochFigures]], epoch: int, recipe: Recipe
) -> tuple[int, bool]:
    """Which of the first `epoch` epochs is the best for all models, and whether to stop there.

    Without patience, or where no held-out loss is a number, the best is the last.
    """
    over = epoch >= recipe.num_epochs
    if recipe.patience is None or epoch == 0:
        return epoch, over
    losses = [fmean(_loss(its[e]) for its in figures) for e in range(epoch)]
    least = min(losses)
    if not math.isfinite(least):
        return epoch, over
    best = losses.index(least) + 1
    return best, over or epoch - best >= recipe.patience


def _loss(figures: EpochFigures) -> float:
    ppl = figures.held_out
    return math.log(ppl) if ppl is not None and math.isfinite(ppl) else math.inf


def _checkpoint(
    corpus: Corpus,
    material: Material,
    copies: Copies,
    recipe: Recipe,
    entry: Entry,
    weights: Arrays,
    epoch: int,
    figures: Sequence[EpochFigures],
) -> Checkpoint:
    return Checkpoint(
        weights=weights,
        vocabulary=material.vocabulary,
        recipe=recipe,
        sampler=entry.sampler,
        seed=entry.seed,
        epoch=epoch,
        updates=epoch * updates_per_epoch(len(material.train), recipe),
        corpus_name=corpus.name,
        corpus_sha256=corpus.sha256,
        openings=corpus.openings(),
        figures=tuple(figures),
        unseen=material.unseen,
        copies=copies,
    )
