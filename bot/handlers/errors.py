"""What happens when a handler fails: it is logged first, and the person is told."""

import structlog
from telegram import Update
from telegram.error import BadRequest, ChatMigrated, Forbidden, NetworkError, TelegramError

from bot.answering import answer_query
from bot.context import Context
from core.arena.store import may_pass
from core.errors import CheckpointError, DatabaseReplaced, StoreError
from core.explaining import explain

log = structlog.get_logger(__name__)
# What Telegram says where nobody is there to be told, or nothing is left to be done.
CLOSED = (
    *("chat not found", "user not found", "user is deactivated", "chat was deactivated"),
    *("peer_id_invalid", "chat_write_forbidden", "chat_restricted", "not enough rights"),
    *("have no rights", "topic_closed", "message thread not found", "message is not modified"),
    *("message to edit not found", "message to be replied not found"),
)


async def failed(update: object, context: Context) -> None:
    """Log an exception that no handler met, and say so in the chat it came from."""
    error = context.error
    if isinstance(error, NetworkError) and not isinstance(update, Update):
        log.warning("telegram cannot be reached", why=explain(error))  # polling goes on by itself
        return
    if error is not None and _is_closed(error):
        log.info("a chat is closed to the bot", why=explain(error))
        return
    log.error("an update failed", exc_info=error)
    context.metrics.errors.inc()
    try:
        await context.services.limits.count("errors")
    except Exception as second:  # for the same reason, most likely; /metrics has counted it
        log.debug("nor could it be counted", why=explain(second))
    if not isinstance(update, Update):
        return
    said = context.texts.unavailable if _passes(error) else context.texts.failure
    try:
        if update.callback_query:
            await answer_query(update.callback_query, said)
        elif update.message:
            await update.message.reply_text(said)
    except TelegramError as second:
        log.warning("nor could the person be told", why=explain(second))


def _passes(error: Exception | None) -> bool:
    """Whether a database, a disk or a store is away for a while."""
    return may_pass(error) or isinstance(error, CheckpointError | DatabaseReplaced | StoreError)


def _is_closed(error: Exception) -> bool:
    """Whether a person has blocked the bot, or a chat is gone, grown, or mute."""
    if isinstance(error, BadRequest):
        said = str(error).lower()
        return any(known in said for known in CLOSED)
    return isinstance(error, Forbidden | ChatMigrated)
