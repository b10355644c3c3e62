"""/stats: what the votes say so far, with a picture of how it came about."""

import structlog
from telegram import Message, Update
from telegram.constants import MessageLimit, ParseMode
from telegram.error import BadRequest

from bot.context import Context
from bot.rendering import standings_message, without_markup
from bot.stats_pictures import Picture
from core.arena.standings import Standings
from core.explaining import explain

log = structlog.get_logger(__name__)


async def stats(update: Update, context: Context) -> None:
    """Show the standing."""
    message = update.message
    if message is None:
        return
    standings = await context.contest.standings()
    text = standings_message(standings, context.room_texts)
    picture = await _picture(standings, context)
    if picture is None or not await _sent(message, picture, text):
        await message.reply_text(text, parse_mode=ParseMode.HTML)


async def _picture(standings: Standings, context: Context) -> Picture | None:
    """A picture, if there is anything to see; the words matter more than it does."""
    try:
        return await context.services.stats_pictures.of(standings, context.room_texts)
    except Exception as error:
        log.warning("no picture could be drawn", why=explain(error))
        return None


async def _sent(message: Message, picture: Picture, text: str) -> bool:
    units = len(without_markup(text).encode("utf-16-le")) // 2
    if units > MessageLimit.CAPTION_LENGTH:
        return False
    for content in picture.to_send:  # what Telegram calls it, which it may have forgotten
        try:
            sent = await message.reply_photo(content, caption=text, parse_mode=ParseMode.HTML)
        except BadRequest as error:
            log.info("a picture is not taken", why=explain(error))
            if "rights" in error.message:  # there are groups where none may be sent
                return False
        else:
            picture.file_id = sent.photo[-1].file_id
            return True
    return False
