"""Where lyrics are written for many people: what is asked of a model at once is one batch.

In threads, or apart: in a process of its own. A step of a network is many small products, each of
which gives the interpreter up and has to wait to get it back, so beside a busy event loop a thread
writes several times slower than a process.
"""

import asyncio
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from os import _exit
from uuid import uuid4
from weakref import WeakKeyDictionary, ref

import structlog

from core.errors import WritingError
from core.lyrics.checkpoint import Checkpoint
from core.lyrics.decoding import Decoding
from core.lyrics.form import BEAM
from core.lyrics.rhyme import group_of_character
from core.lyrics.writer import Lyric, Prefix, Writer
from core.together import Together

log = structlog.get_logger(__name__)
DUEL_TAKES = 0.06  # seconds that the candidates of both sides may take together
START, MOST_CANDIDATES = 4, 8
BUSY_BEAM = 4  # candidates of each line where lines rhyme, and others wait
BUSY_SHARE = 0.25  # of the time lately, spent writing
LATELY = 1.0  # seconds; what was longer ago counts for less and less
MOST = 64  # lyrics in a batch: whoever comes meanwhile waits for all of it
MOST_RHYMED = 8  # of those that rhyme, each of which is as much work as several
ANSWERS_WITHIN = 3.0  # seconds, if it is not busy
STANDS_STILL = 60.0  # seconds without an answer: no crowd keeps it busy for so long
KEPT = 64  # models in the other process; the largest release has half as many


@dataclass(frozen=True)
class Order:
    """A lyric that somebody wants."""

    prefix: Prefix
    seed: int
    decoding: Decoding


Written = tuple[list[Lyric], float]  # and how long that took, in seconds
Batches = tuple[Together[Order, Lyric], Together[Order, Lyric]]  # plain lyrics, and rhymed ones


class Desk:
    """Takes orders for lyrics."""

    def __init__(
        self, *, apart: bool = False, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        """`apart`: in a process of its own, which starts now and ends with this one."""
        self._clock = clock
        self._wrote, self._wrote_until = 0.0, clock()  # seconds lately, and when that was
        self._batches: WeakKeyDictionary[Writer, Batches] = WeakKeyDictionary()
        self._scribe = Scribe() if apart else None
        self._duels = 0  # being opened
        self._affordable = START

    @contextmanager
    def duel(self) -> Iterator[None]:
        """A duel is being opened, which will soon want two lyrics."""
        self._duels += 1
        try:
            yield
        finally:
            self._duels -= 1

    @property
    def candidates(self) -> int:
        """How many candidates a lyric can have now, for a duel to take no longer than DUEL_TAKES.

        One while others wait, or would soon: then a second lyric is worth more than a better one.
        """
        return 1 if self._is_busy else self._affordable

    @property
    def beam(self) -> int:
        """How many candidates each line can have now, of lyrics that rhyme."""
        return BUSY_BEAM if self._is_busy else BEAM

    async def write(
        self, writer: Writer, prefix: Prefix, *, seed: int, decoding: Decoding | None = None
    ) -> Lyric:
        """The lyric that `writer` writes, as it would alone; by its own decoding, if by none.

        Raises:
            DecodingError: as `Writer.check` does.
        """
        decoding = decoding or writer.checkpoint.recipe.decoding
        writer.check(decoding)  # whoever else is in the batch must not suffer
        if writer not in self._batches:
            plain, rhymed = self._together(writer, MOST), self._together(writer, MOST_RHYMED)
            self._batches[writer] = plain, rhymed
        batch = self._batches[writer][decoding.rhyme is not None]
        return await batch(Order(prefix, seed, decoding))

    async def check(self) -> None:
        """Make sure that lyrics can be written.

        Raises:
            WritingError: where the other process has ended, or stands still.
        """
        if self._scribe is not None:
            await self._scribe.check()

    async def close(self) -> None:
        """End the other process."""
        if self._scribe is not None:
            await asyncio.to_thread(self._scribe.close)

    @property
    def _is_busy(self) -> bool:
        return self._duels > 1 or self._lately() > BUSY_SHARE

    def _together(self, writer: Writer, most: int) -> Together[Order, Lyric]:
        held = ref(writer)  # the desk does not keep a model in memory that nobody else needs

        async def work(orders: Sequence[Order]) -> Sequence[Lyric]:
            one = held()
            if one is None:
                raise ReferenceError
            if self._scribe is not None:
                lyrics, took = await self._scribe.write(one, orders)
            else:
                lyrics, took = await asyncio.to_thread(write_orders, one, orders, self._clock)
            self._wrote, self._wrote_until = self._lately() * LATELY + took, self._clock()
            self._learn(orders, took)
            return lyrics

        return Together(work, most=most)

    def _lately(self) -> float:
        """The share of the time that went into writing, lately."""
        since = self._clock() - self._wrote_until
        return self._wrote / LATELY * math.exp(-since / LATELY)

    def _learn(self, orders: Sequence[Order], seconds: float) -> None:
        """By how long it took, see how many candidates can be afforded; step by step."""
        plain = [one.decoding.candidates for one in orders if one.decoding.rhyme is None]
        if len(orders) != 1 or plain != [self._affordable]:
            return  # not what it is about
        if seconds > DUEL_TAKES / 2:  # a side
            self._affordable = max(1, self._affordable - 1)
        elif seconds < DUEL_TAKES / 2 * self._affordable / (self._affordable + 1):
            self._affordable = min(MOST_CANDIDATES, self._affordable + 1)


def write_orders(
    writer: Writer, orders: Sequence[Order], clock: Callable[[], float] = time.perf_counter
) -> Written:
    """What `writer` writes for them, and how long that took, in seconds."""
    began = clock()
    lyrics = writer.write_many(
        [one.prefix for one in orders],
        seeds=[one.seed for one in orders],
        decoding=[one.decoding for one in orders],
    )
    return lyrics, clock() - began


class Scribe:
    """A process that writes; one that is killed is started again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._pool = self._start()
        self._clock = clock
        self._asked: Future[Written | None] | None = None  # whether it still answers
        self._asked_at = 0.0
        self._names: WeakKeyDictionary[Writer, str] = WeakKeyDictionary()

    async def write(self, writer: Writer, orders: Sequence[Order]) -> Written:
        """What `write_orders` gives.

        Raises:
            DecodingError, ValueError: as `write_many`.
            BrokenProcessPool: where the process was killed twice.
        """
        try:
            return await self._write(writer, orders)
        except BrokenProcessPool:
            log.error("the process that writes has ended; it is started again")
            self._pool = self._start()
            return await self._write(writer, orders)

    async def check(self) -> None:
        """Make sure that it answers; it may be busy for a while.

        Raises:
            WritingError: where it has ended, or stands still.
        """
        pool = self._pool
        try:
            if self._asked is None or self._asked.done():
                self._asked, self._asked_at = self._pool.submit(_write, "", ()), self._clock()
            asked = asyncio.wrap_future(self._asked)
            await asyncio.wait((asked,), timeout=ANSWERS_WITHIN)
            if asked.done():
                asked.result()
        except BrokenProcessPool as error:
            log.error("the process that writes has ended; it is started again")
            if self._pool is pool:  # else whoever writes was quicker
                self._pool = self._start()
            raise WritingError(
                "The process that writes had ended; it is started again. If it ends again and "
                "again, it may want more memory."
            ) from error
        if self._asked is not None and not self._asked.done():
            since = self._clock() - self._asked_at
            if since > STANDS_STILL:
                raise WritingError(
                    f"The process that writes has not answered for {since:.0f} s. Restart the bot."
                )

    def close(self) -> None:
        """End it."""
        self._pool.shutdown(cancel_futures=True)

    async def _write(self, writer: Writer, orders: Sequence[Order]) -> Written:
        name = self._names.setdefault(writer, uuid4().hex)
        written = await asyncio.wrap_future(self._pool.submit(_write, name, orders))
        if written is None:  # it does not have that model yet, or no more
            content = await asyncio.to_thread(writer.checkpoint.to_bytes)
            first = self._pool.submit(_load_and_write, name, content, orders)
            return await asyncio.wrap_future(first)
        return written

    @staticmethod
    def _start() -> ProcessPoolExecutor:
        pool = ProcessPoolExecutor(1, get_context("spawn"), initializer=_set_up)
        pool.submit(_write, "", ())  # so that it starts now
        return pool


# In the other process

_writers: dict[str, Writer] = {}


def _set_up() -> None:
    group_of_character("分")  # which loads its dictionaries
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for the parent to stop
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        _exit(0)


def _load_and_write(name: str, content: bytes, orders: Sequence[Order]) -> Written:
    while len(_writers) >= KEPT:
        del _writers[next(iter(_writers))]
    writer = _writers[name] = Writer(Checkpoint.from_bytes(content, name))
    return write_orders(writer, orders)


def _write(name: str, orders: Sequence[Order]) -> Written | None:
    """None: that model is not here."""
    writer = _writers.pop(name, None)
    if writer is None:
        return None
    _writers[name] = writer  # the one that was used last is the last to go
    return write_orders(writer, orders)
