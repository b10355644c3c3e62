"""Runs work beside other work, for as long as that lasts. No failure of it is lost."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager

import structlog

log = structlog.get_logger(__name__)


@asynccontextmanager
async def running(*works: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Have all of them run until the context is left; then they are cancelled.

    Not a TaskGroup, since a context may be entered in one task and left in another.
    """
    tasks = [asyncio.ensure_future(one) for one in works]
    for task in tasks:
        task.add_done_callback(_tell)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _tell(task: "asyncio.Future[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("work in the background has ended", exc_info=error)
