"""Shows that the bot is writing, where that takes long enough to be noticed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from telegram import Bot
from telegram.constants import ChatAction
from telegram.error import TelegramError

from core.background import running

AFTER = 0.3  # seconds; whoever waits for less needs no sign
AGAIN = 4.5  # Telegram shows it for 5 seconds


@asynccontextmanager
async def typing(bot: Bot, room: int, topic: int | None = None) -> AsyncIterator[None]:
    """Have "typing" shown in a chat until the context is left, if that takes over 300 ms."""
    async with running(_show(bot, room, topic)):
        yield


async def _show(bot: Bot, room: int, topic: int | None) -> None:
    await asyncio.sleep(AFTER)
    while True:
        with suppress(TelegramError):  # it is no more than a courtesy
            await bot.send_chat_action(room, ChatAction.TYPING, message_thread_id=topic)
        await asyncio.sleep(AGAIN)
