"""The words of a message as Telegram keeps them: cleaned, trimmed, with their entities.

It reads the text and the caption of a request, refuses what is too long or wrongly marked up, and
finds commands and mentions. It knows nothing of the message that the words go into.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from bot.botapi.html import HtmlError, Json, entity_order, parse_html, utf16_length
from bot.botapi.rules import (
    Refusal,
    Request,
    inner_message,
    integer_field,
    refused,
    string_field,
)

TEXT_LIMIT = 4096
CAPTION_LIMIT = 1024
_BYTES_LIMIT = 1 << 15
_ENTITIES_LIMIT = 100

_STYLES = frozenset(("bold", "italic", "underline", "strikethrough", "spoiler"))
_GIVEN_TYPES = _STYLES | {
    "code",
    "pre",
    "text_link",
    "text_mention",
    "custom_emoji",
    "blockquote",
    "expandable_blockquote",
}
_FOUND_TYPES = frozenset(
    (
        "mention",
        "hashtag",
        "cashtag",
        "bot_command",
        "url",
        "email",
        "phone_number",
        "bank_card_number",
    )
)
_DROPPED = re.compile("[\r\u2028-\u202e\u0333\u033f\u030a]")
_CONTROLS = re.compile("[\0-\t\v\f\x0e-\x1f]")
_DIRECTION_RUNS = re.compile("[\u200e\u200f](?=[\u200e\u200f])")
_INVISIBLE = re.compile(
    "[\\s\u00ad\u1680\u180e\u2000-\u200f\u202f\u205f-\u206f\u2800\u3000\ufeff\ufffc]*"
)
_COMMAND = re.compile(r"(?<![\w/<>])/([A-Za-z0-9_]{1,64})(?:@([A-Za-z0-9_]{3,32}))?(?![\w/<>@])")
_MENTION = re.compile(r"(?<!\w)@[A-Za-z0-9_]{2,32}(?!\w)")


@dataclass(frozen=True)
class Formatted:
    """A text cleaned as Telegram cleans it, with its entities."""

    text: str
    entities: tuple[Json, ...] = ()

    def fields(self, name: str, entities: str) -> Json:
        """The fields of a message that hold it: both are left out when they would be empty."""
        kept: Json = {name: self.text} if self.text else {}
        return kept | ({entities: list(self.entities)} if self.entities else {})


def message_text(request: Request) -> Formatted:
    """The text of a message to send, which must say something."""
    if not request.text("text"):
        raise refused("Message text is empty")
    return judged_text(_formatted(request, "text", "entities"))


def judged_text(formatted: Formatted) -> Formatted:
    """The same text where it says something, and not too much."""
    if not formatted.text:
        raise refused("Text must be non-empty")
    if utf16_length(formatted.text) > TEXT_LIMIT:
        raise refused("Message is too long")
    return formatted


def inline_text(content: Json) -> Formatted:
    """The text of an InputTextMessageContent; whether it will do is `judged_text`."""
    words = {"text": string_field(content, "message_text")}
    if not words["text"]:
        raise refused("Message text is empty")
    words["parse_mode"] = string_field(content, "parse_mode", "")
    words["entities"] = json.dumps(content.get("entities"))
    return _formatted(Request(words), "text", "entities")


def caption(request: Request) -> Formatted:
    """The words under a picture or a document; there may be none."""
    return _short_enough(_formatted(request, "caption", "caption_entities"))


def media_caption(media: Json) -> Formatted:
    """The words that an InputMedia has with it; there may be none."""
    entities = {"caption_entities": json.dumps(media.get("caption_entities"))}
    try:
        words = {name: string_field(media, name, "") for name in ("caption", "parse_mode")}
        formatted = _formatted(Request(words | entities), "caption", "caption_entities")
    except Refusal as refusal:
        raise refused("Can't parse InputMedia: " + inner_message(refusal)) from None
    return _short_enough(formatted)


def cleaned(text: str, given: list[Json] | None = None) -> Formatted:
    """The text as Telegram keeps it: trimmed, without control characters, entities found in it."""
    entities = sorted((dict(entity) for entity in given or []), key=entity_order)
    text = _CONTROLS.sub(" ", _DIRECTION_RUNS.sub("\u200c", text))
    text, entities = _without_dropped(text, entities)
    text, entities = _trimmed(text, entities)
    if _INVISIBLE.fullmatch(text):
        return Formatted("")
    entities = _tidied(entities)
    found = [entity for entity in found_entities(text) if not _meets(entity, entities)]
    return Formatted(text, tuple(sorted(entities + found, key=entity_order)[:_ENTITIES_LIMIT]))


def found_entities(text: str) -> list[Json]:
    """The commands and mentions that Telegram sees in a text by itself."""
    found = [("bot_command", match) for match in _COMMAND.finditer(text)]
    found += [("mention", match) for match in _MENTION.finditer(text)]
    return [
        {
            "type": kind,
            "offset": utf16_length(text[: match.start()]),
            "length": utf16_length(match[0]),
        }
        for kind, match in found
    ]


def covered(text: str, entity: Json) -> str:
    """The part of a text that an entity is over."""
    units = text.encode("utf-16-le")
    start = entity["offset"] * 2
    return units[start : start + entity["length"] * 2].decode("utf-16-le")


def _short_enough(formatted: Formatted) -> Formatted:
    if utf16_length(formatted.text) > CAPTION_LIMIT:
        raise refused("Message caption is too long")
    return formatted


def _formatted(request: Request, name: str, entities_name: str) -> Formatted:
    text, mode = request.text(name), request.text("parse_mode").lower()
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise refused("Strings must be encoded in UTF-8") from None
    if size > _BYTES_LIMIT:
        raise refused("Text is too long")
    if not text or mode in ("", "none"):
        return cleaned(text, _given_entities(request.text(entities_name), text))
    if mode in ("markdown", "markdownv2"):
        raise refused(f"parse_mode {request.text('parse_mode')} is not implemented here")
    if mode != "html":
        raise refused("Unsupported parse_mode")
    try:
        return cleaned(*parse_html(text))
    except HtmlError as error:
        raise refused(f"Can't parse entities: {error}") from None


def _given_entities(encoded: str, text: str) -> list[Json]:
    try:
        given = json.loads(encoded or "null")
    except ValueError:
        return []
    entities = [_given_entity(entity) for entity in given] if isinstance(given, list) else []
    end = utf16_length(text)
    kept = [entity for entity in entities if entity["length"] > 0 and entity["type"]]
    for entity in kept:
        begins, ends = entity["offset"], entity["offset"] + entity["length"]
        if begins < 0:
            raise refused(f"Receive an entity with incorrect offset {begins}")
        if begins >= end:
            raise refused(f"Entity begins after the end of the text at UTF-16 offset {begins}")
        if ends > end:
            raise refused(
                f"Entity beginning at UTF-16 offset {begins} ends after the end of the text"
                f" at UTF-16 offset {ends}"
            )
    return kept


def _given_entity(entity: Any) -> Json:
    wrong = "Can't parse MessageEntity: "
    if not isinstance(entity, dict):
        raise refused(wrong + "expected an Object")
    try:
        kept = {name: integer_field(entity, name) for name in ("offset", "length")}
        kind = string_field(entity, "type")
        if kind == "text_link":
            string_field(entity, "url")
    except Refusal as refusal:
        raise refused(wrong + inner_message(refusal)) from None
    if kind in _FOUND_TYPES:
        return kept | {"type": ""}
    if kind not in _GIVEN_TYPES:
        raise refused(wrong + "Unsupported type specified")
    extra = ("url", "user", "language", "custom_emoji_id")
    return kept | {"type": kind} | {name: entity[name] for name in extra if name in entity}


def _without_dropped(text: str, entities: list[Json]) -> tuple[str, list[Json]]:
    if not _DROPPED.search(text):
        return text, entities
    moved, kept, units = {}, [], 0
    old = 0
    for character in text:
        width = utf16_length(character)
        moved.update(dict.fromkeys(range(old, old + width), units))
        old += width
        if not _DROPPED.fullmatch(character):
            kept.append(character)
            units += width
    moved[old] = units
    for entity in entities:
        end = moved[entity["offset"] + entity["length"]]
        entity["offset"] = moved[entity["offset"]]
        entity["length"] = end - entity["offset"]
    return "".join(kept), [entity for entity in entities if entity["length"] > 0]


def _trimmed(text: str, entities: list[Json]) -> tuple[str, list[Json]]:
    text = text.rstrip(" \n")
    end = utf16_length(text)
    kept = [entity for entity in entities if entity["offset"] < end]
    for entity in kept:
        entity["length"] = min(entity["length"], end - entity["offset"])
    blank = len(text) - len(text.lstrip(" \n"))
    # Spaces that stand inside an entity are part of what was marked and stay.
    cut = min([blank, *(entity["offset"] for entity in kept)])
    for entity in kept:
        entity["offset"] -= cut
    return text[cut:], kept


def _tidied(entities: list[Json]) -> list[Json]:
    """One entity where two of a style touch; none inside code; no quotation inside another."""
    kept: list[Json] = []
    for entity in sorted(entities, key=entity_order):
        around = [other for other in kept if entity["offset"] < other["offset"] + other["length"]]
        if any(other["type"] in ("code", "pre") for other in around):
            continue
        if "blockquote" in entity["type"] and any("blockquote" in each["type"] for each in around):
            continue
        touching = [
            other
            for other in kept
            if other["type"] == entity["type"]
            and entity["type"] in _STYLES
            and entity["offset"] <= other["offset"] + other["length"]
        ]
        if touching:
            end = max(each["offset"] + each["length"] for each in (touching[-1], entity))
            touching[-1]["length"] = end - touching[-1]["offset"]
        else:
            kept.append(entity)
    return sorted(kept, key=entity_order)


def _meets(entity: Json, others: list[Json]) -> bool:
    """Whether something marked by hand forbids an entity found in the text at its place."""
    return any(
        other["type"] not in _STYLES
        and "blockquote" not in other["type"]
        and entity["offset"] < other["offset"] + other["length"]
        and other["offset"] < entity["offset"] + entity["length"]
        for other in others
    )
