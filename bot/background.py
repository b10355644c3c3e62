"""What a bot does beside answering: it tends jobs, shows them, takes up releases, runs a worker.

Each is a loop of its own that outlives its failures: they are logged, and it goes on.
"""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from importlib.util import find_spec

import structlog

from bot.services import Services
from core.arena.pruning import prune_duels
from core.background import running
from core.errors import LyricbotError
from core.explaining import explain

log = structlog.get_logger(__name__)
TEND_EVERY = 5.0  # seconds
WARM_EVERY = 2.0
REFRESH_EVERY = 3.0
SHOW_EVERY = 1.0
PRUNE_EVERY = 3600.0
LONGEST_PAUSE = 60.0
STOP_WITHIN = 10.0


@asynccontextmanager
async def in_background(
    services: Services, *shows: Callable[[], Awaitable[None]]
) -> AsyncIterator[None]:
    """Do it all until the context is left; each of `shows` brings chats up to date."""
    cron = services.settings.retrain_cron

    async def prune() -> None:
        await services.limits.prune(timedelta(hours=services.settings.duel_hours))
        await services.inbox.prune()
        await prune_duels(services.store, services.now())

    loops = [
        once(lambda: services.engine.schedule(cron)),
        every(TEND_EVERY, services.retrains.tend),
        every(WARM_EVERY, services.releases.warm),
        every(REFRESH_EVERY, services.access.refresh),
        every(PRUNE_EVERY, prune),
        *(every(SHOW_EVERY, show) for show in shows),
    ]
    async with running(*loops):
        yield


def starts_worker(services: Services) -> bool:
    """Whether this process is to start a worker itself: it can train, and nobody else is to."""
    return services.settings.worker == "own" and find_spec("torch") is not None


async def first_retrain(services: Services) -> None:
    """Ask for the first models where none were ever asked for."""
    if await services.releases.current() is not None or await services.retrains.jobs.list(1):
        return
    try:
        await services.retrains.ask()
    except LyricbotError as error:  # another bot was quicker, or the store is away
        log.warning("the first models were not asked for", why=explain(error))


@asynccontextmanager
async def kept_worker(*, quietly: bool = False) -> AsyncIterator[None]:
    """Have a worker as a child until the context is left; one that ends is started again."""
    async with running(_keep_worker(quietly=quietly)):
        yield


@asynccontextmanager
async def _own_worker(*, quietly: bool = False) -> AsyncIterator[Process]:
    """A worker as a child, that ends with the context, and with this process whatever ends it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.cli", "worker", "--with-parent"),
        stdin=PIPE,
        stderr=asyncio.subprocess.DEVNULL if quietly else None,
    )
    try:
        yield process
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), STOP_WITHIN)
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _keep_worker(*, quietly: bool = False) -> None:
    """Have a worker as long as this is awaited; one that ends is started again."""
    pause = 1.0
    while True:
        began = asyncio.get_running_loop().time()
        async with _own_worker(quietly=quietly) as process:
            code = await process.wait()
        lasted = asyncio.get_running_loop().time() - began
        pause = 1.0 if lasted > LONGEST_PAUSE else min(2 * pause, LONGEST_PAUSE)
        log.error("the worker has ended; it is started again", code=code, in_seconds=pause)
        await asyncio.sleep(pause)


async def once(work: Callable[[], Awaitable[None]]) -> None:
    """Do `work` until it has worked once."""
    await every(TEND_EVERY, work, times=1)


async def every(
    seconds: float, work: Callable[[], Awaitable[None]], *, times: int | None = None
) -> None:
    """Do `work` again and again, or until it has worked so often.

    What fails is told once, until it works again.
    """
    told = ""
    while times is None or times > 0:
        try:
            await work()
            told, times = "", times and times - 1
            if times == 0:
                return
        except LyricbotError as error:
            if str(error) != told:
                log.warning("it will be tried again", why=explain(error))
            told = str(error)
        except Exception as error:
            if repr(error) != told:
                log.error("it will be tried again", exc_info=error)
            told = repr(error)
        await asyncio.sleep(seconds)
