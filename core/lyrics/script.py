"""简体 and 繁體. Knows which script a reader wants and how to write a text in it.

繁體 is that of Taiwan (裡, 群, 吃, 著), for the characters only: words stay as they were written,
since a line of a song is nobody's to reword.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import Literal

Script = Literal["hans", "hant"]

CONFIGS: dict[Script, str] = {"hans": "t2s", "hant": "s2tw"}
TRADITIONAL = {"hant", "tw", "hk", "mo"}
# A tag is no text; opencc ends at a NUL and takes no lone surrogate.
KEPT = re.compile(r"(</?[A-Za-z][^<>\n]*>|[\0\ud800-\udfff]+)")


def to_script(text: str, script: Script) -> str:
    """Write `text` in `script`; line ends, {blanks} and <tags> stay as they are."""
    convert = _converter(script)
    pieces = KEPT.split(text)  # text, kept, text, kept, ..., text
    pieces[::2] = [convert(piece) if piece else "" for piece in pieces[::2]]
    return "".join(pieces)


def is_traditional(language_code: str) -> bool:
    """Whether Telegram's `language_code` asks for 繁體: zh-hant, zh-TW, zh_hk, zh-Hant-MO."""
    language, *subtags = language_code.lower().replace("_", "-").split("-")
    return language == "zh" and "hans" not in subtags and not TRADITIONAL.isdisjoint(subtags)


@cache
def _converter(script: Script) -> Callable[[str], str]:
    """A converter is slow to make, and one serves all threads."""
    from opencc import OpenCC

    # Simplified forms that most fonts lack would be shown as empty boxes.
    converter = OpenCC(CONFIGS[script], include_tofu_risk_dictionaries=False)
    convert: Callable[[str], str] = converter.convert
    return convert
