"""Shows a training as it goes: bars, lines and a table for people, or a JSON object an event."""

import json
import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from core.errors import PrefixUnknown
from core.lyrics.checkpoint import Checkpoint
from core.lyrics.recipe import Sampler
from core.lyrics.writer import Writer
from core.retrain.trainer import Order

if TYPE_CHECKING:
    from core.rnn.train import EpochEnd

PREFIXES = ("分开", "不分开")  # the article's
SAMPLE_LINES = 2


class TrainingView(Protocol):
    """What the train command tells as it goes."""

    def running(self) -> AbstractContextManager[object]:
        """Stands around the training."""

    def epoch(self, pair: int, event: "EpochEnd") -> None:
        """An epoch has ended."""

    def done(self, pairs: Sequence[Sequence[Checkpoint]]) -> None:
        """All models are trained."""

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

    def epoch(self, pair: int, event: "EpochEnd") -> None:
        """Everything that is known of the epoch."""
        row: dict[str, object] = {
            "event": "epoch",
            "pair": pair,
            "sampler": event.sampler,
            "epoch": event.epoch,
            "epochs": event.num_epochs,
            "perplexity": _finite(event.perplexity),
            "held_out": _finite(event.held_out),
            "seconds": round(event.seconds, 4),
        }
        if _reports(self._order, event):
            row["samples"] = dict(samples(event.snapshot()))
        self._print(row)

    def done(self, pairs: Sequence[Sequence[Checkpoint]]) -> None:
        """Each epoch was told."""

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
        self._tasks: dict[tuple[int, Sampler], object] = {}
        self._seconds: dict[tuple[int, Sampler], float] = {}

    def running(self) -> AbstractContextManager[object]:
        """The bars."""
        order = self._order
        self._console.print(
            f"Training {order.num_models} models on corpus [b]{order.corpus.name}[/b] "
            f"({len(order.corpus.text):,} characters), recipe [b]{order.recipe.name}[/b], "
            f"seed {order.seed}"
        )
        for pair in range(1, order.num_pairs + 1):
            for sampler in order.samplers:
                self._tasks[pair, sampler] = self._progress.add_task(
                    self._label(pair, sampler), total=order.recipe.num_epochs, figures=""
                )
        return self._progress

    def epoch(self, pair: int, event: "EpochEnd") -> None:
        """Move the bar; every so many epochs, a line with what the model writes."""
        key = (pair, event.sampler)
        self._seconds[key] = self._seconds.get(key, 0.0) + event.seconds
        figures = f"perplexity {event.perplexity:.4g}"
        if event.held_out is not None:
            figures += f", held out {event.held_out:.4g}"
        self._progress.update(self._tasks[key], completed=event.epoch, figures=figures)  # type: ignore[arg-type]
        if _reports(self._order, event):
            self._progress.print(
                f"{self._label(*key)} epoch {event.epoch}, {figures}, {event.seconds:.2f} s",
                highlight=False,
                soft_wrap=True,
            )
            for prefix, text in samples(event.snapshot()):
                line = Text(f"  {prefix} ▸ ", style="dim").append(
                    text.replace("\n", " / "), style="not dim"
                )
                self._progress.print(line, soft_wrap=True)

    def done(self, pairs: Sequence[Sequence[Checkpoint]]) -> None:
        """One row a model."""
        table = Table(box=None, pad_edge=False)
        for heading in ("pair", "sampler", "updates", "perplexity", "held out", "seconds"):
            table.add_column(heading, justify="left" if heading == "sampler" else "right")
        for number, pair in enumerate(pairs, 1):
            for one in pair:
                last = one.figures[-1]
                table.add_row(
                    str(number),
                    one.sampler,
                    str(one.updates),
                    f"{last.perplexity:.4g}",
                    "–" if last.held_out is None else f"{last.held_out:.4g}",
                    f"{self._seconds[number, one.sampler]:.1f}",
                )
        self._console.print(table)

    def published(self, release: int) -> None:
        """The release's number."""
        self._console.print(f"Published as release [b]{release}[/b]; it is live.")

    def saved(self, file: str, sampler: Sampler, pair: int) -> None:
        """The file's name, unbroken, for copying."""
        self._console.print(f"Saved {file}", soft_wrap=True, highlight=False)

    def _label(self, pair: int, sampler: Sampler) -> str:
        return sampler if self._order.num_pairs == 1 else f"pair {pair} {sampler}"


def samples(checkpoint: Checkpoint) -> list[tuple[str, str]]:
    """What the model writes after each of the article's prefixes that it can read."""
    writer = Writer(checkpoint)
    decoding = replace(checkpoint.recipe.decoding, lines=SAMPLE_LINES)
    written = []
    for prefix in PREFIXES:
        try:
            read = writer.read_prefix(prefix)
        except PrefixUnknown:
            continue
        lyric = writer.write(read, seed=checkpoint.seed, decoding=decoding)
        written.append((prefix, lyric.text))
    return written


def _reports(order: Order, event: "EpochEnd") -> bool:
    return event.epoch % order.recipe.report_every == 0 or event.epoch == event.num_epochs


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
