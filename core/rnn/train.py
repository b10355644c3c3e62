"""Trains one model. Fires an event an epoch; whoever calls decides what to print, draw or save."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from core.lyrics.checkpoint import Checkpoint, EpochFigures
from core.lyrics.corpus import Corpus
from core.lyrics.recipe import Material, Recipe, Sampler
from core.rnn.batches import Minibatch, consecutive_batches, random_batches, updates_per_epoch
from core.rnn.model import RNNModel

PIECE = 1024  # characters whose logits are held at once while measuring


@dataclass(frozen=True)
class EpochEnd:
    """What is fired after each epoch."""

    sampler: Sampler
    epoch: int  # from 1
    num_epochs: int
    perplexity: float  # of what was trained on, as it went
    held_out: float | None  # of what was not; None where nothing is held out
    seconds: float  # this epoch's updates; the reading of the held-out text is left out
    snapshot: Callable[[], Checkpoint]  # the model as it stands now


def train(
    corpus: Corpus,
    recipe: Recipe,
    sampler: Sampler,
    *,
    seed: int,
    device: torch.device,
    on_epoch: Callable[[EpochEnd], None] = lambda event: None,
) -> Checkpoint:
    """Train a model on `corpus` by `recipe`, drawing minibatches by `sampler`.

    The same seed gives the same start weights to both samplers, and on one machine the same model.

    Raises:
        CorpusTooShort: where the corpus does not fill a minibatch.
    """
    material = recipe.prepare(corpus)
    run = _Run(material, recipe, sampler, seed, device)
    figures: list[EpochFigures] = []

    def snapshot() -> Checkpoint:
        return Checkpoint(
            weights={k: v.detach().cpu().numpy().copy() for k, v in run.model.named_parameters()},
            vocabulary=material.vocabulary,
            recipe=recipe,
            sampler=sampler,
            seed=seed,
            updates=len(figures) * run.updates_per_epoch,
            corpus_name=corpus.name,
            corpus_sha256=corpus.sha256,
            openings=corpus.openings(),
            figures=tuple(figures),
            unseen=material.unseen,
        )

    for epoch in range(1, recipe.num_epochs + 1):
        began = time.perf_counter()
        perplexity = run.epoch()
        seconds = time.perf_counter() - began
        held_out = run.perplexity(material.held_out) if len(material.held_out) > 1 else None
        figures.append(EpochFigures(epoch, perplexity, held_out))
        on_epoch(
            EpochEnd(sampler, epoch, recipe.num_epochs, perplexity, held_out, seconds, snapshot)
        )
    return snapshot()


class _Run:
    """The state of one training: the model, its optimiser, and where the sampler is."""

    def __init__(
        self, material: Material, recipe: Recipe, sampler: Sampler, seed: int, device: torch.device
    ) -> None:
        self._material, self._recipe, self._sampler = material, recipe, sampler
        self._device = device
        self._indices = torch.tensor(material.vocabulary.encode(material.train), device=device)
        self.updates_per_epoch = updates_per_epoch(
            len(self._indices), recipe.batch_size, recipe.num_steps
        )
        # Made on the CPU, so that every device starts alike. The order of pieces has a generator
        # of its own: what one sampler draws must not move the other's start weights.
        self.model = RNNModel(
            len(material.vocabulary),
            recipe.num_hiddens,
            start=recipe.start,
            generator=torch.Generator().manual_seed(seed),
        ).to(device)
        self._parameters = list(self.model.parameters())
        self._optimizer = (
            torch.optim.SGD(self._parameters, lr=recipe.lr)
            if recipe.optimizer == "sgd"
            else torch.optim.Adam(self._parameters, lr=recipe.lr)
        )
        self._order = torch.Generator().manual_seed(seed)
        self._minibatches = self._passes()

    def _passes(self) -> Iterator[tuple[Minibatch, bool]]:
        """Minibatches without end, each with whether its state begins at zero."""
        size, steps = self._recipe.batch_size, self._recipe.num_steps
        while True:
            if self._sampler == "random":
                for minibatch in random_batches(self._indices, size, steps, self._order):
                    yield minibatch, True
            else:
                for i, minibatch in enumerate(consecutive_batches(self._indices, size, steps)):
                    yield minibatch, i == 0

    def epoch(self) -> float:
        """Make one epoch's updates; the perplexity of what they read, as they went."""
        total = torch.zeros((), device=self._device)
        state = self.model.begin_state(self._recipe.batch_size)
        for _ in range(self.updates_per_epoch):
            (X, Y), begins = next(self._minibatches)
            state = self.model.begin_state(len(X)) if begins else state.detach()
            logits, state = self.model(X, state)
            loss = cross_entropy(logits, Y.T.reshape(-1))
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            clip_gradients(self._parameters, self._recipe.clip)
            self._optimizer.step()
            total += loss.detach()
        return _perplexity(total.item() / self.updates_per_epoch)

    @torch.no_grad()
    def perplexity(self, text: str) -> float:
        """Of `text`, read once from start to end with the state carried."""
        indices = torch.tensor(self._material.vocabulary.encode(text), device=self._device)
        state, total = self.model.begin_state(1), 0.0
        for start in range(0, len(indices) - 1, PIECE):
            piece = indices[start : start + PIECE + 1]  # with the last one's successor
            logits, state = self.model(piece[None, :-1], state)
            total += cross_entropy(logits, piece[1:], reduction="sum").item()
        return _perplexity(total / (len(indices) - 1))


def clip_gradients(parameters: Sequence[Tensor], theta: float) -> None:
    """Scale all gradients by min(1, theta / norm), where norm is that of all of them together.

    Source: Dive into Deep Learning, first edition, section 6.4; Pascanu, Mikolov and Bengio 2013.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = torch.sqrt(sum((g * g).sum() for g in gradients))  # type: ignore[arg-type]
    scale = (theta / norm).clamp(max=1.0)  # on the device: nothing waits for its value
    for gradient in gradients:
        gradient *= scale


def _perplexity(mean_loss: float) -> float:
    """exp of the mean cross-entropy in nats; infinite where that does not fit a float."""
    return math.exp(mean_loss) if mean_loss < 700 else math.inf
