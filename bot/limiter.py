"""Keeps to Telegram's limits, and tries again what failed on the way.

python-telegram-bot's limiter does the first: 30 calls a second, 20 a minute in a group, and a
RetryAfter is waited for. Here is the second: a server that fails (5xx) or cannot be reached.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import structlog
from telegram.error import BadRequest, Forbidden, NetworkError, RetryAfter, TimedOut
from telegram.ext import AIORateLimiter

from bot.metrics import Metrics

log = structlog.get_logger(__name__)
PAUSES = (0.5, 1.0, 2.0, 4.0)  # seconds, before each try but the first
FLOODS = 5  # how often a RetryAfter is waited for, call by call
NEVER_SENT = ("ConnectTimeout", "ConnectError", "PoolTimeout")
Call = Callable[..., Coroutine[Any, Any, Any]]


class Limiter(AIORateLimiter):
    """AIORateLimiter, with patience for a network and a server that fail."""

    def __init__(
        self, metrics: Metrics, *, pauses: Sequence[float] = PAUSES, **rates: float
    ) -> None:
        """`pauses`, in seconds, before each try but the first; `rates` as AIORateLimiter takes
        them, without any Telegram's own.
        """
        super().__init__(max_retries=FLOODS, **rates)
        self._calls = metrics.calls
        self._pauses = pauses

    async def process_request(
        self,
        callback: Call,
        args: Any,
        kwargs: dict[str, Any],
        endpoint: str,
        data: dict[str, Any],
        rate_limit_args: int | None,
    ) -> Any:
        """Make a call, when it may be made, and as often as it takes within reason."""
        for tries, pause in enumerate((*self._pauses, None), 1):
            try:
                result = await super().process_request(
                    callback, args, kwargs, endpoint, data, rate_limit_args
                )
            except NetworkError as error:
                outcome = "refused" if isinstance(error, BadRequest) else "unreachable"
                self._calls.labels(endpoint, outcome).inc()
                if pause is None or not _again(error, endpoint, tries):
                    raise
                log.warning("a call failed and is tried again", method=endpoint, why=str(error))
            except (Forbidden, RetryAfter):
                self._calls.labels(endpoint, "refused").inc()
                raise
            else:
                self._calls.labels(endpoint, "ok").inc()
                return result
            await asyncio.sleep(pause)
        raise AssertionError


def _again(error: NetworkError, endpoint: str, tries: int) -> bool:
    """Whether to call once more.

    After a timeout nobody knows whether the call was carried out. What only sets something may be
    called again; what sends a message is tried once more, since one too many is better than none.
    """
    if isinstance(error, BadRequest):
        return False
    maybe_sent = isinstance(error, TimedOut) and type(error.__cause__).__name__ not in NEVER_SENT
    return not (maybe_sent and endpoint.startswith(("send", "copy", "forward"))) or tries == 1
