"""Which words rhyme: by the thirteen rhyme groups of sung Mandarin (十三辙).

Two lines rhyme if their last syllables are of one group. A character with several readings is read
as pypinyin reads it in its line: 快乐 rhymes with 歌, 音乐 with 月.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

Scheme = Literal["aa", "abab", "all"]

# The groups by their usual names, with the finals (as pypinyin writes them, ü as v) that each
# holds. From the opera stage, as handbooks of lyrics and of 相声 list them.
GROUPS = {
    "发花": ("a", "ia", "ua"),
    "梭坡": ("o", "e", "uo", "io"),
    "乜斜": ("ie", "ve", "ê"),
    "姑苏": ("u",),
    "一七": ("i", "v", "er"),
    "怀来": ("ai", "uai"),
    "灰堆": ("ei", "uei"),
    "遥条": ("ao", "iao"),
    "油求": ("ou", "iou"),
    "言前": ("an", "ian", "uan", "van"),
    "人辰": ("en", "in", "uen", "vn"),
    "江阳": ("ang", "iang", "uang"),
    "中东": ("eng", "ing", "ong", "iong", "ueng"),
}
GROUP_OF = {final: group for group, finals in GROUPS.items() for final in finals}
READ = 8  # characters at the end of a line that decide how its last one is read


def group_of(line: str) -> str | None:
    """The group in which a line ends; None where it ends in no Chinese syllable."""
    words = line.split()
    return _group_of(words[-1][-READ:]) if words else None


def rhyme(one: str, two: str) -> bool:
    """Whether two lines rhyme: in one group, by two different characters."""
    group = group_of(one)
    return group is not None and group == group_of(two) and one.strip()[-1] != two.strip()[-1]


def voices(scheme: Scheme, num_lines: int) -> list[int | None]:
    """For each line which others it is to rhyme with: those of the same number.

    aa: each with its neighbour; abab: with the next but one; all: each with each. None: with
    nothing, since it is left over at the end.
    """
    match scheme:
        case "aa":
            found = [line // 2 for line in range(num_lines)]
        case "abab":
            found = [line // 4 * 2 + line % 2 for line in range(num_lines)]
        case "all":
            found = [0] * num_lines
    return [one if found.count(one) > 1 else None for one in found]


def rhyming(lines: Sequence[str], scheme: Scheme) -> tuple[int, int]:
    """Of the pairs of lines that are to rhyme, each with the next of its own: how many do, and
    how many there are.
    """
    last: dict[int, str] = {}
    met = asked = 0
    for voice, line in zip(voices(scheme, len(lines)), lines, strict=True):
        if voice is None:
            continue
        if voice in last:
            asked += 1
            met += rhyme(last[voice], line)
        last[voice] = line
    return met, asked


def group_of_character(character: str) -> str | None:
    """The group of a character by itself, in its most usual reading."""
    return _group_of(character)


@lru_cache(maxsize=2**14)  # of all characters, and of many a line's end
def _group_of(word: str) -> str | None:
    from pypinyin import Style, lazy_pinyin  # which loads its dictionaries: 0.3 s

    read = lazy_pinyin(word, style=Style.FINALS, strict=True, errors=lambda _: "?")
    return GROUP_OF.get(read[-1]) if read else None
