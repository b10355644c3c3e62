"""The bot: its handlers in their order, and its two ways to run."""

from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from typing import Any

import structlog
from telegram import BotCommand, BotCommandScope, BotCommandScopeChat, Update
from telegram.error import InvalidToken, TelegramError
from telegram.ext import (
    AIORateLimiter,
    Application,
    ApplicationBuilder,
    CallbackQueryHandler,
    CommandHandler,
    ContextTypes,
    Defaults,
    MessageHandler,
    filters,
)
from telegram.request import BaseRequest

from bot.background import first_retrain, in_background, kept_worker, starts_worker
from bot.context import SERVICES, Context
from bot.handlers.errors import failed
from bot.handlers.retrain import cancel, corpus, jobs, releases, retrain, rollback, use
from bot.handlers.start import help_, hint, start, unknown_command
from bot.handlers.stats import stats
from bot.handlers.vote import TYPED, pressed, typed
from bot.handlers.write import write
from bot.health import served_health
from bot.ordering import PersonByPerson
from bot.services import Services, open_services
from bot.texts import texts_for
from bot.watching import Watching
from core.errors import SettingsError
from core.settings import Settings

log = structlog.get_logger(__name__)
App = Application[Any, Context, Any, Any, Any, Any]
ALLOWED_UPDATES = [Update.MESSAGE, Update.CALLBACK_QUERY]


def build_application(
    token: str, api_url: str, services: Services | None = None, request: BaseRequest | None = None
) -> App:
    """The Application with every handler; `request` plays Telegram where there is no network."""
    builder = (
        ApplicationBuilder()
        .token(token)
        .context_types(ContextTypes(context=Context))
        .concurrent_updates(PersonByPerson(max_concurrent_updates=256))
        .rate_limiter(AIORateLimiter(max_retries=3))
        .defaults(Defaults(allow_sending_without_reply=True))
        .base_url(f"{api_url}/bot")
        .base_file_url(f"{api_url}/file/bot")
    )
    if request is not None:
        builder = builder.request(request).get_updates_request(request)
    application = builder.build()
    if services is not None:
        application.bot_data[SERVICES] = services
    _add_handlers(application)
    return application


def _add_handlers(application: App) -> None:
    # New messages only: an edited one never runs a command again. The first that matches is taken.
    new = filters.UpdateType.MESSAGE
    privately = new & filters.ChatType.PRIVATE
    application.add_handlers(
        [
            CommandHandler("start", start, new),
            CommandHandler("help", help_, new),
            CommandHandler("write", write, new),
            CommandHandler("stats", stats, new),
            CallbackQueryHandler(pressed),
            MessageHandler(new & filters.Regex(TYPED), typed),
            CommandHandler("retrain", retrain, new),
            CommandHandler("jobs", jobs, new),
            CommandHandler("cancel", cancel, new),
            CommandHandler("releases", releases, new),
            CommandHandler("use", use, new),
            CommandHandler("rollback", rollback, new),
            MessageHandler(privately & filters.Document.ALL, corpus),
            MessageHandler(privately & filters.COMMAND, unknown_command),
            MessageHandler(privately & ~filters.StatusUpdate.ALL, hint),
        ]
    )
    application.add_error_handler(failed)


async def set_menus(application: App, admins: Iterable[int] = ()) -> None:
    """Tell Telegram the commands, in each language; without them the bot works all the same."""
    for language_code in ("", "zh"):
        texts = texts_for(language_code or "en")
        everyone = [
            BotCommand("write", texts.menu_write),
            BotCommand("stats", texts.menu_stats),
            BotCommand("help", texts.menu_help),
        ]
        await _set_menu(application, everyone, language_code)
        for admin in admins:  # theirs holds everyone's too: one list is shown, not two
            theirs = [
                BotCommand("retrain", texts.menu_retrain),
                BotCommand("jobs", texts.menu_jobs),
                BotCommand("cancel", texts.menu_cancel),
                BotCommand("releases", texts.menu_releases),
                BotCommand("use", texts.menu_use),
                BotCommand("rollback", texts.menu_rollback),
            ]
            scope = BotCommandScopeChat(admin)
            await _set_menu(application, [*everyone, *theirs], language_code, scope)


async def _set_menu(
    application: App,
    commands: Sequence[BotCommand],
    language_code: str,
    scope: BotCommandScope | None = None,
) -> None:
    try:
        await application.bot.set_my_commands(
            commands, scope=scope, language_code=language_code or None
        )
    except TelegramError as error:  # so it is with an admin who has never written to the bot
        log.warning("a menu could not be set", error=str(error))


def run_bot(settings: Settings) -> None:
    """Serve Telegram by long polling until told to stop.

    Raises:
        SettingsError: without a token, or with one that Telegram refuses.
    """
    if settings.token is None:
        raise SettingsError(
            "LYRICBOT_TOKEN is not set: get a token from @BotFather in Telegram and put it in .env"
        )
    application = build_application(settings.token.get_secret_value(), settings.api_url)
    closing = AsyncExitStack()

    async def open_(app: App) -> None:
        services = await closing.enter_async_context(open_services(settings))
        app.bot_data[SERVICES] = services
        if await services.releases.current() is None:
            log.warning("there is no release yet; an admin's /retrain makes one")
        await set_menus(app, settings.admins)
        if starts_worker(services):
            await first_retrain(services)
            await closing.enter_async_context(kept_worker())
        watching = Watching(services, app.bot)
        await closing.enter_async_context(in_background(services, watching.show))
        await closing.enter_async_context(served_health(services))
        log.info("polling", bot=app.bot.username)

    async def close(app: App) -> None:
        await closing.aclose()

    log.info("connecting", to=settings.api_url)
    application.post_init, application.post_shutdown = open_, close
    try:
        application.run_polling(allowed_updates=ALLOWED_UPDATES, bootstrap_retries=-1)
    except InvalidToken as error:
        raise SettingsError(
            f"LYRICBOT_TOKEN: {settings.api_url} refuses it. Copy it again from @BotFather."
        ) from error
