"""Examines an installation: what the bot and a worker need, what is there, what is missing."""

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from rich.console import Console
from telegram import Bot, WebhookInfo
from telegram.error import InvalidToken, TelegramError
from telegram.request import HTTPXRequest

from bot.limiter import shown
from core.arena.files import Files
from core.arena.migrate import upgrade
from core.arena.store import Store
from core.errors import LyricbotError, TrainerMissing
from core.retrain.engine import Engine
from core.retrain.worker import describe_device
from core.settings import Settings

MISSING_TORCH = (
    "torch is not installed: this host can serve the bot, not train. "
    "pip install 'lyricbot[train]' makes it a worker's"
)
LIMIT = 20.0  # seconds for a check


async def examine(settings: Settings, console: Console) -> bool:
    """Print a line or a few for each check; whether nothing that is needed is broken."""
    checks: dict[str, Callable[[Settings], Awaitable[list[str]]]] = {
        "device": _device,
        "database": _database,
        "engine": _engine,
        "checkpoints": _checkpoints,
        "worker": _workers,
        "token": _token,
    }
    sound = True
    for name, check in checks.items():
        try:
            lines, mark = await asyncio.wait_for(check(settings), LIMIT), "[green]✓[/]"
        except TimeoutError:
            lines, mark = [f"no answer within {LIMIT:.0f} s"], "[red]✗[/]"
        except (LyricbotError, OSError) as error:
            lines, mark = [str(error)], "[red]✗[/]"
        sound = sound and "red" not in mark
        for number, line in enumerate(lines):
            console.print(
                mark if not number else " ", f"{name if not number else '':<12}", end=" "
            )
            console.print(line, soft_wrap=True, markup=False, highlight=False)
    return sound


async def _device(settings: Settings) -> list[str]:
    try:
        return await asyncio.to_thread(describe_device, settings)
    except TrainerMissing:
        return [MISSING_TORCH]


async def _database(settings: Settings) -> list[str]:
    await upgrade(settings.database_url)
    store = Store(settings.database_url)
    try:
        return [f"{store.address}, up to date"]
    finally:
        await store.close()


async def _engine(settings: Settings) -> list[str]:
    engine = Engine(settings.engine_url)
    try:
        await engine.check()
        return [f"DBOS on {engine.address}"]
    finally:
        await engine.close()


async def _checkpoints(settings: Settings) -> list[str]:
    files = Files(settings.checkpoints)
    await asyncio.to_thread(files.check)
    return [f"{files.where('')} can be written and read"]


async def _workers(settings: Settings) -> list[str]:
    from bot.services import open_services

    async with open_services(settings) as services:
        alive = await services.workers.alive()
    if not alive and settings.worker == "own":
        return ["none is running now; lyricbot bot starts one itself"]
    if not alive:
        return ["none is running: start lyricbot worker on the host that trains"]
    return [f"{one.name} on {one.device}" for one in alive]


async def _token(settings: Settings) -> list[str]:
    if settings.token is None:
        return ["LYRICBOT_TOKEN is not set: lyricbot demo needs none, lyricbot bot does"]
    bot = Bot(
        settings.token.get_secret_value(),
        base_url=f"{settings.api_url}/bot",
        request=HTTPXRequest(proxy=settings.proxy_url),
        get_updates_request=HTTPXRequest(proxy=settings.proxy_url),
    )
    way = settings.api_url
    if settings.proxy_url is not None:  # without its password
        parts = urlsplit(settings.proxy_url)
        way += f", through the proxy at {parts.hostname}:{parts.port or 'its usual port'}"
    try:
        async with bot:
            return [f"@{bot.username} at {way}", *_webhook(settings, await bot.get_webhook_info())]
    except InvalidToken as error:
        raise LyricbotError(
            f"LYRICBOT_TOKEN: {settings.api_url} refuses it. Copy it again from @BotFather."
        ) from error
    except TelegramError as error:
        setting = "LYRICBOT_PROXY: " if "proxy" in str(error).lower() else ""
        raise LyricbotError(f"{setting}{way} cannot be reached: {shown(error)}") from error


def _webhook(settings: Settings, found: WebhookInfo) -> list[str]:
    """What Telegram does with updates, and what the bot will have it do."""
    wanted, number = settings.webhook_url, found.pending_update_count
    if not found.url:
        then = f"lyricbot bot sets {wanted}" if wanted else "updates are polled for"
        return [f"no webhook is set: {then}"]
    waiting = "1 update waits" if number == 1 else f"{number} updates wait"
    lines = [f"the webhook is {found.url}; {waiting}"]
    if wanted is None:
        lines.append("LYRICBOT_WEBHOOK_URL is not set: lyricbot bot removes it, and polls")
    elif wanted != found.url:
        lines.append(f"lyricbot bot sets {wanted} in its place")
    if found.last_error_message and found.last_error_date:
        when = f"{found.last_error_date:%Y-%m-%d %H:%M} UTC"
        lines.append(f"telegram could not post at {when}: {found.last_error_message}")
    return lines
