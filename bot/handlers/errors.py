"""What happens when a handler fails: it is logged first, and the person is told."""

import structlog
from telegram import Update
from telegram.error import NetworkError, TelegramError

from bot.context import Context

log = structlog.get_logger(__name__)


async def failed(update: object, context: Context) -> None:
    """Log an exception that no handler met, and say so in the chat it came from."""
    error = context.error
    if isinstance(error, NetworkError) and not isinstance(update, Update):
        log.warning("telegram cannot be reached", error=str(error))  # polling goes on by itself
        return
    log.error("an update failed", exc_info=error)
    if not isinstance(update, Update):
        return
    try:
        if update.callback_query:
            await update.callback_query.answer(context.texts.failure)
        elif update.message:
            await update.message.reply_text(context.texts.failure)
    except TelegramError as second:
        log.warning("nor could the person be told", error=str(second))
