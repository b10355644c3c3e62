"""What Telegram shows of the bot by itself, and that every sentence fits where it is shown."""

from dataclasses import fields
from string import Formatter

import pytest
from conversation import ADMIN, Conversation
from telegram import BotCommandScopeChat
from telegram.constants import BotCommandLimit, BotDescriptionLimit, MessageLimit

from bot.dealing import plain_refusal
from bot.keyboards import duel_keyboard, inline_keyboard
from bot.menus import commands, set_menus
from bot.rendering import board_message, duration, result_message
from bot.texts import LANGUAGES, Texts, texts_for
from core.arena.boards import Tally
from core.arena.duel import Duel, Reveal
from core.arena.limits import LimitReached
from core.errors import AlreadyWriting, NothingClean, PrefixBanned, PrefixEmpty, PrefixTooLong
from core.lyrics.writer import MAX_PREFIX

ALL = pytest.mark.parametrize("texts", [texts_for(code) for code in LANGUAGES], ids=LANGUAGES)
LONGEST = {
    "id": 10**14,
    "bot": "b" * 32,
    "opening": "分开",
    "time": "1440 min",
    "limit": 100_000,
    "counted": 2,
    "choice": 2,
    "characters": "😀" * 50,
    "suggestions": "/write 分开\n" * 5,
    "language": "简体中文",
    "command": "unban",
    "hours": "8784",
}
ALERTS = (
    *("duel_unknown", "failure", "encore", "encore_again", "like", "like_again", "admins_only"),
    *("not_allowed", "group_admins_only", "language_set", "lyrics_set", "no_release"),
    *("no_release_admin", "already_writing", "nothing_clean", "prefix_banned"),
    *("limit_person_minute", "limit_person_day", "limit_room_minute", "limit_room_day"),
)
BUTTONS = 64


def units(said: str) -> int:
    return len(said.encode("utf-16-le")) // 2


def longest(sentence: str) -> str:
    blanks = {name for _, name, _, _ in Formatter().parse(sentence) if name}
    return sentence.format(**{name: LONGEST.get(name, 10**6) for name in blanks})


@ALL
@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_fits(texts: Texts, name: str) -> None:
    assert units(longest(getattr(texts, name))) <= 200


@ALL
def test_every_sentence_fits_a_message_many_times(texts: Texts) -> None:
    for field in fields(texts):
        said = longest(getattr(texts, field.name).replace("{text_1}", "").replace("{text_2}", ""))
        assert units(said) <= MessageLimit.MAX_TEXT_LENGTH / 2, field.name


@ALL
def test_menus_and_descriptions_fit(texts: Texts) -> None:
    for command in commands(texts, is_admin=True):
        assert 1 <= units(command.description) <= BotCommandLimit.MAX_DESCRIPTION
    about = texts.description.format(opening=texts.opening)
    assert units(about) <= BotDescriptionLimit.MAX_DESCRIPTION_LENGTH
    short = texts.short_description.format(opening=texts.opening)
    assert units(short) <= BotDescriptionLimit.MAX_SHORT_DESCRIPTION_LENGTH


@ALL
def test_why_inline_mode_has_nothing_fits_its_button(texts: Texts) -> None:
    reasons = [AlreadyWriting(), NothingClean(), PrefixBanned(), PrefixEmpty()]
    said = [plain_refusal(one, texts) for one in (*reasons, PrefixTooLong(256, MAX_PREFIX))]
    longest_wait = duration(LimitReached("person", 1, "day", 86_400).seconds, texts)
    said += [texts.inline_busy.format(time=longest_wait), texts.inline_unknown, texts.no_release]
    assert max(map(units, said)) <= BUTTONS
    assert all("\n" not in one for one in said)


@ALL
def test_the_longest_duel_fits_with_its_result(texts: Texts) -> None:
    duel = Duel(10**17, "&" * MAX_PREFIX, "词" * 500, "<" * 500, "😀" * MAX_PREFIX, "a" * 8)
    tally = Tally(*[10**6] * 5)
    for said in (
        board_message(duel, texts, voters=10**6),
        result_message(duel, Reveal("random"), tally, texts),
    ):
        assert units(said) <= MessageLimit.MAX_TEXT_LENGTH * 2  # in HTML, of which most is escapes
    for keyboard in (
        duel_keyboard(duel, texts, bot="b" * 32),
        inline_keyboard(duel, texts, traditional=True),
    ):
        data = [b.callback_data for row in keyboard.inline_keyboard for b in row]
        assert all(len(str(one).encode()) <= 64 for one in data)


async def test_menus_are_set_by_language_and_role(talk: Conversation) -> None:
    await talk.say("/start", talk.admin)
    bot = talk.app.bot
    await set_menus(bot, [ADMIN])
    everybody, chinese = await bot.get_my_commands(), await bot.get_my_commands(language_code="zh")
    assert everybody[0].description.startswith("Two lyrics")
    assert chinese[0].description.startswith("写两首歌词")
    scope = BotCommandScopeChat(ADMIN)
    for code, own in (("", everybody), ("zh", chinese)):
        of_admin = await bot.get_my_commands(scope, language_code=code or None)
        assert of_admin[: len(own)] == own
        assert {"admin", "retrain", "ban", "announce"} <= {c.command for c in of_admin}
        about = await bot.get_my_description(language_code=code or None)
        assert "/write 分开" in about.description
        short = await bot.get_my_short_description(language_code=code or None)
        assert short.short_description


async def test_every_command_of_a_menu_is_answered(talk: Conversation) -> None:
    for command in commands(texts_for("en"), is_admin=True):
        before = len(talk.said(talk.home(talk.admin)))
        await talk.say(f"/{command.command}", talk.admin)
        assert len(talk.said(talk.home(talk.admin))) > before, command.command
    assert await talk.services.limits.counted("errors") == 0


async def test_an_admin_who_never_wrote_holds_up_no_menu(talk: Conversation) -> None:
    await set_menus(talk.app.bot, [12345, ADMIN])
    assert await talk.app.bot.get_my_commands(language_code="zh")
