"""What /healthz checks of a bot, and what /metrics counts."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.background import every, starts_worker
from bot.services import Services
from core.background import running
from core.errors import RetrainError
from core.monitor import Check, monitor, process_registry

COUNT_EVERY = 10.0  # seconds
SHOWN_JOBS = 100


@asynccontextmanager
async def served_health(services: Services) -> AsyncIterator[None]:
    """Serve /healthz and /metrics where LYRICBOT_HTTP says, if it says so.

    Raises:
        SettingsError: if that address cannot be had.
    """
    address = services.settings.http_address
    if address is None:
        yield
        return
    from prometheus_client import Gauge

    registry = process_registry()
    jobs = Gauge("lyricbot_jobs", "The latest jobs by state.", ["state"], registry=registry)
    workers = Gauge("lyricbot_workers", "Workers that are alive.", registry=registry)
    release = Gauge("lyricbot_release", "The current release.", registry=registry)

    async def count() -> None:
        states = Counter(job.status for job in await services.retrains.jobs.list(SHOWN_JOBS))
        for state in ("queued", "running", "published", "failed", "cancelled"):
            jobs.labels(state).set(states[state])
        workers.set(len(await services.workers.alive()))
        current = await services.releases.current()
        release.set(0 if current is None else current.number)

    async with monitor(address, checks_of(services), registry), running(every(COUNT_EVERY, count)):
        yield


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
