"""One safetensors file a model, that explains itself: weights, recipe, vocabulary, figures.

Nothing in it is ever unpickled. Written aside and renamed, so that no half-written file has its
name.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from core.errors import CheckpointError
from core.lyrics.cells import GATES
from core.lyrics.copies import Copies
from core.lyrics.recipe import SAMPLERS, Network, Recipe, Sampler
from core.lyrics.vocabulary import Vocabulary

FORMAT = "lyricbot 2"
Weights = Mapping[str, NDArray[np.float32]]
TEXT, SUFFIXES = INDEX = ("corpus.text", "corpus.suffixes")  # beside the weights


@dataclass(frozen=True)
class EpochFigures:
    """What one epoch came to."""

    epoch: int
    perplexity: float  # on what was trained on, as it went
    held_out: float | None  # on what was not; None where nothing is held out


@dataclass(frozen=True)
class Checkpoint:
    """A trained model, with all it takes to write with it and to say where it comes from."""

    weights: Weights = field(repr=False)  # as weight_shapes names them
    vocabulary: Vocabulary = field(repr=False)
    recipe: Recipe
    sampler: Sampler
    seed: int
    epoch: int  # whose weights these are; the figures may go on for some epochs
    updates: int  # until then
    corpus_name: str
    corpus_sha256: str
    openings: tuple[str, ...]  # prefixes that suit it
    figures: tuple[EpochFigures, ...] = field(repr=False)
    unseen: str = ""  # characters of the vocabulary that it never learned from
    copies: Copies | None = field(default=None, repr=False, compare=False)  # of the whole corpus

    @property
    def reached(self) -> EpochFigures:
        """The figures of the epoch whose weights these are."""
        return next(one for one in self.figures if one.epoch == self.epoch)

    def to_bytes(self) -> bytes:
        """The whole file."""
        # Sorted by name: equal checkpoints are equal files, and have one sha256.
        tensors: dict[str, NDArray[Any]] = {
            name: np.ascontiguousarray(self.weights[name]) for name in sorted(self.weights)
        }
        if self.copies is not None:
            text = np.frombuffer(self.copies.text.encode(), np.uint8)
            tensors |= {TEXT: text, SUFFIXES: self.copies.suffixes}
        about = {
            "vocabulary": self.vocabulary.characters,
            "recipe": self.recipe.to_json(),
            "sampler": self.sampler,
            "seed": self.seed,
            "epoch": self.epoch,
            "updates": self.updates,
            "corpus_name": self.corpus_name,
            "corpus_sha256": self.corpus_sha256,
            "openings": list(self.openings),
            "unseen": self.unseen,
            "figures": [asdict(one) for one in self.figures],
        }
        about["sha256"] = digest_of(about, tensors)
        # One key: safetensors keeps metadata in a map whose order changes from run to run.
        return save(tensors, {FORMAT: json.dumps(about, ensure_ascii=False, sort_keys=True)})

    def save(self, path: Path) -> None:
        """Write the file at `path`."""
        write_aside(path, self.to_bytes())

    @classmethod
    def load(cls, path: Path) -> "Checkpoint":
        """Read a file that `save` wrote.

        Raises:
            CheckpointError: naming the file, if it is missing, cut short, damaged or foreign.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise _unreadable(path, error) from error
        return cls.from_bytes(content, str(path))

    @classmethod
    def from_bytes(cls, content: bytes, source: str) -> "Checkpoint":
        """Read what `to_bytes` gave, from `source`.

        Raises:
            CheckpointError: naming `source`, if it is cut short, damaged or foreign.
        """
        try:
            tensors = load(content)
            weights = {name: tensors[name] for name in sorted(tensors) if name not in INDEX}
            index = {name: tensors[name] for name in INDEX if name in tensors}
            # safetensors found the header sound, but hands back the tensors only.
            header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
            metadata = header.get("__metadata__") or {}
            about = json.loads(metadata.get(FORMAT, "null"))
        except (SafetensorError, KeyError, ValueError) as error:  # KeyError: a kind of number
            raise _unreadable(source, error) from error
        if about is None and "lyricbot training 1" in metadata:
            raise CheckpointError(
                f"{source}: an interrupted training, not a model. "
                f"The same `lyricbot train` goes on."
            )
        if about is None and any(key.startswith(FORMAT.split()[0]) for key in metadata):
            raise CheckpointError(f"{source}: made by another version of lyricbot. Train again.")
        if about is None:
            raise CheckpointError(f"{source}: not a model of this project ({FORMAT}).")
        try:
            checkpoint = cls._from(about, weights, index)
            whole = about.pop("sha256") == digest_of(about, weights | index)
            whole = whole and checkpoint._fits()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CheckpointError(
                f"{source}: its description cannot be read ({error!r}). Train again."
            ) from error
        if not whole:
            raise CheckpointError(f"{source}: it is damaged. Restore it, or train again.")
        return checkpoint

    @classmethod
    def _from(
        cls, about: dict[str, Any], weights: Weights, index: Mapping[str, NDArray[Any]]
    ) -> "Checkpoint":
        recipe = Recipe.from_json(about["recipe"])
        if about["sampler"] not in SAMPLERS:
            raise ValueError(f"sampler {about['sampler']!r}")
        figures = tuple(EpochFigures(**one) for one in about["figures"])
        if figures and about["epoch"] not in [one.epoch for one in figures]:
            raise ValueError(f"epoch {about['epoch']}")
        copies = Copies(index[TEXT].tobytes().decode(), index[SUFFIXES]) if index else None
        return cls(
            copies=copies,
            weights=weights,
            vocabulary=Vocabulary(about["vocabulary"], recipe.has_unknown),
            recipe=recipe,
            sampler=about["sampler"],
            seed=about["seed"],
            epoch=about["epoch"],
            updates=about["updates"],
            corpus_name=about["corpus_name"],
            corpus_sha256=about["corpus_sha256"],
            openings=tuple(about["openings"]),
            unseen=about["unseen"],
            figures=figures,
        )

    def _fits(self) -> bool:
        shapes = weight_shapes(self.recipe.network, len(self.vocabulary))
        return {name: weight.shape for name, weight in self.weights.items()} == shapes


def weight_shapes(network: Network, size: int) -> dict[str, tuple[int, ...]]:
    """The weights of a network that knows `size` characters, each with its shape."""
    hiddens, width = network.num_hiddens, network.num_embed
    gates = GATES[network.cell] * hiddens
    shapes: dict[str, tuple[int, ...]] = {
        "W_xh": (size if width is None else width, gates),
        "W_hh": (hiddens, gates),
        "b_h": (gates,),
        "b_q": (size,),
    }
    if width is not None:
        shapes["E"] = (size, width)
    if not network.tied:
        shapes["W_hq"] = (hiddens, size)
    return shapes


def _unreadable(source: object, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"{source}: cannot be read as a model ({error}). Restore it, or train again."
    )


def write_aside(path: Path, content: bytes) -> None:
    """Write `content` beside `path` and rename it there: whoever opens `path` finds all of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{uuid4().hex}.part")  # others may write it too
    try:
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def digest_of(about: dict[str, Any], weights: Mapping[str, NDArray[Any]]) -> str:
    """Of the description and the weights: no bit of either changes unseen."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name, weight in sorted(weights.items()):
        digest.update(f"{name} {weight.dtype} {weight.shape}\n".encode())
        digest.update(weight.tobytes())
    return digest.hexdigest()
