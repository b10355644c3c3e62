"""Keeps to Telegram's limits, and tries again what failed on the way.

python-telegram-bot's limiter spaces calls out: 30 a second, 20 a minute in a group. Here is what
follows a failure: a RetryAfter is waited for, in a group by that group alone; a server that fails
(5xx) or cannot be reached is tried again after a pause.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import structlog
from telegram.error import BadRequest, NetworkError, RetryAfter, TelegramError, TimedOut
from telegram.ext import AIORateLimiter

from bot.metrics import Metrics

log = structlog.get_logger(__name__)
PAUSES = (0.5, 1.0, 2.0, 4.0)  # seconds, before each try but the first
FLOODS = 5  # how often a RetryAfter is waited for, call by call
SLACK = 0.1  # seconds more than Telegram asks for
NEVER_SENT = ("ConnectTimeout", "ConnectError", "PoolTimeout", "ProxyError")
SENDS = ("send", "copy", "forward")
SHOWN = 200  # characters of an error: it may quote a server's whole page
Call = Callable[..., Coroutine[Any, Any, Any]]


class Limiter(AIORateLimiter):
    """AIORateLimiter, with patience for a network and a server that fail."""

    def __init__(
        self, metrics: Metrics, *, pauses: Sequence[float] = PAUSES, **rates: float
    ) -> None:
        """`pauses`, in seconds, before each try but the first; `rates` as AIORateLimiter takes
        them, without any Telegram's own.
        """
        super().__init__(max_retries=0, **rates)
        self._calls = metrics.calls
        self._pauses = pauses
        self._quiet_until: dict[int | None, float] = {}  # by group; None: for all
        self._told: dict[str, str] = {}  # by method, what failed last

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
        group = _group_of(data)

        async def call(*args: Any, **kwargs: Any) -> Any:
            return await self._patiently(lambda: callback(*args, **kwargs), endpoint, group)

        maybe_sent = 0
        for pause in (*self._pauses, None):
            try:
                result = await super().process_request(
                    call, args, kwargs, endpoint, data, rate_limit_args
                )
            except TelegramError as error:
                failed_on_the_way = _failed_on_the_way(error)
                self._calls.labels(
                    endpoint, "unreachable" if failed_on_the_way else "refused"
                ).inc()
                maybe_sent += _maybe_sent(error)
                once_more = maybe_sent < 2 or not endpoint.startswith(SENDS)
                if pause is None or not failed_on_the_way or not once_more:
                    raise
                self._tell(endpoint, error)
            else:
                self._calls.labels(endpoint, "ok").inc()
                self._told.pop(endpoint, None)
                return result
            await asyncio.sleep(pause)
        raise AssertionError

    async def _patiently(
        self, call: Callable[[], Coroutine[Any, Any, Any]], endpoint: str, group: int | None
    ) -> Any:
        """Make a call when Telegram wants no quiet, from the group or from all."""
        for _ in range(FLOODS):
            await self._quiet(group)
            try:
                return await call()
            except RetryAfter as error:
                seconds = seconds_of(error)
                self._calls.labels(endpoint, "flood").inc()
                log.warning("telegram wants quiet", method=endpoint, seconds=seconds)
                self._quiet_until[group] = time.monotonic() + seconds + SLACK
        await self._quiet(group)
        return await call()

    async def _quiet(self, group: int | None) -> None:
        left = self._quiet_left(group)
        while left > 0:
            await asyncio.sleep(left)
            left = self._quiet_left(group)  # another call may have met more

    def _quiet_left(self, group: int | None) -> float:
        now = time.monotonic()
        self._quiet_until = {one: end for one, end in self._quiet_until.items() if end > now}
        return max(self._quiet_until.get(one, now) for one in (group, None)) - now

    def _tell(self, endpoint: str, error: TelegramError) -> None:
        """Log what fails, once until the method works again: thousands of calls may fail."""
        why = shown(error)
        if self._told.get(endpoint) != why:
            log.warning("a call failed and is tried again", method=endpoint, why=why)
        self._told[endpoint] = why


def seconds_of(error: RetryAfter) -> float:
    """How long Telegram asks to wait."""
    after = error.retry_after
    return float(after if isinstance(after, int) else after.total_seconds())


def shown(error: TelegramError) -> str:
    """An error in one short line."""
    return " ".join(str(error).split())[:SHOWN] or type(error).__name__


def _group_of(data: Mapping[str, Any]) -> int | None:
    """The group that a call is for: what Telegram minds there it may not mind elsewhere."""
    try:
        chat = int(data.get("chat_id", 0))
    except (TypeError, ValueError):
        return None
    return chat if chat < 0 else None


def _failed_on_the_way(error: TelegramError) -> bool:
    return isinstance(error, NetworkError) and not isinstance(error, BadRequest)


def _maybe_sent(error: TelegramError) -> bool:
    """Whether nobody knows if the call was carried out: no answer, or a connection cut.

    What only sets something may be called again nevertheless; what sends a message is tried once
    more, since one too many is better than none.
    """
    if not isinstance(error, NetworkError):
        return False
    cause = error.__cause__
    lost = isinstance(error, TimedOut) or type(cause).__module__.startswith("httpx")
    return lost and type(cause).__name__ not in NEVER_SENT
