"""/language: by Telegram at first, then as chosen; a group's by its admins."""

from pathlib import Path

import pytest
from conversation import Conversation, buttons, conversation
from factories import make_checkpoint
from telegram import BotCommandScopeChat


def labels(talk: Conversation) -> list[str]:
    return [b["text"] for b in buttons(talk.last())]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("zh-hans", "哪一首更好？"),
        ("zh-hant", "哪一首更好？"),
        ("zh-TW", "簡體"),
        ("de", "Which one"),
        (None, "哪一首更好？"),
    ],
)
async def test_telegrams_language_is_spoken(
    talk: Conversation, code: str | None, said: str
) -> None:
    person = talk.api.person(7, "Somebody", language_code=code)
    await talk.say("/language", person)
    await talk.duel(person)
    assert said in f"{talk.said(talk.home(person))}"


async def test_who_reads_traditional_gets_lyrics_in_it(talk: Conversation) -> None:
    person = talk.api.person(7, "Mei", language_code="zh-hant")
    await talk.say("/write 车站", person)
    assert "🎤 車站" in talk.last(talk.home(person))["text"]
    await talk.say("/language", person)
    await talk.click("s:hans", talk.last(talk.home(person)), person)
    await talk.say("/write 车站", person)
    assert "🎤 车站" in talk.last(talk.home(person))["text"]


async def test_a_choice_is_kept_marked_and_acted_on(talk: Conversation) -> None:
    await talk.say("/language")
    assert labels(talk) == ["✓ 简体中文", "繁體中文", "English", "✓ 歌词用简体", "歌词用繁体"]
    answer = await talk.click("l:zh-hant", talk.last())
    assert answer["text"] == "好，以後就用繁體中文。"
    assert labels(talk) == ["简体中文", "✓ 繁體中文", "English", "歌詞用簡體", "✓ 歌詞用繁體"]
    await talk.say("/write 车站")
    assert "🎤 車站" in talk.last()["text"]
    await talk.press("1", talk.last())
    assert "🎤 車站" in talk.last()["text"]
    assert "取樣" in talk.last()["text"]


async def test_a_taken_lyric_is_in_those_characters_too(talk: Conversation) -> None:
    await talk.services.rooms.set_traditional(talk.anna.id, True)
    await talk.say("/write 车站")
    await talk.click("w:1:1:", talk.last())
    assert talk.last()["text"].startswith("車站")


async def test_english_leaves_the_characters_as_they_are(talk: Conversation) -> None:
    await talk.say("/language")
    await talk.click("s:hant", talk.last())
    await talk.click("l:en", talk.last())
    assert "✓ lyrics in 繁體" in labels(talk)
    await talk.say("/write 车站")
    assert "🎤 車站" in talk.last()["text"]
    assert "Which one is better?" in talk.last()["text"]


async def test_the_same_choice_again_is_answered(talk: Conversation) -> None:
    await talk.say("/language")
    for _ in range(2):
        assert await talk.click("l:en", talk.last())
    assert await talk.services.limits.counted("errors") == 0


async def test_the_menu_changes_with_it_and_the_admins_stays_an_admins(
    talk: Conversation,
) -> None:
    for person in (talk.anna, talk.admin):
        await talk.say("/language", person)
        await talk.click("l:zh-hant", talk.last(talk.home(person)), person)
    for code in (None, "zh"):
        menus = [
            {c.command: c.description for c in await talk.app.bot.get_my_commands(scope, code)}
            for scope in map(BotCommandScopeChat, (talk.anna.id, talk.admin.id))
        ]
        assert [menu["top"] for menu in menus] == ["最受歡迎的歌詞"] * 2
        assert ["retrain" in menu for menu in menus] == [False, True]


async def test_in_a_group_only_its_admins_choose(talk: Conversation) -> None:
    talk.api.appoint(talk.anna, talk.group)
    await talk.say("/language", talk.ben, talk.group)
    asked = talk.last(talk.group)
    answer = await talk.click("l:en", asked, talk.ben, talk.group)
    assert answer["show_alert"]
    assert "only its admins" in answer["text"]
    assert (await talk.services.rooms.get(talk.group.id)).language is None
    await talk.click("l:zh-hant", asked, talk.anna, talk.group)
    assert (await talk.services.rooms.get(talk.group.id)).language == "zh-hant"
    await talk.say("/write 车站", talk.ben, talk.group)
    assert "🎤 車站" in talk.last(talk.group)["text"]
    assert "哪一首更好" in talk.last(talk.group)["text"]


async def test_in_a_group_an_alert_is_in_the_persons_own_language(talk: Conversation) -> None:
    await talk.services.rooms.set_language(talk.group.id, "zh-hant", True)
    duel = await talk.duel(talk.anna, talk.group)
    answer = await talk.click("v:1:1:", duel, talk.ben, talk.group)
    assert "You chose 1" in answer["text"]
    await talk.say("/stats", talk.ben, talk.group)
    assert "取樣" in talk.last(talk.group)["caption"]


async def test_where_admins_cannot_be_asked_for_nobody_chooses(talk: Conversation) -> None:
    talk.api.appoint(talk.anna, talk.group)
    await talk.say("/language", talk.anna, talk.group)
    talk.api.fail_next("getChatAdministrators", 400, "Bad Request: CHANNEL_PRIVATE")
    answer = await talk.click("l:en", talk.last(talk.group), talk.anna, talk.group)
    assert "群管理员" in answer["text"]


async def test_under_a_message_that_is_gone_a_choice_is_taken(talk: Conversation) -> None:
    await talk.say("/language")
    asked = talk.last()
    talk.api.delete(talk.private, asked["message_id"])
    await talk.forge("l:en", asked)
    assert (await talk.services.rooms.get(talk.anna.id)).language == "en"
    assert await talk.services.limits.counted("errors") == 0


async def test_of_somebody_elses_private_chat_nobody_chooses(talk: Conversation) -> None:
    await talk.say("/language")
    await talk.forge("l:en", talk.last(), talk.ben, talk.private)
    assert (await talk.services.rooms.get(talk.anna.id)).language is None


async def test_a_prefix_in_traditional_characters_is_understood(talk: Conversation) -> None:
    mei = talk.api.person(7, "Mei", language_code="zh-hant")
    await talk.say("/start", mei)
    assert "/write 分開" in talk.last(talk.home(mei))["text"]
    for prefix in ("分開", "車站", "車 站"):
        await talk.say(f"/write {prefix}", mei)
        assert f"🎤 {prefix.replace(' ', '')}" in talk.last(talk.home(mei))["text"]
        assert "沒學過" not in talk.last(talk.home(mei))["text"]
    await talk.say("/write 😀", mei)
    assert "/write 分開" in talk.last(talk.home(mei))["text"]
    update = talk.api.ask_inline(mei, "車站")
    await talk.handle(update)
    assert "《車站》" in (talk.api.answer_to(update) or {})["results"][0]["title"]


async def test_models_of_traditional_lyrics_are_given_the_prefix_as_typed(tmp_path: Path) -> None:
    written = "車站的燈\n分開的雨\n" * 100
    pair = (make_checkpoint("random", text=written), make_checkpoint("consecutive", text=written))
    async with conversation(tmp_path, release=[pair]) as talk:
        await talk.say("/write 車站")
        assert "🎤 車站" in talk.last()["text"]
        assert "没学过" not in talk.last()["text"]
