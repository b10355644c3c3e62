"""Takes announcements to the chats that asked for them, a few at a time."""

import asyncio

import structlog
from telegram import Bot
from telegram.error import BadRequest, ChatMigrated, Forbidden, RetryAfter, TelegramError

from bot.limiter import seconds_of
from core.arena.announcements import LEASE, Announcements, Delivery
from core.explaining import explain

log = structlog.get_logger(__name__)
PAUSE = 0.2  # seconds between two: five a second leave room for answers
LATER = 60.0
WITHIN = LEASE.total_seconds() / 3  # a call, and all those before it; then another bot may do it


class Announcing:
    """Delivers what is due."""

    def __init__(self, announcements: Announcements, bot: Bot, *, pause: float = PAUSE) -> None:
        self._announcements = announcements
        self._bot = bot
        self._pause = pause

    async def deliver(self) -> None:
        """Deliver all that is due; it is taken up where it was left, whoever is killed."""
        now = asyncio.get_running_loop().time
        while due := await self._announcements.claim():
            claimed = now()
            for delivery in due:
                if now() - claimed > WITHIN:
                    break  # the rest comes up again, to be taken by whoever is there
                await self._deliver(delivery)
                await asyncio.sleep(self._pause)

    async def _deliver(self, delivery: Delivery) -> None:
        try:
            async with asyncio.timeout(WITHIN):
                await self._send(delivery.room, delivery.text)
        except (BadRequest, Forbidden) as error:  # the chat is gone, or does not want it
            log.info("a chat wants no news any more", **_ids(delivery), why=explain(error))
            await self._announcements.gone(delivery.room)
        except RetryAfter as error:
            await self._announcements.later(delivery, seconds_of(error))
        except (TelegramError, TimeoutError) as error:
            why = explain(error)
            log.warning("an announcement has not arrived yet", **_ids(delivery), why=why)
            await self._announcements.later(delivery, LATER)
        else:
            await self._announcements.over(delivery, arrived=True)

    async def _send(self, room: int, text: str) -> None:
        try:
            await self._bot.send_message(room, text)
        except ChatMigrated as moved:
            await self._bot.send_message(moved.new_chat_id, text)


def _ids(delivery: Delivery) -> dict[str, int]:
    return {"announcement": delivery.announcement, "chat": delivery.room}
