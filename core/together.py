"""Does work for many callers at once: what is asked for while a batch is done makes the next one.

Nobody waits for company: who comes alone is served at once. What costs the same for one as for
fifty (a commit, a step of a network) then grows with the batches, not with the callers.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Together(Generic[Item, Result]):
    """Callable for one item; `work` is done for all that have come, in their order."""

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]],
        *,
        most: int = 256,
    ) -> None:
        """`work` gives a result for each item, or an exception for it; `most` are a batch."""
        self._work = work
        self._most = most
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, item: Item) -> Result:
        """The result for one item; whatever `work` raises for it is raised here."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._waiting.append((item, future))
        if self._running is None or self._running.done():
            # In a context of its own: what is logged of a batch is not about who came first.
            self._running = loop.create_task(self._run(), context=Context())
        return await future

    async def _run(self) -> None:
        await asyncio.sleep(0)  # whoever comes in the same turn of the loop comes along
        while self._waiting:
            size = min(self._most, len(self._waiting))
            batch = [self._waiting.popleft() for _ in range(size)]
            try:
                results = await self._work([item for item, _ in batch])
                if len(results) != size:
                    raise ValueError(f"{size} results are wanted, not {len(results)}")
            except Exception as error:
                results = [error] * size
            except BaseException:
                for _, future in batch:
                    future.cancel()
                raise
            for (_, future), result in zip(batch, results, strict=True):
                if future.done():  # its caller has gone
                    continue
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)
