"""Models that learn side by side: all that changes from update to update, and the update."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.lyrics.recipe import Material, Recipe, Sampler
from core.rnn.batches import Minibatch, consecutive_batches, random_batches, updates_per_epoch
from core.rnn.chance import For, generator
from core.rnn.dropout import Dropout
from core.rnn.held_out import Unseen, mean_losses
from core.rnn.model import RNNModel
from core.rnn.optimize import clip_gradients, learning_rate, make_optimizer, move_average

Arrays = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Entry:
    """One model that is to be trained: what tells it from the others of its order."""

    sampler: Sampler
    seed: int


class Run:
    """The entries' models, their optimiser and their averages, after some epochs.

    An epoch is one pass over the text by each entry's sampler, cut to the same number of updates.
    What is random in it follows from the seed, the epoch and the update (chance.py).
    """

    def __init__(
        self,
        material: Material,
        recipe: Recipe,
        entries: Sequence[Entry],
        device: torch.device,
        products: torch.dtype = torch.float32,
    ) -> None:
        self.recipe, self.entries, self.epoch = recipe, tuple(entries), 0
        self._device, self._products = device, products
        size = len(material.vocabulary)
        self._indices, self._held_out = (
            torch.from_numpy(material.vocabulary.encode_array(text)).to(device)
            for text in (material.train, material.held_out)
        )
        self._unseen = Unseen.of(self._indices, size)
        self.updates_per_epoch = updates_per_epoch(len(self._indices), recipe)
        # Start weights are drawn on the CPU, so that every device starts alike.
        starts = [generator(entry.seed, For.START) for entry in entries]
        self.model = RNNModel(size, recipe.network, starts).to(device)
        # What is measured and written with: a running average where the recipe wants one.
        self.average = deepcopy(self.model) if recipe.average else self.model
        self._parameters = list(self.model.parameters())
        self.optimizer = make_optimizer(
            recipe.optimizer, self._parameters, recipe.lr, recipe.weight_decay
        )

    @property
    def updates(self) -> int:
        """How many updates have been made."""
        return self.epoch * self.updates_per_epoch

    def learn(self) -> list[float]:
        """Make one epoch's updates; each model's mean loss over them, as it went, in nats."""
        total = torch.zeros(len(self.entries), device=self._device)
        state = self.model.begin_state(self.recipe.batch_size)
        first = self.updates
        passes = [self._minibatches(entry) for entry in self.entries]
        # In consecutive sampling the state goes on from minibatch to minibatch.
        carries = torch.tensor([entry.sampler == "consecutive" for entry in self.entries])
        carries = carries.view(1, -1, 1, 1).to(self._device)
        for update, minibatches in enumerate(zip(*passes, strict=True), first):
            X, Y = (torch.stack(parts).long() for parts in zip(*minibatches, strict=True))
            loss, state = self._update(X, Y, state.detach() * carries, update)
            total += loss
        self.epoch += 1
        losses: list[float] = (total / self.updates_per_epoch).tolist()
        return losses

    def measure(self) -> list[float] | None:
        """Each model's mean loss on what is held out, in nats; None where nothing is."""
        if len(self._held_out) < 2:
            return None
        return mean_losses(self.average, self._held_out, self._unseen)

    def weights(self) -> list[Arrays]:
        """What to write with, a copy, model by model."""
        named = {k: v.detach().cpu().numpy() for k, v in self.average.named_parameters()}
        return [{k: v[i].copy() for k, v in named.items()} for i in range(len(self.entries))]

    def _minibatches(self, entry: Entry) -> Iterator[Minibatch]:
        """One epoch's minibatches by the entry's sampler."""
        recipe, chance = self.recipe, generator(entry.seed, For.ORDER, self.epoch)
        indices = self._indices
        if recipe.offset == "drawn":  # both samplers of a pair draw the same one
            indices = indices[int(torch.randint(recipe.num_steps, (1,), generator=chance)) :]
        size, steps = recipe.batch_size, recipe.num_steps
        minibatches = (
            random_batches(indices, size, steps, chance)
            if entry.sampler == "random"
            else consecutive_batches(indices, size, steps)
        )
        for minibatch, _ in zip(minibatches, range(self.updates_per_epoch), strict=False):
            yield minibatch

    def _update(self, X: Tensor, Y: Tensor, state: Tensor, update: int) -> tuple[Tensor, Tensor]:
        """One step of the optimiser; each model's loss before it, and the state."""
        recipe = self.recipe
        chances = [generator(e.seed, For.UPDATE, update, self._device) for e in self.entries]
        if recipe.noise:
            X = self._with_noise(X, chances)
        loss, state = self.model.loss(X, Y, state, dropout=Dropout(chances), dtype=self._products)
        self.optimizer.zero_grad()
        loss.sum().backward()  # type: ignore[no-untyped-call]
        clip_gradients(self._parameters, recipe.clip)
        factor = learning_rate(
            update,
            recipe.num_epochs * self.updates_per_epoch,
            schedule=recipe.schedule,
            warmup=recipe.warmup,
        )
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.lr * factor
        self.optimizer.step()
        if recipe.average:
            with torch.no_grad():
                move_average(
                    list(self.average.parameters()),
                    self._parameters,
                    decay=recipe.average,
                    update=update,
                )
        return loss.detach(), state

    def _with_noise(self, X: Tensor, chances: Sequence[torch.Generator]) -> Tensor:
        """X (models, batch, steps) with a share of it replaced by draws from the training text.

        A network cannot learn by heart what it never reads twice alike: unigram noising, the
        neural kin of Kneser–Ney's backing off (Xie et al., Data noising as smoothing in neural
        network language models, 2017).
        """
        noisy = X.clone()
        for row, chance in zip(noisy, chances, strict=True):
            places = torch.rand(row.shape, generator=chance, device=self._device)
            drawn = torch.randint(
                len(self._indices), row.shape, generator=chance, device=self._device
            )
            row.copy_(torch.where(places < self.recipe.noise, self._indices[drawn], row))
        return noisy
