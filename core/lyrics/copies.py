"""Finds what a lyric has copied from the corpus: runs of characters that stand there too.

Line ends and spaces are left out on both sides, so that a break never ends a run. A suffix array
(Manber and Myers 1990) is built once, by prefix doubling, and stored with the model.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

COUNTED = 6  # characters of a run from which on it counts as copied
AT_ONCE = 16  # characters compared at a time
Places = NDArray[np.int32] | NDArray[np.intp]
END = "\0"  # between two lyrics; in no corpus
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, so that no character is lost: Knuth 6.4


@dataclass(frozen=True)
class Copied:
    """How much of a lyric was copied; the prefix that somebody gave is not counted."""

    characters: int  # written, without breaks
    in_6: int  # of these, in runs of 6 or more
    in_8: int
    longest: int  # characters of the longest run that holds a written one
    source: str = field(
        default="", repr=False, compare=False
    )  # the line of the corpus where it begins

    @property
    def originality(self) -> float:
        """One minus the share in runs of 6."""
        return 1.0 - self.in_6 / self.characters if self.characters else 1.0


def bare(text: str) -> str:
    """Without what does not count: line ends and spaces of every kind."""
    return "".join(text.split())


class Copies:
    """The runs of a corpus."""

    def __init__(self, text: str, suffixes: NDArray[np.int32] | None = None) -> None:
        """`suffixes`, if they are known: where each suffix of the bare text begins, sorted."""
        self.text = text
        self.codes = _codes(bare(text))
        self.suffixes = sort_suffixes(self.codes) if suffixes is None else suffixes

    def __len__(self) -> int:
        return len(self.codes)

    def measure(self, texts: Sequence[str], prefixes: Sequence[str]) -> list[Copied]:
        """How much of each text, which begins with its prefix, was copied."""
        written = [bare(text) for text in texts]
        runs, places = self._runs(_codes(END.join(written)))
        ends = np.cumsum([len(one) + 1 for one in written]) - 1
        return [
            self._copied(runs[end - len(one) : end], places[end - len(one) : end], prefix)
            for one, end, prefix in zip(written, ends, prefixes, strict=True)
        ]

    def _copied(self, runs: NDArray[np.intp], places: NDArray[np.intp], prefix: str) -> Copied:
        given = len(bare(prefix))
        starts = np.arange(len(runs))
        # A run that ends within the prefix holds nothing that was written.
        counts = starts + runs > given
        longest = int(runs[counts].max(initial=0))
        source = ""
        if longest:
            best = int(np.flatnonzero(counts & (runs == longest))[0])
            source = self._line_at(int(places[best]))
        num = max(0, len(runs) - given)
        in_6, in_8 = (_covered(runs, limit, given) for limit in (COUNTED, 8))
        return Copied(num, in_6, in_8, longest, source)

    def _runs(self, codes: NDArray[np.uint32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """From each position the longest run that the corpus has too, and where it has it.

        By two neighbours in the suffix array: where the suffix would stand among those of the
        corpus, the longest run is shared with the one before or the one after.
        """
        if not len(self):
            return np.zeros(len(codes), np.intp), np.zeros(len(codes), np.intp)
        starts = np.arange(len(codes))
        keys = _keys(codes, starts)
        low = np.searchsorted(self._sorted_keys, keys, side="left")
        high = np.searchsorted(self._sorted_keys, keys, side="right")
        while len(open_ := np.flatnonzero(low < high)):
            middle = (low[open_] + high[open_]) // 2
            here, there = starts[open_], self.suffixes[middle]
            same = self._same(codes, here, there)
            smaller = self._at(there + same) < _at(codes, here + same)
            low[open_] = np.where(smaller, middle + 1, low[open_])
            high[open_] = np.where(smaller, high[open_], middle)
        before = self.suffixes[np.maximum(low - 1, 0)]
        after = self.suffixes[np.minimum(low, len(self) - 1)]
        runs = [self._same(codes, starts, place) for place in (before, after)]
        first = runs[0] >= runs[1]
        return np.where(first, *runs), np.where(first, before, after)

    def _same(
        self, codes: NDArray[np.uint32], starts: NDArray[np.intp], places: NDArray[np.int32]
    ) -> NDArray[np.intp]:
        """How many characters are the same from there on, here and in the corpus."""
        same = np.zeros(len(starts), np.intp)
        going = np.arange(len(starts))
        ahead = np.arange(AT_ONCE)
        while len(going):
            here = _at(codes, (starts[going] + same[going])[:, None] + ahead)
            there = self._at((places[going] + same[going])[:, None] + ahead)
            differs = (here != there) | (here == 0)
            first = np.where(differs.any(1), differs.argmax(1), AT_ONCE)
            same[going] += first
            going = going[first == AT_ONCE]
        return same

    def _at(self, index: NDArray[np.intp]) -> NDArray[np.uint32]:
        return _at(self.codes, index)

    def _line_at(self, place: int) -> str:
        return self._lines[int(np.searchsorted(self._line_ends, place, side="right"))]

    @cached_property
    def _sorted_keys(self) -> NDArray[np.uint64]:
        return _keys(self.codes, self.suffixes)

    @cached_property
    def _lines(self) -> list[str]:
        return [line for line in self.text.split("\n") if bare(line)]

    @cached_property
    def _line_ends(self) -> NDArray[np.intp]:
        return np.cumsum([len(bare(line)) for line in self._lines])


class Guard:
    """Tells which characters would carry a run of the corpus past a limit.

    Keeps what follows each run of `limit` characters of the corpus, by a hash of the run: a
    look-up takes a binary search, whatever the limit. Made anew where a model first writes.
    """

    def __init__(self, copies: Copies, limit: int, vocabulary: Collection[str]) -> None:
        """`limit` is the longest run allowed, 1 or more."""
        self.limit = limit
        known = {character: index for index, character in enumerate(vocabulary)}
        index = np.array(
            [known.get(character, -1) for character in map(chr, copies.codes.tolist())], np.int32
        )
        room = np.zeros(max(0, limit + 1 - len(copies)), np.uint32)  # for a corpus that is short
        whole = np.append(copies.codes, room)
        runs = np.lib.stride_tricks.sliding_window_view(whole, limit + 1)
        codes = np.array([ord(character) for character in vocabulary], np.uint32)
        self._codes = np.append(codes, np.uint32(0))
        follows = np.append(index, np.full(len(room), -1, np.int32))[limit:]
        hashes = _hash(runs[:, :limit])
        keep = follows >= 0
        hashes, follows = hashes[keep], follows[keep]
        order = np.lexsort((follows, hashes))
        hashes, follows = hashes[order], follows[order]
        new = np.ones(len(hashes), bool)
        new[1:] = (hashes[1:] != hashes[:-1]) | (follows[1:] != follows[:-1])
        self._hashes, self._follows = hashes[new], follows[new]

    def forbidden(self, windows: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Which characters may not come next, as rows and indices of logits.

        Args:
            windows: (lyrics, limit), indices of the last characters without breaks; -1 where
                there is none yet.
        """
        whole = windows[:, 0] >= 0
        hashes = _hash(self._codes[windows])
        first = np.searchsorted(self._hashes, hashes, side="left")
        last = np.searchsorted(self._hashes, hashes, side="right")
        counts = np.where(whole, last - first, 0)
        rows = np.repeat(np.arange(len(windows)), counts)
        if not len(rows):
            return rows, rows
        within = np.arange(len(rows)) - np.repeat(counts.cumsum() - counts, counts)
        return rows, self._follows[np.repeat(first, counts) + within].astype(np.intp)


def sort_suffixes(codes: NDArray[np.uint32]) -> NDArray[np.int32]:
    """Where each suffix begins, sorted: by the first character, the first 2, 4, 8, ...

    (Manber and Myers 1990; here each step is one sort of pairs of ranks.)
    """
    size = len(codes)
    if size == 0:
        return np.empty(0, np.int32)
    rank = np.unique(codes, return_inverse=True)[1].astype(np.int64) + 1  # 0: past the end
    length = 1
    while True:
        second = np.zeros(size, np.int64)
        second[: max(0, size - length)] = rank[length:]
        keys = rank * (size + 2) + second  # ranks are 0 to size
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        new = np.empty(size, np.int64)
        new[order] = np.cumsum(np.append(1, ordered[1:] != ordered[:-1]))
        rank = new
        length *= 2
        if rank.max() == size or length >= size * 2:
            return order.astype(np.int32)


def _covered(runs: NDArray[np.intp], limit: int, given: int) -> int:
    """How many written characters lie in runs of at least `limit`."""
    change = np.zeros(len(runs) + 1, np.intp)
    long = np.flatnonzero(runs >= limit)
    np.add.at(change, long, 1)
    np.add.at(change, long + runs[long], -1)
    return int((change.cumsum()[given : len(runs)] > 0).sum())


def _codes(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le"), "<u4").astype(np.uint32)


def _at(codes: NDArray[np.uint32], index: Places) -> NDArray[np.uint32]:
    """The codes there; 0 past the end."""
    inside = index < len(codes)
    found: NDArray[np.uint32] = np.where(inside, codes[np.where(inside, index, 0)], 0)
    return found


def _keys(codes: NDArray[np.uint32], starts: Places) -> NDArray[np.uint64]:
    """The first three characters from there on, as one number that sorts as they do."""
    first, second, third = (_at(codes, starts + ahead).astype(np.uint64) for ahead in range(3))
    keys: NDArray[np.uint64] = first << np.uint64(42) | second << np.uint64(21) | third
    return keys


def _hash(runs: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """64 bits for each row; of two different rows they are the same once in 2**64."""
    powers = np.cumprod(np.full(runs.shape[1], MULTIPLIER))
    hashes: NDArray[np.uint64] = (runs * powers).sum(axis=1, dtype=np.uint64)
    return hashes
