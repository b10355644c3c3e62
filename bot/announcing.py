"""Takes announcements to the chats that asked for them, a few at a time."""

import asyncio

import structlog
from telegram import Bot
from telegram.error import BadRequest, Forbidden, TelegramError

from core.arena.announcements import Announcements

log = structlog.get_logger(__name__)
PAUSE = 0.2  # seconds between two: five a second leave room for answers
LATER = 60.0


class Announcing:
    """Delivers what is due."""

    def __init__(self, announcements: Announcements, bot: Bot) -> None:
        self._announcements = announcements
        self._bot = bot

    async def deliver(self) -> None:
        """Deliver all that is due; it is taken up where it was left, whoever is killed."""
        while due := await self._announcements.claim():
            for delivery in due:
                try:
                    await self._bot.send_message(delivery.room, delivery.text)
                except (BadRequest, Forbidden) as error:  # the chat is gone, or does not want it
                    log.info("a chat wants no news any more", reason=str(error))
                    await self._announcements.gone(delivery.room)
                except TelegramError as error:
                    log.warning("an announcement has not arrived yet", reason=str(error))
                    await self._announcements.later(delivery, LATER)
                else:
                    await self._announcements.over(delivery, arrived=True)
                await asyncio.sleep(PAUSE)
