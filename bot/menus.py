"""What Telegram shows of the bot by itself: its commands by language and role, and about it."""

from collections.abc import Iterable, Sequence

import structlog
from telegram import Bot, BotCommand, BotCommandScope, BotCommandScopeChat
from telegram.error import TelegramError

from bot.texts import Texts, texts_for
from core.explaining import explain

log = structlog.get_logger(__name__)
# Telegram takes two letters here, so 简体 and 繁體 cannot differ; whoever chooses 繁體 gets a menu
# of their own. "" is for all other languages.
LANGUAGES = ("", "zh")


def commands(texts: Texts, *, is_admin: bool = False) -> list[BotCommand]:
    """The menu; that of an admin holds everybody's too, since only one list is shown."""
    named = {
        "write": texts.menu_write,
        "acrostic": texts.menu_acrostic,
        "reveal": texts.menu_reveal,
        "stats": texts.menu_stats,
        "top": texts.menu_top,
        "language": texts.menu_language,
        "news": texts.menu_news,
        "help": texts.menu_help,
        "privacy": texts.menu_privacy,
        "delete_me": texts.menu_delete_me,
    }
    if is_admin:
        named |= {
            "admin": texts.menu_admin,
            "retrain": texts.menu_retrain,
            "jobs": texts.menu_jobs,
            "cancel": texts.menu_cancel,
            "releases": texts.menu_releases,
            "use": texts.menu_use,
            "rollback": texts.menu_rollback,
            "ban": texts.menu_ban,
            "unban": texts.menu_unban,
            "announce": texts.menu_announce,
        }
    return [BotCommand(name, about) for name, about in named.items()]


async def set_menus(bot: Bot, admins: Iterable[int] = ()) -> None:
    """Tell Telegram all of it, in each language; without it the bot works all the same."""
    for code in LANGUAGES:
        texts = texts_for(code or "en")
        await _set(bot, commands(texts), code)
        for admin in admins:
            await _set(bot, commands(texts, is_admin=True), code, BotCommandScopeChat(admin))
        try:
            about = texts.description.format(opening=texts.opening)
            await bot.set_my_description(about, language_code=code or None)
            short = texts.short_description.format(opening=texts.opening)
            await bot.set_my_short_description(short, language_code=code or None)
        except TelegramError as error:
            log.warning("a description could not be set", why=explain(error))


async def set_menu_of(bot: Bot, room: int, texts: Texts, *, is_admin: bool) -> None:
    """The menu in one private chat, in the language that its person chose."""
    scope = BotCommandScopeChat(room)
    for code in LANGUAGES:  # one with a language would come first
        await _set(bot, commands(texts, is_admin=is_admin), code, scope)


async def reset_menu_of(bot: Bot, room: int) -> None:
    """The menu in one private chat by Telegram's language again, as before anything was chosen."""
    for code in LANGUAGES:
        try:
            await bot.delete_my_commands(BotCommandScopeChat(room), language_code=code or None)
        except TelegramError as error:
            log.warning("a menu could not be reset", why=explain(error))


async def _set(
    bot: Bot,
    listed: Sequence[BotCommand],
    language_code: str,
    scope: BotCommandScope | None = None,
) -> None:
    try:
        await bot.set_my_commands(listed, scope=scope, language_code=language_code or None)
    except TelegramError as error:  # so it is with an admin who has never written to the bot
        log.warning("a menu could not be set", why=explain(error))
