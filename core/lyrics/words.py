"""An operator's list of banned words. Knows nothing of who asks, or what is done about a word.

Text and words are compared as a reader sees them: 繁體 as 简体, full width as half width, large as
small letters, without what is invisible, and across the spaces, line ends and punctuation between
the characters. Beside letters and digits only pictographs count, so an emoji can be banned.

Of letters with a capital form (Latin, Greek, Cyrillic) and of digits whole words are meant: "ass"
is not in "class", "64" not in "164". Letters are found written together, spelled out ("a s s",
"a.s.s"), or with gaps where the list has them, but not with a gap just anywhere: "hell" is not in
"he'll".
"""

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from core.errors import CorpusUnreadable, SettingsError
from core.lyrics.corpus import decode
from core.lyrics.script import to_script

if TYPE_CHECKING:
    from ahocorasick_rs import AhoCorasick

SETTING = "LYRICBOT_BANNED_WORDS"
COMMENT = "#"
GAP = " "  # what every visible thing that does not count becomes
FILLERS = "\u115f\u1160"  # letters by their category, and blank
PICTOGRAPHS = "\U0001f000"  # from here on
MOST_NAMED = 5


@dataclass(frozen=True)
class _Form:
    """One way a banned word may be written, plain and without gaps."""

    plain: str
    inner: tuple[int, ...]  # where a letter follows a letter
    gaps: tuple[bool, ...]  # whether the list has a gap there
    word: str = field(compare=False)


@dataclass(frozen=True)
class BannedWords:
    """Words that no text may hold."""

    words: tuple[str, ...] = field(repr=False)  # as the operator wrote them
    _forms: tuple[_Form, ...] = field(repr=False)
    _automaton: "AhoCorasick | None" = field(repr=False, compare=False)

    @classmethod
    def none(cls) -> Self:
        """Nothing is banned."""
        return cls((), (), None)

    @classmethod
    def of(cls, words: Iterable[str]) -> Self:
        """Ban these words; one without letters, digits or pictographs bans nothing."""
        words = tuple(words)
        forms = tuple({form: None for word in words for form in _forms(word)})
        if not forms:
            return cls(words, (), None)
        from ahocorasick_rs import AhoCorasick

        return cls(words, forms, AhoCorasick(form.plain for form in forms))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file in UTF-8 or GB18030, one word a line; "#" begins a comment line.

        Raises:
            SettingsError: the file cannot be read, or a line would ban nothing.
        """
        words, empty = [], []
        for number, line in enumerate(_lines(path), start=1):
            word = line.strip()
            if word and not word.startswith(COMMENT):
                words.append(word)
                if not _fold(word).strip(GAP):
                    empty.append(number)
        if empty:
            lines = "line" if len(empty) == 1 else "lines"
            named = ", ".join(map(str, empty[:MOST_NAMED]))
            more = f" and {len(empty) - MOST_NAMED} more" if len(empty) > MOST_NAMED else ""
            raise SettingsError(
                f"{SETTING}: {path}, {lines} {named}{more}: a word needs a letter, a digit or an "
                f"emoji. Take it out, or begin the line with {COMMENT} to keep it as a comment."
            )
        return cls.of(words)

    def found(self, text: str) -> str | None:
        """The banned word in `text`, as the list has it: of several the one that ends first."""
        if self._automaton is None:
            return None
        folded = _fold(text)
        plain = folded.replace(GAP, "")
        gaps: list[bool] = []
        for which, start, end in self._automaton.find_matches_as_indexes(plain, overlapping=True):
            gaps = gaps or _gaps(folded)
            form = self._forms[which]
            if _whole(plain, gaps, start) and _whole(plain, gaps, end):
                inside = tuple(gaps[start + i] for i in form.inner)
                if all(inside) or not any(inside) or inside == form.gaps:
                    return form.word
        return None


class _Plain(dict[int, str]):
    """What counts of each character, worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        # There and back: 着 and 著, 余 and 馀 become one, which one way would not do.
        folded = unicodedata.normalize("NFKC", chr(code).casefold())
        simplified = to_script(to_script(folded, "hant"), "hans")
        plain = self[code] = "".join(map(_counted, simplified))
        return plain


_PLAIN = _Plain()


def _fold(text: str) -> str:
    """`text` as it is compared, with a GAP for what stands between.

    Each character for itself, not phrase by phrase: what surrounds a word must not change it.
    """
    return unicodedata.normalize("NFKC", text).translate(_PLAIN)


def _counted(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] == "M" or category == "Cf" or character in FILLERS:
        return ""
    if category == "Cc":
        return GAP if character.isspace() else ""
    pictograph = category == "So" and character >= PICTOGRAPHS
    return character if category[0] in "LN" or pictograph else GAP


def _gaps(folded: str) -> list[bool]:
    """Whether there is a gap before each character that counts, and True for the end."""
    gaps, gap = [], True
    for character in folded:
        if character != GAP:
            gaps.append(gap)
        gap = character == GAP
    return [*gaps, True]


def _forms(word: str) -> Iterator[_Form]:
    # 回复 is 回覆 in 繁體, and 覆 alone no 复: both scripts' spelling of the word is looked for.
    for spelling in (word, to_script(word, "hant"), to_script(word, "hans")):
        folded = _fold(spelling)
        plain, gaps = folded.replace(GAP, ""), _gaps(folded)
        inner = tuple(i for i in range(1, len(plain)) if _cased(plain[i - 1]) and _cased(plain[i]))
        if plain:
            yield _Form(plain, inner, tuple(gaps[i] for i in inner), word)


def _cased(character: str) -> bool:
    return character.upper() != character  # a folded letter is a small one


def _whole(plain: str, gaps: list[bool], i: int) -> bool:
    """Whether a word may begin or end before `plain[i]`."""
    return gaps[i] or not all(c.isdecimal() or _cased(c) for c in plain[i - 1 : i + 1])


def _lines(path: Path) -> list[str]:
    try:
        text, _ = decode(path.read_bytes(), str(path))
    except OSError as error:
        raise SettingsError(
            f"{SETTING}: {path} cannot be read ({error.strerror}). Name a file, one word a line."
        ) from error
    except CorpusUnreadable as error:
        raise SettingsError(f"{SETTING}: {error}") from error
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
