"""What is measured on: a corpus that is named, or seeded text, called synthetic."""

from pathlib import Path

import numpy as np

from core.lyrics.corpus import Corpus, read_corpus

CHARACTERS = 63_282  # the article's corpus


def corpus(file: Path | None) -> Corpus:
    """The corpus of `file`; without one, synthetic text of the article's size."""
    return read_corpus(file) if file is not None else synthetic(CHARACTERS, distinct=2_583)


def synthetic(length: int, *, distinct: int, seed: int = 0) -> Corpus:
    """Text in which each character has a few favourite successors, in lines, some of them again.

    Frequencies fall as in any language (Zipf); a third of the lines are repeated, as choruses are.
    """
    chance = np.random.default_rng(seed)
    letters = [chr(0x4E00 + i) for i in range(distinct - 1)]
    weights = 1 / (np.arange(distinct - 1) + 2.7)
    weights /= weights.sum()
    favourites = chance.choice(distinct - 1, size=(distinct - 1, 8), p=weights)
    lines: list[str] = []
    written = 0
    while written < length:
        if lines and chance.random() < 1 / 3:
            line = lines[int(chance.integers(max(0, len(lines) - 30), len(lines)))]
        else:
            at = int(chance.choice(distinct - 1, p=weights))
            indices = [at]
            for _ in range(int(chance.integers(3, 12))):
                free = chance.random() < 0.4
                at = int(
                    chance.choice(distinct - 1, p=weights)
                    if free
                    else favourites[at, chance.geometric(0.4) % 8]
                )
                indices.append(at)
            line = "".join(letters[i] for i in indices)
        lines.append(line)
        written += len(line) + 1
    return Corpus("synthetic", "\n".join(lines)[:length])
