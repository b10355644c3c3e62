"""Where Telegram posts updates: each is in the inbox before Telegram is told that it arrived."""

import asyncio
import hashlib
import hmac
import json
from typing import TYPE_CHECKING

import structlog

from bot.intake import Closing, Intake, Json
from core.explaining import explain

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

log = structlog.get_logger(__name__)
HEADER = "X-Telegram-Bot-Api-Secret-Token"
MOST = 2**20  # bytes of an update
PATIENCE = 15.0  # seconds, for the whole of it


def secret_of(token: str) -> str:
    """What Telegram shows to prove itself: alike in all replicas, and the token is not in it."""
    return hmac.new(token.encode(), b"lyricbot webhook", hashlib.sha256).hexdigest()


def webhook(path: str, secret: str, intake: Intake) -> "Route":
    """A route that takes updates from whoever knows the secret."""
    from starlette.requests import ClientDisconnect
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    told: set[str] = set()

    def tell(event: str, **why: str) -> None:
        """Log something once, until an update was taken: anybody may post, again and again."""
        if event not in told:
            log.warning(event, **why)
        told.add(event)

    async def post(request: "Request") -> "Response":
        shown = request.headers.get(HEADER, "")
        if not hmac.compare_digest(shown.encode(), secret.encode()):
            tell("updates without the secret are refused")
            return PlainTextResponse("forbidden", 403)
        try:
            body = await asyncio.wait_for(_body(request), PATIENCE)
        except (TimeoutError, ClientDisconnect):
            tell("a post is refused", why="its body does not come")
            return PlainTextResponse("the body does not come", 408)
        if body is None:
            tell("a post is refused", why="an update is not so large")
            return PlainTextResponse("an update is not so large", 413)
        update = _parsed(body)
        if update is None:
            tell("a post is refused", why="it is no update")
            return PlainTextResponse("an update is wanted, as JSON", 400)
        try:
            if intake.is_full:
                raise Closing
            await intake.take([update])
        except Closing:
            return PlainTextResponse("try again", 503)
        except Exception as error:  # Telegram keeps it, and tries again
            tell("updates cannot be taken; they are left with telegram", why=explain(error))
            return PlainTextResponse("try again", 503)
        told.clear()
        return PlainTextResponse("ok")

    return Route(path, post, methods=["POST"])


async def _body(request: "Request") -> bytes | None:
    """What was posted; None if it is too large."""
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > MOST:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST:
            return None
    return bytes(body)


def _parsed(body: bytes) -> Json | None:
    try:
        update = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(update, dict):
        return None
    number = update.get("update_id")
    if not isinstance(number, int) or isinstance(number, bool):
        return None
    return update if 0 <= number < 2**63 else None
