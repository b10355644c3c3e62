"""The keyboards under a message: read from a request, and what Telegram refuses in them.

Telegram reads a keyboard first and judges it then, and names the place of what it could not read
only. It knows nothing of the message that the keyboard is under, nor of who presses.
"""

from typing import Any

from bot.botapi.html import Json, checked_link
from bot.botapi.rules import Refusal, Request, inner_message, refused, string_field

_CALLBACK_DATA_BYTES = 64
_COPIED_LENGTH = 256
_ROW_BUTTONS = 8
_BUTTONS = 100
_LINKS = ("http://", "https://", "tg://")
_KINDS = (
    "url",
    "callback_data",
    "callback_game",
    "pay",
    "switch_inline_query",
    "switch_inline_query_chosen_chat",
    "switch_inline_query_current_chat",
    "login_url",
    "web_app",
    "copy_text",
)
_LOOKS = ("style", "icon_custom_emoji_id")
_CHOSEN_CHATS = (
    "allow_user_chats",
    "allow_bot_chats",
    "allow_group_chats",
    "allow_channel_chats",
)


def reply_markup(request: Request, *, only_inline: bool = False) -> Json | None:
    """The keyboard of a request, normalised; None where there is none or it is empty."""
    given = request.parsed("reply_markup", "reply keyboard markup")
    if given is None:
        return None
    return judged(read(given), only_inline=only_inline)


def read(given: Any) -> Json | None:
    """The keyboard that is meant; None where it is empty."""
    if not isinstance(given, dict):
        raise refused("Object expected as reply markup")
    if markup := _keyboard(given) or _inline_keyboard(given):
        return markup
    return given if given.get("remove_keyboard") or given.get("force_reply") else None


def judged(markup: Json | None, *, only_inline: bool = False) -> Json | None:
    """The same keyboard where Telegram would show it."""
    if markup is None:
        return None
    if "inline_keyboard" not in markup:
        if only_inline:
            raise refused("Inline keyboard expected")
        for button in (button for row in markup.get("keyboard", []) for button in row):
            if not (button if isinstance(button, str) else button["text"]):
                raise refused("Keyboard button text must be non-empty")
        return markup
    rows = [[_judged_button(button) for button in row] for row in markup["inline_keyboard"]]
    if any(len(row) > _ROW_BUTTONS for row in rows) or sum(map(len, rows)) > _BUTTONS:
        raise refused("reply markup is too long")
    return {"inline_keyboard": rows}


def _keyboard(given: Json) -> Json | None:
    rows = given.get("keyboard", [])
    if not isinstance(rows, list):
        raise refused('Field "keyboard" must be of type Array')
    if not all(isinstance(row, list) for row in rows):
        raise refused('Field "keyboard" must be an Array of Arrays')
    for button in (button for row in rows for button in row):
        if isinstance(button, str):
            continue
        try:
            if not isinstance(button, dict):
                raise refused("KeyboardButton must be a String or an Object")
            string_field(button, "text")
        except Refusal as refusal:
            raise refused(f"Can't parse keyboard button: {inner_message(refusal)}") from None
    return given if any(rows) else None


def _inline_keyboard(given: Json) -> Json | None:
    rows = given.get("inline_keyboard", [])
    if not isinstance(rows, list):
        raise refused('Field "inline_keyboard" must be of type Array')
    if not all(isinstance(row, list) for row in rows):
        raise refused(
            'Field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays'
        )
    try:
        kept = [[_inline_button(button) for button in row] for row in rows if row]
    except Refusal as refusal:
        raise refused(f"Can't parse inline keyboard button: {inner_message(refusal)}") from None
    return {"inline_keyboard": kept} if kept else None


def _inline_button(button: Any) -> Json:
    if not isinstance(button, dict):
        raise refused("InlineKeyboardButton must be an Object")
    read: Json = {"text": string_field(button, "text")}
    kinds = [
        kind
        for kind in _KINDS
        if kind in button and (button[kind] != "" or kind.startswith("switch"))
    ]
    if not kinds:
        raise refused("Text buttons are unallowed in the inline keyboard")
    # Telegram itself takes the first of several; its manual forbids what would be lost so.
    if len(kinds) > 1:
        raise refused("exactly one of the optional fields must be used")
    kind = kinds[0]
    if kind in ("login_url", "web_app"):
        raise refused(f"a button with {kind} is not implemented here")
    if kind in ("switch_inline_query_chosen_chat", "copy_text"):
        read[kind] = _inner_object(button, kind)
    elif kind in ("callback_game", "pay"):
        read[kind] = button[kind]
    else:
        read[kind] = string_field(button, kind)
    return read | {name: button[name] for name in _LOOKS if name in button}


def _inner_object(button: Json, kind: str) -> Json:
    inner = button[kind]
    if not isinstance(inner, dict):
        raise refused(f'Field "{kind}" must be of type Object')
    if kind == "copy_text":
        return {"text": string_field(inner, "text")}
    kept: Json = {"query": string_field(inner, "query", "")}
    for name in (name for name in _CHOSEN_CHATS if name in inner):
        if not isinstance(inner[name], bool):
            raise refused(f'Field "{name}" must be of type Boolean')
        kept[name] = inner[name]
    return kept


def _judged_button(button: Json) -> Json:
    if not button["text"]:
        raise refused("Inline keyboard button text must be non-empty")
    if "callback_data" in button:
        data = button["callback_data"].encode("utf-8", "surrogatepass")
        if len(data) > _CALLBACK_DATA_BYTES:
            raise refused("BUTTON_DATA_INVALID")
    elif "url" in button:
        link = checked_link(button["url"])
        if not link:
            raise refused(
                f"Inline keyboard button URL '{button['url']}' is invalid: Wrong HTTP URL"
            )
        if not link.startswith(_LINKS):
            raise refused("BUTTON_URL_INVALID")
        return button | {"url": link}
    elif "copy_text" in button:
        if not 1 <= len(button["copy_text"]["text"]) <= _COPIED_LENGTH:
            raise refused("BUTTON_COPY_TEXT_INVALID")
    elif "switch_inline_query_chosen_chat" in button:
        chosen = button["switch_inline_query_chosen_chat"]
        if not any(chosen.get(name) for name in _CHOSEN_CHATS):
            raise refused("At least one chat type must be allowed")
    elif "pay" in button or "callback_game" in button:
        # They belong under an invoice and a game, of which there are none here.
        raise refused("BUTTON_TYPE_INVALID")
    return button
