"""Shares models out to the cores of a machine, or puts them into one batch on a GPU."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import torch

from core.lyrics.checkpoint import EpochFigures
from core.lyrics.corpus import Corpus
from core.lyrics.recipe import Recipe
from core.rnn.device import num_cores
from core.rnn.run import Arrays, Entry
from core.rnn.side_by_side import Hand, OtherHand, OwnHand, Task
from core.rnn.trainee import EpochDone


def groups_of(num_models: int, device: torch.device) -> list[tuple[int, ...]]:
    """Which models are computed as one batch.

    On a CPU each is a group of its own, and the groups are dealt to processes in turn. On anything
    else all are one group: each step is then one product for all of them.
    """
    numbers = range(num_models)
    return [(i,) for i in numbers] if device.type == "cpu" else [tuple(numbers)]


class Crew:
    """All models of a training, wherever they are computed, numbered as the entries are."""

    def __init__(
        self,
        corpus: Corpus,
        recipe: Recipe,
        entries: Sequence[Entry],
        device: torch.device,
        products: torch.dtype,
        *,
        processes: int | None = None,
        saves: Path | None = None,
    ) -> None:
        self._groups = groups_of(len(entries), device)
        self.processes = min(processes or num_cores(), len(self._groups))
        self.threads = max(1, num_cores() // self.processes) if device.type == "cpu" else 0
        self._open = ExitStack()
        self._hands: list[Hand] = []
        for first in range(self.processes):
            mine = self._groups[first :: self.processes]
            groups = tuple(tuple(entries[i] for i in group) for group in mine)
            task = Task(corpus, recipe, groups, device, products, saves)
            kind = OwnHand if self.processes == 1 else OtherHand
            hand: Hand = self._open.enter_context(closing(kind(task, self.threads)))
            self._hands.append(hand)

    def history(self) -> list[list[EpochFigures]]:
        """The figures of each model's epochs so far."""
        return self._of_all("history")

    def learn(
        self, models: Sequence[int], *, with_weights: bool
    ) -> Iterator[tuple[int, EpochDone]]:
        """Have `models` make an epoch, all at once; each with what came of it, in turn."""
        groups = self._groups_of(models)
        for group in groups:
            self._ask(group, "learn", with_weights=with_weights)
        for group in groups:
            yield from zip(self._groups[group], self._answer(group), strict=True)

    def settle(self, models: Sequence[int], *, keep: bool, save: bool) -> int:
        """Close the epoch that `models` have made; the last epoch that all of them have saved."""
        groups = self._groups_of(models)
        for group in groups:
            self._ask(group, "settle", keep=keep, save=save)
        saved: list[int] = [epoch for group in groups for epoch in self._answer(group)]
        return min(saved)

    def results(self, best: int) -> list[Arrays]:
        """Each model's weights after epoch `best`."""
        return self._of_all("result", best=best)

    def close(self) -> None:
        """Stop at once."""
        self._open.close()

    def _of_all(self, method: str, **arguments: int) -> list[Any]:
        groups = range(len(self._groups))
        for group in groups:
            self._ask(group, method, **arguments)
        return [one for group in groups for one in self._answer(group)]

    def _groups_of(self, models: Sequence[int]) -> list[int]:
        return [g for g, group in enumerate(self._groups) if not {*group}.isdisjoint(models)]

    def _ask(self, group: int, method: str, **arguments: int) -> None:
        hand = self._hands[group % self.processes]
        hand.ask(group // self.processes, method, **arguments)

    def _answer(self, group: int) -> list[Any]:
        answer: list[Any] = self._hands[group % self.processes].answer()
        return answer
