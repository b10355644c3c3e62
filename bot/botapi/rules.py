"""What Telegram refuses in a request, and the words it refuses it with.

Checks over strings and parsed JSON: the commands, the reactions, the pictures. Texts, keyboards
and inline results have files of their own. Whatever depends on the people and chats that exist is
checked in `methods.py`. It knows nothing of any bot's purpose.
"""

import json
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from telegram.constants import ReactionEmoji

from bot.botapi.html import Json, utf16_length

_COMMANDS = 100
_COMMAND_LENGTH = 32
_DESCRIPTION_LENGTH = 256
_ANSWER_LENGTH = 200
_PHOTO_BYTES = 10 << 20
_UPLOAD_BYTES = 50 << 20
_PHOTO_SIDES = 10_000
_PHOTO_RATIO = 20

_REACTIONS = frozenset(emoji.value for emoji in ReactionEmoji)
_ACTIONS = frozenset(
    (
        "cancel",
        "typing",
        "record_video",
        "upload_video",
        "record_audio",
        "record_voice",
        "upload_audio",
        "upload_voice",
        "upload_photo",
        "upload_document",
        "choose_sticker",
        "pick_up_location",
        "find_location",
        "record_video_note",
        "upload_video_note",
    )
)
_INTEGER = re.compile(r"-?\d{1,19}", re.ASCII)
_COMMAND_NAME = re.compile(r"[a-z0-9_]+")
_LANGUAGE = re.compile(r"(?:[a-z]{2})?")


class Refusal(Exception):
    """An answer that is not ok: the HTTP status and the description that goes with it."""

    def __init__(
        self,
        status: int,
        description: str,
        retry_after: int | None = None,
        migrate_to: int | None = None,
        inner: str = "",
    ) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.retry_after = retry_after
        self.migrate_to = migrate_to
        self.inner = inner

    def body(self) -> Json:
        """The JSON that Telegram sends with the status."""
        body: Json = {"ok": False, "error_code": self.status, "description": self.description}
        if self.retry_after is not None:
            body["parameters"] = {"retry_after": self.retry_after}
        if self.migrate_to is not None:
            body["parameters"] = {"migrate_to_chat_id": self.migrate_to}
        return body


def refused(message: str) -> Refusal:
    """A 400; only the prefix and a lowered first letter part it from the library's own message."""
    shown = message
    if not re.match(r".[A-Z_]", message):
        shown = message[:1].lower() + message[1:]
    return Refusal(400, f"Bad Request: {shown}", inner=message)


def inner_message(refusal: Refusal) -> str:
    """The library's own message inside a refusal, to be quoted in another."""
    return refusal.inner


def too_many_requests(retry_after: int) -> Refusal:
    """A 429 that says how long to wait."""
    return Refusal(429, f"Too Many Requests: retry after {retry_after}", retry_after)


@dataclass(frozen=True)
class Upload:
    """A file inside a request, under the name that came with it."""

    content: bytes
    name: str = ""


@dataclass(frozen=True)
class Request:
    """The parameters of one call as they came over HTTP, read with Telegram's leniency."""

    parameters: Mapping[str, str]
    files: Mapping[str, Upload] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """The parameter, empty where it is missing."""
        return self.parameters.get(name, "")

    def integer(self, name: str, default: int = 0) -> int:
        """The number the parameter begins with, 0 where it begins with none."""
        return whole(self.text(name)) if self.text(name) else default

    def flag(self, name: str) -> bool:
        """Whether the parameter says yes."""
        return self.text(name).strip().lower() in ("true", "yes", "1")

    def parsed(self, name: str, what: str) -> Any:
        """The parameter's JSON, None where it is missing."""
        if not self.text(name):
            return None
        try:
            return json.loads(self.text(name))
        except ValueError:
            raise refused(f"Can't parse {what} JSON object") from None


def whole(text: str) -> int:
    """The number a string begins with, as Telegram reads it: 0 where it begins with none."""
    found = _INTEGER.match(text)
    return int(found[0]) if found else 0


def string_field(fields: Json, name: str, default: str | None = None) -> str:
    """A field of a JSON object that must be there unless it has a default."""
    value = fields.get(name, default)
    if value is None and name not in fields:
        raise refused(f'Can\'t find field "{name}"')
    if not isinstance(value, (str, int)) or isinstance(value, bool):
        raise refused(f'Field "{name}" must be of type String')
    return str(value)


def integer_field(fields: Json, name: str) -> int:
    """A number in a JSON object that must be there."""
    if name not in fields:
        raise refused(f'Can\'t find field "{name}"')
    value = fields[name]
    if not isinstance(value, (str, int)) or isinstance(value, bool):
        raise refused(f'Field "{name}" must be a Number')
    if not _INTEGER.fullmatch(str(value)):
        raise refused(f'Field "{name}" must be a valid Number')
    return int(value)


def reply_parameters(request: Request) -> tuple[int, bool]:
    """The message replied to (0 for none), and whether it may be missing."""
    given = request.parsed("reply_parameters", "reply parameters")
    if given is None:
        allowed = request.flag("allow_sending_without_reply")
        return max(request.integer("reply_to_message_id"), 0), allowed
    if not isinstance(given, dict):
        raise refused("Object expected as reply parameters")
    if not given:
        return 0, False
    allowed = given.get("allow_sending_without_reply", False)
    if not isinstance(allowed, bool):
        raise refused('Field "allow_sending_without_reply" must be of type Boolean')
    return max(integer_field(given, "message_id"), 0), allowed


def commands(request: Request) -> list[Json]:
    """The commands to show in the menu."""
    given = request.parsed("commands", "commands") or []
    if not isinstance(given, list):
        raise refused("Expected an Array of BotCommand")
    kept = [_command(command) for command in given]
    if len(kept) > _COMMANDS:
        raise refused("BOT_COMMANDS_TOO_MUCH")
    return kept


def _command(command: Any) -> Json:
    wrong = "Can't parse BotCommand: "
    if not isinstance(command, dict):
        raise refused(wrong + "expected an Object")
    try:
        name = string_field(command, "command").strip().removeprefix("/")
        description = string_field(command, "description").strip()
    except Refusal as refusal:
        raise refused(wrong + inner_message(refusal)) from None
    if not name:
        raise refused("Command must be non-empty")
    if len(name) > _COMMAND_LENGTH:
        raise refused(f"Command length must not exceed {_COMMAND_LENGTH}")
    if not description:
        raise refused("Command description must be non-empty")
    if len(description) > _DESCRIPTION_LENGTH:
        raise refused(f"Command description length must not exceed {_DESCRIPTION_LENGTH}")
    if not _COMMAND_NAME.fullmatch(name):
        raise refused("BOT_COMMAND_INVALID")
    return {"command": name, "description": description}


def command_scope(request: Request) -> tuple[str, str, int]:
    """The kind of scope, the chat it names (empty for none) and the person (0 for none)."""
    wrong = "Can't parse BotCommandScope: "
    given = request.parsed("scope", "BotCommandScope")
    if given is None:
        return "default", "", 0
    if not isinstance(given, dict):
        raise refused(wrong + "BotCommandScope must be an Object")
    try:
        kind = string_field(given, "type")
        if kind in ("default", "all_private_chats", "all_group_chats", "all_chat_administrators"):
            return kind, "", 0
        if kind not in ("chat", "chat_administrators", "chat_member"):
            raise refused("Unsupported type specified")
        chat = string_field(given, "chat_id")
        if not chat:
            raise refused("Empty chat_id specified")
        user = integer_field(given, "user_id") if kind == "chat_member" else 0
    except Refusal as refusal:
        raise refused(wrong + inner_message(refusal)) from None
    if kind == "chat_member" and user <= 0:
        raise refused(wrong + "Invalid user_id specified")
    return kind, chat, user


def language_code(request: Request) -> str:
    """The language a setting is for, empty for all."""
    if not _LANGUAGE.fullmatch(request.text("language_code")):
        raise refused("Invalid language code specified")
    return request.text("language_code")


def chat_action(request: Request) -> str:
    """What the bot is said to be doing."""
    if request.text("action").lower() not in _ACTIONS:
        raise refused("Wrong parameter action in request")
    return request.text("action").lower()


def answer_text(request: Request) -> str:
    """What the person who pressed a button is told."""
    if utf16_length(request.text("text")) > _ANSWER_LENGTH:
        raise refused("MESSAGE_TOO_LONG")
    return request.text("text")


def reactions(request: Request) -> list[Json]:
    """The reactions to set, parsed; whether they may be set is `checked_reactions`."""
    given = request.parsed("reaction", "reaction types") or []
    if not isinstance(given, list):
        raise refused("Expected an Array of ReactionType")
    return [_reaction(reaction) for reaction in given]


def _reaction(reaction: Any) -> Json:
    wrong = "Can't parse ReactionType: "
    if not isinstance(reaction, dict):
        raise refused(wrong + "expected an Object")
    name = {"emoji": "emoji", "custom_emoji": "custom_emoji_id"}.get(str(reaction.get("type")))
    if "type" in reaction and name is None:
        raise refused(wrong + "invalid reaction type specified")
    try:
        return {"type": string_field(reaction, "type"), "emoji": string_field(reaction, str(name))}
    except Refusal as refusal:
        raise refused(wrong + inner_message(refusal)) from None


def checked_reactions(given: list[Json]) -> list[str]:
    """The emoji of the reactions, of which a bot has one at most."""
    if len(given) > 1:
        raise refused("REACTIONS_TOO_MANY")
    if any(each["type"] != "emoji" or each["emoji"] not in _REACTIONS for each in given):
        raise refused("REACTION_INVALID")
    return [str(each["emoji"]) for each in given]


def input_media(request: Request) -> Json:
    """What is to stand in place of the media of a message."""
    if not request.text("media"):
        raise refused('Parameter "media" is required')
    given = request.parsed("media", "input media")
    wrong = "Can't parse InputMedia: "
    if not isinstance(given, dict):
        raise refused(wrong + "expected an Object")
    try:
        kind = string_field(given, "type")
        string_field(given, "media", "")
    except Refusal as refusal:
        raise refused(wrong + inner_message(refusal)) from None
    if kind in ("animation", "audio", "live_photo", "video"):
        raise refused(f"media of type {kind} is not implemented here")
    if kind not in ("photo", "document"):
        raise refused(wrong + f'type "{kind}" is unsupported')
    return given


def checked_document(content: bytes) -> bytes:
    """A file that Telegram would take from a bot."""
    if not content:
        raise refused("File must be non-empty")
    if len(content) > _UPLOAD_BYTES:
        raise Refusal(413, "Request Entity Too Large")
    return content


def picture_size(content: bytes) -> tuple[int, int]:
    """Width and height of a picture that Telegram would take as a photo."""
    if not content:
        raise refused("File must be non-empty")
    if len(content) > _PHOTO_BYTES:
        raise refused(
            f"file of size {len(content)} bytes is too big for a photo;"
            f" the maximum size is {_PHOTO_BYTES} bytes"
        )
    width, height = _dimensions(content)
    if not width or not height:
        raise refused("IMAGE_PROCESS_FAILED")
    if width + height > _PHOTO_SIDES or max(width, height) > _PHOTO_RATIO * min(width, height):
        raise refused("PHOTO_INVALID_DIMENSIONS")
    return width, height


def _dimensions(content: bytes) -> tuple[int, int]:
    if content.startswith(b"\x89PNG\r\n\x1a\n") and len(content) >= 24:
        width, height = struct.unpack(">II", content[16:24])
        return width, height
    if content[:6] in (b"GIF87a", b"GIF89a") and len(content) >= 10:
        width, height = struct.unpack("<HH", content[6:10])
        return width, height
    if content.startswith(b"\xff\xd8"):
        return _jpeg_dimensions(content)
    return 0, 0


def _jpeg_dimensions(content: bytes) -> tuple[int, int]:
    at = 2
    while at + 9 <= len(content) and content[at] == 0xFF:
        marker, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return width, height
        at += 2 + length
    return 0, 0
