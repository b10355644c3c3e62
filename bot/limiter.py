"""Keeps to Telegram's limits, and tries again what failed on the way.

python-telegram-bot's limiter spaces calls out: 30 a second, 20 a minute in a group. Here is what
follows a failure: a RetryAfter is waited for, by the chat that it is about alone unless several
meet one at once; a server that fails (5xx) or cannot be reached is tried again after a pause.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import structlog
from telegram.error import BadRequest, NetworkError, RetryAfter, TelegramError, TimedOut
from telegram.ext import AIORateLimiter

from bot.metrics import Metrics
from core.explaining import one_line

log = structlog.get_logger(__name__)
PAUSES = (0.5, 1.0, 2.0, 4.0)  # seconds, before each try but the first
FLOODS = 5  # how often a RetryAfter is waited for, call by call
SLACK = 0.1  # seconds more than Telegram asks for
ALL = 8  # chats that meet a RetryAfter within a second: then it is about all of them
NEVER_SENT = ("ConnectTimeout", "ConnectError", "PoolTimeout", "ProxyError")
SENDS = ("send", "copy", "forward")
Call = Callable[..., Coroutine[Any, Any, Any]]


class _Quiet(Exception):
    """Telegram wants quiet since this call was let through."""


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
        self._quiet_until: dict[str | None, float] = {}  # by chat; None: for all
        self._floods: dict[str | None, float] = {}  # by chat, when it last met one
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
        chat = _chat_of(data)

        async def unless_quiet(*args: Any, **kwargs: Any) -> Any:
            if self._quiet_left(chat) > 0:
                raise _Quiet
            return await callback(*args, **kwargs)

        async def call() -> Any:
            return await super(Limiter, self).process_request(
                unless_quiet, args, kwargs, endpoint, data, rate_limit_args
            )

        maybe_sent = 0
        for pause in (*self._pauses, None):
            try:
                result = await self._patiently(call, endpoint, chat)
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
        self, call: Callable[[], Coroutine[Any, Any, Any]], endpoint: str, chat: str | None
    ) -> Any:
        """Make a call when Telegram wants no quiet, in the chat or everywhere.

        After a quiet it is spaced out like all others that waited.
        """
        floods = 0
        while True:
            await self._quiet(chat)
            try:
                return await call()
            except _Quiet:
                continue
            except RetryAfter as error:
                floods += 1
                if floods > FLOODS:
                    raise
                self._calls.labels(endpoint, "flood").inc()
                self._be_quiet(chat, seconds_of(error), endpoint)

    def _be_quiet(self, chat: str | None, seconds: float, endpoint: str) -> None:
        now = time.monotonic()
        self._floods = {one: at for one, at in self._floods.items() if at > now - 1}
        self._floods[chat] = now
        whom = None if len(self._floods) >= ALL else chat
        log.warning("telegram wants quiet", method=endpoint, seconds=seconds, of_all=whom is None)
        end = now + seconds + SLACK
        self._quiet_until[whom] = max(end, self._quiet_until.get(whom, end))

    async def _quiet(self, chat: str | None) -> None:
        left = self._quiet_left(chat)
        while left > 0:
            await asyncio.sleep(left)
            left = self._quiet_left(chat)  # another call may have met more

    def _quiet_left(self, chat: str | None) -> float:
        now = time.monotonic()
        if any(end <= now for end in self._quiet_until.values()):
            self._quiet_until = {one: end for one, end in self._quiet_until.items() if end > now}
        return max(self._quiet_until.get(one, now) for one in (chat, None)) - now

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
    return one_line(str(error)) or type(error).__name__


def _chat_of(data: Mapping[str, Any]) -> str | None:
    """The chat that a call is for: what Telegram minds there it may not mind elsewhere.

    A message sent in inline mode stands in one that is not known, and counts as one of its own.
    """
    chat = data.get("chat_id") or data.get("inline_message_id")
    return None if chat is None else str(chat)


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
