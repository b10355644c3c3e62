"""What every update passes first: who may use the bot, what is too old, in what language."""

from datetime import datetime, timedelta

import structlog
from structlog.contextvars import bind_contextvars, clear_contextvars
from telegram import Update
from telegram.constants import ChatMemberStatus, ChatType
from telegram.error import TelegramError
from telegram.ext import ApplicationHandlerStop

from bot import refusing
from bot.accounts import account_of
from bot.answering import answer_query
from bot.context import Context
from bot.ordering import is_write
from bot.texts import texts_for
from core.explaining import explain

log = structlog.get_logger(__name__)
STALE_AFTER = timedelta(minutes=10)
TOO_OLD = "it was sent more than 10 minutes ago, unless this host's clock is ahead"


async def gate(update: Update, context: Context) -> None:
    """Let an update pass to its handler, or stop it here; each line logged of it has its ids."""
    _bind_ids(update)
    if update.effective_user is None:  # nobody asks, so nobody is answered
        raise ApplicationHandlerStop
    # Whatever fails on the way, only what may pass does: PTB goes on after an error in a gate.
    if not (_is_housekeeping(update) or _is_let_in(update, context)):
        await _turn_away(update, context)
        raise ApplicationHandlerStop
    if is_write(update) and _is_stale(update, context.services.now()):
        refusing.note("write", TOO_OLD)
        context.metrics.skipped.inc()
        try:
            await context.services.limits.count("skipped")
        except Exception as error:
            log.warning("it could not be counted", why=explain(error))
        raise ApplicationHandlerStop
    try:
        await _choose_texts(update, context)
    except Exception as error:  # a vote matters more than the language of its answer
        # Told only if nothing else is: whatever fails next will say why.
        log.debug("what was chosen is not known", why=explain(error))


def _bind_ids(update: Update) -> None:
    clear_contextvars()
    chat = update.effective_chat
    ids = {"update": update.update_id, "account": account_of(update), "chat": chat and chat.id}
    bind_contextvars(**{name: one for name, one in ids.items() if one is not None})


def _is_let_in(update: Update, context: Context) -> bool:
    """Admins always are: else one could be locked out."""
    account, chat = account_of(update), update.effective_chat
    if account is None:
        return True
    room = chat.id if chat else None
    return context.is_admin(account) or context.services.access.allows(account, room)


def _is_housekeeping(update: Update) -> bool:
    """What Telegram tells of a chat, whoever caused it: it grew, or the bot is there no more."""
    if update.my_chat_member is not None:
        status = update.my_chat_member.new_chat_member.status
        return status in (ChatMemberStatus.LEFT, ChatMemberStatus.BANNED)
    message = update.message
    return message is not None and bool(message.migrate_to_chat_id or message.migrate_from_chat_id)


def _is_stale(update: Update, now: datetime) -> bool:
    sent = update.message.date if update.message else None
    return sent is not None and now - sent > STALE_AFTER


async def _turn_away(update: Update, context: Context) -> None:
    """Say why, in private, to whom it is not open; whoever is banned is told nothing."""
    person, message, query = update.effective_user, update.message, update.callback_query
    if person is None:
        return
    account = account_of(update) or person.id
    banned = context.services.access.is_banned(account)
    refusing.note("entry", "banned" if banned else "it is open to others only")
    said = "" if banned else context.texts.not_allowed.format(id=person.id)
    if query is not None:
        await answer_query(query, said, alert=bool(said))
    elif said and message is not None and message.chat.type == ChatType.PRIVATE:
        try:
            await message.reply_text(said)
        except TelegramError as error:
            log.info("nor could they be told", why=explain(error))


async def _choose_texts(update: Update, context: Context) -> None:
    person, chat = update.effective_user, update.effective_chat
    if person is None:
        return
    rooms = context.services.rooms
    own = await rooms.get(person.id)
    context.texts = texts_for(own.language or person.language_code)
    context.room_texts, traditional = context.texts, own.traditional
    if chat is not None and chat.id != person.id:
        room = await rooms.get(chat.id)
        if room.language is not None:
            context.room_texts = texts_for(room.language)
        if room.traditional is not None:
            traditional = room.traditional
    # Whoever reads 繁體 wants lyrics in it too, unless something else was chosen.
    reads_traditional = context.room_texts.language == "zh-hant"
    context.traditional = reads_traditional if traditional is None else traditional
