"""Keeps lines to their rhymes: what may end a line, and which of several lines goes on.

All candidates for a lyric are in the same line. At its end the likeliest that rhymes, read as a
whole, is taken, and the next line begins in all of them from there.
"""

from collections.abc import Sequence

import numpy as np

from core.lyrics.decoding import Decoding
from core.lyrics.rhyme import GROUPS, group_of, group_of_character, voices
from core.lyrics.sheet import Alphabet, Flags, Floats, Indices, Sheet

MIN_GROUP = 3  # characters that a rhyme has to have, to be begun


class Rhymes:
    """Which characters of a vocabulary are of which rhyme group."""

    def __init__(self, alphabet: Alphabet, never: Sequence[int]) -> None:
        """`never` are the indices that are not to be written."""
        names = list(GROUPS)
        size = len(alphabet.vocabulary)
        self._group = np.full(size, -1)
        for index, character in enumerate(alphabet.vocabulary.characters):
            group = group_of_character(character)
            if group is not None and index not in never:
                self._group[index] = names.index(group)
        self._common = np.zeros(size, bool)
        for number in range(len(names)):
            of_it = self._group == number
            if of_it.sum() >= MIN_GROUP:
                self._common |= of_it
        self._names = names

    def of(self, group: str | None) -> Flags:
        """(vocabulary,): the characters of a group; None: of any that has enough."""
        if group is None:
            return self._common
        found: Flags = self._group == self._names.index(group)
        return found


class Rhymed:
    """The rhymes of some lyrics while they are written."""

    def __init__(
        self, sheet: Sheet, alphabet: Alphabet, rhymes: Rhymes, decodings: Sequence[Decoding]
    ) -> None:
        self._sheet, self._alphabet, self._rhymes = sheet, alphabet, rhymes
        self._voices = [voices(one.rhyme, one.lines) if one.rhyme else [] for one in decodings]
        self._group: dict[tuple[int, int], str] = {}  # by lyric and voice
        self._used: dict[tuple[int, int], list[int]] = {}  # the characters that rhyme so far
        self._may_end: dict[int, Flags] = {}  # by lyric, in this line
        self._voice: dict[int, tuple[int, int] | None] = {}  # by lyric, in this line
        self._before, self._begins = np.zeros(0), np.zeros(0, np.intp)

    def begin_line(self) -> None:
        """All rows are at the beginning of a line."""
        self._before = self._sheet.likelihood.copy()
        self._begins = self._sheet.num_written.copy()
        self._may_end, self._voice = {}, {}
        for lyric, line in zip(self._sheet.lyric.tolist(), self._sheet.line, strict=True):
            if lyric in self._voice:
                continue  # all rows of a lyric are in one line
            number = self._voices[lyric][line]
            voice = self._voice[lyric] = None if number is None else (lyric, number)
            if voice is None:
                continue
            allowed = self._rhymes.of(self._group.get(voice)).copy()
            used = self._used.get(voice, [])
            allowed[used if allowed.sum() > len({*used}) else used[-1:]] = False
            self._may_end[lyric] = allowed

    def __call__(self, logits: Floats) -> None:
        """Let a line end by a rhyme alone."""
        sheet, most = self._sheet, self._sheet.way.line_most
        for row, lyric in enumerate(sheet.lyric.tolist()):
            allowed = self._may_end.get(lyric)
            if allowed is None or sheet.in_line[row] >= most:
                continue
            end = self._alphabet.line_end
            ends = logits[row, end] if sheet.in_line[row] and allowed[sheet.last[row]] else -np.inf
            if sheet.in_line[row] == most - 1:
                logits[row, ~allowed] = -np.inf
            logits[row, end] = ends

    def end_line(self) -> Indices:
        """All rows have ended the line; those that go on, as many as there are."""
        best: list[int] = []
        for lyric in dict.fromkeys(self._sheet.lyric.tolist()):
            rows = np.flatnonzero(self._sheet.lyric == lyric).tolist()
            best += [self._best(rows, lyric)] * len(rows)
        return np.array(best)

    def _best(self, rows: Sequence[int], lyric: int) -> int:
        sheet, voice = self._sheet, self._voice[lyric]
        gained = sheet.likelihood - self._before
        means = gained / np.maximum(1, sheet.num_written - self._begins)
        order = sorted(rows, key=lambda row: -means[row])
        if voice is None:
            return order[0]
        wanted = self._group.get(voice)
        for row in order:
            group, last = self._group_of(row), int(sheet.last[row])
            fits = group is not None and group == (wanted or group)
            if fits and self._may_end[lyric][last]:
                break
        else:
            row, group = order[0], self._group_of(order[0])
        if group is not None:
            self._group.setdefault(voice, group)
        self._used.setdefault(voice, []).append(int(sheet.last[row]))
        return row

    def _group_of(self, row: int) -> str | None:
        return group_of(self._sheet.text(row).rsplit("\n", 1)[-1])
