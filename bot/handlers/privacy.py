"""/privacy and /delete_me: what is kept of a person, and how to be forgotten."""

import random

import structlog
from structlog.contextvars import unbind_contextvars
from telegram import Update
from telegram.constants import ChatType

from bot import refusing
from bot.answering import answer_query
from bot.context import Context
from bot.dealing import edit_pressed
from bot.keyboards import asking
from bot.menus import reset_menu_of
from bot.refusing import FORGED
from core.arena.privacy import forget

log = structlog.get_logger(__name__)
DECIDED = r"^d:(yes|no)$"


async def privacy(update: Update, context: Context) -> None:
    """Say what is kept."""
    if update.message:
        await update.message.reply_text(context.room_texts.privacy)


async def delete_me(update: Update, context: Context) -> None:
    """Ask whether they mean it; in a group, send them to the private chat."""
    message = update.message
    if message is None:
        return
    if message.chat.type != ChatType.PRIVATE:
        refusing.note("delete_me", "it is asked for in private")
        said = context.room_texts.delete_in_private.format(bot=context.bot.username)
        await message.reply_text(said)
        return
    texts = context.texts
    await message.reply_text(
        texts.delete_ask,
        reply_markup=asking({"d:yes": texts.button_delete, "d:no": texts.button_keep}),
    )


async def decided(update: Update, context: Context) -> None:
    """Forget them, or not."""
    query = update.callback_query
    if query is None:
        return
    if query.message is None or query.message.chat.id != query.from_user.id:
        refusing.note("delete_me", FORGED)  # it was asked of somebody else
        await answer_query(query)
        return
    said = context.texts.not_deleted
    if query.data == "d:yes":
        account, services = query.from_user.id, context.services
        mark, now = services.marks.of(account), services.now()
        await forget(services.store, account, random.SystemRandom(), mark=mark, now=now)
        context.services.rooms.drop(query.from_user.id)
        await reset_menu_of(context.bot, query.from_user.id)
        unbind_contextvars("account", "chat")
        log.info("a person was forgotten")
        said = context.texts.deleted
    await answer_query(query)
    await edit_pressed(query, said, context)
