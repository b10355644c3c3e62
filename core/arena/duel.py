"""A duel's rules, pure: who stands where, and what a side turns out to be."""

import random
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from core.lyrics.form import Form
from core.lyrics.recipe import SAMPLERS, Sampler

Choice = Literal[0, 1, 2]  # 0: neither is good
Pair = TypeVar("Pair")
NO_FORM = Form()
ALPHABET = string.ascii_lowercase + "234567"  # base 32, as RFC 4648 has it
KEY_LENGTH = 8


@dataclass(frozen=True)
class Duel:
    """Two lyrics for one prefix, blind."""

    id: int
    prefix: str
    text_1: str
    text_2: str
    skipped: str = ""  # characters of the prefix that the models never saw
    key: str = ""  # known to those who were shown it
    form: Form = NO_FORM  # what was asked of both
    originality: tuple[float | None, float | None] = (None, None)  # of 1 and 2; None: not known


@dataclass(frozen=True)
class Reveal:
    """Which sampler wrote which side."""

    sampler_1: Sampler

    @property
    def sampler_2(self) -> Sampler:
        """The sampler on side 2."""
        return other(self.sampler_1)

    def winner(self, choice: Choice) -> Sampler | None:
        """The sampler that `choice` speaks for; None for neither."""
        return {0: None, 1: self.sampler_1, 2: self.sampler_2}[choice]


def other(sampler: Sampler) -> Sampler:
    """The sampler that is not this one."""
    return SAMPLERS[1 - SAMPLERS.index(sampler)]


def deal(pairs: Sequence[Pair], chance: random.Random) -> tuple[Pair, Reveal]:
    """Draw a pair, and toss a fair coin for the sides."""
    return chance.choice(pairs), Reveal(chance.choice(SAMPLERS))


def new_key(chance: random.Random) -> str:
    """A key that nobody guesses: one of 32 to the 8th."""
    drawn = chance.getrandbits(5 * KEY_LENGTH)
    return "".join(ALPHABET[drawn >> 5 * n & 31] for n in range(KEY_LENGTH))
