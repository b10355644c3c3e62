"""/stats: what the votes say so far."""

from telegram import Update
from telegram.constants import ParseMode

from bot.context import Context
from bot.rendering import standings_message


async def stats(update: Update, context: Context) -> None:
    """Show the standing."""
    if update.message:
        text = standings_message(await context.contest.standings(), context.room_texts)
        await update.message.reply_text(text, parse_mode=ParseMode.HTML)
