"""What every update passes first: who may use the bot, what is too old, in what language."""

from datetime import UTC, datetime, timedelta

import structlog
from telegram import Update
from telegram.constants import ChatType
from telegram.ext import ApplicationHandlerStop

from bot.context import Context
from bot.ordering import is_write
from bot.texts import texts_for

log = structlog.get_logger(__name__)
STALE_AFTER = timedelta(minutes=10)


async def gate(update: Update, context: Context) -> None:
    """Let an update pass to its handler, or stop it here."""
    person, chat = update.effective_user, update.effective_chat
    if person is None:
        return
    access = context.services.access
    if not access.allows(person.id, chat.id if chat else None):
        await _turn_away(update, context)
        raise ApplicationHandlerStop
    if is_write(update) and _is_stale(update):
        log.info("an old /write is skipped", update=update.update_id)
        context.metrics.skipped.inc()
        await context.services.limits.count("skipped")
        raise ApplicationHandlerStop
    await _choose_texts(update, context)


def _is_stale(update: Update) -> bool:
    sent = update.message.date if update.message else None
    return sent is not None and datetime.now(UTC) - sent > STALE_AFTER


async def _turn_away(update: Update, context: Context) -> None:
    """Say why, in private, to whom it is not open; whoever is banned is told nothing."""
    person, message, query = update.effective_user, update.message, update.callback_query
    if person is None:
        return
    banned = context.services.access.is_banned(person.id)
    log.info("not let in", account=person.id, banned=banned)
    said = "" if banned else context.texts.not_allowed.format(id=person.id)
    if query is not None:
        await query.answer(said, show_alert=bool(said))
    elif said and message is not None and message.chat.type == ChatType.PRIVATE:
        await message.reply_text(said)


async def _choose_texts(update: Update, context: Context) -> None:
    person, chat = update.effective_user, update.effective_chat
    if person is None:
        return
    rooms = context.services.rooms
    own = await rooms.get(person.id)
    context.texts = texts_for(own.language or person.language_code)
    context.room_texts, context.traditional = context.texts, bool(own.traditional)
    if chat is not None and chat.id != person.id:
        room = await rooms.get(chat.id)
        if room.language is not None:
            context.room_texts = texts_for(room.language)
        if room.traditional is not None:
            context.traditional = room.traditional
