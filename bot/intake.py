"""Takes updates into the inbox before Telegram is told that they arrived, and out when handled.

They come by polling, whose batches are committed as a whole within `get_updates`, or by webhook,
which commits before it answers; and from the inbox itself, where a bot that is gone left them.
"""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import structlog
from telegram import Update
from telegram.ext import ExtBot

from core.arena.inbox import LEASE, Inbox, Taken
from core.arena.store import persistently

log = structlog.get_logger(__name__)
CLAIM_EVERY = 2.0  # seconds
RENEW_EVERY = LEASE.total_seconds() / 4
MOST_CLAIMED = 200  # in hand at a time, of what others left


class Closing(Exception):
    """This bot begins no more."""


class Intake:
    """The updates that this process has in hand."""

    def __init__(self, inbox: Inbox, queue: "asyncio.Queue[object]") -> None:
        """`queue` is the Application's, from where handlers get them."""
        self._inbox = inbox
        self._queue = queue
        self._in_hand: set[int] = set()
        self._closing = False

    async def take(self, updates: Sequence[Update]) -> None:
        """Commit updates that were polled; they are in hand then. Waits for the database."""
        taken = [Taken(one.update_id, one.to_json()) for one in updates]
        new = await persistently(lambda: self._inbox.take(taken))
        self._in_hand |= {one.number for one in new}

    async def take_posted(self, posted: dict[str, Any], bot: ExtBot[Any]) -> None:
        """Commit an update that was posted, and hand it to the handlers if it is new.

        Raises:
            Closing, and whatever the database raises: the sender is to try again.
        """
        if self._closing:
            raise Closing
        number = posted["update_id"]
        new = await self._inbox.take([Taken(number, json.dumps(posted))])
        if new:
            self._in_hand.add(number)
            await self._queue.put(Update.de_json(posted, bot))

    async def claim(self, bot: ExtBot[Any]) -> None:
        """Take up what a bot that is gone left behind."""
        if self._closing or len(self._in_hand) >= MOST_CLAIMED:
            return
        for one in await self._inbox.claim(MOST_CLAIMED):
            if one.number not in self._in_hand:
                self._in_hand.add(one.number)
                await self._queue.put(Update.de_json(json.loads(one.text), bot))

    async def renew(self) -> None:
        """Go on holding what is in hand."""
        if self._in_hand:
            await self._inbox.renew()

    def has(self, update: Update) -> bool:
        """Whether it is for this process to handle: what came twice, or too late, is not."""
        return update.update_id in self._in_hand and not self._closing

    async def handled(self, update: Update) -> None:
        """An update is done with."""
        await self._inbox.leave(update.update_id)
        self._in_hand.discard(update.update_id)

    def close(self) -> None:
        """Begin no more; what is not begun stays in the inbox."""
        self._closing = True


class PollingBot(ExtBot[Any]):
    """A bot whose `get_updates` returns what is safe in the inbox."""

    _intake: Intake | None = None

    def take_into(self, intake: Intake) -> None:
        """From now on what is polled is committed by `intake`."""
        self._intake = intake

    async def get_updates(self, *args: Any, **kwargs: Any) -> tuple[Update, ...]:
        """As Telegram gives them; all of them committed."""
        updates = await super().get_updates(*args, **kwargs)
        if updates and self._intake is not None:
            await self._intake.take(updates)
        return updates
