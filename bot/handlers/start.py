"""The first words: /start, /help, and what is said to a message that asks for nothing."""

from structlog.contextvars import bind_contextvars
from telegram import Message, Update
from telegram.constants import ChatType, ParseMode

from bot import refusing
from bot.context import Context
from bot.dealing import show_duel, topic_of
from bot.handlers.write import behind_command
from bot.keyboards import duel_keyboard, parse_deep_link
from bot.menus import set_menu_of
from bot.refusing import UNKNOWN
from bot.rendering import result_message
from core.arena.contest import Result
from core.errors import DuelUnknown
from core.lyrics.writer import MAX_PREFIX


async def start(update: Update, context: Context) -> None:
    """Say what this is, with one thing to try; or show the duel that a link leads to."""
    message = update.message
    if message is None:
        return
    texts = context.room_texts
    linked = parse_deep_link(behind_command(message).strip())
    if linked is None:
        await message.reply_text(texts.start.format(opening=texts.opening))
    else:
        await _show_linked(linked, message, context)
    if message.chat.type == ChatType.PRIVATE and texts.language == "zh-hant":
        # Telegram's own choice of a menu does not tell 繁體 from 简体.
        await set_menu_of(
            context.bot, message.chat_id, texts, is_admin=context.is_admin(message.chat_id)
        )


async def help_(update: Update, context: Context) -> None:
    """Say how to play."""
    if update.message:
        text = context.room_texts.help.format(limit=MAX_PREFIX, bot=context.bot.username)
        if update.effective_user and context.is_admin(update.effective_user.id):
            text += f"\n\n{context.room_texts.help_admin}"
        await update.message.reply_text(text)


async def hint(update: Update, context: Context) -> None:
    """Answer a private message that is neither command nor vote."""
    message = update.message
    if message is None or (message.via_bot and message.via_bot.id == context.bot.id):
        return  # a lyric that they took in inline mode
    await message.reply_text(context.texts.hint.format(opening=context.texts.opening))


async def unknown_command(update: Update, context: Context) -> None:
    """Answer a private command that does not exist."""
    if update.message:
        refusing.note("command", "there is no such command")
        await update.message.reply_text(context.texts.unknown_command)


async def _show_linked(linked: tuple[int, str], message: Message, context: Context) -> None:
    bind_contextvars(duel=linked[0])
    try:
        duel = await context.contest.duel(*linked)
    except DuelUnknown:
        refusing.note("link", UNKNOWN)
        await message.reply_text(
            context.room_texts.duel_unknown.format(opening=context.room_texts.opening)
        )
        return
    result = await context.contest.result(duel.id)
    if result is not None:
        await _show_result(result, message, context)
        return
    title = context.room_texts.duel_shared
    await show_duel(duel, message.chat, topic_of(message), context, title=title)


async def _show_result(result: Result, message: Message, context: Context) -> None:
    texts = context.room_texts
    shown = result_message(
        *(result.duel, result.reveal, result.tally, texts), traditional=context.traditional
    )
    await message.reply_text(
        f"{texts.duel_over}\n\n{shown}",
        parse_mode=ParseMode.HTML,
        reply_markup=duel_keyboard(result.duel, texts, bot=context.bot.username, closed=True),
    )
