"""/privacy and /delete_me: what is kept of a person, and how to be forgotten."""

import random

import structlog
from telegram import Update
from telegram.constants import ChatType
from telegram.error import BadRequest

from bot.answering import answer_query
from bot.context import Context
from bot.keyboards import asking
from core.arena.privacy import forget

log = structlog.get_logger(__name__)
DECIDED = r"^d:(yes|no)$"


async def privacy(update: Update, context: Context) -> None:
    """Say what is kept."""
    if update.message:
        await update.message.reply_text(context.texts.privacy)


async def delete_me(update: Update, context: Context) -> None:
    """Ask whether they mean it; in a group, send them to the private chat."""
    message = update.message
    if message is None:
        return
    if message.chat.type != ChatType.PRIVATE:
        await message.reply_text(context.texts.privacy)
        return
    texts = context.texts
    await message.reply_text(
        texts.delete_ask,
        reply_markup=asking({"d:yes": texts.button_delete, "d:no": texts.button_keep}),
    )


async def decided(update: Update, context: Context) -> None:
    """Forget them, or not."""
    query = update.callback_query
    if query is None or query.message is None or query.message.chat.type != ChatType.PRIVATE:
        return
    said = context.texts.not_deleted
    if query.data == "d:yes":
        await forget(context.services.store, query.from_user.id, random.SystemRandom())
        context.services.rooms.drop(query.from_user.id)
        log.info("a person was forgotten")
        said = context.texts.deleted
    await answer_query(query)
    try:
        await query.edit_message_text(said)
    except BadRequest:
        return
