"""Handles people's updates at the same time, and one person's answers in the order they came."""

import asyncio
from collections.abc import Awaitable
from typing import Any
from weakref import WeakValueDictionary

from telegram import Update
from telegram.ext import BaseUpdateProcessor


class PersonByPerson(BaseUpdateProcessor):
    """A person's buttons and typed answers wait for each other: the first one counts.

    Commands do not wait, so that a second /write is told at once that the first is being written.
    """

    def __init__(self, max_concurrent_updates: int) -> None:
        super().__init__(max_concurrent_updates)
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def do_process_update(self, update: object, coroutine: Awaitable[Any]) -> None:
        """Run `coroutine`, the handling of `update`, when it is its turn."""
        person = _answers(update)
        if person is None:
            await coroutine
            return
        lock = self._locks.get(person)
        if lock is None:
            lock = self._locks[person] = asyncio.Lock()
        async with lock:
            await coroutine

    async def initialize(self) -> None:
        """Nothing is to be opened."""

    async def shutdown(self) -> None:
        """Nothing is to be closed."""


def _answers(update: object) -> int | None:
    """The id of the person who answers a duel with this update; None if it is something else."""
    if not isinstance(update, Update) or update.effective_user is None:
        return None
    is_command = update.message is not None and (update.message.text or "").startswith("/")
    return None if is_command else update.effective_user.id
