"""/language: the language of the bot, and the characters of lyrics, for a person or a group."""

from telegram import CallbackQuery, Chat, Update
from telegram.constants import ChatMemberStatus, ChatType
from telegram.error import BadRequest, TelegramError

from bot.answering import answer_query
from bot.context import Context
from bot.keyboards import language_keyboard
from bot.menus import set_menu_of
from bot.texts import LANGUAGES, texts_for

CHOSEN = r"^(l:(zh-hans|zh-hant|en)|s:(hans|hant))$"
LEADERS = (ChatMemberStatus.OWNER, ChatMemberStatus.ADMINISTRATOR)
ANONYMOUS = 1087968824  # GroupAnonymousBot: an admin who writes in the group's name


async def language(update: Update, context: Context) -> None:
    """Ask which."""
    message = update.message
    if message is None:
        return
    private = message.chat.type == ChatType.PRIVATE
    texts = context.texts if private else context.room_texts
    await message.reply_text(
        texts.language_ask,
        reply_markup=language_keyboard(texts, traditional=context.traditional),
    )


async def chosen(update: Update, context: Context) -> None:
    """Take a choice: anybody's for themselves, in a group only its admins'."""
    query = update.callback_query
    if query is None or query.message is None or query.data is None:
        return
    chat = query.message.chat
    if not await _may_choose(query, chat, context):
        await answer_query(query, context.texts.language_of_group, alert=True)
        return
    rooms = context.services.rooms
    what, _, value = query.data.partition(":")
    texts, traditional = context.room_texts, context.traditional
    if what == "l" and value in LANGUAGES:
        texts, traditional = texts_for(value), value == "zh-hant"
        await rooms.set_language(chat.id, value, traditional)
        said = texts.language_set.format(language=texts.language_name)
        if chat.type == ChatType.PRIVATE:
            await set_menu_of(context.bot, chat.id, texts, is_admin=context.is_admin(chat.id))
    else:
        traditional = value == "hant"
        await rooms.set_traditional(chat.id, traditional)
        said = texts.lyrics_set
    await answer_query(query, said)
    try:
        await query.edit_message_text(
            texts.language_ask, reply_markup=language_keyboard(texts, traditional=traditional)
        )
    except BadRequest:  # the same choice again, or the message is gone
        return


async def _may_choose(query: CallbackQuery, chat: Chat, context: Context) -> bool:
    person = query.from_user.id
    if chat.type == ChatType.PRIVATE or person == ANONYMOUS or context.is_admin(person):
        return True
    try:
        member = await context.bot.get_chat_member(chat.id, person)
    except TelegramError:
        return False
    return member.status in LEADERS
