"""Writes lyrics with one trained model, in numpy: the bot's host needs no torch."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from core.errors import (
    AcrosticImpossible,
    DecodingError,
    PrefixEmpty,
    PrefixTooLong,
    PrefixUnknown,
)
from core.lyrics.chance import Chance
from core.lyrics.checkpoint import Checkpoint
from core.lyrics.copies import COUNTED, Copied, Guard
from core.lyrics.decoding import Decoding
from core.lyrics.pen import Pen, Tables
from core.lyrics.rhymed import Rhymed, Rhymes
from core.lyrics.score import score
from core.lyrics.sheet import Alphabet, Sheet

MAX_PREFIX = 50
SUGGESTIONS = 3
BATCH = 256  # lyrics at a time: what they work on stays in the cache


@dataclass(frozen=True)
class Lyric:
    """One generated text with what made it."""

    text: str  # its prefix included
    prefix: str  # as the model read it
    seed: int
    decoding: Decoding
    copied: Copied | None = field(default=None, compare=False)  # None: the corpus is not known


@dataclass(frozen=True)
class Sketch:
    """A candidate for a lyric."""

    lyric: int  # which one
    text: str
    likelihood: float  # mean log-probability of a character, in nats; 0 where nobody asked


@dataclass(frozen=True)
class Prefix:
    """A prefix as a model can read it."""

    text: str
    skipped: str = ""  # characters it never saw, each once


class Writer:
    """Writes with the model of one checkpoint. Nothing of a lyric stays: threads may share it."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.vocabulary = checkpoint.vocabulary
        # Where lines are kept, a lyric begins where a line begins.
        self._keeps_lines = "\n" in self.vocabulary
        self._alphabet = Alphabet.of(self.vocabulary)
        self._never = self.vocabulary.encode(checkpoint.unseen)
        if self.vocabulary.unknown is not None:
            self._never.append(self.vocabulary.unknown)
        self._tables = Tables(checkpoint, self._never)
        self._guards: dict[int, Guard] = {}  # by limit

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
        self,
        prefixes: Sequence[Prefix],
        *,
        seeds: Sequence[int],
        decoding: Decoding | Sequence[Decoding] | None = None,
    ) -> list[Lyric]:
        """Write a lyric for each prefix and seed, many at a time; `decoding` for all, or for each.

        Beside others a lyric is what it is alone, unless two characters are within a rounding
        error of each other.

        Raises:
            ValueError: where there is not one seed, and one decoding, a prefix.
            DecodingError: where lines are asked of a model that learned no line ends.
        """
        if decoding is None or isinstance(decoding, Decoding):
            decodings = [decoding or self.checkpoint.recipe.decoding] * len(prefixes)
        else:
            decodings = [*decoding]
        if not len(prefixes) == len(seeds) == len(decodings):
            raise ValueError(
                f"one seed and one decoding a prefix are wanted, not {len(seeds)} and "
                f"{len(decodings)} for {len(prefixes)}"
            )
        for one in decodings:
            self.check(one)
        orders = list(zip(prefixes, seeds, decodings, strict=True))
        by_way: dict[Decoding, list[int]] = {}
        for number, (_, _, way) in enumerate(orders):
            by_way.setdefault(replace(way, lines=1, acrostic=""), []).append(number)
        lyrics: dict[int, Lyric] = {}
        for way, numbers in by_way.items():
            size = max(1, BATCH // way.candidates)
            for first in range(0, len(numbers), size):
                some = numbers[first : first + size]
                lyrics |= zip(some, self._write([orders[n] for n in some]), strict=True)
        return [lyrics[number] for number in range(len(orders))]

    def check(self, decoding: Decoding) -> None:
        """Make sure that the model can write in this way.

        Raises:
            DecodingError, AcrosticImpossible: saying what it cannot.
        """
        if decoding.characters is None and not self._keeps_lines:
            raise DecodingError(
                f"A model of recipe {self.checkpoint.recipe.name} learned no line ends: "
                f"ask for no lines, rhyme, form or acrostic."
            )
        unknown = "".join(c for c in decoding.acrostic if not self._knows(c))
        if unknown:
            raise AcrosticImpossible("".join(dict.fromkeys(unknown)))
        if decoding.rhyme is not None and not self._rhymes.of(None).any():
            raise DecodingError("The corpus has too few characters that rhyme.", lacks="rhymes")

    def _write(self, orders: Sequence[tuple[Prefix, int, Decoding]]) -> list[Lyric]:
        """All in one way, but for their lines and acrostics."""
        prefixes, seeds, decodings = zip(*orders, strict=True)
        way: Decoding = decodings[0]
        texts = [prefix.text for prefix in prefixes]
        chance = Chance(seeds, way.candidates, draws=way.draws)
        sheet = Sheet(
            self._alphabet,
            decodings,
            texts,
            chance,
            guard=self._guard(way.max_run),
            counts=self._guard(COUNTED - 1) if way.max_copied < 1 else None,
        )
        pen = self._read(texts).take(sheet.lyric)
        if way.rhyme is None:
            sketches = _plainly(sheet, pen)
        else:
            rhymed = Rhymed(sheet, self._alphabet, self._rhymes, decodings)
            sketches = _rhyming(sheet, pen, rhymed, chance)
        return self._best(sketches, orders)

    def _best(
        self, sketches: Sequence[Sketch], orders: Sequence[tuple[Prefix, int, Decoding]]
    ) -> list[Lyric]:
        copies = self.checkpoint.copies
        prefixes = [orders[sketch.lyric][0].text for sketch in sketches]
        copied: Sequence[Copied | None] = [None] * len(sketches)
        if copies is not None:
            copied = copies.measure([one.text for one in sketches], prefixes)
        rivals = Counter(sketch.lyric for sketch in sketches)
        best: dict[int, tuple[float, Lyric]] = {}
        for sketch, found in zip(sketches, copied, strict=True):
            prefix, seed, decoding = orders[sketch.lyric]
            scored = 0.0
            if rivals[sketch.lyric] > 1:
                scored = score(sketch.text, sketch.likelihood, found)
            lyric = Lyric(sketch.text, prefix.text, seed, decoding, found)
            if sketch.lyric not in best or scored > best[sketch.lyric][0]:
                best[sketch.lyric] = scored, lyric
        return [best[number][1] for number in range(len(orders))]

    def _guard(self, limit: int) -> Guard | None:
        """None where nothing is to be kept off, or the corpus is not known."""
        if not limit or self.checkpoint.copies is None:
            return None
        if limit not in self._guards:
            characters = self.vocabulary.characters
            self._guards[limit] = Guard(self.checkpoint.copies, limit, characters)
        return self._guards[limit]

    @cached_property
    def _rhymes(self) -> Rhymes:
        return Rhymes(self._alphabet, self._never)

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


def _plainly(sheet: Sheet, pen: Pen) -> list[Sketch]:
    """Every row for itself, until it is finished."""
    sketches: list[Sketch] = []
    if sheet.is_finished().all():  # no characters are wanted
        return [_sketch(sheet, row) for row in range(len(sheet))]
    while True:
        index = sheet.next(pen.logits())
        finished = sheet.is_finished()
        if finished.any():
            sketches += [_sketch(sheet, row) for row in np.flatnonzero(finished).tolist()]
            rows = np.flatnonzero(~finished)
            if not len(rows):
                return sketches
            sheet.keep(rows)
            pen, index = pen.take(rows), index[rows]
        pen.read(index)


def _rhyming(sheet: Sheet, pen: Pen, rhymed: Rhymed, chance: Chance) -> list[Sketch]:
    """Line by line: of a lyric's candidates one goes on in all of them."""
    sketches: list[Sketch] = []
    while True:
        rhymed.begin_line()
        chance.begin()
        before, states = sheet.line.copy(), pen.new_states()
        going = np.ones(len(sheet), bool)
        while going.any():
            pen.read(sheet.next(pen.logits(), rhymed, going))
            ended = going & (sheet.line > before)
            pen.put_into(states, ended)
            going &= ~ended
        rows = rhymed.end_line()
        sheet.copy(rows)
        finished = sheet.is_finished()
        _, firsts = np.unique(sheet.lyric, return_index=True)
        sketches += [_sketch(sheet, row) for row in firsts.tolist() if finished[row]]
        on = np.flatnonzero(~finished)
        if not len(on):
            return sketches
        sheet.keep(on)
        pen = pen.with_states(states[:, rows[on]])


def _sketch(sheet: Sheet, row: int) -> Sketch:
    return Sketch(int(sheet.lyric[row]), sheet.text(row), sheet.mean_likelihood(row))
