"""Examines an installation: what the bot and a worker need, what is there, what is missing."""

import asyncio
from collections.abc import Awaitable, Callable

from rich.console import Console
from telegram import Bot
from telegram.error import InvalidToken, TelegramError

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
    bot = Bot(settings.token.get_secret_value(), base_url=f"{settings.api_url}/bot")
    try:
        async with bot:
            return [f"@{bot.username} at {settings.api_url}"]
    except InvalidToken as error:
        raise LyricbotError(
            f"LYRICBOT_TOKEN: {settings.api_url} refuses it. Copy it again from @BotFather."
        ) from error
    except TelegramError as error:
        raise LyricbotError(f"{settings.api_url} cannot be reached: {error}") from error
