"""A conversation's bot, receiving updates as it does in production, in this process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from conversation import Conversation

from bot.app import ALLOWED_UPDATES
from bot.intake import Intake
from bot.ordering import PersonByPerson
from bot.polling import PollingBot, poll
from core.background import running


@asynccontextmanager
async def handling(talk: Conversation) -> AsyncIterator[Intake]:
    """What is taken is handled until the context is left."""
    app = talk.app
    intake = Intake(talk.services.inbox, app.update_queue, app.bot)
    assert isinstance(app.update_processor, PersonByPerson)
    app.update_processor.intake = intake
    await app.start()
    intake.open()
    try:
        yield intake
    finally:
        intake.close()
        await app.stop()


@asynccontextmanager
async def polling(talk: Conversation) -> AsyncIterator[Intake]:
    """The same, and updates are polled for."""
    assert isinstance(talk.app.bot, PollingBot)
    async with handling(talk) as intake, running(poll(talk.app.bot, intake, ALLOWED_UPDATES)):
        yield intake
