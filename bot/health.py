"""What /healthz checks of a bot, and what /metrics shows beside what handlers count."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from bot.background import every, starts_worker
from bot.metrics import Metrics
from bot.services import Services
from core.background import running
from core.errors import RetrainError, SettingsError
from core.monitor import Check, monitor
from core.settings import HTTP, address_of

if TYPE_CHECKING:
    from starlette.routing import Route

log = structlog.get_logger(__name__)
COUNT_EVERY = 10.0  # seconds
SHOWN_JOBS = 100


@asynccontextmanager
async def served_health(
    services: Services, metrics: Metrics, routes: "Sequence[Route]" = ()
) -> AsyncIterator[None]:
    """Serve /healthz, /metrics and `routes` where LYRICBOT_HTTP says.

    Raises:
        SettingsError: if that address cannot be had, and it was asked for or there are `routes`.
    """
    address = services.settings.http_address
    serving = monitor(address or address_of(HTTP), checks_of(services), metrics.registry, routes)
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


def checks_of(services: Services) -> dict[str, Check]:
    """What must work for the bot to do its own."""

    async def checkpoints() -> None:
        await asyncio.to_thread(services.files.exists, "models")

    async def worker() -> None:
        if not await services.workers.alive():
            raise RetrainError("The worker that the bot started shows no sign of life.")

    checks: dict[str, Check] = {
        "database": services.store.check,
        "engine": services.engine.check,
        "checkpoints": checkpoints,
    }
    if starts_worker(services):
        checks["worker"] = worker
    return checks
