"""Takes updates into the inbox before Telegram is told that they arrived, and out when handled.

They are polled for, or posted to the webhook, or found in the inbox itself, where a bot that is
gone left them. What this process has in hand is waiting for its turn, or begun.
"""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import structlog
from telegram import Bot, Update

from core.arena.inbox import LEASE, Inbox, Taken

log = structlog.get_logger(__name__)
CLAIM_EVERY = 2.0  # seconds
RENEW_EVERY = LEASE.total_seconds() / 4
MOST_CLAIMED = 200  # in hand at a time, of what others left
MOST = 4096  # in hand at a time; beyond, what comes is left with Telegram for a while
UNDER_DUELS = ("v:", "w:")  # how callback data begins there
TAKEN_UP = "taken_up"  # among what Telegram says of an update: another bot may have begun it
PLACE = ("message_id", "date", "chat", "from", "message_thread_id", "is_topic_message")
Json = dict[str, Any]


def slim(update: Json) -> Json:
    """An update without what no handler reads: it is neither kept nor gone through.

    A press under a duel comes with the whole message; its place is all that is needed.
    """
    query = update.get("callback_query")
    if not isinstance(query, dict) or not str(query.get("data", "")).startswith(UNDER_DUELS):
        return update
    message = query.get("message")
    if not isinstance(message, dict):
        return update
    kept = {name: message[name] for name in PLACE if name in message}
    return update | {"callback_query": query | {"message": kept}}


def _written(update: Json) -> str:
    """As JSON. Half a character, such as "\\ud800", becomes "?": nobody takes it for text."""
    return json.dumps(update, ensure_ascii=False).encode(errors="replace").decode()


class Closing(Exception):
    """This bot begins nothing: not yet, or no more."""


class Intake:
    """The updates that this process has in hand."""

    def __init__(self, inbox: Inbox, queue: "asyncio.Queue[object]", bot: Bot) -> None:
        """`queue` is the Application's, from where handlers get them; `bot` is theirs."""
        self._inbox = inbox
        self._queue = queue
        self._bot = bot
        self._waiting: set[int] = set()
        self._begun: set[int] = set()
        self._open = False
        self._has_room = asyncio.Event()
        self._has_room.set()

    async def take(self, posted: Sequence[Json]) -> None:
        """Commit updates, all at once, and hand those that are new to the handlers.

        Raises:
            Closing, and whatever the database raises: none was taken, as far as is known.
        """
        if not self._open:
            raise Closing
        taken = [Taken(one["update_id"], _written(slim(one))) for one in posted]
        new = await self._inbox.take(taken)
        await self._hand_on(new)

    async def claim(self) -> None:
        """Take up what a bot that is gone left behind."""
        if self._open and len(self._in_hand) < MOST_CLAIMED:
            left = await self._inbox.claim(MOST_CLAIMED)
            await self._hand_on(left, {TAKEN_UP: True})

    async def renew(self) -> None:
        """Go on holding what is in hand, and nothing else: what is not known here is free.

        What another bot has taken up meanwhile, since this one was too late, is not begun here.
        """
        if self._in_hand:
            asked = self._in_hand
            self._waiting -= asked - await self._inbox.renew(asked)
            self._make_room()

    @property
    def is_full(self) -> bool:
        """Whether there is so much in hand that no more should be taken."""
        return not self._has_room.is_set()

    async def has_room(self) -> None:
        """Wait until it is not."""
        await self._has_room.wait()

    def begin(self, update: Update) -> bool:
        """Whether this process is to handle an update, once: what came twice, or late, is not."""
        if not self._open or update.update_id not in self._waiting:
            return False
        self._waiting.discard(update.update_id)
        self._begun.add(update.update_id)
        return True

    @property
    def is_open(self) -> bool:
        """Whether what waits may still be begun."""
        return self._open

    async def handled(self, update: Update) -> None:
        """An update is done with. Waits for a database that is away."""
        await self._leave(update.update_id)

    def open(self) -> None:
        """Begin to take updates."""
        self._open = True

    def close(self) -> None:
        """Begin no more; what is not begun stays in the inbox."""
        self._open = False

    async def let_go(self) -> None:
        """Leave what is in hand to any other bot, at once."""
        self._waiting.clear()
        self._begun.clear()
        await self._inbox.let_go()

    @property
    def _in_hand(self) -> set[int]:
        return self._waiting | self._begun

    async def _hand_on(self, taken: Sequence[Taken], more: Json | None = None) -> None:
        new = [one for one in taken if one.number not in self._in_hand]
        self._waiting |= {one.number for one in new}
        self._make_room()
        for one in new:
            try:
                update = Update.de_json(json.loads(one.text) | (more or {}), self._bot)
            except Exception as error:  # not its text, which holds what somebody wrote
                why = type(error).__name__
                log.error("an update cannot be read, and is skipped", update=one.number, why=why)
                await self._leave(one.number)
            else:
                await self._queue.put(update)

    async def _leave(self, number: int) -> None:
        await self._inbox.leave(number)
        self._waiting.discard(number)
        self._begun.discard(number)
        self._make_room()

    def _make_room(self) -> None:
        if len(self._waiting) + len(self._begun) < MOST:
            self._has_room.set()
        else:
            self._has_room.clear()
