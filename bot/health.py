"""What /healthz checks of a bot, and what /metrics shows beside what handlers count."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from socket import gethostname
from typing import TYPE_CHECKING

import structlog

from bot.arrival import Arrival
from bot.background import every, starts_worker
from bot.metrics import Metrics
from bot.services import Services
from core.background import running
from core.disk import check_room
from core.errors import LyricbotError, RetrainError, SettingsError, StoreError
from core.monitor import Check, monitor
from core.settings import HTTP, address_of

if TYPE_CHECKING:
    from starlette.routing import Route

log = structlog.get_logger(__name__)
COUNT_EVERY = 10.0  # seconds
DRAINS_WITHIN = 300.0  # seconds: Telegram wants quiet for some minutes now and then
VITAL = ("writing",)  # what a restart mends; updates that wait lose nothing by it
SHOWN_JOBS = 100


@asynccontextmanager
async def served_health(
    services: Services,
    metrics: Metrics,
    routes: "Sequence[Route]" = (),
    arrival: Arrival | None = None,
) -> AsyncIterator[None]:
    """Serve /healthz, /livez, /metrics and `routes` where LYRICBOT_HTTP says.

    Raises:
        SettingsError: if that address cannot be had, and it was asked for or there are `routes`.
    """
    address = services.settings.http_address
    with suppress(StoreError):  # /healthz will say so
        await asyncio.to_thread(services.files.make)
    checks = checks_of(services, arrival)
    where = address or address_of(HTTP)
    serving = monitor(where, checks, metrics.registry, routes, vital=VITAL)
    try:
        port = await serving.__aenter__()
    except SettingsError as error:
        if address is not None or routes:
            raise
        log.warning("no /healthz and no /metrics", reason=str(error))
        yield
        return
    log.info("serving /healthz and /metrics", port=port)
    try:
        async with running(every(COUNT_EVERY, lambda: _count(services, metrics))):
            yield
    finally:
        await serving.__aexit__(None, None, None)


async def _count(services: Services, metrics: Metrics) -> None:
    states = Counter(job.status for job in await services.retrains.jobs.list(SHOWN_JOBS))
    for state in ("queued", "running", "published", "failed", "cancelled"):
        metrics.jobs.labels(state).set(states[state])
    metrics.workers.set(len(await services.workers.alive()))
    current = await services.releases.current()
    metrics.release.set(0 if current is None else current.number)
    waiting = await services.inbox.waiting()
    metrics.inbox.set(waiting.number)
    metrics.inbox_oldest.set(waiting.seconds)


def checks_of(services: Services, arrival: Arrival | None = None) -> dict[str, Check]:
    """What must work for the bot to do its own; what it knows of Telegram, `arrival` tells."""
    settings = services.settings
    places = [settings.state, *filter(None, (services.files.local, settings.database_folder))]

    async def checkpoints() -> None:
        await asyncio.to_thread(services.files.reach)

    async def disk() -> None:
        await asyncio.to_thread(check_room, places)

    async def inbox() -> None:
        waiting = await services.inbox.waiting()
        if waiting.seconds > DRAINS_WITHIN:
            raise LyricbotError(
                f"Updates that are not handled: {waiting.number}, the oldest for "
                f"{waiting.seconds:.0f} s. See the log; if it says nothing, restart the bot."
            )

    async def worker() -> None:
        here = gethostname()
        if not any(one.host == here for one in await services.workers.alive()):
            raise RetrainError("The worker that the bot started shows no sign of life.")

    checks: dict[str, Check] = {
        "database": services.store.check,
        "engine": services.engine.check,
        "checkpoints": checkpoints,
        "disk": disk,
        "release": services.releases.check,
        "writing": services.desk.check,
        "inbox": inbox,
    }
    if arrival is not None:
        checks["telegram"] = arrival.check
    if starts_worker(services):
        checks["worker"] = worker
    return checks
