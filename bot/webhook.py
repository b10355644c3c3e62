"""Where Telegram posts updates: each is in the inbox before Telegram is told that it arrived."""

import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any

import structlog
from telegram.ext import ExtBot

from bot.intake import Closing, Intake

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

log = structlog.get_logger(__name__)
HEADER = "X-Telegram-Bot-Api-Secret-Token"
MOST = 2**20  # bytes of an update


def secret_of(token: str) -> str:
    """What Telegram shows to prove itself: alike in all replicas, and the token is not in it."""
    return hmac.new(token.encode(), b"lyricbot webhook", hashlib.sha256).hexdigest()


def webhook(path: str, secret: str, intake: Intake, bot: ExtBot[Any]) -> "Route":
    """A route that takes updates from whoever knows the secret."""
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def post(request: "Request") -> "Response":
        shown = request.headers.get(HEADER, "")
        if not hmac.compare_digest(shown.encode(), secret.encode()):
            log.warning("an update without the secret is refused")
            return PlainTextResponse("forbidden", 403)
        update = _parsed(await _body(request))
        if update is None:
            return PlainTextResponse("an update is wanted, as JSON", 400)
        try:
            await intake.take_posted(update, bot)
        except Closing:
            return PlainTextResponse("try again", 503)
        except Exception as error:  # Telegram keeps it, and tries again
            log.error("an update could not be taken", exc_info=error)
            return PlainTextResponse("try again", 503)
        return PlainTextResponse("ok")

    return Route(path, post, methods=["POST"])


async def _body(request: "Request") -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST:
            return b""
    return body


def _parsed(body: bytes) -> dict[str, Any] | None:
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
