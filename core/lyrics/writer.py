"""Writes lyrics with one trained model, in numpy: the bot's host needs no torch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import DecodingError, PrefixEmpty, PrefixTooLong, PrefixUnknown
from core.lyrics.checkpoint import Checkpoint
from core.lyrics.decoding import Decoding, choose
from core.lyrics.pen import Pen, Tables

MAX_PREFIX = 50
MAX_LINE = 40  # a model that never ends its line is made to
SUGGESTIONS = 3
BATCH = 256  # lyrics at a time: what they work on stays in the cache
DRAWN = 64  # numbers drawn at once


@dataclass(frozen=True)
class Lyric:
    """One generated text with what made it."""

    text: str  # its prefix included
    prefix: str  # as the model read it
    seed: int
    decoding: Decoding


@dataclass(frozen=True)
class Prefix:
    """A prefix as a model can read it."""

    text: str
    skipped: str = ""  # characters it never saw, each once


class Writer:
    """Writes with the model of one checkpoint. Keeps no state: threads may share it."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.vocabulary = checkpoint.vocabulary
        # Where lines are kept, a lyric begins where a line begins.
        self._keeps_lines = "\n" in self.vocabulary
        self._line_end = self.vocabulary.encode("\n")[0] if self._keeps_lines else -1
        self._breaks = self.vocabulary.encode([c for c in "\n " if c in self.vocabulary])
        never = self.vocabulary.encode(checkpoint.unseen)
        if self.vocabulary.unknown is not None:
            never.append(self.vocabulary.unknown)
        self._tables = Tables(checkpoint, never)

    def read_prefix(self, text: str) -> Prefix:
        """What this model makes of a prefix that a person typed: the characters it knows.

        Raises:
            PrefixEmpty, PrefixTooLong (more than 50 characters), PrefixUnknown (none is known).
        """
        wanted = " ".join(text.split())
        if not wanted:
            raise PrefixEmpty("A prefix is wanted: a few characters to begin with.")
        if len(wanted) > MAX_PREFIX:
            raise PrefixTooLong(len(wanted), MAX_PREFIX)
        known = " ".join("".join(c for c in wanted if self._knows(c) or c == " ").split())
        if " " not in self.vocabulary:
            known = known.replace(" ", "")
        # A space that a model has no character for divides words, and is no loss worth a word.
        skipped = "".join(dict.fromkeys(c for c in wanted if not self._knows(c) and c != " "))
        if not known:
            readable = [o for o in self.checkpoint.openings if all(map(self._knows, o))]
            single = [c for c in self.vocabulary.characters if self._knows(c) and not c.isspace()]
            raise PrefixUnknown(skipped, tuple([*readable, *single][:SUGGESTIONS]))
        return Prefix(known, skipped)

    def write(self, prefix: Prefix, *, seed: int, decoding: Decoding | None = None) -> Lyric:
        """Write one lyric: the same for the same prefix, seed and decoding on the same machine.

        Raises:
            DecodingError: where lines are asked of a model that learned no line ends.
        """
        (lyric,) = self.write_many([prefix], seeds=[seed], decoding=decoding)
        return lyric

    def write_many(
        self, prefixes: Sequence[Prefix], *, seeds: Sequence[int], decoding: Decoding | None = None
    ) -> list[Lyric]:
        """Write a lyric for each prefix and seed, many at a time.

        Beside others a lyric is what it is alone, unless two characters are within a rounding
        error of each other.

        Raises:
            ValueError: where there is not one seed a prefix.
            DecodingError: where lines are asked of a model that learned no line ends.
        """
        if len(prefixes) != len(seeds):
            raise ValueError(f"one seed a prefix is wanted, not {len(seeds)} for {len(prefixes)}")
        decoding = decoding or self.checkpoint.recipe.decoding
        if decoding.characters is None and not self._keeps_lines:
            raise DecodingError(
                f"A model of recipe {self.checkpoint.recipe.name} learned no line ends: "
                f"ask for a number of characters, not of lines."
            )
        lyrics: list[Lyric] = []
        for first in range(0, len(prefixes), BATCH):
            some = prefixes[first : first + BATCH]
            their_seeds = seeds[first : first + BATCH]
            chance = _Chance(their_seeds, decoding)
            pen = self._read([prefix.text for prefix in some])
            if decoding.characters is not None:
                written = self._characters(pen, decoding, chance)
            else:
                written = self._lines(pen, some, decoding, chance)
            for prefix, seed, indices in zip(some, their_seeds, written, strict=True):
                text = prefix.text + self.vocabulary.decode(indices)
                lyrics.append(Lyric(text.rstrip("\n"), prefix.text, seed, decoding))
        return lyrics

    def _knows(self, character: str) -> bool:
        return character in self.vocabulary and character not in self.checkpoint.unseen

    def _read(self, texts: Sequence[str]) -> Pen:
        """A pen that has read the texts, a row each."""
        begin = "\n" if self._keeps_lines else ""
        codes = [self.vocabulary.encode(begin + text) for text in texts]
        longest = max(map(len, codes))
        if all(len(code) == longest for code in codes):
            pen = Pen(self._tables, len(texts))
            for column in zip(*codes, strict=True):
                pen.read(np.array(column))
            return pen
        alone = []
        for code in codes:
            alone.append(Pen(self._tables, 1))
            for index in code:
                alone[-1].read(np.array([index]))
        return Pen.of(alone)

    def _characters(self, pen: Pen, decoding: Decoding, chance: "_Chance") -> list[list[int]]:
        columns: list[NDArray[np.intp]] = []
        for _ in range(decoding.characters or 0):
            if columns:
                pen.read(columns[-1])
            columns.append(choose(pen.logits(), decoding.temperature, chance.draws()))
        if not columns:
            return [[]] * pen.lyrics
        rows: list[list[int]] = np.stack(columns, axis=1).tolist()
        return rows

    def _lines(
        self, pen: Pen, prefixes: Sequence[Prefix], decoding: Decoding, chance: "_Chance"
    ) -> list[list[int]]:
        written: list[list[int]] = [[] for _ in prefixes]
        at = np.arange(len(prefixes))  # which lyric each row of the pen is
        line = np.ones(len(at), int)
        length = np.array([len(prefix.text) for prefix in prefixes])
        after_break = np.zeros(len(at), bool)
        while len(at):
            logits = pen.logits()
            held = (after_break | (length == MAX_LINE - 1)).nonzero()[0]
            logits[held[:, None], self._breaks] = -np.inf  # no empty line, no space at its ends
            index = choose(logits, decoding.temperature, chance.draws())
            index[length >= MAX_LINE] = self._line_end
            ends = index == self._line_end
            going = ~(ends & (line == decoding.lines))
            if not going.all():
                pen = pen.only(going)
                chance.drop(~going)
                at, line, length, index, ends = (
                    one[going] for one in (at, line, length, index, ends)
                )
            line += ends
            length = np.where(ends, 0, length + 1)
            after_break = np.isin(index, self._breaks)
            for lyric, one in zip(at.tolist(), index.tolist(), strict=True):
                written[lyric].append(one)
            pen.read(index)
        return written


class _Chance:
    """What is drawn for each lyric, by its own seed: the same alone and beside others."""

    def __init__(self, seeds: Sequence[int], decoding: Decoding) -> None:
        self._generators = [np.random.default_rng(s) for s in seeds] if decoding.draws else []
        self._drawn = np.empty((len(seeds), 0))
        self._next = 0

    def draws(self) -> NDArray[np.float64]:
        """One number a lyric, from 0 to below 1."""
        if not self._generators:
            return np.empty(0)
        if self._next == self._drawn.shape[1]:
            self._drawn, self._next = np.stack([g.random(DRAWN) for g in self._generators]), 0
        self._next += 1
        return self._drawn[:, self._next - 1]

    def drop(self, rows: NDArray[np.bool_]) -> None:
        """Those lyrics are written."""
        if self._generators:
            self._generators = [self._generators[i] for i in (~rows).nonzero()[0]]
            self._drawn = self._drawn[~rows]
