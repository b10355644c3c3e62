"""/write PREFIX FORM, /acrostic: two lyrics, blind. And what may be wished of a duel: another, or
one of its lyrics.
"""

from collections.abc import Callable

from structlog.contextvars import bind_contextvars
from telegram import Chat, Message, Update
from telegram.constants import ParseMode

from bot import refusing
from bot.accounts import account_of
from bot.answering import answer_query
from bot.context import Context
from bot.dealing import (
    REFUSALS,
    note_refusal,
    open_duel,
    plain_refusal,
    refusal,
    show_duel,
    topic_of,
)
from bot.intake import TAKEN_UP
from bot.keyboards import Wish
from bot.refusing import FORGED, UNKNOWN
from bot.rendering import in_script
from core.errors import DuelUnknown
from core.lyrics.form import Form, parse, parse_acrostic

TAKEN = "lyrics that were taken alone, by chat"  # each of them once: a button is quickly pressed
MOST_TAKEN = 10_000


async def write(update: Update, context: Context) -> None:
    """Open a duel and show it."""
    await _write(update, context, parse)


async def acrostic(update: Update, context: Context) -> None:
    """The same, of lyrics whose lines begin with given characters."""
    if update.message is not None and not behind_command(update.message).strip():
        refusing.note("acrostic", "no characters were given")
        await update.message.reply_text(context.room_texts.acrostic_usage)
        return
    await _write(update, context, lambda text: ("", parse_acrostic(text)))


async def _write(
    update: Update, context: Context, read: Callable[[str], tuple[str, Form]]
) -> None:
    message, account = update.message, account_of(update)
    if message is None or account is None:
        return
    topic = topic_of(message)
    try:
        prefix, form = read(behind_command(message))
        duel = await open_duel(
            prefix=prefix,
            form=form,
            account=account,
            chat=message.chat,
            topic=topic,
            context=context,
        )
    except REFUSALS as refused:
        note_refusal(refused, context)
        text = refusal(refused, context.room_texts, is_admin=context.is_admin(account))
        await message.reply_text(text, parse_mode=ParseMode.HTML)
        return
    await show_duel(duel, message.chat, topic, context, reply_to=message)


async def wished(update: Update, context: Context) -> None:
    """Another duel with the same prefix, or one of the lyrics alone, to forward or copy."""
    query = update.callback_query
    if query is None:
        return
    wish = Wish.parse(query.data or "")
    try:
        if wish is None or query.message is None:
            raise DuelUnknown(0)
        bind_contextvars(duel=wish.duel_id)
        duel = await context.contest.duel(wish.duel_id, wish.key)
    except DuelUnknown:
        refusing.note("wish", UNKNOWN if wish else FORGED)
        await answer_query(
            query, context.texts.duel_unknown.format(opening=context.texts.opening), alert=True
        )
        return
    chat = query.message.chat
    seen = query.message if isinstance(query.message, Message) else None
    topic = topic_of(seen)
    if wish.what != "again":
        if not _is_first(chat, wish, context):
            refusing.note("wish", "the lyric was taken before")
            await answer_query(query, context.texts.taken_already)
            return
        await answer_query(query)
        text = duel.text_1 if wish.what == "1" else duel.text_2
        await context.bot.send_message(
            chat.id, in_script(text, traditional=context.traditional), message_thread_id=topic
        )
        return
    try:
        another = await open_duel(
            prefix=duel.prefix,
            form=duel.form,
            account=query.from_user.id,
            chat=chat,
            topic=topic,
            context=context,
        )
    except REFUSALS as refused:
        note_refusal(refused, context)
        is_admin = context.is_admin(query.from_user.id)
        text = plain_refusal(refused, context.texts, is_admin=is_admin)
        await answer_query(query, text, alert=True)
        return
    # Else it was pressed long ago, and nobody waits; unless a bot that is gone had answered it.
    if await answer_query(query) or TAKEN_UP in update.api_kwargs:
        await show_duel(another, chat, topic, context)


def _is_first(chat: Chat, wish: Wish, context: Context) -> bool:
    """Whether a lyric is wanted alone in a chat for the first time, as far as is known here."""
    taken: dict[tuple[int, str], None] = context.bot_data.setdefault(TAKEN, {})
    if (chat.id, wish.data) in taken:
        return False
    if len(taken) >= MOST_TAKEN:
        del taken[next(iter(taken))]
    taken[chat.id, wish.data] = None
    return True


def behind_command(message: Message) -> str:
    """All that follows the command, even where no space divides them."""
    if not message.text or not message.entities:
        return ""
    # A command is ASCII, so its length is the same in UTF-16 units, which Telegram counts.
    return message.text[message.entities[0].length :]
