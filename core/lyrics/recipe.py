"""Every training setting but the sampler, by name. `article` is the article's, to the letter."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from core.errors import CorpusTooShort, RecipeUnknown
from core.lyrics.corpus import Corpus
from core.lyrics.decoding import Decoding
from core.lyrics.vocabulary import Vocabulary

Sampler = Literal["random", "consecutive"]
SAMPLERS: tuple[Sampler, Sampler] = ("random", "consecutive")


@dataclass(frozen=True)
class Material:
    """A corpus made ready for a recipe: what is learned from, and what is held out."""

    train: str
    held_out: str  # empty where the recipe holds nothing out
    vocabulary: Vocabulary

    @property
    def unseen(self) -> str:
        """The characters of the vocabulary that are only held out, sorted."""
        return "".join(sorted(set(self.vocabulary.characters) - set(self.train)))


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a model is trained, whatever the sampler, and how it writes."""

    name: str
    # The text
    line_ends: Literal["kept", "as spaces"]
    max_characters: int | None = None  # the first so many; None: all
    held_out: float = 0.0  # share of the text, at its end, that is never trained on
    has_unknown: bool = True
    # The network
    num_hiddens: int = 256
    start: Literal["normal 0.01", "scaled"]
    # Its training
    batch_size: int = 32
    num_steps: int = 35
    num_epochs: int
    optimizer: Literal["sgd", "adam"]
    lr: float
    clip: float  # theta: the gradient's norm is never larger
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
        if end < need:
            raise CorpusTooShort(
                f"Corpus {corpus.name} leaves {end} characters to learn from; recipe {self.name} "
                f"needs {need} ({self.batch_size} rows of {self.num_steps} steps and one more). "
                f"Give a longer text."
            )
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
        return cls(**{**values, "decoding": Decoding(**values["decoding"])})


ARTICLE = Recipe(
    name="article",
    line_ends="as spaces",
    max_characters=10_000,
    has_unknown=False,  # so that 1,027 characters stay 1,027
    start="normal 0.01",
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
    start="scaled",
    num_epochs=14,  # held-out perplexity is least at about 8; what it writes reads better later
    optimizer="adam",
    lr=2e-3,
    clip=1.0,
    report_every=5,
    decoding=Decoding(temperature=0.6, lines=8),
)

RECIPES = {recipe.name: recipe for recipe in (ARTICLE, DEFAULT)}


def recipe_named(name: str, *, num_epochs: int | None = None) -> Recipe:
    """The recipe of that name, trained for `num_epochs` instead of its own where given.

    Raises:
        RecipeUnknown: naming those there are.
    """
    if name not in RECIPES:
        raise RecipeUnknown(f"There is no recipe {name!r}. There are: {', '.join(RECIPES)}.")
    recipe = RECIPES[name]
    return recipe if num_epochs is None else replace(recipe, num_epochs=num_epochs)
