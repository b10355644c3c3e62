"""Handles people's updates at the same time, and one person's in the order they came."""

import asyncio
import time
from collections.abc import Awaitable, Coroutine
from contextlib import AsyncExitStack
from typing import Any
from weakref import WeakValueDictionary

from telegram import MessageEntity, Update
from telegram.ext import BaseUpdateProcessor

from bot.intake import Intake
from bot.metrics import Metrics

KINDS = ("message", "edited_message", "callback_query", "inline_query", "my_chat_member")


class PersonByPerson(BaseUpdateProcessor):
    """A person's updates wait for each other; nobody waits for anybody else.

    Two kinds do not wait: a /write while that person's last one is being written, so that it is
    told so at once, and an inline query, of which only the latest is answered.
    """

    def __init__(
        self, max_concurrent_updates: int, metrics: Metrics, intake: Intake | None = None
    ) -> None:
        """`intake` is told what was handled; without one, every update is handled."""
        super().__init__(max_concurrent_updates)
        self.intake = intake
        self._metrics = metrics
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._writing: set[int] = set()

    async def do_process_update(self, update: object, coroutine: Awaitable[Any]) -> None:
        """Run `coroutine`, the handling of `update`, when it is its turn."""
        if not isinstance(update, Update):
            await coroutine
            return
        if self.intake is not None and not self.intake.has(update):
            _close(coroutine)
            return
        began = time.perf_counter()
        if not await self._in_turn(update, coroutine):
            return
        kind = kind_of(update)
        self._metrics.updates.labels(kind).inc()
        self._metrics.latency.labels(kind).observe(time.perf_counter() - began)
        if self.intake is not None:
            await self.intake.handled(update)

    async def _in_turn(self, update: Update, coroutine: Awaitable[Any]) -> bool:
        """Whether it was handled: not once the bot is asked to stop."""
        person = update.effective_user.id if update.effective_user else None
        writes = is_write(update)
        if person is None or update.inline_query or (writes and person in self._writing):
            await coroutine
            return True
        lock = self._locks.get(person)
        if lock is None:
            lock = self._locks[person] = asyncio.Lock()
        async with AsyncExitStack() as closing:
            await closing.enter_async_context(lock)
            if self.intake is not None and not self.intake.has(update):
                _close(coroutine)
                return False
            if writes:
                self._writing.add(person)
                closing.callback(self._writing.discard, person)
            await coroutine
        return True

    async def initialize(self) -> None:
        """Nothing is to be opened."""

    async def shutdown(self) -> None:
        """Nothing is to be closed."""


def _close(coroutine: Awaitable[Any]) -> None:
    if isinstance(coroutine, Coroutine):
        coroutine.close()


def kind_of(update: Update) -> str:
    """What an update is about."""
    return next((kind for kind in KINDS if getattr(update, kind) is not None), "other")


def is_write(update: Update) -> bool:
    """Whether it is a /write, to this bot or, as far as is known here, to another."""
    message = update.message
    if message is None or not message.text or not message.entities:
        return False
    entity = message.entities[0]
    if entity.type != MessageEntity.BOT_COMMAND or entity.offset:
        return False
    # A command is ASCII, so its length is the same in UTF-16 units, which Telegram counts.
    command = message.text[1 : entity.length].split("@")[0]
    return command.lower() == "write"
