"""The HTML that Telegram takes in a message, turned into a text and its entities.

A pure function over strings: the tags Telegram knows, their attributes and character references,
with Telegram's own complaints (offsets in those are bytes of UTF-8, offsets in entities are UTF-16
units). It knows nothing of messages, limits or chats.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

_END = "\0"
_SPACES = " \t\r\n\v" + _END
_NAME_ENDS = _SPACES + "=>/\"'"
_PLAIN = re.compile("[^<&]+")
_SURROGATE = re.compile("[\ud800-\udfff]")
_TOKEN = re.compile(r"[A-Za-z0-9.-]*")
_REFERENCE = re.compile(r"&(?:#x(?P<hex>[0-9A-Fa-f]*)|#(?P<decimal>[0-9]*)|(?P<name>[A-Za-z]*))")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_LONGEST_NUMERIC_REFERENCE = 9
_LINK = re.compile(r"(?:(https?)://)?([^/?#\s:@]+(?::\d+)?)([/?#].*)?", re.IGNORECASE | re.DOTALL)
_APP_LINK = re.compile(r"(tg|ton|tonsite):(?://)?([\w.-]+)(.*)", re.IGNORECASE | re.DOTALL)
_USER_LINK = re.compile(r"tg:(?://)?user/?\?(?:[^#]*&)?id=(\d+)(?:[&#].*)?", re.IGNORECASE)

_PLAIN_TYPES = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "span": "spoiler",
    "tg-spoiler": "spoiler",
}
_TAGS = frozenset(_PLAIN_TYPES) | {"a", "code", "pre", "blockquote", "tg-emoji"}
# Among entities over the very same range, the outermost first.
_PRIORITY = {
    "blockquote": 0,
    "expandable_blockquote": 1,
    "pre": 10,
    "code": 20,
    "text_link": 49,
    "text_mention": 49,
    "bold": 90,
    "italic": 91,
    "underline": 92,
    "strikethrough": 93,
    "spoiler": 94,
    "custom_emoji": 99,
}


class HtmlError(ValueError):
    """Telegram's complaint about the markup, without the prefix that the API puts before it."""


def utf16_length(text: str) -> int:
    """The length as Telegram counts it: characters beyond the basic plane count twice."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def copied(value: Any) -> Any:
    """A copy of a JSON value that shares nothing with it."""
    # Every answer is copied, and `copy.deepcopy` takes ten times as long.
    if isinstance(value, dict):
        return {
            name: copied(inner) if isinstance(inner, (dict, list)) else inner
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [copied(inner) for inner in value]
    return value


def entity_order(entity: Json) -> tuple[int, int, int]:
    """The sort key that puts entities in Telegram's order."""
    return entity["offset"], -entity["length"], _PRIORITY.get(entity["type"], 50)


def checked_link(url: str) -> str | None:
    """The link as Telegram would keep it, or None where it takes the string for no link."""
    if app := _APP_LINK.fullmatch(url):
        return f"{app[1].lower()}://{app[2]}{app[3]}"
    link = _LINK.fullmatch(url)
    if link is None or "." not in link[2].strip("."):
        return None
    path = link[3] or "/"
    return (
        f"{(link[1] or 'http').lower()}://{link[2].lower()}{'' if path[0] == '/' else '/'}{path}"
    )


def parse_html(text: str) -> tuple[str, list[Json]]:
    """The text without its markup, and the entities that the markup stood for."""
    return _Parser(text).run()


@dataclass(frozen=True)
class _Open:
    tag: str
    argument: str
    offset: int
    at: int


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._out: list[str] = []
        self._units = 0
        self._open: list[_Open] = []
        self._entities: list[Json] = []

    def run(self) -> tuple[str, list[Json]]:
        while self._at < len(self._text):
            if plain := _PLAIN.match(self._text, self._at):
                self._put(plain[0])
                self._at = plain.end()
            elif self._text[self._at] == "<":
                self._tag()
            elif decoded := self._reference():
                self._put(decoded)
            else:
                self._put("&")
                self._at += 1
        if self._open:
            tag = self._open[-1].tag
            raise HtmlError(f'Can\'t find end tag corresponding to start tag "{tag}"')
        text = "".join(self._out)
        if _SURROGATE.search(text):
            raise HtmlError(
                "Text contains invalid Unicode characters after decoding HTML entities,"
                " check for unmatched surrogate code units"
            )
        return text, sorted(self._entities, key=entity_order)

    def _put(self, text: str) -> None:
        self._out.append(text)
        self._units += utf16_length(text)

    def _peek(self) -> str:
        return self._text[self._at] if self._at < len(self._text) else _END

    def _skip(self, wanted: Callable[[str], bool]) -> str:
        start = self._at
        while self._at < len(self._text) and wanted(self._text[self._at]):
            self._at += 1
        return self._text[start : self._at]

    def _skip_spaces(self) -> None:
        self._skip(lambda character: character in _SPACES)

    def _byte(self, at: int) -> str:
        return f"at byte offset {len(self._text[:at].encode('utf-8', 'surrogatepass'))}"

    def _reference(self) -> str:
        """The character that a reference here stands for; empty where it is no reference."""
        found = _REFERENCE.match(self._text, self._at)
        if found is None:
            return ""
        if found["name"] is not None:
            decoded = _NAMED.get(found["name"], "")
        else:
            digits, base = (
                (found["hex"], 16) if found["hex"] is not None else (found["decimal"], 10)
            )
            too_long = found.end() - found.start() > _LONGEST_NUMERIC_REFERENCE
            code = int(digits, base) if digits and not too_long else 0
            decoded = chr(code) if 0 < code < 0x10FFFF else ""
        if decoded:
            self._at = found.end() + (self._text[found.end() : found.end() + 1] == ";")
        return decoded

    def _tag(self) -> None:
        begin = self._at
        self._at += 1
        if self._peek() == "/":
            self._end_tag(begin)
        else:
            self._start_tag(begin)

    def _start_tag(self, begin: int) -> None:
        tag = self._skip(lambda character: character not in _SPACES and character != ">").lower()
        if self._peek() == _END:
            raise HtmlError(f"Unclosed start tag {self._byte(begin)}")
        if tag not in _TAGS:
            raise HtmlError(f'Unsupported start tag "{tag}" {self._byte(begin)}')
        argument = ""
        while True:
            self._skip_spaces()
            if self._peek() == ">":
                break
            name, value = self._attribute(tag, begin)
            argument = _argument(tag, name, value) or argument
        self._at += 1
        if tag == "span" and argument != "spoiler":
            raise HtmlError(f'Tag "span" must have class "tg-spoiler" {self._byte(begin)}')
        self._open.append(_Open(tag, argument, self._units, len(self._out)))

    def _attribute(self, tag: str, begin: int) -> tuple[str, str]:
        name = self._skip(lambda character: character not in _NAME_ENDS)
        if not name:
            raise HtmlError(f'Empty attribute name in the tag "{tag}" {self._byte(begin)}')
        self._skip_spaces()
        if self._peek() == _END:
            raise HtmlError(f'Unclosed start tag "{tag}" {self._byte(begin)}')
        if self._peek() != "=":
            return name, ""
        self._at += 1
        self._skip_spaces()
        if self._peek() == _END:
            raise HtmlError(f'Unclosed start tag "{tag}" {self._byte(begin)}')
        value = self._quoted() if self._peek() in "\"'" else self._bare()
        if self._peek() == _END:
            raise HtmlError(f"Unclosed start tag {self._byte(begin)}")
        return name, value

    def _bare(self) -> str:
        begin = self._at
        found = _TOKEN.match(self._text, begin)
        token = found[0] if found else ""
        self._at += len(token)
        if self._peek() not in _SPACES and self._peek() != ">":
            raise HtmlError(f"Unexpected end of name token {self._byte(begin)}")
        return token.lower()

    def _quoted(self) -> str:
        quote = self._peek()
        self._at += 1
        value: list[str] = []
        while self._peek() not in (quote, _END):
            decoded = self._reference() if self._peek() == "&" else ""
            if not decoded:
                decoded = self._peek()
                self._at += 1
            value.append(decoded)
        self._at += self._peek() == quote
        return "".join(value)

    def _end_tag(self, begin: int) -> None:
        if not self._open:
            raise HtmlError(f"Unexpected end tag {self._byte(begin)}")
        self._at += 1
        tag = self._skip(lambda character: character not in _SPACES and character != ">").lower()
        self._skip_spaces()
        if self._peek() != ">":
            raise HtmlError(f"Unclosed end tag {self._byte(begin)}")
        self._at += 1
        opened = self._open.pop()
        if tag and tag != opened.tag:
            raise HtmlError(
                f"Unmatched end tag {self._byte(begin)},"
                f' expected "</{opened.tag}>", found "</{tag}>"'
            )
        if self._units > opened.offset:
            self._close(opened)

    def _close(self, opened: _Open) -> None:
        place = {"offset": opened.offset, "length": self._units - opened.offset}
        last = self._entities[-1] if self._entities else {}
        covers_last = all(last.get(key) == value for key, value in place.items())
        if opened.tag == "pre" and covers_last and last["type"] == "code" and "language" in last:
            last["type"] = "pre"
        elif opened.tag == "code" and covers_last and last["type"] == "pre" and opened.argument:
            last["language"] = opened.argument
        elif kind := self._kind(opened):
            self._entities.append(kind | place)
        self._forget_language()

    def _kind(self, opened: _Open) -> Json | None:
        match opened.tag:
            case "a":
                return _link_entity(opened.argument or "".join(self._out[opened.at :]))
            case "pre":
                return {"type": "pre"}
            case "code":
                return {"type": "code"} | (
                    {"language": opened.argument} if opened.argument else {}
                )
            case "blockquote":
                return {"type": "expandable_blockquote" if opened.argument else "blockquote"}
            case "tg-emoji":
                if not opened.argument.isdecimal() or int(opened.argument) == 0:
                    raise HtmlError("Invalid custom emoji identifier specified")
                return {"type": "custom_emoji", "custom_emoji_id": opened.argument}
            case tag:
                return {"type": _PLAIN_TYPES[tag]}

    def _forget_language(self) -> None:
        """A language is for a code block only: inline code keeps it just to meet its <pre>."""
        if not any(opened.tag == "pre" for opened in self._open):
            for entity in self._entities:
                if entity["type"] == "code":
                    entity.pop("language", None)


def _argument(tag: str, name: str, value: str) -> str:
    match tag, name:
        case ("a", "href") | ("tg-emoji", "emoji-id"):
            return value
        case ("code", "class") if value.startswith("language-"):
            return value.removeprefix("language-")
        case ("span", "class") if value.startswith("tg-"):
            return value.removeprefix("tg-")
        case ("blockquote", "expandable"):
            return "1"
    return ""


def _link_entity(url: str) -> Json | None:
    if user := _USER_LINK.fullmatch(url):
        return {"type": "text_mention", "user": {"id": int(user[1])}}
    link = checked_link(url)
    return {"type": "text_link", "url": link} if link else None
