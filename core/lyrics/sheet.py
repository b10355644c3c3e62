"""Lyrics being written, a row each: what each has so far, and what may come next in it.

Several rows may be candidates for one lyric. Knows nothing of networks: it is given logits.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.lyrics.chance import Chance
from core.lyrics.copies import COUNTED, Guard, bare
from core.lyrics.decoding import Decoding, choose
from core.lyrics.vocabulary import Vocabulary

ROOM = 128  # characters; more is made when it is needed
Floats = NDArray[np.float32]
Indices = NDArray[np.intp]
Flags = NDArray[np.bool_]
Pairs = tuple[Indices, Indices]  # rows, and indices of characters
OF_ROWS = (  # what a Sheet keeps of each row
    *("lyric", "lines", "line", "in_line", "likelihood"),
    *("_bare", "_num_bare", "_written", "num_written", "_broke"),
    *("_given", "_copied", "_copied_to"),
)


@dataclass(frozen=True)
class Alphabet:
    """A vocabulary, and what of it ends a line (-1: nothing does) or divides words."""

    vocabulary: Vocabulary
    line_end: int
    spaces: Indices  # of every kind, full-width ones too
    breaks: Flags  # (vocabulary,): both

    @classmethod
    def of(cls, vocabulary: Vocabulary) -> "Alphabet":
        """Those of a vocabulary."""
        line_end = vocabulary.encode("\n")[0] if "\n" in vocabulary else -1
        spaces = "".join(c for c in vocabulary.characters if c.isspace() and c != "\n")
        indices = np.array(vocabulary.encode(spaces), np.intp)
        breaks = np.zeros(len(vocabulary), bool)
        breaks[indices] = True
        if line_end >= 0:
            breaks[line_end] = True
        return cls(vocabulary, line_end, indices, breaks)


class Sheet:
    """Some lyrics that are written in the same way, but for their lines and acrostics."""

    def __init__(
        self,
        alphabet: Alphabet,
        decodings: Sequence[Decoding],
        prefixes: Sequence[str],
        chance: Chance,
        *,
        guard: Guard | None = None,
        counts: Guard | None = None,
    ) -> None:
        """A lyric for each prefix; each has as many rows, one below the other, as candidates.

        `guard` keeps off runs that are too long; `counts` tells those of COUNTED characters, of
        which a lyric may have but a share.
        """
        self._alphabet, self._chance = alphabet, chance
        self._guard, self._counts = guard, counts
        self._prefixes = prefixes
        self.way = decodings[0]
        each = self.way.candidates
        encode = alphabet.vocabulary.encode
        begun = [encode(bare(prefix)) for prefix in prefixes]
        self.lyric = np.repeat(np.arange(len(prefixes)), each)  # which one each row is for
        self.lines = np.repeat([one.lines for one in decodings], each)
        self._acrostic = [encode(one.acrostic) for one in decodings]
        # Written without breaks, the prefix before it: (rows, room), -1 where there is nothing.
        room = ROOM + max(map(len, begun))
        self._bare = np.full((len(self.lyric), room), -1, np.intp)
        self._num_bare = np.repeat([len(one) for one in begun], each)
        for row, lyric in enumerate(self.lyric):
            self._bare[row, : self._num_bare[row]] = begun[lyric]
        self._used: Floats | None = None  # how often each row has each character
        if self.way.frequency_penalty:
            self._used = np.zeros((len(self.lyric), len(alphabet.vocabulary)), np.float32)
            for row, lyric in enumerate(self.lyric):
                np.add.at(self._used[row], begun[lyric], 1)
        self._given = self._num_bare.copy()
        self._copied = np.zeros(len(self.lyric), np.intp)  # characters in runs that count
        self._copied_to = self._num_bare.copy()  # where the last of these ends
        self._written = np.full((len(self.lyric), ROOM), -1, np.intp)  # with breaks
        self.num_written = np.zeros(len(self.lyric), np.intp)  # breaks too
        self.line = np.zeros(len(self.lyric), np.intp)  # which one is written
        self.in_line = self._num_bare.copy()  # characters it has, without spaces
        self._broke = np.zeros(len(self.lyric), bool)  # just now
        self.likelihood = np.zeros(len(self.lyric))  # sum of log-probabilities

    def __len__(self) -> int:
        return len(self.lyric)

    @property
    def last(self) -> Indices:
        """The last character of each row that is no break; -1 where there is none."""
        last: Indices = self._bare[self._rows(), self._num_bare - 1]
        return last

    def written(self, row: int) -> str:
        """What is written in a row, behind the prefix."""
        indices: list[int] = self._written[row, : self.num_written[row]].tolist()
        return self._alphabet.vocabulary.decode(indices)

    def text(self, row: int) -> str:
        """The whole of a row, without the end of its last line."""
        prefix: str = self._prefixes[self.lyric[row]]
        return (prefix + self.written(row)).rstrip("\n")

    def mean_likelihood(self, row: int) -> float:
        """Of a character of a row, in nats."""
        return float(self.likelihood[row]) / max(1, int(self.num_written[row]))

    def keep(self, rows: Indices) -> None:
        """Go on with those rows alone."""
        self.copy(rows)
        self._chance.keep(rows)

    def copy(self, rows: Indices) -> None:
        """Each row becomes what the row given for it was; what is drawn stays its own."""
        for name in OF_ROWS:
            setattr(self, name, getattr(self, name)[rows])
        if self._used is not None:
            self._used = self._used[rows]

    def next(
        self,
        logits: Floats,
        only: "Callable[[Floats], None] | None" = None,
        going: Flags | None = None,
    ) -> Indices:
        """Choose the next character of each row, and write it down.

        Args:
            logits: (rows, vocabulary), overwritten; -inf marks what is never written.
            only: sets to -inf what else is not to come.
            going: (rows,), those that are written on; None: all.
        """
        total = _log_sum(logits) if self.way.candidates > 1 else None
        raw = logits.copy() if total is not None else logits
        if self._used is not None:
            logits -= self.way.frequency_penalty * self._used
        self._keep_to_form(logits, only)
        counted = self._following(self._counts)
        self._keep_off(logits, counted)
        index = choose(
            logits,
            self.way.temperature,
            self._chance.draws(),
            top_k=self.way.top_k,
            top_p=self.way.top_p,
        )
        rows = np.arange(len(index)) if going is None else np.flatnonzero(going)
        if total is not None:
            self.likelihood[rows] += raw[rows, index[rows]] - total[rows]
        self._write(rows, index[rows])
        self._count(rows, counted, index)
        return index

    def _keep_to_form(self, logits: Floats, only: "Callable[[Floats], None] | None") -> None:
        line_end, way = self._alphabet.line_end, self.way
        if way.characters is not None:  # as the article wrote: whatever comes
            return
        full = self.in_line >= way.line_most
        spaceless = np.flatnonzero(self._broke | full)
        if len(spaceless) and len(self._alphabet.spaces):
            logits[spaceless[:, None], self._alphabet.spaces] = -np.inf
        logits[self._broke | (self.in_line < way.line_least), line_end] = -np.inf
        ends = np.flatnonzero(full)
        if len(ends):
            _allow(logits, ends, np.full(len(ends), line_end))
        if any(self._acrostic):
            begins = [
                (row, wanted[line])
                for row, line in enumerate(self.line)
                if self.in_line[row] == 0 and line < len(wanted := self._acrostic[self.lyric[row]])
            ]
            if begins:
                rows, firsts = np.array(begins).T
                _allow(logits, rows, firsts)
        if only is not None:
            only(logits)

    def _keep_off(self, logits: Floats, counted: Pairs) -> None:
        """Keep off what would be copied or repeated; where nothing else is left, end the line.

        `counted` is what would make a run that counts.
        """
        copied, too_much = self._copying(counted), self._too_much(counted)
        held = self._begin_apart(logits, [copied, too_much])
        kept: list[tuple[Indices, Indices, Floats]] = []
        for rows, indices in (copied, too_much, self._ends_apart(), self._repeated()):
            if len(rows):
                kept.append((rows, indices, logits[rows, indices]))
                logits[rows, indices] = -np.inf
        if not kept:
            return
        dead = np.flatnonzero(np.isneginf(logits.max(1)))
        if not len(dead):
            return
        line_end = self._alphabet.line_end
        if line_end >= 0:
            may_end = dead[(self.in_line[dead] > 0) & ~self._broke[dead] & ~held[dead]]
            logits[may_end, line_end] = 0.0
            dead = np.setdiff1d(dead, may_end)
        for rows, indices, values in reversed(kept):  # what was repeated comes back first
            again = np.isin(rows, dead)
            logits[rows[again], indices[again]] = values[again]
            dead = dead[np.isneginf(logits[dead].max(1))]

    def _copying(self, counted: Pairs) -> Pairs:
        """What would carry a copied run past the limit."""
        guard, counts = self._guard, self._counts
        if guard is None or counts is None or guard.limit < counts.limit:
            return self._following(guard)
        # A longer run is one that counts: most rows need no second look.
        return self._following(guard, np.unique(counted[0]))

    def _following(self, guard: Guard | None, among: Indices | None = None) -> Pairs:
        """What follows the last characters of each row, or of those rows, in the corpus."""
        rows = self._rows() if among is None else among
        if guard is None or not len(rows):
            return _NONE, _NONE
        columns = self._num_bare[rows, None] + np.arange(-guard.limit, 0)
        windows = self._bare[rows[:, None], np.maximum(columns, 0)]
        windows[columns < 0] = -1
        places, indices = guard.forbidden(windows)
        return rows[places], indices

    def _rows(self) -> Indices:
        return np.arange(len(self.lyric))

    def _begin_apart(self, logits: Floats, off: Sequence[Pairs]) -> Flags:
        """Let no line end where the first character of the next, which is fixed, is kept off.

        Returns the rows, as flags, of which this is so.
        """
        held = np.zeros(len(self.lyric), bool)
        if not any(self._acrostic):
            return held
        firsts = self._next_firsts()
        for rows, indices in off:
            held[rows[indices == firsts[rows]]] = True
        held &= self.in_line < self.way.line_most  # a line that is full ends
        logits[held, self._alphabet.line_end] = -np.inf
        return held

    def _ends_apart(self) -> Pairs:
        """What would fill a line so that the first character of the next, which is fixed, goes on
        in a copied run.
        """
        guard = self._counts or self._guard
        if guard is None or not any(self._acrostic):
            return _NONE, _NONE
        firsts = self._next_firsts()
        size, found = len(self._alphabet.vocabulary), [(_NONE, _NONE)]
        for row in np.flatnonzero((self.in_line == self.way.line_most - 1) & (firsts >= 0)):
            columns = self._num_bare[row] + np.arange(1 - guard.limit, 0)
            windows = np.empty((size, guard.limit), np.intp)
            windows[:, :-1] = np.where(columns < 0, -1, self._bare[row, columns])
            windows[:, -1] = np.arange(size)
            lasts, follows = guard.forbidden(windows)
            lasts = lasts[follows == firsts[row]]
            found.append((np.full(len(lasts), row), lasts))
        rows, indices = zip(*found, strict=True)
        return np.concatenate(rows), np.concatenate(indices)

    def _next_firsts(self) -> Indices:
        """What the next line of each row begins with; -1: with anything."""
        rows = zip(self.lyric.tolist(), self.line.tolist(), strict=True)
        firsts = [[*self._acrostic[lyric][line + 1 : line + 2], -1][0] for lyric, line in rows]
        return np.array(firsts)

    def _too_much(self, counted: Pairs) -> Pairs:
        """Of these, what would leave too much of a lyric copied if its lines were the shortest."""
        rows, indices = counted
        if not len(rows):
            return counted
        way, written = self.way, self._num_bare - self._given
        least = way.characters or (self.lines - 1) * way.line_least  # the first has the prefix
        allowed = way.max_copied * np.maximum(least, written + 1)
        more = np.minimum(COUNTED, self._num_bare + 1 - self._copied_to)
        over = (self._copied + more > allowed)[rows]
        return rows[over], indices[over]

    def _count(self, going: Indices, counted: Pairs, index: Indices) -> None:
        """Count what was copied by the characters that were written in those rows."""
        rows, indices = counted
        if not len(rows):
            return
        ended = np.intersect1d(rows[indices == index[rows]], going)
        end = self._num_bare[ended]
        self._copied[ended] += np.minimum(COUNTED, end - self._copied_to[ended])
        self._copied_to[ended] = end

    def _repeated(self) -> Pairs:
        """What would carry a run that the row holds already past the limit."""
        limit = self.way.max_repeat
        longest = int(self._num_bare.max(initial=0))
        if not limit or longest <= limit:
            return _NONE, _NONE
        last = np.where(self._num_bare < limit, -2, self.last)  # -2: nothing is the same
        rows, ends = (self._bare[:, limit - 1 : longest - 1] == last[:, None]).nonzero()
        ends += limit - 1
        for back in range(1, limit):
            same = (
                self._bare[rows, ends - back] == self._bare[rows, self._num_bare[rows] - 1 - back]
            )
            rows, ends = rows[same], ends[same]
        follows = self._bare[rows, ends + 1]
        known = follows >= 0
        return rows[known], follows[known]

    def _write(self, rows: Indices, index: Indices) -> None:
        self._written = _with_room(self._written, self.num_written)
        self._written[rows, self.num_written[rows]] = index
        self.num_written[rows] += 1
        ends = rows[index == self._alphabet.line_end]
        broke = self._alphabet.breaks[index]
        self._broke[rows] = broke
        on = rows[~broke]
        if self._used is not None:
            self._used[on, index[~broke]] += 1
        self._bare = _with_room(self._bare, self._num_bare)
        self._bare[on, self._num_bare[on]] = index[~broke]
        self._num_bare[on] += 1
        self.in_line[on] += 1
        self.line[ends] += 1
        self.in_line[ends] = 0

    def is_finished(self) -> Flags:
        """Which rows have all that is wanted."""
        if self.way.characters is not None:
            finished: Flags = self.num_written >= self.way.characters
        else:
            finished = self.line >= self.lines
        return finished


_NONE: Indices = np.empty(0, np.intp)


def _allow(logits: Floats, rows: Indices, indices: Indices) -> None:
    """Leave each of those rows one index."""
    logits[rows] = -np.inf
    logits[rows, indices] = 0.0


def _with_room(table: Indices, used: Indices) -> Indices:
    if int(used.max(initial=0)) < table.shape[1]:
        return table
    more = np.full((len(table), ROOM), -1, np.intp)
    return np.concatenate([table, more], axis=1)


def _log_sum(logits: Floats) -> NDArray[np.float64]:
    """log sum exp of each row."""
    most = logits.max(1, keepdims=True)
    sums: NDArray[np.float64] = np.log(np.exp(logits - most).sum(1, dtype=np.float64))
    sums += most[:, 0]
    return sums
