"""The first words: /start, /help, and what is said to a message that asks for nothing."""

from telegram import Update

from bot.context import Context
from bot.rendering import OPENING
from core.lyrics.writer import MAX_PREFIX


async def start(update: Update, context: Context) -> None:
    """Say what this is, with one thing to try."""
    if update.message:
        await update.message.reply_text(context.texts.start.format(opening=OPENING))


async def help_(update: Update, context: Context) -> None:
    """Say how to play."""
    if update.message:
        text = context.texts.help.format(limit=MAX_PREFIX)
        if update.effective_user and context.is_admin(update.effective_user.id):
            text += f"\n\n{context.texts.help_admin}"
        await update.message.reply_text(text)


async def hint(update: Update, context: Context) -> None:
    """Answer a private message that is neither command nor vote."""
    if update.message:
        await update.message.reply_text(context.texts.hint.format(opening=OPENING))


async def unknown_command(update: Update, context: Context) -> None:
    """Answer a private command that does not exist."""
    if update.message:
        await update.message.reply_text(context.texts.unknown_command)
