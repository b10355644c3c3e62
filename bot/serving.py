"""Runs the bot until it is told to stop: by polling, or by webhook where one is set."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import structlog
from telegram.error import InvalidToken, TelegramError
from telegram.ext import ExtBot

from bot.announcing import Announcing
from bot.app import ALLOWED_UPDATES, App, build_application
from bot.background import (
    every,
    first_retrain,
    in_background,
    kept_worker,
    once,
    starts_worker,
)
from bot.boards import BoardsKept
from bot.health import served_health
from bot.intake import CLAIM_EVERY, RENEW_EVERY, Intake, PollingBot
from bot.menus import set_menus
from bot.metrics import Metrics
from bot.ordering import PersonByPerson
from bot.services import Services, open_services
from bot.watching import Watching
from bot.webhook import secret_of, webhook
from core.background import running
from core.errors import SettingsError
from core.monitor import process_registry
from core.settings import Settings

log = structlog.get_logger(__name__)
LONGEST_PAUSE = 30.0  # seconds, from one try to reach Telegram to the next
STOP_WITHIN = 10.0  # for what is being answered; what is not begun stays in the inbox
ENDS_WITHIN = 30.0  # for all else too, such as a call that Telegram does not answer
CONNECTIONS = 100  # by which Telegram posts updates at once


def run_bot(settings: Settings) -> None:
    """Serve Telegram until told to stop.

    Raises:
        SettingsError: without a token, or with one that Telegram refuses.
    """
    if settings.token is None:
        raise SettingsError(
            "LYRICBOT_TOKEN is not set: get a token from @BotFather in Telegram and put it in .env"
        )
    asyncio.run(_serve(settings, settings.token.get_secret_value()))


async def _serve(settings: Settings, token: str) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with open_services(settings) as services:
        serving = asyncio.ensure_future(_until(stopped, services, token))
        stopping = asyncio.ensure_future(stopped.wait())
        # Told to stop before Telegram was ever reached, it stops there.
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        await asyncio.wait_for(serving, None if not stopped.is_set() else ENDS_WITHIN)


async def _until(stopped: asyncio.Event, services: Services, token: str) -> None:
    settings, metrics = services.settings, Metrics(process_registry())
    application = build_application(
        token, settings.api_url, services, proxy=settings.proxy_url, metrics=metrics
    )
    intake = Intake(services.inbox, application.update_queue)
    _join(application, intake)
    async with AsyncExitStack() as stack:
        await services.access.refresh()
        if await services.releases.current() is None:
            log.warning("there is no release yet; an admin's /retrain makes one")
        if starts_worker(services):
            await first_retrain(services)
            await stack.enter_async_context(kept_worker())
        routes = []
        if settings.webhook_path is not None:
            routes = [webhook(settings.webhook_path, secret_of(token), intake, application.bot)]
        await stack.enter_async_context(served_health(services, metrics, routes))
        log.info("connecting", to=settings.api_url)
        if not await _reached(application.initialize, settings, stopped):
            return
        stack.push_async_callback(application.shutdown)
        await stack.enter_async_context(_handling(application, intake, services))
        await stack.enter_async_context(_receiving(application, settings, token, stopped))
        await stopped.wait()


def _join(application: App, intake: Intake) -> None:
    if isinstance(application.bot, PollingBot):
        application.bot.take_into(intake)
    if isinstance(application.update_processor, PersonByPerson):
        application.update_processor.intake = intake


@asynccontextmanager
async def _handling(application: App, intake: Intake, services: Services) -> AsyncIterator[None]:
    """Have updates handled, and all the rest done, until the context is left."""
    bot = application.bot
    background = running(
        once(lambda: set_menus(bot, services.settings.admins)),
        every(CLAIM_EVERY, lambda: intake.claim(bot)),
        every(RENEW_EVERY, intake.renew),
    )
    watching, boards = Watching(services, bot), BoardsKept(services.boards, bot)
    announcing = Announcing(services.announcements, bot)
    shows = (watching.show, boards.edit_due, announcing.deliver)
    async with in_background(services, *shows), background:
        await application.start()
        try:
            yield
        finally:
            intake.close()
            try:
                await asyncio.wait_for(application.stop(), STOP_WITHIN)
            except TimeoutError:
                log.warning("some updates are not handled; they stay in the inbox")
    await services.inbox.let_go()


@asynccontextmanager
async def _receiving(
    application: App, settings: Settings, token: str, stopped: asyncio.Event
) -> AsyncIterator[None]:
    """Have updates arrive until the context is left."""
    bot: ExtBot[Any] = application.bot
    updater = application.updater
    if settings.webhook_url is not None:
        url = settings.webhook_url

        async def ask() -> None:
            await bot.set_webhook(
                url,
                secret_token=secret_of(token),
                allowed_updates=ALLOWED_UPDATES,
                max_connections=CONNECTIONS,
            )

        if await _reached(ask, settings, stopped):
            log.info("serving a webhook", bot=bot.username, path=settings.webhook_path)
        yield  # and it stays set: Telegram keeps what comes until the bot is back
        return
    if updater is None:
        raise AssertionError
    await updater.start_polling(allowed_updates=ALLOWED_UPDATES, bootstrap_retries=-1)
    log.info("polling", bot=bot.username)
    try:
        yield
    finally:
        await updater.stop()


async def _reached(
    work: Callable[[], Awaitable[None]], settings: Settings, stopped: asyncio.Event
) -> bool:
    """Do `work` as soon as Telegram can be reached; False if told to stop before.

    Raises:
        SettingsError: if the token is refused.
    """
    pause = 1.0
    while not stopped.is_set():
        try:
            await work()
            return True
        except InvalidToken as error:
            raise SettingsError(
                f"LYRICBOT_TOKEN: {settings.api_url} refuses it. Copy it again from @BotFather."
            ) from error
        except TelegramError as error:
            log.warning("telegram cannot be reached; trying again", why=str(error), seconds=pause)
        try:
            await asyncio.wait_for(stopped.wait(), pause)
        except TimeoutError:
            pause = min(2 * pause, LONGEST_PAUSE)
    return False
