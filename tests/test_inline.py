"""Inline mode: a duel and its lyrics in any chat, and votes under what was sent."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from conversation import Conversation, Json, buttons, conversation, data_of

from bot.botapi import Person
from bot.handlers import inline as handler

DAY = 24 * 3600 + 1


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler, "PAUSE", 0.02)


async def asked(talk: Conversation, query: str, person: Person | None = None) -> Json:
    """The update, once it is answered."""
    update = talk.api.ask_inline(person or talk.anna, query)
    await talk.handle(update)
    return update


async def sent(talk: Conversation, person: Person | None = None) -> Json:
    """A duel that somebody sent somewhere in inline mode."""
    update = await asked(talk, "分开", person)
    return talk.api.choose_inline(person or talk.anna, update, "d1")


async def press(talk: Conversation, wanted: str, message: Json, person: Person) -> str:
    update = talk.api.press_inline(person, message["inline_message_id"], data_of(wanted, message))
    await talk.handle(update)
    return str((talk.api.answer_to(update) or {})["text"])


def answer(talk: Conversation, update: Json) -> dict[str, Any]:
    found = talk.api.answer_to(update)
    assert found is not None
    return found


async def test_it_offers_a_duel_and_two_single_lyrics(talk: Conversation) -> None:
    update = await asked(talk, "月光")
    found = answer(talk, update)
    assert [one["title"] for one in found["results"]] == [
        *("两首《月光》，比一比", "只发一首（1）", "只发一首（2）")
    ]
    assert found["is_personal"]
    alone = talk.api.choose_inline(talk.anna, update, "l1-2")
    assert alone["text"].startswith("月光")
    assert "reply_markup" not in alone


@pytest.mark.parametrize("query", ["", "   "])
async def test_without_a_prefix_it_is_the_articles(talk: Conversation, query: str) -> None:
    update = await asked(talk, query)
    assert "《分开》" in answer(talk, update)["results"][0]["title"]


async def test_only_the_latest_of_quickly_typed_queries_is_answered(talk: Conversation) -> None:
    typed = [talk.api.ask_inline(talk.anna, word) for word in ("月", "月光", "月光照")]
    bens = talk.api.ask_inline(talk.ben, "分")
    await asyncio.gather(*(talk.handle(update) for update in [*typed, bens]))
    assert [talk.api.answer_to(update) is not None for update in [*typed, bens]] == [
        *(False, False, True, True)
    ]
    assert talk.rows("SELECT count(*) FROM duels") == [(2,)]
    assert talk.app.bot_data[handler.LATEST] == {}


async def test_one_typed_while_another_is_written_takes_its_place(talk: Conversation) -> None:
    async with asyncio.TaskGroup() as both, talk.services.store.write():
        first = talk.api.ask_inline(talk.anna, "月")
        both.create_task(talk.handle(first))
        await asyncio.sleep(0.1)
        second = talk.api.ask_inline(talk.anna, "月光")
        both.create_task(talk.handle(second))
        await asyncio.sleep(0.1)
    assert talk.api.answer_to(first) is None
    assert talk.api.answer_to(second) is not None


async def test_its_votes_count_and_it_shows_how_many_and_then_the_result(
    talk: Conversation,
) -> None:
    message = await sent(talk)
    assert "你选了 1" in await press(talk, "v:1:1", message, talk.anna)
    assert "You chose 2" in await press(talk, "v:1:2", message, talk.ben)
    assert talk.rows("SELECT choice FROM votes ORDER BY id") == [(1,), (2,)]
    await talk.edit_boards()
    board = talk.api.inline_message(message["inline_message_id"])
    assert "已有 2 人投票" in board["text"]
    assert "采样" not in board["text"]
    assert board["reply_markup"] == message["reply_markup"]
    await talk.edit_boards(after=DAY)
    result = talk.api.inline_message(message["inline_message_id"])
    assert "📢 结果" in result["text"]
    assert [b["text"] for b in buttons(result)] == ["3 我能唱", "👍", "🔁 再来一场"]


async def test_it_keeps_the_look_it_was_sent_in_whoever_votes_first(talk: Conversation) -> None:
    await talk.services.rooms.set_language(talk.anna.id, "en", True)
    update = await asked(talk, "车站")
    message = talk.api.choose_inline(talk.anna, update, "d1")
    mei = talk.api.person(8, "Mei", language_code="zh-hans")
    await press(talk, "v:1:1", message, mei)
    await talk.edit_boards()
    board = talk.api.inline_message(message["inline_message_id"])
    assert "Voted so far: 1" in board["text"]
    assert "🎤 車站" in board["text"]


async def test_a_like_alone_lets_it_show_the_result_too(talk: Conversation) -> None:
    message = await sent(talk)
    await press(talk, "v:1:like", message, talk.ben)
    await talk.edit_boards()
    await talk.edit_boards(after=DAY)
    assert "📢 结果" in talk.api.inline_message(message["inline_message_id"])["text"]


async def test_another_is_asked_for_in_inline_mode(talk: Conversation) -> None:
    (again,) = [b for b in buttons(await sent(talk)) if "switch_inline_query_current_chat" in b]
    assert again["switch_inline_query_current_chat"] == "分开"


async def test_who_reached_a_limit_is_told_when_to_come_back(tmp_path: Path) -> None:
    async with conversation(tmp_path, person_day=1) as talk:
        for _ in range(5):
            await asked(talk, "分开")
        found = answer(talk, await asked(talk, "分开"))
        assert found["results"] == []
        assert "后再来" in found["button"]["text"]
        assert found["cache_time"] == 0


@pytest.mark.parametrize(
    ("query", "why"),
    [("😀<&", "没学过"), ("分" * 51, "最多 50 个字"), ("\u200b", "")],
)
async def test_why_there_is_nothing_stands_on_the_button(
    talk: Conversation, query: str, why: str
) -> None:
    found = answer(talk, await asked(talk, query))
    assert found["results"] == [] or query == "\u200b"
    assert why in found.get("button", {}).get("text", "")


async def test_a_late_answer_is_no_error(talk: Conversation) -> None:
    talk.api.fail_next("answerInlineQuery", 400, "Bad Request: query is too old")
    update = talk.api.ask_inline(talk.anna, "分开")
    await talk.handle(update)
    assert await talk.services.limits.counted("errors") == 0


async def test_a_lyric_sent_to_the_bot_itself_gets_no_hint(talk: Conversation) -> None:
    await talk.say("/start")
    before = len(talk.said())
    update = await asked(talk, "月光")
    talk.api.choose_inline(talk.anna, update, "l1-1", talk.private)
    async with talk.app.bot as bot:
        for came in await bot.get_updates():
            if came.message and came.message.via_bot:
                await talk.app.process_update(came)
    assert len(talk.said()) == before
