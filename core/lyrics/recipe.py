"""Every training setting but the sampler, by name. `article` is the article's, to the letter."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Literal

from core.errors import CorpusTooShort, RecipeUnknown
from core.lyrics.corpus import Corpus
from core.lyrics.decoding import Decoding
from core.lyrics.vocabulary import Vocabulary

CellName = Literal["rnn", "gru", "lstm"]
Sampler = Literal["random", "consecutive"]
SAMPLERS: tuple[Sampler, Sampler] = ("random", "consecutive")


@dataclass(frozen=True)
class Material:
    """A corpus made ready for a recipe: what is learned from, and what is held out."""

    train: str
    held_out: str  # empty where the recipe holds nothing out
    vocabulary: Vocabulary

    @cached_property
    def unseen(self) -> str:
        """The characters of the vocabulary that are only held out, sorted."""
        return "".join(sorted(set(self.vocabulary.characters) - set(self.train)))


@dataclass(frozen=True, kw_only=True)
class Network:
    """The shape of a network, and what is dropped from it while it learns."""

    cell: CellName = "rnn"
    num_hiddens: int = 256
    num_embed: int | None = None  # None: W_xh itself holds a row a character
    tied: bool = False  # characters are written with the matrix they are read with
    start: Literal["normal 0.01", "scaled"]
    dropout_input: float = 0.0  # share of an embedding's units, the same at all steps
    dropout_weights: float = 0.0  # share of W_hh
    dropout_output: float = 0.0  # share of H's units, the same at all steps

    def __post_init__(self) -> None:
        if self.tied and self.num_embed != self.num_hiddens:
            raise ValueError(
                f"A tied network needs as many embedding units as hiddens, not {self.num_embed} "
                f"and {self.num_hiddens}."
            )
        if self.dropout_input and self.num_embed is None:
            raise ValueError("dropout_input needs an embedding: give num_embed.")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a model is trained, whatever the sampler, and how it writes."""

    name: str
    # The text
    line_ends: Literal["kept", "as spaces"]
    max_characters: int | None = None  # the first so many; None: all
    held_out: float = 0.0  # share of the text, at its end, that is never trained on
    has_unknown: bool = True
    network: Network
    # What it reads
    batch_size: int = 32
    num_steps: int = 35
    offset: Literal["none", "drawn"] = "none"  # where a pass begins: at 0, or before num_steps
    noise: float = 0.0  # share of the characters read that are replaced by drawn ones
    # How it learns
    num_epochs: int  # at most
    patience: int | None = None  # epochs without a better held-out loss; None: to the last
    optimizer: Literal["sgd", "adam"]
    lr: float
    schedule: Literal["constant", "cosine"] = "constant"
    warmup: int = 0  # updates until lr is reached
    weight_decay: float = 0.0  # share of a weight that an update takes off it, times lr
    clip: float  # theta: the gradient's norm is never larger
    average: float = 0.0  # decay of the running average of the weights that writes; 0: the last
    products: Literal["float32", "fastest"] = "float32"
    report_every: int  # epochs from one printed line to the next
    # Its writing
    decoding: Decoding

    @property
    def hash(self) -> str:
        """Twelve hex digits that change with any setting: one name can mean more over time."""
        settings = {k: v for k, v in asdict(self).items() if k not in ("name", "report_every")}
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]

    def prepare(self, corpus: Corpus) -> Material:
        """Cut `corpus` into what is learned from and what is held out.

        Raises:
            CorpusTooShort: where it does not fill one minibatch of either sampler.
        """
        if self.line_ends == "as spaces":
            text = corpus.text.replace("\n", " ")
        else:
            lines = (line.strip() for line in corpus.text.split("\n"))
            text = "".join(line + "\n" for line in lines if line)
        text = text[: self.max_characters]
        end = len(text) - int(len(text) * self.held_out)
        need = self.batch_size * (self.num_steps + 1)  # consecutive: the hungrier of the two
        if self.offset == "drawn":
            need += self.num_steps - 1
        if end < need:
            why = f"{self.batch_size} rows of {self.num_steps} steps and one more each"
            if self.offset == "drawn":
                why += f", and {self.num_steps - 1} to begin a pass anywhere"
            raise CorpusTooShort(corpus.name, end, self.name, need, why)
        vocabulary = Vocabulary.of(text, has_unknown=self.has_unknown)
        return Material(text[:end], text[end:], vocabulary)

    def to_json(self) -> dict[str, Any]:
        """As plain values; `from_json` reads them back."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Recipe":
        """Read what `to_json` gave.

        Raises:
            TypeError: for settings that this version does not know.
        """
        return cls(
            **values
            | {
                "network": Network(**values["network"]),
                "decoding": Decoding(**values["decoding"]),
            }
        )


ARTICLE = Recipe(
    name="article",
    line_ends="as spaces",
    max_characters=10_000,
    has_unknown=False,  # so that 1,027 characters stay 1,027
    network=Network(start="normal 0.01"),
    num_epochs=250,
    optimizer="sgd",
    lr=1e2,
    clip=1e-2,
    report_every=50,
    decoding=Decoding(temperature=0.0, characters=50),
)

DEFAULT = Recipe(
    name="default",
    line_ends="kept",
    held_out=0.1,
    # Every figure here was measured: core/rnn/README.md has the table.
    network=Network(
        cell="gru",
        num_hiddens=384,
        num_embed=384,
        tied=True,
        start="scaled",
        dropout_input=0.6,
        dropout_weights=0.5,
        dropout_output=0.6,
    ),
    offset="drawn",
    noise=0.2,
    num_epochs=24,
    patience=3,
    optimizer="adam",
    lr=6e-3,
    schedule="cosine",
    warmup=50,
    weight_decay=0.1,
    clip=1.0,
    average=0.98,
    products="fastest",
    report_every=5,
    decoding=Decoding(
        temperature=0.6,
        top_k=100,
        top_p=0.9,
        lines=8,
        most_lines=12,
        line_least=5,
        line_most=12,
        max_run=7,
        max_copied=0.15,
        max_repeat=3,
        frequency_penalty=0.4,
    ),
)

RECIPES = {recipe.name: recipe for recipe in (ARTICLE, DEFAULT)}


def recipe_named(name: str, *, num_epochs: int | None = None) -> Recipe:
    """The recipe of that name, trained for `num_epochs` instead of its own where given.

    Raises:
        RecipeUnknown: naming those there are.
    """
    if name not in RECIPES:
        raise RecipeUnknown(name, list(RECIPES))
    recipe = RECIPES[name]
    return recipe if num_epochs is None else replace(recipe, num_epochs=num_epochs)
