"""What a person may ask of a lyric's form, as they type it: 押韵, abab, 8x7."""

import re
from dataclasses import dataclass, replace

from core.errors import FormImpossible
from core.lyrics.copies import bare
from core.lyrics.decoding import Decoding
from core.lyrics.rhyme import Scheme

LINES = range(2, 21)
LENGTHS = range(3, 17)  # characters of a line
ACROSTIC = range(2, 21)  # characters
BEAM = 12  # candidates of each line where lines rhyme
WORDS: dict[str, Scheme] = {
    **dict.fromkeys(("押韵", "押韻", "rhyme", "aa", "aabb"), "aa"),
    **dict.fromkeys(("交韵", "交韻", "abab"), "abab"),
    **dict.fromkeys(("一韵到底", "一韻到底", "通韵", "通韻", "aaaa"), "all"),
}
SIZE = re.compile(r"(?<=\s)(\d{1,6}) ?[xX×*✕] ?(\d{1,6})$", re.ASCII)


@dataclass(frozen=True)
class Form:
    """What is asked for; None and "": nothing in particular."""

    rhyme: Scheme | None = None
    lines: int | None = None
    length: int | None = None  # characters of each line
    acrostic: str = ""

    def check(self, prefix: str = "") -> None:
        """Refuse what no lyric can have, or none that begins with `prefix`.

        Raises:
            FormImpossible.
        """
        for wanted, allowed, what in (
            (self.lines, LINES, "lines"),
            (self.length, LENGTHS, "characters"),
            (len(self.acrostic) or None, ACROSTIC, "acrostic"),
        ):
            if wanted is not None and wanted not in allowed:
                raise FormImpossible(what, wanted, allowed[0], allowed[-1])
        if self.length is not None and len(bare(prefix)) > self.length:
            raise FormImpossible("prefix", len(bare(prefix)), 1, self.length)

    def apply(self, decoding: Decoding) -> Decoding:
        """A way of writing that keeps to the form."""
        if self == Form():
            return decoding
        decoding = replace(decoding, characters=None)
        lines = len(self.acrostic) or self.lines
        if lines is not None:
            decoding = replace(decoding, lines=lines, most_lines=0)
        if self.length is not None:
            decoding = replace(decoding, line_least=self.length, line_most=self.length)
        if self.rhyme is not None:
            decoding = replace(decoding, candidates=BEAM)
        return replace(decoding, rhyme=self.rhyme, acrostic=self.acrostic)

    @classmethod
    def of(cls, decoding: Decoding) -> "Form":
        """The form that a lyric was asked for, by the way it was written."""
        exact = decoding.line_least == decoding.line_most
        return cls(
            decoding.rhyme,
            decoding.lines if exact and not decoding.acrostic else None,
            decoding.line_most if exact else None,
            decoding.acrostic,
        )

    @property
    def words(self) -> str:
        """As it would be typed behind a prefix."""
        words = []
        if self.rhyme is not None:
            words.append({"aa": "押韵", "abab": "abab", "all": "一韵到底"}[self.rhyme])
        lines = len(self.acrostic) or self.lines
        if lines is not None and self.length is not None:
            words.append(f"{lines}x{self.length}")
        return " ".join(words)


def parse(text: str) -> tuple[str, Form]:
    """What was typed: a prefix, and the form that the words behind it ask for.

    The first word is always of the prefix, so that a lyric can begin with 押韵.

    Raises:
        FormImpossible: for numbers that no lyric can have.
    """
    rest, form = " ".join(text.split()), Form()
    while True:
        before, _, word = rest.rpartition(" ")
        if form.length is None and (size := SIZE.search(rest)):
            form = replace(form, lines=int(size[1]), length=int(size[2]))
            rest = rest[: size.start()].rstrip()
        elif form.rhyme is None and before and word.lower() in WORDS:
            form = replace(form, rhyme=WORDS[word.lower()])
            rest = before
        else:
            form.check()
            return rest, form


def parse_acrostic(text: str) -> Form:
    """What was typed behind /acrostic: the first characters of the lines, and words of form.

    Punctuation and spaces among the characters are left out.

    Raises:
        FormImpossible: also where no character is left.
    """
    wanted, form = parse(text)
    characters = "".join(c for c in wanted if c.isalnum())
    if len(characters) not in ACROSTIC:
        raise FormImpossible("acrostic", len(characters), ACROSTIC[0], ACROSTIC[-1])
    return replace(form, acrostic=characters, lines=None)
