"""Models in training, with what came of each epoch and the best weights so far, kept on disk.

What is kept makes a training that was killed at any moment go on, and end with the same models,
bit for bit on the same machine: weights, averages, the optimiser's moments, figures, best weights.
Chance and the schedule follow from how many updates were made; an epoch begins with fresh states.
"""

import hashlib
import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from core.errors import CheckpointError
from core.lyrics.checkpoint import EpochFigures, write_aside
from core.rnn.run import Arrays, Run

FORMAT = "lyricbot training 1"
SECONDS_BETWEEN_SAVES = 2.0


@dataclass(frozen=True)
class EpochDone:
    """What one model's epoch came to."""

    figures: EpochFigures
    seconds: float  # of the epoch's updates, shared out to the models that made them together
    weights: Arrays | None  # where they were asked for


class Trainee:
    """A run that goes epoch by epoch, told after each whether it was the best so far."""

    def __init__(self, run: Run, file: Path | None = None) -> None:
        """Begin, or go on from what `file` holds.

        Raises:
            CheckpointError: if the file is not what a trainee of these models wrote.
        """
        self.run = run
        self.figures: list[list[EpochFigures]] = [[] for _ in run.entries]
        self.best_epoch = 0
        self._best: list[Arrays] = []
        self._file = file
        self._saved = -math.inf  # when; the first epoch is saved at once
        self._saved_epoch = 0
        if file is not None and file.exists():
            self._restore(file)

    def history(self) -> list[list[EpochFigures]]:
        """The figures of each model's epochs so far."""
        return [list(figures) for figures in self.figures]

    def learn(self, *, with_weights: bool) -> list[EpochDone]:
        """One more epoch; what it came to for each model."""
        began = time.perf_counter()
        losses = self.run.learn()
        seconds = (time.perf_counter() - began) / len(losses)
        held_out: Sequence[float | None] = self.run.measure() or [None] * len(losses)
        weights: Sequence[Arrays | None] = [None] * len(losses)
        if with_weights:
            weights = self.run.weights()
        done = []
        for figures, loss, apart, its in zip(self.figures, losses, held_out, weights, strict=True):
            ppl = None if apart is None else perplexity(apart)
            figures.append(EpochFigures(self.run.epoch, perplexity(loss), ppl))
            done.append(EpochDone(figures[-1], seconds, its))
        return done

    def settle(self, *, keep: bool, save: bool) -> list[int]:
        """Close the epoch: keep its weights where told to, and go to disk when it is time.

        `save` goes to disk whatever the time. Returns the epoch of the last save, for each model.
        """
        if keep:
            self.best_epoch, self._best = self.run.epoch, self.run.weights()
        if self._file is not None and (
            save or time.monotonic() - self._saved > SECONDS_BETWEEN_SAVES
        ):
            write_aside(self._file, self._to_bytes())
            self._saved, self._saved_epoch = time.monotonic(), self.run.epoch
        return [self._saved_epoch] * len(self.run.entries)

    def result(self, best: int) -> list[Arrays]:
        """The weights of epoch `best`, model by model: the last, or the one kept.

        Raises:
            CheckpointError: if another was kept. That is so where the two parts of an interrupted
                training did not compute alike.
        """
        if best == self.run.epoch:
            return self.run.weights()
        if best != self.best_epoch:
            raise CheckpointError(
                f"The weights of epoch {best} were not kept, but those of {self.best_epoch}: the "
                f"machine computes otherwise than before the interruption. Begin anew (--fresh)."
            )
        return self._best

    def _to_bytes(self) -> bytes:
        about = {
            "entries": [asdict(entry) for entry in self.run.entries],
            "epoch": self.run.epoch,
            "best_epoch": self.best_epoch,
            "figures": [[asdict(one) for one in figures] for figures in self.figures],
        }
        tensors = {name: t.detach().cpu().contiguous() for name, t in self._live().items()}
        for i, best in enumerate(self._best):
            tensors |= {f"best.{i}.{name}": torch.from_numpy(w) for name, w in best.items()}
        bare = save(tensors)
        about["sha256"] = hashlib.sha256(bare[_start(bare) :]).hexdigest()
        return save(tensors, {FORMAT: json.dumps(about)})

    def _live(self) -> dict[str, Tensor]:
        """Every tensor that an update changes."""
        run = self.run
        live = {f"model.{name}": p.data for name, p in run.model.named_parameters()}
        if run.average is not run.model:
            live |= {f"average.{name}": p.data for name, p in run.average.named_parameters()}
        for name, parameter in run.model.named_parameters():
            moments = run.optimizer.state[parameter]
            live |= {f"optimizer.{name}.{key}": value for key, value in moments.items()}
        return live

    def _restore(self, file: Path) -> None:
        try:
            raw = file.read_bytes()
            about, tensors = _read(raw), load(raw)
            if about["sha256"] != hashlib.sha256(raw[_start(raw) :]).hexdigest():
                raise ValueError("damaged")
            if about["entries"] != [asdict(entry) for entry in self.run.entries]:
                raise ValueError("of other models")
            self._put(tensors)
            self.run.epoch, self.best_epoch = about["epoch"], about["best_epoch"]
            self._saved_epoch = self.run.epoch
            self.figures = [[EpochFigures(**one) for one in its] for its in about["figures"]]
        except (
            OSError,
            SafetensorError,
            ValueError,
            LookupError,
            TypeError,
            AttributeError,
            RuntimeError,
        ) as error:
            raise CheckpointError(
                f"{file}: the interrupted training cannot go on from it ({error!r}). "
                f"Remove the file or train with --fresh, and it begins anew."
            ) from error

    def _put(self, tensors: dict[str, Tensor]) -> None:
        run = self.run
        moments: dict[int, dict[str, Tensor]] = {}
        for index, (name, _) in enumerate(run.model.named_parameters()):
            start = f"optimizer.{name}."
            its = {k.removeprefix(start): t for k, t in tensors.items() if k.startswith(start)}
            moments[index] = its
        groups = run.optimizer.state_dict()["param_groups"]
        run.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        with torch.no_grad():
            for kind, model in (("model", run.model), ("average", run.average)):
                for name, parameter in model.named_parameters():
                    if kind == "model" or model is not run.model:
                        parameter.copy_(tensors[f"{kind}.{name}"])
        self._best = [
            {
                key.split(".", 2)[2]: tensors[key].numpy()
                for key in sorted(tensors)
                if key.startswith(f"best.{i}.")
            }
            for i in range(len(run.entries))
        ]
        if not all(self._best):
            self._best = []


def _start(raw: bytes) -> int:
    """Where a file's tensors begin."""
    return 8 + int.from_bytes(raw[:8], "little")


def _read(raw: bytes) -> dict[str, Any]:
    """The description in a file's header."""
    metadata = json.loads(raw[8 : _start(raw)]).get("__metadata__") or {}
    about: dict[str, Any] = json.loads(metadata[FORMAT])
    return about


def perplexity(mean_loss: float) -> float:
    """exp of the mean cross-entropy in nats; infinite where that does not fit a float."""
    return math.exp(mean_loss) if mean_loss < 700 else math.inf
