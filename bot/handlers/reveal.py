"""/reveal: whoever asked for a duel closes it, and everybody sees the result."""

import structlog
from structlog.contextvars import bind_contextvars
from telegram import Update
from telegram.constants import ChatType, ParseMode
from telegram.error import BadRequest

from bot import refusing
from bot.accounts import account_of
from bot.context import Context
from bot.handlers.vote import duel_replied_to
from bot.keyboards import duel_keyboard
from bot.rendering import result_message
from core.errors import DuelUnknown, NotTheirDuel
from core.explaining import explain

log = structlog.get_logger(__name__)


async def reveal(update: Update, context: Context) -> None:
    """Close the duel replied to, or the person's latest in this chat."""
    message, account = update.message, account_of(update)
    if message is None or account is None:
        return
    duel_id, post = await duel_replied_to(message, context), None
    if duel_id is None:
        latest = await context.contest.latest_duel(room=message.chat_id, asked_by=account)
        if latest is None:
            refusing.note("reveal", "no duel of theirs stands in this chat")
            await message.reply_text(
                context.room_texts.reveal_nothing.format(opening=context.room_texts.opening)
            )
            return
        duel_id, post = latest
    elif message.reply_to_message is not None:
        post = message.reply_to_message.message_id
    bind_contextvars(duel=duel_id)
    try:
        result = await context.contest.close(account, duel_id)
    except (NotTheirDuel, DuelUnknown) as refused:
        refusing.note("reveal", refused)
        await message.reply_text(context.room_texts.not_their_duel)
        return
    if message.chat.type != ChatType.PRIVATE:
        await message.reply_text(context.room_texts.revealed)
        return  # its boards, here and elsewhere, show the result at the next chance
    texts = context.texts
    try:
        await context.bot.edit_message_text(
            result_message(
                *(result.duel, result.reveal, result.tally, texts),
                traditional=context.traditional,
            ),
            chat_id=message.chat_id,
            message_id=post,
            parse_mode=ParseMode.HTML,
            reply_markup=duel_keyboard(result.duel, texts, bot=context.bot.username, closed=True),
        )
    except BadRequest as error:
        log.info("a result could not be shown", why=explain(error))
    await message.reply_text(texts.revealed)
