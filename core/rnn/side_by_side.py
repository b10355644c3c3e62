"""Trains groups of models at once: in this process, or in processes of their own.

Whoever asks sees a hand with trainees, asks each for work by number, and takes the answers in the
order asked. A process of its own ends with the process that started it, however that one ends.
"""

import multiprocessing
import os
import signal
import threading
import traceback
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

import torch

from core.errors import LyricbotError
from core.lyrics.corpus import Corpus
from core.lyrics.recipe import Recipe
from core.rnn.run import Entry, Run
from core.rnn.trainee import Trainee


@dataclass(frozen=True)
class Task:
    """What a hand is given to train: groups of models, each group as one batch."""

    corpus: Corpus
    recipe: Recipe
    groups: tuple[tuple[Entry, ...], ...]
    device: torch.device
    products: torch.dtype
    saves: Path | None

    def trainees(self) -> list[Trainee]:
        """One a group, begun or taken up again.

        Raises:
            CorpusTooShort; CheckpointError (what was saved cannot be read).
        """
        material = self.recipe.prepare(self.corpus)
        return [
            Trainee(
                Run(material, self.recipe, group, self.device, self.products), self._file(group)
            )
            for group in self.groups
        ]

    def _file(self, group: tuple[Entry, ...]) -> Path | None:
        if self.saves is None:
            return None
        names = "_".join(f"{entry.seed}-{entry.sampler}" for entry in group[:2])
        more = f"_and-{len(group) - 2}-more" if len(group) > 2 else ""
        return self.saves / f"{names}{more}.safetensors"


class Hand(Protocol):
    """Where trainees are."""

    def ask(self, group: int, method: str, **arguments: Any) -> None:
        """Have a trainee's method run, after all that was asked before."""

    def answer(self) -> Any:
        """The result of the oldest question that has none yet; raises what it raised."""

    def close(self) -> None:
        """Stop at once."""


class OwnHand:
    """Trainees in this process."""

    def __init__(self, task: Task, threads: int) -> None:
        self._threads = torch.get_num_threads()
        if threads:
            torch.set_num_threads(threads)
        self._trainees = task.trainees()
        self._asked: deque[tuple[int, str, dict[str, Any]]] = deque()

    def ask(self, group: int, method: str, **arguments: Any) -> None:
        """Remember it."""
        self._asked.append((group, method, arguments))

    def answer(self) -> Any:
        """Do it now."""
        return do(self._trainees, *self._asked.popleft())

    def close(self) -> None:
        """Nothing runs; torch has its threads back."""
        torch.set_num_threads(self._threads)


class OtherHand:
    """Trainees in a process of their own, with some threads."""

    def __init__(self, task: Task, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=serve, args=(theirs, task, threads), daemon=True, name="lyricbot trainer"
        )
        self._process.start()
        theirs.close()

    def ask(self, group: int, method: str, **arguments: Any) -> None:
        """Send it."""
        with self._ended():
            self._connection.send((group, method, arguments))

    def answer(self) -> Any:
        """Wait for it.

        Raises:
            ChildProcessError: if the process ended.
        """
        with self._ended():
            value, error = self._connection.recv()
        if error is not None:
            raise error
        return value

    @contextmanager
    def _ended(self) -> Iterator[None]:
        """Say so where nobody is at the other end."""
        try:
            yield
        except (EOFError, OSError) as ended:
            self._process.join()
            code = self._process.exitcode
            why = " (killed; often for lack of memory)" if code == -signal.SIGKILL else ""
            raise ChildProcessError(
                f"a training process ended with code {code}{why}; the same training started "
                f"again goes on from the last save, if there is one"
            ) from ended

    def close(self) -> None:
        """End the process; what it saved is whole."""
        self._connection.close()
        self._process.terminate()
        self._process.join()


def serve(connection: Connection, task: Task, threads: int) -> None:
    """Run in the other process: do what is asked until nobody is there to ask."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that is asked by hand
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(threads)
    trainees: list[Trainee] | None = None
    while True:
        try:
            asked = connection.recv()
        except (EOFError, OSError):
            return  # nobody asks any more
        try:
            trainees = task.trainees() if trainees is None else trainees
            answer: tuple[Any, Exception | None] = (do(trainees, *asked), None)
        except (LyricbotError, OSError) as error:  # they say what is wrong: to whoever asked
            answer = (None, error)
        except Exception as error:  # not every exception travels; this does, with its origin
            answer = (None, RuntimeError("".join(traceback.format_exception(error))))
        try:
            connection.send(answer)
        except OSError:
            return


def do(trainees: list[Trainee], group: int, method: str, arguments: dict[str, Any]) -> Any:
    """One trainee's answer."""
    return getattr(trainees[group], method)(**arguments)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
