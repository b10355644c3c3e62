"""Where lyrics are written for many people: what is asked of a model at once is one batch.

Each model has a thread of its own at a time, so the two of a duel are written side by side, and
the event loop goes on meanwhile.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary, ref

from core.lyrics.writer import Lyric, Prefix, Writer
from core.together import Together

MOST = 64  # lyrics in a batch: whoever comes meanwhile waits for all of it


@dataclass(frozen=True)
class Order:
    """A lyric that somebody wants."""

    prefix: Prefix
    seed: int


class Desk:
    """Takes orders for lyrics."""

    def __init__(self) -> None:
        self._batches: WeakKeyDictionary[Writer, Together[Order, Lyric]] = WeakKeyDictionary()

    async def write(self, writer: Writer, prefix: Prefix, *, seed: int) -> Lyric:
        """The lyric that `writer` writes, as it would alone."""
        batch = self._batches.get(writer)
        if batch is None:
            batch = self._batches[writer] = _together(writer)
        return await batch(Order(prefix, seed))


def _together(writer: Writer) -> Together[Order, Lyric]:
    held = ref(writer)  # the desk does not keep a model in memory that nobody else needs

    async def work(orders: Sequence[Order]) -> Sequence[Lyric]:
        one = held()
        if one is None:
            raise ReferenceError
        prefixes, seeds = [order.prefix for order in orders], [order.seed for order in orders]
        return await asyncio.to_thread(one.write_many, prefixes, seeds=seeds)

    return Together(work, most=MOST)
