"""The buttons under messages, and what a press of one says.

A client can forge what a press says, so nothing of it is trusted: the database decides whether the
duel exists and has that key, and the handler who may press.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bot.texts import LANGUAGES, Texts, texts_for
from core.arena.duel import Duel

Answer = Literal["0", "1", "2", "3", "like"]
_DUEL = r"([0-9]{1,18})"  # an id has 64 bits
_KEY = r"(?::([a-z0-9]{8}))?"  # the oldest duels have none
_LOOK = rf"(?::((?:{'|'.join(LANGUAGES)})[ht]))?"


@dataclass(frozen=True)
class Press:
    """An answer in a duel."""

    duel_id: int
    answer: Answer
    key: str = ""
    look: str = ""  # of a message sent in inline mode: see `look`

    @property
    def data(self) -> str:
        """As callback data; at most 64 bytes."""
        behind = (f":{one}" for one in (self.key, self.look) if one)
        return f"v:{self.duel_id}:{self.answer}{''.join(behind)}"

    @classmethod
    def parse(cls, data: str) -> "Press | None":
        """Read callback data; None if it is not ours."""
        match = re.fullmatch(rf"v:{_DUEL}:(0|1|2|3|like){_KEY}{_LOOK}", data, re.ASCII)
        return match and cls(int(match[1]), match[2], match[3] or "", match[4] or "")  # type: ignore[arg-type]


@dataclass(frozen=True)
class Wish:
    """Something that is wanted of a duel: another with its prefix, or one of its lyrics alone."""

    duel_id: int
    what: Literal["again", "1", "2"]
    key: str = ""

    @property
    def data(self) -> str:
        """As callback data."""
        return f"w:{self.duel_id}:{self.what}" + (f":{self.key}" if self.key else "")

    @classmethod
    def parse(cls, data: str) -> "Wish | None":
        """Read callback data; None if it is not ours."""
        match = re.fullmatch(rf"w:{_DUEL}:(again|1|2){_KEY}", data, re.ASCII)
        return match and cls(int(match[1]), match[2], match[3] or "")  # type: ignore[arg-type]


def duel_keyboard(
    duel: Duel, texts: Texts, *, bot: str = "", closed: bool = False
) -> InlineKeyboardMarkup:
    """1, 2 and neither above, until it is closed; then what says nothing about the samplers.

    `bot` is the bot's username, for a link that opens the duel.
    """
    rows = [] if closed else [_votes(duel, texts)]
    rows.append(_marks(duel, texts))
    takes = [
        InlineKeyboardButton(
            texts.button_take.format(side=side), callback_data=Wish(duel.id, side, duel.key).data
        )
        for side in ("1", "2")
    ]
    again = InlineKeyboardButton(
        texts.button_again, callback_data=Wish(duel.id, "again", duel.key).data
    )
    rows += [[again, *_share(duel, texts, bot)], takes]
    return InlineKeyboardMarkup(rows)


def inline_keyboard(
    duel: Duel, texts: Texts, *, traditional: bool = False, closed: bool = False
) -> InlineKeyboardMarkup:
    """Of a message sent in inline mode: another is asked for in inline mode too.

    Nobody tells the bot where such a message stands until somebody presses one of its buttons:
    so these say in what look it was sent, and it keeps that whoever presses.
    """
    again = InlineKeyboardButton(
        texts.button_again,
        switch_inline_query_current_chat=f"{duel.prefix} {duel.form.words}".strip(),
    )
    sent = look(texts, traditional=traditional)
    rows = [] if closed else [_votes(duel, texts, sent)]
    return InlineKeyboardMarkup([*rows, _marks(duel, texts, sent), [again]])


def look(texts: Texts, *, traditional: bool) -> str:
    """A language, and the characters of lyrics, as a press says them."""
    return f"{texts.language}{'t' if traditional else 'h'}"


def looked(look: str) -> tuple[Texts, bool]:
    """The texts that a look names, and whether lyrics are in 繁體."""
    return texts_for(look[:-1]), look.endswith("t")


def deep_link(duel: Duel, bot: str) -> str:
    """What opens the duel in a private chat with the bot."""
    return f"https://t.me/{bot}?start=duel_{duel.id}_{duel.key}"


def parse_deep_link(payload: str) -> tuple[int, str] | None:
    """A duel's id and key, of what /start was given."""
    match = re.fullmatch(rf"duel_{_DUEL}(?:_([a-z0-9]{{8}})?)?", payload, re.ASCII)
    return None if match is None else (int(match[1]), match[2] or "")


def language_keyboard(chosen: Texts, *, traditional: bool) -> InlineKeyboardMarkup:
    """The languages, and below them the characters of lyrics; a mark at what is chosen."""
    languages = [
        _choice(texts_for(code).language_name, f"l:{code}", chosen=chosen.language == code)
        for code in LANGUAGES
    ]
    scripts = [
        _choice(chosen.lyrics_simplified, "s:hans", chosen=not traditional),
        _choice(chosen.lyrics_traditional, "s:hant", chosen=traditional),
    ]
    return InlineKeyboardMarkup([languages, scripts])


def asking(labels: Mapping[str, str]) -> InlineKeyboardMarkup:
    """One row of buttons, by their callback data."""
    buttons = [InlineKeyboardButton(label, callback_data=data) for data, label in labels.items()]
    return InlineKeyboardMarkup([buttons])


def _votes(duel: Duel, texts: Texts, look: str = "") -> list[InlineKeyboardButton]:
    return [
        _answer("1", "1", duel, look),
        _answer("2", "2", duel, look),
        _answer(texts.button_neither, "0", duel, look),
    ]


def _marks(duel: Duel, texts: Texts, look: str = "") -> list[InlineKeyboardButton]:
    return [
        _answer(texts.button_encore, "3", duel, look),
        _answer(texts.button_like, "like", duel, look),
    ]


def _answer(label: str, answer: Answer, duel: Duel, look: str) -> InlineKeyboardButton:
    return InlineKeyboardButton(label, callback_data=Press(duel.id, answer, duel.key, look).data)


def _share(duel: Duel, texts: Texts, bot: str) -> list[InlineKeyboardButton]:
    if not bot:
        return []
    shared = urlencode({"url": deep_link(duel, bot), "text": texts.share})
    return [InlineKeyboardButton(texts.button_share, url=f"https://t.me/share/url?{shared}")]


def _choice(label: str, data: str, *, chosen: bool) -> InlineKeyboardButton:
    return InlineKeyboardButton(f"✓ {label}" if chosen else label, callback_data=data)
