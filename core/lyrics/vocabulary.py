"""Numbers the characters that a model knows. Sorted, so that every process numbers them alike."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

PIECE = 2**16  # characters that are encoded at once


@dataclass(frozen=True)
class Vocabulary:
    """The characters of a corpus; beside them, where asked for, one mark for all others.

    The mark has the last index. It can be read, so that any text has a perplexity, and is never
    written.
    """

    characters: str  # sorted, each once
    has_unknown: bool = True

    @classmethod
    def of(cls, text: str, *, has_unknown: bool = True) -> "Vocabulary":
        """The vocabulary of all characters in `text`."""
        return cls("".join(sorted(set(text))), has_unknown)

    def __len__(self) -> int:
        """How many indices there are, the mark's included."""
        return len(self.characters) + self.has_unknown

    def __contains__(self, character: object) -> bool:
        return character in self._indices

    @cached_property
    def _indices(self) -> dict[str, int]:
        return {character: index for index, character in enumerate(self.characters)}

    @property
    def unknown(self) -> int | None:
        """The index of the mark for unknown characters, if there is one."""
        return len(self.characters) if self.has_unknown else None

    def encode(self, text: Iterable[str]) -> list[int]:
        """One index a character.

        Raises:
            KeyError: for a character it does not hold, where there is no mark for unknown ones.
        """
        if not self.has_unknown:
            return [self._indices[character] for character in text]
        return [self._indices.get(character, len(self.characters)) for character in text]

    def encode_array(self, text: str) -> NDArray[np.int32]:
        """The same for a long text: four bytes a character, and little more on the way.

        Raises:
            KeyError: as `encode` does.
        """
        codes = np.array([ord(character) for character in self.characters], np.uint32)
        result = np.empty(len(text), np.int32)
        for start in range(0, len(text), PIECE):
            piece = text[start : start + PIECE]
            points = np.frombuffer(piece.encode("utf-32-le", "surrogatepass"), "<u4")
            found = np.minimum(codes.searchsorted(points), max(len(codes) - 1, 0))
            missing = codes[found] != points if len(codes) else np.ones(len(points), bool)
            if missing.any() and not self.has_unknown:
                raise KeyError(piece[int(missing.argmax())])
            result[start : start + PIECE] = np.where(missing, len(codes), found)
        return result

    def decode(self, indices: Iterable[int]) -> str:
        """The text that `indices` stand for."""
        return "".join(self.characters[index] for index in indices)
