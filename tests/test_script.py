"""简体 and 繁體: what is converted, what stays, and who is asked in which."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.texts import zh, zh_hant
from core.lyrics.corpus import read_bundled
from core.lyrics.script import CONFIGS, Script, is_traditional, to_script

ROOT = Path(__file__).parents[1]
SCRIPTS: list[Script] = list(CONFIGS)
ANY_TEXT = st.text(st.characters())  # lone surrogates too
ASCII = st.text(st.characters(max_codepoint=127))
SAID = {name: getattr(zh.TEXTS, name) for name in (field.name for field in fields(zh.TEXTS))}
SENTENCES = [name for name, said in SAID.items() if isinstance(said, str)]


def blanks(sentence: str) -> list[str | None]:
    return [name for _, name, _, _ in Formatter().parse(sentence)]


# By context


@pytest.mark.parametrize(
    ("hans", "hant"),
    [
        ("后来皇后走在后面", "後來皇后走在後面"),
        ("屋里一里路", "屋裡一里路"),
        ("头发发光", "頭髮發光"),
        ("后面的面馆吃面", "後面的麵館吃麵"),
        ("心里干净，干杯，树干", "心裡乾淨，乾杯，樹幹"),
        ("只有一只猫", "只有一隻貓"),
        ("台风吹过舞台", "颱風吹過舞臺"),
        ("你看着我，在人群里，为什么", "你看著我，在人群裡，為什麼"),
    ],
)
def test_a_line_reads_right_in_both_scripts(hans: str, hant: str) -> None:
    assert to_script(hans, "hant") == hant
    assert to_script(hant, "hans").replace("著", "着") == hans


def test_words_are_not_reworded() -> None:
    assert to_script("默认软件", "hant") == "默認軟件"


def test_no_rare_simplified_form_is_written_that_fonts_lack() -> None:
    assert to_script("㑮", "hans") == "㑮"


def test_every_bundled_song_keeps_its_lines_and_their_lengths() -> None:
    text = read_bundled().text
    hant = to_script(text, "hant")
    assert hant != text
    assert [len(line) for line in hant.split("\n")] == [len(line) for line in text.split("\n")]


# What stays


@given(ASCII, st.sampled_from(SCRIPTS))
def test_ascii_stays_as_it_is(text: str, script: Script) -> None:
    assert to_script(text, script) == text


@given(ANY_TEXT, ANY_TEXT, ASCII, st.sampled_from(SCRIPTS))
def test_any_text_is_converted_around_what_stays(
    before: str, after: str, kept: str, script: Script
) -> None:
    kept = f"\r\n{kept}\n"
    assert kept in to_script(before + kept + after, script)


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize(
    "kept",
    [
        "{opening}",
        "<b>",
        "</b>",
        '<a href="https://example.org/发髮">',
        "\r\n",
        "\0",
        "\ud800",
        "",
    ],
)
def test_blanks_tags_and_odd_characters_stay(kept: str, script: Script) -> None:
    text = "里发{}发里"
    there = "里发" if script == "hans" else to_script("里发", script)
    assert to_script(text.format(kept), script).startswith(there + kept)
    assert to_script(f"<b>{kept}", script) == f"<b>{kept}"


def test_what_only_looks_like_a_tag_is_converted() -> None:
    assert to_script("1 < 头发 > 0 <后来>", "hant") == "1 < 頭髮 > 0 <後來>"


def test_threads_share_a_converter() -> None:
    lines = [line for line in read_bundled().text.split("\n") if line] * 3
    alone = [to_script(line, "hant") for line in lines]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda line: to_script(line, "hant"), lines)) == alone


# Who is asked in which


@pytest.mark.parametrize(
    "code", ["zh-hant", "zh-Hant", "zh-TW", "zh_tw", "ZH-HK", "zh-mo", "zh-Hant-HK", "zh_Hant_TW"]
)
def test_traditional_is_for_those_who_read_it(code: str) -> None:
    assert is_traditional(code)


@pytest.mark.parametrize(
    "code", ["", "zh", "zh-hans", "zh-CN", "zh_sg", "zh-Hans-HK", "en", "en-HK", "zhtw", "tw", "-"]
)
def test_simplified_is_for_other_chinese_and_nothing_is_said_of_other_languages(code: str) -> None:
    assert not is_traditional(code)


# The bot's sentences


@pytest.mark.parametrize("name", SENTENCES)
def test_every_sentence_keeps_its_blanks_and_lines_in_traditional_characters(name: str) -> None:
    hans, hant = SAID[name], getattr(zh_hant.TEXTS, name)
    assert blanks(hant) == blanks(hans)
    assert hant.count("\n") == hans.count("\n")


def test_the_language_is_its_own() -> None:
    assert zh_hant.TEXTS.language == "zh-hant"
    assert zh_hant.TEXTS.menu_help == "怎麼玩"


def test_what_is_replaced_is_traditional_and_so_is_what_replaces_it() -> None:
    for words in zh_hant.WORDS.items():
        assert all(to_script(word, "hant") == word for word in words)


@pytest.mark.parametrize("module", ["bot.texts.zh", "core.lyrics.script"])
def test_opencc_is_imported_only_by_those_who_need_it(module: str) -> None:
    check = f"import sys, {module}; sys.exit('opencc' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True, cwd=ROOT)
