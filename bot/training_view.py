"""Shows a training as it goes: bars, lines and a table for people, or a JSON object an event."""

import json
import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from core.lyrics.checkpoint import Checkpoint
from core.lyrics.recipe import Sampler
from core.retrain.samples import samples
from core.retrain.trainer import Order

if TYPE_CHECKING:
    from core.rnn.train import EpochEnd, Start


class TrainingView(Protocol):
    """What the train command tells as it goes."""

    def running(self) -> AbstractContextManager[object]:
        """Stands around the training."""

    def start(self, event: "Start") -> None:
        """The work is shared out."""

    def epoch(self, event: "EpochEnd") -> None:
        """A model's epoch has ended."""

    def done(self, pairs: Sequence[Sequence[Checkpoint]]) -> None:
        """All models are trained."""

    def drawn(self, file: str) -> None:
        """Their curves are in a picture."""

    def published(self, release: int) -> None:
        """They are live."""

    def saved(self, file: str, sampler: Sampler, pair: int) -> None:
        """One of them was written to a file."""


class JsonView:
    """One JSON object a line."""

    def __init__(self, order: Order) -> None:
        self._order = order

    def running(self) -> AbstractContextManager[object]:
        """Nothing stands around it."""
        return nullcontext()

    def start(self, event: "Start") -> None:
        """Where and how it computes."""
        self._print(
            {
                "event": "start",
                "device": str(event.device),
                "processes": event.processes,
                "threads": event.threads,
                "products": str(event.products.dtype).removeprefix("torch."),
                "why": event.products.why,
                "epochs_done": event.epoch,
            }
        )

    def epoch(self, event: "EpochEnd") -> None:
        """Everything that is known of the epoch."""
        row: dict[str, object] = {
            "event": "epoch",
            "pair": self._order.models[event.index][0],
            "sampler": event.sampler,
            "epoch": event.epoch,
            "epochs": event.num_epochs,
            "perplexity": _finite(event.perplexity),
            "held_out": _finite(event.held_out),
            "seconds": round(event.seconds, 4),
        }
        if event.checkpoint is not None:
            row["samples"] = dict(samples(event.checkpoint))
        self._print(row)

    def done(self, pairs: Sequence[Sequence[Checkpoint]]) -> None:
        """What each model came to."""
        for number, pair in enumerate(pairs, 1):
            for one in pair:
                self._print(
                    {
                        "event": "trained",
                        "pair": number,
                        "sampler": one.sampler,
                        "epoch": one.epoch,
                        "updates": one.updates,
                        "perplexity": _finite(one.reached.perplexity),
                        "held_out": _finite(one.reached.held_out),
                        "samples": dict(samples(one)),
                    }
                )

    def drawn(self, file: str) -> None:
        """The file's name."""
        self._print({"event": "drawn", "file": file})

    def published(self, release: int) -> None:
        """The release's number."""
        self._print({"event": "published", "release": release})

    def saved(self, file: str, sampler: Sampler, pair: int) -> None:
        """The file's name."""
        self._print({"event": "saved", "pair": pair, "sampler": sampler, "file": file})

    def _print(self, row: dict[str, object]) -> None:
        print(json.dumps(row, ensure_ascii=False), flush=True)


class ConsoleView:
    """A progress bar a model, a line now and then, and a table at the end."""

    def __init__(self, order: Order, console: Console) -> None:
        self._order = order
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=console,
        )
        self._tasks: list[TaskID] = []
        self._seconds = [0.0] * len(order.models)

    def running(self) -> AbstractContextManager[object]:
        """The bars."""
        order = self._order
        count = len(order.models)
        self._console.print(
            f"Training {count} model{'s' if count > 1 else ''} on corpus "
            f"[b]{escape(order.corpus.name)}[/b] ({len(order.corpus.text):,} characters), "
            f"recipe [b]{order.recipe.name}[/b], seed {order.seed}"
        )
        return self._progress

    def start(self, event: "Start") -> None:
        """Where and how it computes, and the bars."""
        order = self._order
        where = f"on {event.device}"
        if event.threads:
            where = f"on the CPU, {_count(event.processes, 'process', 'es')} of " + _count(
                event.threads, "thread", "s"
            )
        dtype = str(event.products.dtype).removeprefix("torch.")
        self._console.print(
            f"{where}; matrix products in {dtype} ({event.products.why})",
            soft_wrap=True,
        )
        if event.epoch:
            self._console.print(
                f"Going on from epoch {event.epoch}, where an earlier run was interrupted "
                f"(--fresh begins anew)",
                soft_wrap=True,
            )
        for index in range(len(order.models)):
            task = self._progress.add_task(
                self._label(index),
                total=order.recipe.num_epochs,
                completed=event.epoch,
                figures="",
            )
            self._tasks.append(task)

    def epoch(self, event: "EpochEnd") -> None:
        """Move the bar; every so many epochs, a line with what the model writes."""
        self._seconds[event.index] += event.seconds
        figures = f"perplexity {event.perplexity:.4g}"
        if event.held_out is not None:
            figures += f", held out {event.held_out:.4g}"
        self._progress.update(self._tasks[event.index], completed=event.epoch, figures=figures)
        if event.checkpoint is not None:
            self._progress.print(
                f"{self._label(event.index)} epoch {event.epoch}, {figures}, "
                f"{event.seconds:.2f} s",
                highlight=False,
                soft_wrap=True,
            )
            self._show_samples(event.checkpoint)

    def done(self, pairs: Sequence[Sequence[Checkpoint]]) -> None:
        """One row a model, and what it writes where no line has told it."""
        table = Table(box=None, pad_edge=False)
        headings = ("pair", "sampler", "epoch", "updates", "perplexity", "held out", "seconds")
        for heading in headings:
            table.add_column(heading, justify="left" if heading == "sampler" else "right")
        trained = [one for pair in pairs for one in pair]
        for (pair, sampler, _), one, seconds in zip(
            self._order.models, trained, self._seconds, strict=True
        ):
            reached = one.reached
            table.add_row(
                str(pair),
                sampler,
                f"{one.epoch} of {one.figures[-1].epoch}",
                str(one.updates),
                f"{reached.perplexity:.4g}",
                "–" if reached.held_out is None else f"{reached.held_out:.4g}",
                f"{seconds:.1f}",
            )
        self._console.print(table)
        for index, one in enumerate(trained):
            if one.epoch % self._order.recipe.report_every:
                self._console.print(f"{self._label(index)} writes")
                self._show_samples(one)

    def drawn(self, file: str) -> None:
        """The file's name, unbroken, for copying."""
        self._console.print(f"Drew {file}", soft_wrap=True, highlight=False, markup=False)

    def published(self, release: int) -> None:
        """The release's number."""
        self._console.print(f"Published as release [b]{release}[/b]; it is live.")

    def saved(self, file: str, sampler: Sampler, pair: int) -> None:
        """The file's name, unbroken, for copying."""
        self._console.print(f"Saved {file}", soft_wrap=True, highlight=False, markup=False)

    def _show_samples(self, checkpoint: Checkpoint) -> None:
        for prefix, text in samples(checkpoint):
            line = Text(f"  {prefix} ▸ ", style="dim").append(
                text.replace("\n", " / "), style="not dim"
            )
            self._progress.print(line, soft_wrap=True)

    def _label(self, index: int) -> str:
        pair, sampler, _ = self._order.models[index]
        return sampler if self._order.num_pairs == 1 else f"pair {pair} {sampler}"


def _count(number: int, noun: str, plural: str) -> str:
    return f"{number} {noun}{plural if number > 1 else ''}"


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
