"""/write PREFIX: two lyrics, blind."""

from html import escape

from telegram import Message, Update
from telegram.constants import ParseMode

from bot.context import Context
from bot.keyboards import duel_keyboard
from bot.rendering import OPENING, duel_message
from core.errors import AlreadyWriting, NoRelease, PrefixEmpty, PrefixTooLong, PrefixUnknown


async def write(update: Update, context: Context) -> None:
    """Open a duel and show it."""
    message, person = update.message, update.effective_user
    if message is None or person is None:
        return
    try:
        duel = await context.contest.open_duel(person.id, _behind_command(message))
    except (NoRelease, AlreadyWriting, PrefixEmpty, PrefixTooLong, PrefixUnknown) as refusal:
        text = _refusal(refusal, context, is_admin=context.is_admin(person.id))
        await message.reply_text(text, parse_mode=ParseMode.HTML)
        return
    sent = await message.reply_text(
        duel_message(duel, context.texts),
        parse_mode=ParseMode.HTML,
        reply_markup=duel_keyboard(duel.id, context.texts),
    )
    await context.contest.shown(duel.id, room=sent.chat_id, post=sent.message_id)


def _behind_command(message: Message) -> str:
    """All that follows the command, even where no space divides them."""
    if not message.text or not message.entities:
        return ""
    # A command is ASCII, so its length is the same in UTF-16 units, which Telegram counts.
    return message.text[message.entities[0].length :]


def _refusal(refusal: Exception, context: Context, *, is_admin: bool) -> str:
    texts = context.texts
    match refusal:
        case NoRelease():
            return texts.no_release_admin if is_admin else texts.no_release
        case AlreadyWriting():
            return texts.already_writing
        case PrefixTooLong(length=length, limit=limit):
            return texts.prefix_too_long.format(length=length, limit=limit)
        case PrefixUnknown(characters=characters, suggestions=suggestions):
            return texts.prefix_unknown.format(
                characters=escape(texts.comma.join(characters)),
                suggestions="\n".join(f"/write {escape(one)}" for one in suggestions),
            )
        case _:
            return texts.prefix_empty.format(opening=OPENING)
