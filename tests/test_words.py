"""Banned words: what is found however it is written, what is not, and the operator's file."""

import os
import subprocess
import sys
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import SettingsError
from core.lyrics.words import BannedWords

ROOT = Path(__file__).parents[1]
ANY_TEXT = st.text(st.characters())  # lone surrogates too


def stands_alone(character: str) -> bool:
    """Whether it is compared as one character, and never becomes one with its neighbours."""
    plain = unicodedata.normalize("NFKD", character.casefold())
    return len(plain) == 1 and not "\u1100" <= plain <= "\u11ff"  # the parts of 한글


ALONE = st.characters(categories=["Lo", "Lu", "Ll", "Nd"]).filter(stands_alone)
WORD = st.text(ALONE, min_size=1, max_size=6)
HAN = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=1, max_size=6)
GAP = st.text(
    st.sampled_from(" \n\t\r\u3000，。、…—·*-_.|~+/\\'\"“”（）【】★"), min_size=1, max_size=3
)
INVISIBLE = st.text(
    st.sampled_from("\u200b\u200c\u200d\u2060\ufeff\u00ad\ufe0f\u0336\0"), max_size=3
)


def found(word: str, text: str) -> bool:
    said = BannedWords.of([word]).found(text)
    assert said in (word, None)
    return said is not None


# However it is written


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("赌博", "他在賭博"),
        ("賭博", "他在赌博"),
        ("头发", "她的頭髮"),
        ("看着", "我看著你"),
        ("看著", "我看着你"),
        ("回复", "請回覆"),  # by phrase: 覆 alone is no 复
        ("借口", "藉口"),
        ("背你", "揹你"),
        ("乾隆", "干隆"),
        ("乾", "乾隆"),  # not turned into 干 by what surrounds it
        ("余生", "我馀生"),
        ("赌博", "赌 博"),
        ("赌博", "赌\n博"),
        ("赌博", "赌，…博"),
        ("赌博", "赌\u200b\u2060博"),
        ("赌博", "赌★|+博"),
        ("赌博", "赌\u0336博\u0336"),
        ("赌 博", "赌博"),
        ("#赌博", "赌博"),
        ("vpn", "ＶＰＮ"),
        ("ＶＰＮ", "vpn"),
        ("VPN", "用vpn吧"),
        ("ガス", "ｶﾞｽ"),
        ("straße", "STRASSE"),
        ("8964", "８９６４"),
        ("8964", "8-9-6-4"),
        ("1", "①"),
        ("🖕", "给你🖕🏿️"),
        ("ass", "ass"),
        ("ass", "an ass!"),
        ("ass", "你ass你"),
        ("ass", "a s s"),
        ("ass", "pass a.s.s"),
        ("ass", "a\u200bs\u00ads"),
        ("kill yourself", "Kill yourself."),
        ("kill yourself", "kill-\nyourself"),
        ("kill yourself", "killyourself"),
        ("kill yourself", "k i l l y o u r s e l f"),
        ("卡拉OK", "卡拉 ok"),
        ("卡拉OK", "卡拉O.K."),
        ("блин", "БЛИН"),
    ],
)
def test_a_word_is_found_however_it_is_written(word: str, text: str) -> None:
    assert found(word, text)


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("ass", "class"),
        ("ass", "assess"),
        ("ass", "pass"),
        ("ass", "ass1"),
        ("ass", "has sand"),
        ("ass", "it was so"),
        ("hell", "he'll"),
        ("hell", "shell"),
        ("well", "we'll"),
        ("kill yourself", "kil lyourself"),
        ("卡拉OK", "卡拉okay"),
        ("64", "164"),
        ("64", "640"),
        ("блин", "блины"),
        ("café", "cafe"),
        ("赌博", "赌一博"),
        ("赌博", "博赌"),
        ("赌博", "赌😀博"),
        ("赌博", ""),
    ],
)
def test_a_word_is_not_found_in_what_only_resembles_it(word: str, text: str) -> None:
    assert not found(word, text)


@given(ANY_TEXT, st.lists(ANY_TEXT, max_size=5))
def test_any_text_can_be_asked_about_any_words(text: str, words: list[str]) -> None:
    assert BannedWords.of(words).found(text) in {None, *words}


@given(WORD, ANY_TEXT, ANY_TEXT, GAP, st.data())
def test_a_word_is_found_within_any_text_with_gaps_between_its_characters(
    word: str, before: str, after: str, gap: str, data: st.DataObject
) -> None:
    spelled = "".join(c + data.draw(INVISIBLE) + data.draw(GAP) for c in word)
    for text in (spelled, word + gap):
        assert found(word, before + gap + text + after)


@given(HAN, HAN, HAN, st.data())
def test_a_chinese_word_is_found_right_beside_others_and_with_gaps_anywhere(
    word: str, before: str, after: str, data: st.DataObject
) -> None:
    gaps = [data.draw(st.one_of(INVISIBLE, GAP)) for _ in word]
    spelled = "".join(c + gap for c, gap in zip(word, gaps, strict=True))
    assert found(word, before + spelled + after)


@given(WORD)
def test_a_word_is_found_in_small_letters(word: str) -> None:
    assert found(word, word.casefold())


LATIN = st.text("abcdeéABCDE", min_size=1, max_size=6)


@given(LATIN, LATIN, LATIN)
def test_a_latin_word_is_not_found_where_letters_touch_it(
    word: str, before: str, after: str
) -> None:
    assert not found(word, f"{before}{word}{after}")


@given(st.lists(HAN, min_size=1, max_size=8), HAN)
def test_what_is_found_is_in_the_text_and_what_is_in_it_is_found(
    words: list[str], text: str
) -> None:
    said = BannedWords.of(words).found(text)
    assert said is None or found(said, text)
    assert (said is not None) == any(found(word, text) for word in words)


def test_of_several_words_the_first_to_end_is_told_as_the_operator_wrote_it() -> None:
    banned = BannedWords.of(["賭博网站", "赌博", "毒品"])
    assert banned.found("毒品和赌博网站") == "毒品"
    assert banned.found("上賭 博網站") == "赌博"
    assert banned.found("一场雨") is None


def test_the_same_letters_with_other_gaps_are_another_word() -> None:
    banned = BannedWords.of(["thera pist", "therapist", "the rapist"])
    assert banned.found("the rapist") == "the rapist"
    assert not found("therapist", "the rapist")


def test_threads_ask_the_same_list() -> None:
    banned = BannedWords.of([f"词{n}词" for n in range(200)])
    texts = [f"一首歌里有詞{n}詞这样的" for n in range(0, 400)] * 5
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(banned.found, texts))
    assert said == [f"词{n}词" if n < 200 else None for n in range(400)] * 5


def test_nothing_is_banned_by_none_and_no_library_is_loaded_for_it() -> None:
    assert BannedWords.none().found("赌博") is None
    assert BannedWords.none() == BannedWords.of([])
    check = (
        "import sys; from core.lyrics.words import BannedWords; BannedWords.none().found('赌博');"
        "sys.exit(bool({'opencc', 'ahocorasick_rs'} & {*sys.modules}))"
    )
    subprocess.run([sys.executable, "-c", check], check=True, cwd=ROOT)


def test_the_words_are_kept_out_of_logs() -> None:
    assert "赌博" not in repr(BannedWords.of(["赌博"]))


# The operator's file


def read(raw: bytes, path: Path) -> BannedWords:
    path.write_bytes(raw)
    return BannedWords.read(path)


def refusal(path: Path) -> str:
    """Why `path` is refused; it names the setting and the file."""
    with pytest.raises(SettingsError) as caught:
        BannedWords.read(path)
    assert "LYRICBOT_BANNED_WORDS" in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


LIST = "# 不许出现的词\n赌博\n\n  毒品  \n#fuck\n色情網站\nfuck\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_list_reads_the_same_in_each_encoding(tmp_path: Path, encoding: str, end: str) -> None:
    banned = read(LIST.replace("\n", end).encode(encoding), tmp_path / "words.txt")
    assert banned.words == ("赌博", "毒品", "色情網站", "fuck")


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    raw = ("\ufeff" + LIST).encode("gb18030")
    assert read(raw, tmp_path / "words.txt").words == ("赌博", "毒品", "色情網站", "fuck")


@pytest.mark.parametrize("raw", [b"", b"\n\n", b"\xef\xbb\xbf", "# 还没有\n".encode()])
def test_an_empty_list_bans_nothing(tmp_path: Path, raw: bytes) -> None:
    assert read(raw, tmp_path / "words.txt") == BannedWords.none()


def test_one_short_word_in_gb18030_is_a_list(tmp_path: Path) -> None:
    assert read("赌博".encode("gb18030"), tmp_path / "words.txt").words == ("赌博",)


def test_a_word_of_which_nothing_is_left_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("# 词\r\n赌博\r\n……\r\n\u2028\r\n", newline="")
    assert "line 3:" in refusal(path)
    path.write_text("★\n" * 9)
    assert "lines 1, 2, 3, 4, 5 and 4 more:" in refusal(path)


def test_a_file_that_is_not_there_or_is_a_folder_is_refused(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "words.txt")
    assert "directory" in refusal(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text(LIST)
    path.chmod(0)
    assert "Permission" in refusal(path)


@pytest.mark.parametrize(
    "raw",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(range(1, 256)) * 20,
        LIST.encode("utf-16"),
        "敏感詞\n賭博網站\n白癡\n王八蛋\n色情\n毒品\n".encode("big5"),
    ],
    ids=["an image", "utf-16", "big5"],
)
def test_what_is_no_list_is_refused(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes(raw)
    assert "UTF-8" in refusal(path)
