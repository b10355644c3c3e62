"""The answer to an inline query: its results as Telegram takes them, and what it refuses in them.

It knows nothing of the query that is answered, nor of who chooses a result.
"""

import re
from typing import Any

from bot.botapi.html import Json
from bot.botapi.keyboard import judged, read
from bot.botapi.rules import Refusal, Request, inner_message, refused, string_field
from bot.botapi.text import Formatted, inline_text, judged_text

_RESULTS = 50
_ID_BYTES = 64
_OFFSET_BYTES = 64
_CACHE_TIME = 300
_LONGEST_CACHE_TIME = 24 * 3600
_START_PARAMETER = 64
_START_CHARACTERS = re.compile(r"[A-Za-z0-9_-]*")
_OTHER_TYPES = frozenset(
    (
        "audio",
        "contact",
        "document",
        "game",
        "gif",
        "location",
        "mpeg4_gif",
        "photo",
        "sticker",
        "venue",
        "video",
        "voice",
    )
)
_OTHER_CONTENT = ("latitude", "phone_number", "payload")


def inline_answer(request: Request) -> Json:
    """What a query is answered with: the results as they were given, and how to show them."""
    button = _button(request)
    results = _results(request)
    given = request.text("next_offset")
    if len(given.encode("utf-8", "surrogatepass")) > _OFFSET_BYTES:
        raise refused("NEXT_OFFSET_INVALID")
    cache_time = request.integer("cache_time", _CACHE_TIME)
    answer: Json = {
        "results": results,
        "cache_time": min(max(cache_time, 0), _LONGEST_CACHE_TIME),
        "is_personal": request.flag("is_personal"),
        "next_offset": given,
    }
    return answer | ({"button": button} if button else {})


def chosen_content(result: Json) -> tuple[Formatted, Json | None]:
    """The text and the keyboard of the message that a result becomes."""
    content = result.get("input_message_content", result)
    return inline_text(content), judged(read(result.get("reply_markup", {})))


def _results(request: Request) -> list[Json]:
    given = request.parsed("results", "encoded inline query results") or []
    if not isinstance(given, list):
        raise refused("Expected an Array of inline query results")
    if len(given) > _RESULTS:
        raise refused("Too many inline query results specified")
    try:
        parsed = [_result(result) for result in given]
    except Refusal as refusal:
        raise refused(f"Can't parse inline query result: {inner_message(refusal)}") from None
    seen: set[str] = set()
    for result, (text, markup) in zip(given, parsed, strict=True):
        judged(markup, only_inline=True)
        judged_text(text)
        identifier = str(result["id"])
        if not 1 <= len(identifier.encode("utf-8", "surrogatepass")) <= _ID_BYTES:
            raise refused("RESULT_ID_INVALID")
        if identifier in seen:
            raise refused("RESULT_ID_DUPLICATE")
        if not result["title"]:
            raise refused("ARTICLE_TITLE_EMPTY")
        seen.add(identifier)
    return given


def _result(result: Any) -> tuple[Formatted, Json | None]:
    if not isinstance(result, dict):
        raise refused("Inline query result must be an object")
    kind = string_field(result, "type").lower()
    string_field(result, "id")
    if kind in _OTHER_TYPES:
        raise refused(f"inline query result of type {kind} is not implemented here")
    if kind != "article":
        raise refused(f'type "{kind}" is unsupported for the inline query result')
    # The words of a message may stand in the result itself, as they did at first.
    content = result.get("input_message_content")
    if content is None:
        string_field(content := result, "message_text")
    elif not isinstance(content, dict):
        raise refused('Field "input_message_content" must be of type Object')
    elif not string_field(content, "message_text", ""):
        for name in (name for name in _OTHER_CONTENT if name in content):
            raise refused(f"input message content with {name} is not implemented here")
        raise refused("Input message content is not specified")
    text = inline_text(content)
    markup = result.get("reply_markup")
    if markup is not None and not isinstance(markup, dict):
        raise refused('Field "reply_markup" must be of type Object')
    keyboard = read(markup or {})
    string_field(result, "title")
    string_field(result, "description", "")
    return text, keyboard


def _button(request: Request) -> Json | None:
    given = request.parsed("button", "inline query results button")
    if given is None:
        return None
    try:
        if not isinstance(given, dict):
            raise refused("InlineQueryResultsButton must be an Object")
        text = string_field(given, "text")
        if "web_app" in given and "start_parameter" not in given:
            raise refused("a button with web_app is not implemented here")
        if "start_parameter" not in given:
            raise refused("InlineQueryResultsButton must have exactly one optional field")
        parameter = string_field(given, "start_parameter")
    except Refusal as refusal:
        wrong = "Can't parse inline query results button: "
        raise refused(wrong + inner_message(refusal)) from None
    if not parameter:
        raise refused("Can't use empty start_parameter")
    if len(parameter) > _START_PARAMETER:
        raise refused("Too long start_parameter specified")
    if not _START_CHARACTERS.fullmatch(parameter):
        raise refused("Unallowed characters in start_parameter are used")
    return {"text": text, "start_parameter": parameter}
