"""/top: the most liked and most sung lyrics. /news: whether announcements come here."""

from html import escape

from telegram import LinkPreviewOptions, Update
from telegram.constants import ParseMode

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
    if update.message is None:
        return
    rooms, room = context.services.rooms, update.message.chat_id
    wanted = not (await rooms.get(room)).news
    await rooms.set_news(room, wanted)
    texts = context.room_texts
    await update.message.reply_text(texts.news_on if wanted else texts.news_off)


def _entry(lyric: TopLyric, context: Context) -> str:
    duel = Duel(lyric.duel_id, "", "", "", key=lyric.key)
    link = deep_link(duel, context.bot.username)
    text = escape(in_script(lyric.text, traditional=context.traditional))
    return f'{text}\n<a href="{escape(link)}">× {lyric.times}</a>'
