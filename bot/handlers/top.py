"""/top: the most liked and most sung lyrics. /news: whether announcements come here."""

from html import escape

from telegram import LinkPreviewOptions, Update
from telegram.constants import ParseMode

from bot import refusing
from bot.accounts import account_of, may_choose
from bot.context import Context
from bot.keyboards import deep_link
from bot.rendering import in_script
from core.arena.duel import Duel
from core.arena.top import TopLyric


async def top(update: Update, context: Context) -> None:
    """Show them."""
    if update.message is None:
        return
    texts, found = context.room_texts, await context.services.tops.now()
    parts = []
    for title, lyrics in ((texts.top_liked, found.liked), (texts.top_sung, found.sung)):
        shown = [
            _entry(one, context) for one in lyrics if not context.services.banned.found(one.text)
        ]
        if shown:
            parts += [f"<b>{title}</b>", *shown]
    text = "\n\n".join(parts) or escape(texts.top_none.format(opening=texts.opening))
    await update.message.reply_text(
        text,
        parse_mode=ParseMode.HTML,
        link_preview_options=LinkPreviewOptions(is_disabled=True),
    )


async def news(update: Update, context: Context) -> None:
    """Turn announcements in this chat on, or off."""
    message, account, texts = update.message, account_of(update), context.room_texts
    if message is None or account is None:
        return
    if not await may_choose(account, message.chat, context):
        refusing.note("news", "only the group's admins choose for it")
        await message.reply_text(texts.group_admins_only)
        return
    wanted = await context.services.rooms.toggle_news(message.chat_id)
    await message.reply_text(texts.news_on if wanted else texts.news_off)


def _entry(lyric: TopLyric, context: Context) -> str:
    duel = Duel(lyric.duel_id, "", "", "", key=lyric.key)
    link = deep_link(duel, context.bot.username)
    link_text = escape(context.room_texts.top_link.format(times=lyric.times))
    text = escape(in_script(lyric.text, traditional=context.traditional))
    return f'{text}\n<a href="{escape(link)}">{link_text}</a>'
