"""The languages say the same things."""

from dataclasses import fields
from string import Formatter

import pytest
from telegram.constants import BotCommandLimit, CallbackQueryLimit

from bot.rendering import vote_reveal
from bot.texts import Texts, en, texts_for, zh, zh_hant
from core.arena.answers import Vote
from core.arena.duel import Choice, Duel, Reveal
from core.lyrics.recipe import SAMPLERS

LANGUAGES = {"zh-hans": zh.TEXTS, "zh-hant": zh_hant.TEXTS, "en": en.TEXTS}
SENTENCES = [field.name for field in fields(Texts)]


def blanks(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


@pytest.mark.parametrize("name", SENTENCES)
def test_every_sentence_is_there_with_the_same_blanks(name: str) -> None:
    said = [getattr(texts, name) for texts in LANGUAGES.values()]
    assert all(sentence.strip() for sentence in said)
    assert len({frozenset(blanks(sentence)) for sentence in said}) == 1


def test_the_languages_differ() -> None:
    same = {name for name in SENTENCES if getattr(zh.TEXTS, name) == getattr(en.TEXTS, name)}
    assert same == {"duel", "button_like", "opening"}


@pytest.mark.parametrize(
    ("code", "texts"),
    [
        (None, zh),
        ("zh", zh),
        ("zh-hans", zh),
        ("zh-TW", zh_hant),
        ("en", en),
        ("de", en),
        ("", en),
    ],
)
def test_chinese_comes_first_and_english_is_for_other_languages(
    code: str | None, texts: object
) -> None:
    assert texts_for(code) is getattr(texts, "TEXTS")  # noqa: B009


@pytest.mark.parametrize("texts", LANGUAGES.values(), ids=LANGUAGES)
@pytest.mark.parametrize("counted", [None, 0, 1, 2])
@pytest.mark.parametrize("choice", [0, 1, 2])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_reveal_fits_the_alert_it_is_shown_in(
    texts: Texts, counted: Choice | None, choice: Choice, sampler: str
) -> None:
    duel = Duel(1, "", "", "")
    vote = Vote(choice, counted, first=False, reveal=Reveal(sampler), duel=duel)  # type: ignore[arg-type]
    said = vote_reveal(vote, texts)
    assert len(said) <= CallbackQueryLimit.ANSWER_CALLBACK_QUERY_TEXT_LENGTH


@pytest.mark.parametrize("texts", LANGUAGES.values(), ids=LANGUAGES)
def test_alerts_and_menus_fit(texts: Texts) -> None:
    for alert in (texts.duel_unknown, texts.failure, texts.encore_again, texts.like_again):
        assert len(alert) <= CallbackQueryLimit.ANSWER_CALLBACK_QUERY_TEXT_LENGTH
    for entry in (texts.menu_write, texts.menu_stats, texts.menu_help):
        assert len(entry) <= BotCommandLimit.MAX_DESCRIPTION
