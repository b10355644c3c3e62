"""Measures what a model writes: how much of it is copied, repeated, rhymed, and how long its lines
are; and the same of the corpus, beside it.

All shares are means over lyrics, with the interval in which the mean of all lyrics lies with 95 %
(normal approximation, which is close from some thirty lyrics on).
"""

import math
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from core.errors import PrefixError
from core.lyrics.copies import Copied, bare
from core.lyrics.score import distinct, rhyming_neighbours
from core.lyrics.writer import Lyric, Prefix, Writer

SEED = 20_040_803  # of the lyrics that are measured
Z = 1.959964
PASSAGE = 10  # lines of the corpus that count as a lyric
REPEATED = 4  # characters
LONGEST_LINE = 20  # longer ones are counted with it


@dataclass(frozen=True)
class Mean:
    """A mean, and half the width of its 95 % interval."""

    value: float
    within: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Mean":
        """Of one number a lyric."""
        deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
        return cls(float(np.mean(values)), Z * deviation / math.sqrt(len(values)))


@dataclass(frozen=True)
class Measures:
    """Of some lyrics."""

    num: int
    in_6: Mean | None  # share of characters in copied runs of 6; None: the corpus is not known
    in_8: Mean | None
    longest: int | None  # run that any of them copied, in characters
    distinct_1: Mean  # share of different characters
    distinct_2: Mean  # of different pairs of neighbours
    distinct_3: Mean
    repeated: Mean  # share of characters in runs of 4 that the lyric had before
    rhyming: Mean  # share of lines that rhyme with the one before
    line_lengths: dict[int, float]  # share of lines by their characters
    perplexity: float | None = None  # held out

    def to_json(self) -> dict[str, Any]:
        """As plain values; `from_json` reads them back."""
        values = asdict(self)
        return values | {"line_lengths": {str(n): s for n, s in self.line_lengths.items()}}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Measures":
        """Read what `to_json` gave.

        Raises:
            TypeError, KeyError, ValueError: for what another version kept.
        """
        read: dict[str, Any] = {
            name: Mean(**one) if isinstance(one, dict) and name != "line_lengths" else one
            for name, one in values.items()
        }
        lengths = {int(length): share for length, share in values["line_lengths"].items()}
        return cls(**read | {"line_lengths": lengths})


def measure(writer: Writer, num: int = 200) -> Measures:
    """Of `num` lyrics that `write_some` wrote."""
    return measure_written(writer, write_some(writer, num))


def measure_written(writer: Writer, lyrics: Sequence[Lyric]) -> Measures:
    """Of lyrics by that model. Line ends that it reads as spaces count as line ends."""
    texts = [one.text for one in lyrics]
    if writer.checkpoint.recipe.line_ends == "as spaces":
        texts = [text.replace(" ", "\n") for text in texts]
    copied = [one.copied for one in lyrics if one.copied is not None]
    found = measure_lyrics(texts, copied)
    return replace(found, perplexity=writer.checkpoint.reached.held_out)


def write_some(writer: Writer, num: int) -> list[Lyric]:
    """Lyrics by the model, written as its recipe says, one candidate each.

    They begin as the openings of the corpus do, in turn; the seeds are always the same.
    """
    prefixes = _prefixes(writer)
    chance = random.Random(SEED)  # noqa: S311 - no secret
    own = replace(writer.checkpoint.recipe.decoding, candidates=1)
    return writer.write_many(
        [prefixes[n % len(prefixes)] for n in range(num)],
        seeds=[chance.getrandbits(62) for _ in range(num)],
        decoding=[own.settled(chance) for _ in range(num)],
    )


def measure_lyrics(texts: Sequence[str], copied: Sequence[Copied]) -> Measures:
    """Of lyrics, whoever wrote them; `copied` is empty where nobody knows from what."""
    found = _measure(texts)
    if not copied:
        return found
    sizes = [max(1, one.characters) for one in copied]
    return replace(
        found,
        in_6=Mean.of([one.in_6 / size for one, size in zip(copied, sizes, strict=True)]),
        in_8=Mean.of([one.in_8 / size for one, size in zip(copied, sizes, strict=True)]),
        longest=max(one.longest for one in copied),
    )


def measure_corpus(text: str) -> Measures:
    """Of passages of a corpus, as long as lyrics are. None of it counts as copied."""
    lines = [line for line in text.split("\n") if bare(line)]
    passages = [lines[n : n + PASSAGE] for n in range(0, len(lines), PASSAGE)]
    return _measure(["\n".join(passage) for passage in passages])


def _prefixes(writer: Writer) -> list[Prefix]:
    """What lyrics begin with; a model that reads no opening begins with one of its characters."""
    openings = _readable(writer, writer.checkpoint.openings)
    return [*openings] or [next(_readable(writer, writer.vocabulary.characters))]


def _readable(writer: Writer, texts: Iterable[str]) -> Iterator[Prefix]:
    for text in texts:
        with suppress(PrefixError):
            yield writer.read_prefix(text)


def _measure(texts: Sequence[str]) -> Measures:
    written = [bare(text) for text in texts]
    lines = [[bare(line) for line in text.split("\n")] for text in texts]
    lengths = Counter(min(len(line), LONGEST_LINE) for some in lines for line in some if line)
    total = sum(lengths.values())
    return Measures(
        num=len(texts),
        in_6=None,
        in_8=None,
        longest=None,
        distinct_1=Mean.of([distinct(one, 1) for one in written]),
        distinct_2=Mean.of([distinct(one, 2) for one in written]),
        distinct_3=Mean.of([distinct(one, 3) for one in written]),
        repeated=Mean.of([_repeated(one) for one in written]),
        rhyming=Mean.of([rhyming_neighbours(some) for some in lines]),
        line_lengths={length: lengths[length] / total for length in sorted(lengths)},
    )


def _repeated(text: str) -> float:
    """Share of characters in runs that stood in the text before."""
    seen: set[str] = set()
    covered = np.zeros(len(text), bool)
    for start in range(len(text) - REPEATED + 1):
        run = text[start : start + REPEATED]
        if run in seen:
            covered[start : start + REPEATED] = True
        seen.add(run)
    return float(covered.mean()) if len(text) else 0.0
