"""What may be asked of a form, as it is typed."""

import pytest

from core.errors import FormImpossible
from core.lyrics.decoding import Decoding
from core.lyrics.form import BEAM, Form, parse, parse_acrostic
from core.lyrics.recipe import ARTICLE, DEFAULT


@pytest.mark.parametrize(
    ("text", "prefix", "form"),
    [
        ("分开", "分开", Form()),
        ("分开 押韵", "分开", Form("aa")),
        ("分开 押韻", "分开", Form("aa")),
        ("分开 ABAB", "分开", Form("abab")),
        ("分开 一韵到底 8x7", "分开", Form("all", 8, 7)),
        ("分开 8×7 押韵", "分开", Form("aa", 8, 7)),
        ("我 和 你 12*5", "我 和 你", Form(None, 12, 5)),
        ("分开 8 x 7", "分开", Form(None, 8, 7)),
        ("分开 8x 7 押韵", "分开", Form("aa", 8, 7)),
        ("8 x 7", "8 x 7", Form()),
        ("押韵", "押韵", Form()),
        ("押韵 押韵", "押韵", Form("aa")),
        ("8x7", "8x7", Form()),
        ("分开 押韵 海", "分开 押韵 海", Form()),
        ("分开 押韵 abab", "分开 押韵", Form("abab")),
        ("", "", Form()),
    ],
)
def test_the_words_behind_a_prefix_are_its_form(text: str, prefix: str, form: Form) -> None:
    assert parse(text) == (prefix, form)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("分开 0x7", "lines"),
        ("分开 100x100", "lines"),
        ("分开 8x2", "characters"),
        ("分开 8x100000", "characters"),
    ],
)
def test_a_size_that_no_lyric_has_is_refused(text: str, what: str) -> None:
    with pytest.raises(FormImpossible) as refused:
        parse(text)
    assert refused.value.what == what


@pytest.mark.parametrize(
    ("text", "acrostic"),
    [("周末快乐", "周末快乐"), ("周末，快乐！", "周末快乐"), ("周 末 快 乐", "周末快乐")],
)
def test_an_acrostic_is_its_characters(text: str, acrostic: str) -> None:
    assert parse_acrostic(text) == Form(acrostic=acrostic)


def test_an_acrostic_rhymes_and_has_lengths_but_its_own_number_of_lines() -> None:
    assert parse_acrostic("周末快乐 押韵 8x7") == Form("aa", None, 7, "周末快乐")


@pytest.mark.parametrize("text", ["周", "！？", "🎵🎵🎵", "", "长" * 60])
def test_an_acrostic_too_short_or_too_long_is_refused(text: str) -> None:
    with pytest.raises(FormImpossible, match=r"2 to 20"):
        parse_acrostic(text)


def test_no_form_changes_nothing() -> None:
    for recipe in (ARTICLE, DEFAULT):
        assert Form().apply(recipe.decoding) == recipe.decoding


@pytest.mark.parametrize(
    "form", [Form("aa"), Form(None, 8, 7), Form("abab", 4, 5), Form("all", None, 7, "周末快乐")]
)
def test_a_form_is_known_again_by_how_a_lyric_was_written(form: Form) -> None:
    way = form.apply(Decoding(temperature=0.5, lines=8, most_lines=12))
    assert Form.of(way) == form
    assert way.candidates == (BEAM if form.rhyme else 1)


def test_a_form_is_said_as_it_is_typed() -> None:
    for text in ("押韵", "abab 8x7", "一韵到底", "4x5", ""):
        assert parse(f"分开 {text}")[1].words == text
    assert parse_acrostic("月光下 8x7 押韵").words == "押韵 3x7"


def test_a_prefix_longer_than_its_line_is_refused() -> None:
    Form(None, 4, 7).check("一二 三四五六七")
    with pytest.raises(FormImpossible, match="1 to 7 characters, not 8"):
        Form(None, 4, 7).check("一二三四五六七八")


def test_what_was_written_once_may_have_any_form() -> None:
    way = Decoding(temperature=0.5, lines=1, line_least=20, line_most=20)
    assert Form.of(way) == Form(None, 1, 20)
