"""/language: the language of the bot, and the characters of lyrics, for a person or a group."""

from telegram import Update
from telegram.constants import ChatType

from bot import refusing
from bot.accounts import may_choose
from bot.answering import answer_query
from bot.context import Context
from bot.dealing import edit_pressed
from bot.keyboards import language_keyboard
from bot.menus import set_menu_of
from bot.refusing import FORGED
from bot.texts import LANGUAGES, texts_for

CHOSEN = r"^(l:(zh-hans|zh-hant|en)|s:(hans|hant))$"


async def language(update: Update, context: Context) -> None:
    """Ask which."""
    message = update.message
    if message is None:
        return
    texts = context.room_texts
    await message.reply_text(
        texts.language_ask,
        reply_markup=language_keyboard(texts, traditional=context.traditional),
    )


async def chosen(update: Update, context: Context) -> None:
    """Take a choice: anybody's for themselves, in a group only its admins'."""
    query = update.callback_query
    if query is None:
        return
    if query.message is None or query.data is None:
        refusing.note("language", FORGED)
        await answer_query(query)
        return
    chat = query.message.chat
    if not await may_choose(query.from_user.id, chat, context):
        refusing.note("language", "only the group's admins choose for it")
        await answer_query(query, context.texts.group_admins_only, alert=True)
        return
    rooms = context.services.rooms
    what, _, value = query.data.partition(":")
    texts, traditional = context.room_texts, context.traditional
    if what == "l" and value in LANGUAGES:
        texts = texts_for(value)
        if value != "en":  # which says nothing about Chinese characters
            traditional = value == "zh-hant"
        await rooms.set_language(chat.id, value, None if value == "en" else traditional)
        said = texts.language_set.format(language=texts.language_name)
        if chat.type == ChatType.PRIVATE:
            await set_menu_of(context.bot, chat.id, texts, is_admin=context.is_admin(chat.id))
    else:
        traditional = value == "hant"
        await rooms.set_traditional(chat.id, traditional)
        said = texts.lyrics_set
    await answer_query(query, said)
    keyboard = language_keyboard(texts, traditional=traditional)
    await edit_pressed(query, texts.language_ask, context, keyboard)
