"""The buttons under a duel, and what a press of one says."""

import re
from dataclasses import dataclass
from typing import Literal

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bot.texts import Texts

Answer = Literal["0", "1", "2", "3", "like"]


@dataclass(frozen=True)
class Press:
    """An answer in a duel. A client can forge it: the database decides whether the duel exists."""

    duel_id: int
    answer: Answer

    @property
    def data(self) -> str:
        """As callback data; at most 64 bytes."""
        return f"v:{self.duel_id}:{self.answer}"

    @classmethod
    def parse(cls, data: str) -> "Press | None":
        """Read callback data; None if it is not ours. Up to 18 digits: a duel's id has 64 bits."""
        match = re.fullmatch(r"v:([0-9]{1,18}):(0|1|2|3|like)", data)
        return None if match is None else cls(int(match[1]), match[2])  # type: ignore[arg-type]


def duel_keyboard(duel_id: int, texts: Texts) -> InlineKeyboardMarkup:
    """1, 2 and neither above; what says nothing about the samplers below."""

    def button(label: str, answer: Answer) -> InlineKeyboardButton:
        return InlineKeyboardButton(label, callback_data=Press(duel_id, answer).data)

    return InlineKeyboardMarkup(
        [
            [button("1", "1"), button("2", "2"), button(texts.button_neither, "0")],
            [button(texts.button_encore, "3"), button(texts.button_like, "like")],
        ]
    )
