"""Writes lyrics with one trained model, in numpy: the bot's host needs no torch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import DecodingError, PrefixEmpty, PrefixTooLong, PrefixUnknown
from core.lyrics.checkpoint import Checkpoint
from core.lyrics.decoding import Decoding, choose

MAX_PREFIX = 50
MAX_LINE = 40  # a model that never ends its line is made to
SUGGESTIONS = 3


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
        self._W_xh, self._W_hh, self._b_h, self._W_hq, self._b_q = (
            np.ascontiguousarray(checkpoint.weights[name], dtype=np.float32)
            for name in ("W_xh", "W_hh", "b_h", "W_hq", "b_q")
        )
        # Where lines are kept, a lyric begins where a line begins.
        self._keeps_lines = "\n" in self.vocabulary
        self._line_end = self.vocabulary.encode("\n")[0] if self._keeps_lines else -1
        self._never = self.vocabulary.encode(checkpoint.unseen)
        if self.vocabulary.unknown is not None:
            self._never.append(self.vocabulary.unknown)
        self._breaks = self.vocabulary.encode([c for c in "\n " if c in self.vocabulary])

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
        decoding = decoding or self.checkpoint.recipe.decoding
        if decoding.characters is None and not self._keeps_lines:
            raise DecodingError(
                f"A model of recipe {self.checkpoint.recipe.name} learned no line ends: "
                f"ask for a number of characters, not of lines."
            )
        chance = np.random.default_rng(seed)
        read = ("\n" if self._keeps_lines else "") + prefix.text
        state = np.zeros_like(self._b_h)  # (hiddens,)
        for index in self.vocabulary.encode(read):
            state = self._step(index, state)
        if decoding.characters is not None:
            written = self._characters(state, decoding, chance)
        else:
            written = self._lines(prefix.text, state, decoding, chance)
        text = prefix.text + self.vocabulary.decode(written)
        return Lyric(text.rstrip("\n"), prefix.text, seed, decoding)

    def _knows(self, character: str) -> bool:
        return character in self.vocabulary and character not in self.checkpoint.unseen

    def _characters(
        self, state: NDArray[np.float32], decoding: Decoding, chance: np.random.Generator
    ) -> list[int]:
        written: list[int] = []
        for _ in range(decoding.characters or 0):
            logits = self._logits(state)
            written.append(choose(logits, decoding.temperature, chance))
            state = self._step(written[-1], state)
        return written

    def _lines(
        self,
        prefix: str,
        state: NDArray[np.float32],
        decoding: Decoding,
        chance: np.random.Generator,
    ) -> list[int]:
        written: list[int] = []
        line, length, after_break = 1, len(prefix), False
        while True:
            logits = self._logits(state)
            if after_break or length == MAX_LINE - 1:
                logits[self._breaks] = -np.inf  # no empty line, no space at an end or doubled
            ended = length >= MAX_LINE
            index = self._line_end if ended else choose(logits, decoding.temperature, chance)
            if index == self._line_end:
                if line == decoding.lines:
                    return written
                line, length = line + 1, 0
            else:
                length += 1
            after_break = index in self._breaks
            written.append(index)
            state = self._step(index, state)

    def _step(self, index: int, state: NDArray[np.float32]) -> NDArray[np.float32]:
        """H_t = tanh(W_xh[x_t] + H_{t-1} W_hh + b_h), all (hiddens,)."""
        state = state @ self._W_hh
        state += self._W_xh[index]
        state += self._b_h
        return np.tanh(state, out=state)

    def _logits(self, state: NDArray[np.float32]) -> NDArray[np.float32]:
        """O_t = H_t W_hq + b_q, (vocabulary,); -inf for what was never learned."""
        logits: NDArray[np.float32] = state @ self._W_hq
        logits += self._b_q
        logits[self._never] = -np.inf
        return logits
