"""Handles people's updates at the same time, and one person's in the order they came."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Coroutine
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakValueDictionary

from telegram import MessageEntity, Update
from telegram.ext import BaseUpdateProcessor

from bot.accounts import account_of
from bot.intake import Intake
from bot.metrics import Metrics

WRITES = ("write", "acrostic")
KINDS = ("message", "edited_message", "callback_query", "inline_query", "my_chat_member")


class PersonByPerson(BaseUpdateProcessor):
    """A person's updates wait for each other; nobody waits for anybody else.

    Who writes in the name of a chat, as anonymous admins do, is one person with all who do so.
    Two kinds do not wait: a /write while that person's last one is being written, so that it is
    told so at once, and an inline query, of which only the latest is answered.
    """

    def __init__(self, at_once: int, metrics: Metrics, intake: Intake | None = None) -> None:
        """`at_once` are handled at a time, besides any number that wait for their person's turn.

        `intake` is told what was handled; without one, every update is handled.
        """
        super().__init__(sys.maxsize)  # whoever waits for a turn takes nobody's place
        self.intake = intake
        self._metrics = metrics
        self._places = asyncio.Semaphore(at_once)
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._writing: set[int] = set()
        self._told: set[int] = set()  # that a duel of theirs is being written
        self._tasks: set[asyncio.Task[Any]] = set()

    async def do_process_update(self, update: object, coroutine: Awaitable[Any]) -> None:
        """Run `coroutine`, the handling of `update`, when it is its turn."""
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        try:
            if isinstance(update, Update):
                await self._handle(update, coroutine)
            else:
                await coroutine
        finally:
            if isinstance(coroutine, Coroutine):
                coroutine.close()  # it may not have begun
            if task is not None:
                self._tasks.discard(task)

    def cancel(self) -> None:
        """Give up what is being handled."""
        for task in self._tasks:
            task.cancel()

    async def _handle(self, update: Update, coroutine: Awaitable[Any]) -> None:
        if self.intake is not None and not self.intake.begin(update):
            return
        came = time.perf_counter()
        async with self._turn(update):
            if self.intake is not None and not self.intake.is_open:
                return  # it waited for its turn until the bot was told to stop
            await coroutine
        kind = kind_of(update)
        self._metrics.updates.labels(kind).inc()
        self._metrics.latency.labels(kind).observe(time.perf_counter() - came)
        if self.intake is not None:
            await self.intake.handled(update)

    @asynccontextmanager
    async def _turn(self, update: Update) -> AsyncIterator[None]:
        """Wait until it is an update's turn; it lasts until the context is left."""
        person = account_of(update)
        writes = is_write(update)
        if person is None or update.inline_query:
            async with self._places:
                yield
            return
        # Told at once that they have one already; but once at a time, or a person who asks again
        # and again would take all places, while their answers wait for Telegram's rates.
        if writes and person in self._writing and person not in self._told:
            self._told.add(person)
            try:
                async with self._places:
                    yield
            finally:
                self._told.discard(person)
            return
        lock = self._locks.get(person)
        if lock is None:
            lock = self._locks[person] = asyncio.Lock()
        async with lock, self._places:
            if writes:
                self._writing.add(person)
            try:
                yield
            finally:
                if writes:
                    self._writing.discard(person)

    async def initialize(self) -> None:
        """Nothing is to be opened."""

    async def shutdown(self) -> None:
        """Nothing is to be closed."""


def kind_of(update: Update) -> str:
    """What an update is about."""
    return next((kind for kind in KINDS if getattr(update, kind) is not None), "other")


def is_write(update: Update) -> bool:
    """Whether it is a /write or /acrostic, to this bot or, as far as is known here, to another."""
    message = update.message
    if message is None or not message.text or not message.entities:
        return False
    entity = message.entities[0]
    if entity.type != MessageEntity.BOT_COMMAND or entity.offset:
        return False
    # A command is ASCII, so its length is the same in UTF-16 units, which Telegram counts.
    command = message.text[1 : entity.length].split("@")[0]
    return command.lower() in WRITES
