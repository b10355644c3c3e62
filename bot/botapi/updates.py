"""The queue of updates: what waits for the bot, long polling for it, and the webhook in its place.

It posts nothing itself: whoever does takes from here what is to be posted and says what became of
it. It knows nothing of what the updates are about.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from urllib.parse import urlsplit

from telegram.constants import UpdateType

from bot.botapi.html import Json
from bot.botapi.rules import Refusal, Request, refused

_BATCH = 100
_LONGEST_POLL = 50
_KEPT_FOR = 24 * 3600
# An offset further ahead than this confirms nothing: Telegram takes it for a mistake.
_AHEAD = 10
_KINDS = frozenset(kind.value for kind in UpdateType)
_BY_DEFAULT = _KINDS - {"chat_member", "message_reaction", "message_reaction_count"}
_WEBHOOK_PORTS = (80, 88, 443, 8443)
_SECRET_LENGTH = 256

_OTHER_POLL = (
    "Conflict: terminated by other getUpdates request;"
    " make sure that only one bot instance is running"
)
_WEBHOOK_ACTIVE = (
    "Conflict: can't use getUpdates method while webhook is active;"
    " use deleteWebhook to delete the webhook first"
)


@dataclass
class _Waiter:
    event: asyncio.Event = field(default_factory=asyncio.Event)
    ended_by: Refusal | None = None


@dataclass(frozen=True)
class _Waiting:
    since: float
    line: tuple[str, int]
    update: Json


class Updates:
    """What has happened and was not confirmed by the bot yet."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._pending: dict[int, _Waiting] = {}
        self._next = 1
        self._waiter: _Waiter | None = None
        self._allowed = _BY_DEFAULT
        self._webhook: Json = {}
        self._last_error: Json = {}
        self._under_way: set[int] = set()
        self.secret = ""
        self.changed = asyncio.Event()

    def put(self, kind: str, content: Json) -> Json:
        """Queue an update if the bot asked for its kind, and wake whoever waits for one."""
        update: Json = {"update_id": self._next, kind: content}
        self._next += 1
        if kind in self._allowed:
            waiting = _Waiting(self._clock(), _line(kind, content), update)
            self._pending[update["update_id"]] = waiting
            self.changed.set()
            if self._waiter:
                self._waiter.event.set()
        return update

    async def get(self, request: Request) -> list[Json]:
        """getUpdates: the updates from an offset on, waiting for one if there are none."""
        if self._webhook:
            raise Refusal(409, _WEBHOOK_ACTIVE)
        self._allow(request)
        offset = request.integer("offset")
        limit = min(max(request.integer("limit", _BATCH), 1), _BATCH)
        timeout = min(max(request.integer("timeout"), 0), _LONGEST_POLL)
        self._confirm(offset)
        if timeout and not self._pending:
            self.end_poll(Refusal(409, _OTHER_POLL))
            await self._wait(timeout)
        return [waiting.update for waiting in islice(self._pending.values(), limit)]

    def end_poll(self, refusal: Refusal) -> None:
        """Answer whoever waits for updates with a refusal."""
        if self._waiter:
            self._waiter.ended_by = refusal
            self._waiter.event.set()

    def set_webhook(self, request: Request) -> bool:
        """setWebhook: from now on getUpdates is refused."""
        if not request.text("url"):
            return self.delete_webhook(request)
        _check_webhook(request)
        self.end_poll(Refusal(409, "Conflict: terminated by setWebhook request"))
        self._drop(request)
        self._allow(request)
        webhook = {
            "url": request.text("url"),
            "max_connections": min(max(request.integer("max_connections", 40), 1), 100),
            "ip_address": request.text("ip_address") or "<unknown>",
        }
        if (webhook, request.text("secret_token")) != (self._webhook, self.secret):
            self._last_error = {}
        self._webhook, self.secret = webhook, request.text("secret_token")
        self.changed.set()
        return True

    def delete_webhook(self, request: Request) -> bool:
        """deleteWebhook: getUpdates works again."""
        self._webhook, self.secret, self._last_error = {}, "", {}
        self._under_way.clear()
        self._drop(request)
        return True

    def webhook_info(self) -> Json:
        """getWebhookInfo."""
        self._expire()
        info: Json = {
            "url": "",
            "has_custom_certificate": False,
            "pending_update_count": len(self._pending),
        }
        if self._allowed != _BY_DEFAULT:
            info["allowed_updates"] = sorted(self._allowed)
        return info | self._last_error | self._webhook

    def take(self) -> list[Json]:
        """The updates to post now, as many as there may be connections.

        Of one chat's messages, or of one person's presses, the next waits for the one before.
        """
        self._expire()
        free = self._webhook.get("max_connections", 0) - len(self._under_way)
        taken: list[Json] = []
        lines: set[tuple[str, int]] = set()
        for update_id, waiting in self._pending.items():
            if len(taken) >= free:
                break
            if waiting.line not in lines and update_id not in self._under_way:
                taken.append(waiting.update)
            lines.add(waiting.line)
        self._under_way |= {update["update_id"] for update in taken}
        return taken

    def due(self, update_id: int) -> bool:
        """Whether an update that was taken is to be posted still."""
        return update_id in self._under_way

    def confirm(self, update_id: int) -> None:
        """An update was posted and accepted."""
        self._pending.pop(update_id, None)
        self._under_way.discard(update_id)
        self.changed.set()

    def failed(self, why: str) -> None:
        """An update was posted and not accepted, or could not be posted."""
        self._last_error = {
            "last_error_date": int(self._clock()),
            "last_error_message": why,
        }

    async def _wait(self, timeout: float) -> None:  # noqa: ASYNC109 - it is what the request says
        waiter = self._waiter = _Waiter()
        try:
            async with asyncio.timeout(timeout):
                await waiter.event.wait()
        except TimeoutError:
            return
        finally:
            if self._waiter is waiter:
                self._waiter = None
        if waiter.ended_by:
            raise waiter.ended_by

    def _confirm(self, offset: int) -> None:
        self._expire()
        if offset < 0:
            self._keep(list(self._pending)[offset:])
        elif offset <= self._next + _AHEAD:
            self._keep([update_id for update_id in self._pending if update_id >= offset])

    def _expire(self) -> None:
        oldest = self._clock() - _KEPT_FOR
        if self._pending and next(iter(self._pending.values())).since < oldest:
            self._keep([id for id, waiting in self._pending.items() if waiting.since >= oldest])

    def _keep(self, wanted: list[int]) -> None:
        self._pending = {update_id: self._pending[update_id] for update_id in wanted}
        self._under_way.intersection_update(wanted)
        self.changed.set()

    def _allow(self, request: Request) -> None:
        try:
            kinds = request.parsed("allowed_updates", "allowed updates")
        except Refusal:
            return
        if isinstance(kinds, list) and all(isinstance(kind, str) for kind in kinds):
            known = {kind.lower() for kind in kinds} & _KINDS
            self._allowed = frozenset(known) or _BY_DEFAULT

    def _drop(self, request: Request) -> None:
        if request.flag("drop_pending_updates"):
            self._keep([])


def _line(kind: str, content: Json) -> tuple[str, int]:
    """The line that an update stands in: of a chat, or else of a person."""
    place = content.get("chat") or content["from"]
    return kind.removeprefix("edited_"), int(place["id"])


def _check_webhook(request: Request) -> None:
    url = request.text("url")
    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        host, port = parts.hostname, parts.port or 443
    except ValueError:
        host, port = None, 0
    if not host or parts.scheme not in ("http", "https"):
        raise refused("invalid webhook URL specified")
    secret = request.text("secret_token")
    if len(secret) > _SECRET_LENGTH:
        raise refused("secret token is too long")
    if not all(
        character.isascii() and (character.isalnum() or character in "-_") for character in secret
    ):
        raise refused("secret token contains unallowed characters")
    if parts.scheme != "https":
        raise refused("bad webhook: An HTTPS URL must be provided for webhook")
    if port not in _WEBHOOK_PORTS:
        raise refused("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")
