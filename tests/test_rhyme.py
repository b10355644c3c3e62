"""Which words rhyme, and which lines are to."""

import pytest

from core.lyrics.rhyme import GROUP_OF, GROUPS, group_of, rhyme, rhyming, voices

RHYMES = [
    *(("回家", "天涯"), ("桃花", "牵挂"), ("唱歌", "寂寞"), ("快乐", "错过"), ("姐姐", "岁月")),
    *(("街", "圆缺"), ("树", "孤独"), ("回忆", "下雨"), ("你", "去"), ("孩子", "故事")),
    *(("等待", "不该"), ("海", "奇怪"), ("眼泪", "沉醉"), ("美", "水"), ("微笑", "拥抱")),
    *(("桥", "好"), ("温柔", "等候"), ("走", "秋"), ("再见", "从前"), ("天", "圆")),
    *(("清晨", "黄昏"), ("心", "云"), ("远方", "窗"), ("忘", "月光"), ("梦", "天空")),
    *(("风", "声"), ("相逢", "永恒"), ("英雄", "情"), ("而", "一"), ("耳", "里")),
]
NO_RHYMES = [
    *(("家", "歌"), ("花", "海"), ("树", "手"), ("雨", "路"), ("泪", "来"), ("笑", "走")),
    *(("天", "心"), ("人", "风"), ("梦", "忘"), ("快乐", "音乐"), ("银行", "行走"), ("雪", "河")),
    *(("分开", "分开"), ("风", "风"), ("abc", "abc"), ("", "家"), ("🎵", "🎵"), ("家。", "花。")),
]


@pytest.mark.parametrize(("one", "two"), RHYMES)
def test_these_rhyme(one: str, two: str) -> None:
    assert rhyme(one, two)
    assert rhyme(two, one)


@pytest.mark.parametrize(("one", "two"), NO_RHYMES)
def test_these_do_not(one: str, two: str) -> None:
    assert not rhyme(one, two)


def test_a_character_is_read_as_in_its_line() -> None:
    assert group_of("我听见你的音乐") == "乜斜"
    assert group_of("今天多么快乐") == "梭坡"
    assert group_of("走进那家银行") == "江阳"


def test_no_final_is_in_two_groups() -> None:
    assert len(GROUPS) == 13
    assert sum(map(len, GROUPS.values())) == len(GROUP_OF)


@pytest.mark.parametrize(
    ("scheme", "num", "expected"),
    [
        ("aa", 5, [0, 0, 1, 1, None]),
        ("abab", 8, [0, 1, 0, 1, 2, 3, 2, 3]),
        ("abab", 6, [0, 1, 0, 1, None, None]),
        ("all", 3, [0, 0, 0]),
        ("all", 1, [None]),
    ],
)
def test_lines_have_voices(scheme: str, num: int, expected: list[int | None]) -> None:
    assert voices(scheme, num) == expected  # type: ignore[arg-type]


def test_rhyming_pairs_are_counted() -> None:
    lines = ["回家", "天涯", "树", "天空"]
    assert rhyming(lines, "aa") == (1, 2)
    assert rhyming(lines, "all") == (1, 3)
    assert rhyming(["风", "雨", "梦", "去"], "abab") == (2, 2)
