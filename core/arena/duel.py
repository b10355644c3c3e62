"""A duel's rules, pure: who stands where, and what a side turns out to be."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from core.lyrics.recipe import SAMPLERS, Sampler

Choice = Literal[0, 1, 2]  # 0: neither is good
Pair = TypeVar("Pair")


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
