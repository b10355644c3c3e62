"""The lyrics that ship with the project are what they are said to be."""

import re
import unicodedata
from pathlib import Path

import pytest

from core.lyrics.corpus import BUNDLED, read_bundled
from core.resources import resource

SONGS = sorted(resource("data/lyrics").glob("*.txt"))
# Written so in no simplified text.
TRADITIONAL = "們個來時這說過對會為愛無開關門聽風電車東長見話語讓還邊頭點樣從離間靜舊樓燈夢雙聲"


def lines_of(song: Path) -> list[str]:
    """What is sung: no comments, no empty lines."""
    lines = song.read_text(encoding="utf-8").split("\n")
    return [line for line in lines if line and not line.startswith("#")]


def test_there_are_enough_songs_characters_and_distinct_characters() -> None:
    assert len(SONGS) >= 60
    corpus = read_bundled()
    counts = corpus.counts()
    assert corpus.name == BUNDLED
    assert counts.characters >= 25_000
    assert counts.distinct >= 1_000
    assert len(set(corpus.text[:10_000])) >= 1_000  # what the article's recipe sees


def test_the_corpus_is_the_songs_in_the_order_of_their_names_and_nothing_else() -> None:
    corpus = read_bundled()
    sung = [line for song in SONGS for line in lines_of(song)]
    assert [line for line in corpus.text.split("\n") if line] == sung
    assert len(corpus.text.split("\n\n")) >= len(SONGS)
    assert "\n\n\n" not in corpus.text
    assert corpus.dropped.comments == 2 * len(SONGS)
    assert corpus.dropped.controls == 0
    assert read_bundled().sha256 == corpus.sha256


@pytest.mark.parametrize("prefix", ["分开", "不分开"])
def test_the_articles_prefixes_begin_lines_also_of_what_its_recipe_reads(prefix: str) -> None:
    text = read_bundled().text
    assert sum(line.startswith(prefix) for line in text.split("\n")) >= 3
    assert set(prefix) <= set(text[:10_000])


def test_the_openings_begin_lines() -> None:
    corpus = read_bundled()
    assert len(corpus.openings()) == 12
    for opening in corpus.openings():
        assert any(line.startswith(opening) for line in corpus.text.split("\n"))


def test_file_names_are_numbers_that_count_up_and_pinyin() -> None:
    for number, song in enumerate(SONGS, start=1):
        assert re.fullmatch(rf"{number:03}(-[a-z]+)+\.txt", song.name), song.name


def test_each_song_begins_with_its_title_and_its_mood() -> None:
    titles = []
    for song in SONGS:
        title, mood, empty, *_ = song.read_text(encoding="utf-8").split("\n")
        assert re.fullmatch(r"# \S.*\S|# \S", title), song.name
        assert re.fullmatch(r"# mood: \S+", mood), song.name
        assert empty == "", song.name
        titles.append(title)
    assert len(set(titles)) == len(titles)


def test_no_two_songs_share_a_line_of_five_characters_or_more() -> None:
    singer: dict[str, str] = {}
    for song in SONGS:
        for line in lines_of(song):
            if len(line) >= 5:
                assert singer.setdefault(line, song.name) == song.name, line


def test_every_chinese_character_is_simplified() -> None:
    text = "".join(song.read_text(encoding="utf-8") for song in SONGS)
    assert not set(TRADITIONAL) & set(text)
    # GB 2312 holds simplified characters alone; these two are simplified too, but rarer.
    for character in {c for c in text if c >= "\u3400"} - set("镚拃"):
        try:
            character.encode("gb2312")
        except UnicodeEncodeError:
            pytest.fail(f"{character} is not simplified")


def test_lines_hold_no_punctuation_and_no_space_but_single_ones_between_words() -> None:
    for song in SONGS:
        for line in lines_of(song):
            assert "  " not in line, (song.name, line)
            for c in line:
                assert c == " " or unicodedata.category(c)[0] in "LN", (song.name, line)


def test_files_are_tidy() -> None:
    for song in SONGS:
        raw = song.read_bytes()
        assert b"\r" not in raw
        assert not raw.startswith(b"\xef\xbb\xbf")
        assert raw.endswith(b"\n")
        assert not raw.endswith(b"\n\n")
        for line in raw.decode("utf-8").split("\n"):
            assert line == line.strip(), (song.name, line)
