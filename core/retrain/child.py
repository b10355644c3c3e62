"""The trainer: a process of its own that trains what one job wants, and ends with who started it.

It reads one JSON line, its task, and then nothing more: when its input is closed, however that
comes about, it ends at once. It writes one JSON object a line, its events. A training that was cut
short goes on from what lies in the task's folder.
"""

import json
import os
import shutil
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from core.errors import CheckpointError, LyricbotError
from core.explaining import explain, raised_at
from core.lyrics.corpus import Corpus
from core.lyrics.recipe import Recipe
from core.retrain.samples import PREFIXES, samples
from core.retrain.trainer import Order, train_pairs

if TYPE_CHECKING:
    from core.rnn.device import Wanted
    from core.rnn.train import EpochEnd, Start


@dataclass(frozen=True)
class Task:
    """What is to be trained, and where."""

    corpus_name: str
    corpus_file: str
    recipe: Mapping[str, Any]
    num_pairs: int
    seed: int
    device: "Wanted"
    folder: str  # for saves, and for the models when they are trained

    def to_line(self) -> str:
        """As one line of JSON; `from_line` reads it back."""
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def from_line(cls, line: str) -> "Task":
        """Read what `to_line` gave."""
        return cls(**json.loads(line))


def trained_file(folder: Path, index: int) -> Path:
    """Where model `index` lies when all are trained."""
    return folder / f"trained-{index}.safetensors"


def main() -> None:
    """Train; events go to what was stdout, all that libraries print to stderr."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        task = Task.from_line(sys.stdin.readline())
        threading.Thread(target=_end_with_input, daemon=True).start()
        try:
            _train(task, out)
        except ChildProcessError as error:  # a process of ours was killed: as if this one had been
            sys.exit(str(error))
        except (LyricbotError, OSError) as error:  # they say what is wrong
            repeats_people = isinstance(error, LyricbotError) and error.repeats_people
            _tell(out, "failed", reason=str(error), repeats_people=repeats_people)
        except Exception as error:
            reason = f"unexpected: {explain(error)} at {raised_at(error)}"
            _tell(out, "failed", reason=reason, repeats_people=False)


def _train(task: Task, out: TextIO) -> None:
    folder = Path(task.folder)
    corpus = Corpus(task.corpus_name, Path(task.corpus_file).read_text(encoding="utf-8"))
    order = Order(
        corpus=corpus,
        recipe=Recipe.from_json(dict(task.recipe)),
        num_pairs=task.num_pairs,
        seed=task.seed,
        device=task.device,
    )

    def start(event: "Start") -> None:
        why = f"matrix products in {str(event.products.dtype).removeprefix('torch.')}"
        _tell(out, "start", device=str(event.device), why=why, epoch=event.epoch)

    def epoch(event: "EpochEnd") -> None:
        written = dict(samples(event.checkpoint)) if event.checkpoint is not None else {}
        _tell(
            out,
            "epoch",
            index=event.index,
            epoch=event.epoch,
            perplexity=event.perplexity,
            held_out=event.held_out,
            sample=written.get(PREFIXES[0]),
        )

    def saved(epoch: int) -> None:
        _tell(out, "saved", epoch=epoch)

    def train() -> list[Any]:
        return [
            one
            for pair in train_pairs(
                order, saves=folder, on_start=start, on_epoch=epoch, on_saved=saved
            )
            for one in pair
        ]

    try:
        models = train()
    except CheckpointError as error:  # made by another machine or version, or damaged
        print(f"{error} It begins anew.", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        models = train()
    for index, model in enumerate(models):
        model.save(trained_file(folder, index))
    _tell(out, "trained")


def _tell(out: TextIO, event: str, **values: Any) -> None:
    out.write(json.dumps({"event": event, **values}, ensure_ascii=False) + "\n")
    out.flush()


def _end_with_input() -> None:
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
