"""Telegram's Bot API inside the process: people, chats and a bot, and no network between them.

`BotApi` is the transport that python-telegram-bot is given in place of HTTP. What Telegram refuses
it refuses, with the same status and the same words, so a bot meets here the very exceptions that
it would meet in production. Its other face is the people's: they write, press buttons and block
the bot. `handle` is the API itself and knows no library, so it can be served over HTTP as well.

It knows nothing of any bot's purpose, of flood limits, of other bots, of media but pictures and
documents, nor of what Telegram makes of these: it gives back the very bytes that were sent.
Everything in it belongs to one event loop.
"""

from bot.botapi.api import AnswerLost, BotApi, Call
from bot.botapi.rules import Upload
from bot.botapi.world import Chat, Person

__all__ = ["AnswerLost", "BotApi", "Call", "Chat", "Person", "Upload"]
