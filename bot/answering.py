"""Answers callback queries: always, and at most once each."""

import structlog
from telegram import CallbackQuery
from telegram.error import BadRequest, TelegramError

from core.explaining import explain

log = structlog.get_logger(__name__)
MOST = 200  # characters


async def answer_query(query: CallbackQuery, text: str = "", *, alert: bool = False) -> bool:
    """Answer; False if nobody waited for it any more. What was committed stands in any case."""
    try:
        await query.answer(text[:MOST] or None, show_alert=alert)
    except BadRequest as error:
        log.info("a button was answered too late", why=explain(error))
        return False
    except TelegramError as error:
        log.warning("a button could not be answered", why=explain(error))
    return True
