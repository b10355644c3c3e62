"""Runs the bot until it is told to stop: by polling, or by webhook where one is set."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import structlog
from telegram.error import BadRequest, InvalidToken, TelegramError

from bot.announcing import Announcing
from bot.app import ALLOWED_UPDATES, App, build_application
from bot.arrival import Arrival, keep_asking
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
from bot.intake import CLAIM_EVERY, RENEW_EVERY, Intake
from bot.limiter import shown
from bot.menus import set_menus
from bot.metrics import Metrics
from bot.ordering import PersonByPerson
from bot.polling import PollingBot, poll
from bot.services import Services, open_services
from bot.texts import texts_for
from bot.watching import Watching
from bot.webhook import secret_of, webhook
from core.background import running
from core.errors import SettingsError
from core.explaining import explain
from core.monitor import process_registry
from core.settings import Settings

log = structlog.get_logger(__name__)
LONGEST_PAUSE = 30.0  # seconds, from one try to reach Telegram to the next
STOP_WITHIN = 10.0  # for what is being answered; what is not begun stays in the inbox
LET_GO_WITHIN = 3.0  # for telling other bots so; without being told they wait for the lease to end
ENDS_WITHIN = 30.0  # for all else too
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
    async with open_services(settings, apart=True) as services:
        serving = asyncio.ensure_future(_until(stopped, services, token))
        stopping = asyncio.ensure_future(stopped.wait())
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        await asyncio.wait((serving,), timeout=ENDS_WITHIN if stopped.is_set() else None)
        if serving.done():
            serving.result()
        else:
            log.warning("not all has ended in time; it is given up")
            serving.cancel()


async def _until(stopped: asyncio.Event, services: Services, token: str) -> None:
    settings, metrics = services.settings, Metrics(process_registry())
    application = build_application(
        token, settings.api_url, services, proxy=settings.proxy_url, metrics=metrics
    )
    intake = Intake(services.inbox, application.update_queue, application.bot)
    arrival = Arrival()
    async with AsyncExitStack() as stack:
        await services.access.refresh()
        await asyncio.to_thread(texts_for, "zh-hant")  # it loads a dictionary
        if await services.releases.current() is None:
            log.warning("there is no release yet; an admin's /retrain makes one")
        if starts_worker(services):
            await first_retrain(services)
            await stack.enter_async_context(kept_worker())
        routes = []
        if settings.webhook_path is not None:
            routes = [webhook(settings.webhook_path, secret_of(token), intake)]
        await stack.enter_async_context(served_health(services, metrics, routes, arrival))
        log.info("connecting", to=settings.api_url)
        if not await _reached(application.initialize, settings, stopped, arrival):
            return
        stack.push_async_callback(application.shutdown)
        await stack.enter_async_context(_handling(application, intake, services))
        receiving = _receiving(application, intake, services, token, stopped, arrival)
        await stack.enter_async_context(receiving)
        await stopped.wait()


@asynccontextmanager
async def _handling(application: App, intake: Intake, services: Services) -> AsyncIterator[None]:
    """Have updates handled, and all the rest done, until the context is left."""
    bot, processor = application.bot, application.update_processor
    if not isinstance(processor, PersonByPerson):
        raise AssertionError
    processor.intake = intake
    background = running(
        once(lambda: set_menus(bot, services.settings.admins)),
        every(CLAIM_EVERY, intake.claim),
        every(RENEW_EVERY, intake.renew),
    )
    watching, boards = Watching(services, bot), BoardsKept(services.boards, bot)
    announcing = Announcing(services.announcements, bot)
    shows = (watching.show, boards.edit_due, announcing.deliver)
    async with in_background(services, *shows), background:
        await application.start()
        intake.open()
        try:
            yield
        finally:
            intake.close()
            await _stop(application, processor)
            await boards.close()
            await _let_go(intake)


async def _stop(application: App, processor: PersonByPerson) -> None:
    """Have what is being answered brought to its end; what takes too long is given up."""
    stopping = asyncio.ensure_future(application.stop())
    _, late = await asyncio.wait((stopping,), timeout=STOP_WITHIN)
    if late:
        log.warning("some updates are not answered in time; they stay in the inbox")
        processor.cancel()
    await stopping


async def _let_go(intake: Intake) -> None:
    try:
        await asyncio.wait_for(intake.let_go(), LET_GO_WITHIN)
    except Exception as error:  # nothing is lost: other bots wait a little longer
        log.warning("the database cannot be told of the end", why=explain(error))


@asynccontextmanager
async def _receiving(
    application: App,
    intake: Intake,
    services: Services,
    token: str,
    stopped: asyncio.Event,
    arrival: Arrival,
) -> AsyncIterator[None]:
    """Have updates arrive until the context is left."""
    bot: PollingBot = application.bot
    settings, url = services.settings, services.settings.webhook_url

    async def set_webhook() -> None:
        await bot.set_webhook(
            url or "",
            secret_token=secret_of(token),
            allowed_updates=ALLOWED_UPDATES,
            max_connections=CONNECTIONS,
        )

    async def delete_webhook() -> None:
        await bot.delete_webhook()

    if not await _reached(set_webhook if url else delete_webhook, settings, stopped, arrival):
        yield
    elif url:
        log.info("serving a webhook", bot=bot.username, path=settings.webhook_path)
        async with running(keep_asking(bot, url, arrival)):
            yield  # and it stays set: Telegram keeps what comes until the bot is back
    else:
        log.info("polling", bot=bot.username)
        async with running(poll(bot, intake, ALLOWED_UPDATES, arrival)):
            yield


async def _reached(
    work: Callable[[], Awaitable[None]],
    settings: Settings,
    stopped: asyncio.Event,
    arrival: Arrival,
) -> bool:
    """Do `work` as soon as Telegram can be reached; False if told to stop before.

    Raises:
        SettingsError: if the token is refused, or the webhook.
    """
    pause, told = 1.0, ""
    while not stopped.is_set():
        try:
            return await _unless(stopped, work)
        except InvalidToken as error:
            raise SettingsError(
                f"LYRICBOT_TOKEN: {settings.api_url} refuses it. Copy it again from @BotFather."
            ) from error
        except BadRequest as error:
            raise SettingsError(
                f"LYRICBOT_WEBHOOK_URL: {settings.api_url} refuses it ({shown(error)})."
            ) from error
        except TelegramError as error:
            arrival.fails(error)
            if shown(error) != told:
                log.warning("telegram cannot be reached; it is tried again", why=shown(error))
            told = shown(error)
        with suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), pause)
        pause = min(2 * pause, LONGEST_PAUSE)
    return False


async def _unless(stopped: asyncio.Event, work: Callable[[], Awaitable[None]]) -> bool:
    """Whether `work` was done before the bot was told to stop; else it is given up."""
    working = asyncio.ensure_future(work())
    stopping = asyncio.ensure_future(stopped.wait())
    await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if working.done():
        working.result()
        return True
    working.cancel()
    await asyncio.wait((working,))
    return False
