"""Voting, by button and by typing, in private and in a group."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conversation import Conversation, Json, conversation
from sqlalchemy import create_engine, text
from telegram import Update


def rows(talk: Conversation, query: str) -> list[Any]:
    """What the database holds, read beside the bot."""
    engine = create_engine(talk.database_url.replace("+aiosqlite", ""))
    try:
        with engine.connect() as connection:
            return list(connection.execute(text(query)))
    finally:
        engine.dispose()


NAMES = {"random": "随机采样", "consecutive": "相邻采样"}


def sides(talk: Conversation, message: Json) -> dict[int, str]:
    """Who stood where, from the database."""
    duel = message["reply_markup"]["inline_keyboard"][0][0]["callback_data"].split(":")[1]
    ((sampler_1,),) = rows(talk, f"SELECT sampler_1 FROM duels WHERE id = {duel}")
    other = "consecutive" if sampler_1 == "random" else "random"
    return {1: NAMES[sampler_1], 2: NAMES[other]}


@pytest.mark.parametrize("choice", [1, 2])
async def test_a_vote_is_kept_and_then_reveals_who_wrote_which(
    talk: Conversation, choice: int
) -> None:
    message = await talk.duel()
    answer = await talk.press(str(choice), message)
    names = sides(talk, message)
    assert f"1 是{names[1]}，2 是{names[2]}" in answer
    assert f"你选了 {choice}：{names[choice]}" in answer
    assert rows(talk, "SELECT choice FROM votes") == [(choice,)]


async def test_neither_reveals_too(talk: Conversation) -> None:
    answer = await talk.press("0", await talk.duel())
    assert "都不行" in answer
    assert "随机采样" in answer
    assert rows(talk, "SELECT choice FROM votes") == [(0,)]


async def test_in_private_the_reveal_stays_under_the_duel(talk: Conversation) -> None:
    message = await talk.duel()
    await talk.press("1", message)
    standing = talk.last()
    assert standing["message_id"] == message["message_id"]
    assert standing["text"].startswith(message["text"])
    assert "随机采样" in standing["text"]
    assert standing["reply_markup"] == message["reply_markup"]


async def test_in_a_group_only_the_voters_alert_reveals(talk: Conversation) -> None:
    message = await talk.duel(talk.ben, talk.group)
    update = talk.api.press(
        talk.anna,
        talk.group,
        message["message_id"],
        message["reply_markup"]["inline_keyboard"][0][0]["callback_data"],
    )
    await talk.handle(update)
    answer = talk.api.answer_to(update)
    assert answer is not None
    assert answer["show_alert"]
    assert "随机采样" in answer["text"]
    assert talk.said(talk.group) == [message]


@pytest.mark.parametrize(("answer", "table"), [("3", "encores"), ("like", "likes")])
async def test_an_encore_and_a_like_are_kept_once_and_reveal_nothing(
    talk: Conversation, answer: str, table: str
) -> None:
    message = await talk.duel()
    said = [await talk.press(answer, message) for _ in range(2)]
    assert said[0] != said[1]
    assert not any(name in "".join(said) for name in NAMES.values())
    assert rows(talk, f"SELECT count(*) FROM {table}") == [(1,)]
    assert rows(talk, "SELECT count(*) FROM votes") == [(0,)]
    assert talk.said() == [message]


async def test_a_button_pressed_twice_says_the_same_and_counts_once(talk: Conversation) -> None:
    message = await talk.duel()
    assert await talk.press("1", message) == await talk.press("1", message)
    assert rows(talk, "SELECT count(*) FROM votes") == [(1,)]
    assert rows(talk, "SELECT count(*) FROM vote_changes") == [(0,)]


async def test_a_change_is_kept_beside_the_first_answer_which_counts(talk: Conversation) -> None:
    message = await talk.duel()
    await talk.press("1", message)
    answer = await talk.press("2", message)
    assert "你选了 2" in answer
    assert "算数的是你的第一票（1）" in answer
    assert rows(talk, "SELECT choice FROM votes") == [(1,)]
    assert rows(talk, "SELECT choice FROM vote_changes") == [(2,)]


@pytest.mark.parametrize("typed", ["1", " 1 ", "１"])
async def test_a_typed_1_in_private_votes_on_the_latest_duel(
    talk: Conversation, typed: str
) -> None:
    await talk.duel()
    latest = await talk.duel()
    await talk.say(typed)
    names = sides(talk, latest)
    assert f"你选了 1：{names[1]}" in talk.last()["text"]
    assert rows(talk, "SELECT duel_id, choice FROM votes") == [(2, 1)]


async def test_a_typed_reply_in_private_votes_on_the_duel_replied_to(talk: Conversation) -> None:
    earlier = await talk.duel()
    await talk.duel()
    await talk.say("2", reply_to=earlier["message_id"])
    assert rows(talk, "SELECT duel_id, choice FROM votes") == [(1, 2)]


async def test_a_typed_reply_to_a_result_is_not_taken_for_another_duel(
    talk: Conversation,
) -> None:
    await talk.duel()
    await talk.say("/reveal")
    ((key,),) = talk.rows("SELECT key FROM duels")
    await talk.duel()
    await talk.say(f"/start duel_1_{key}")
    await talk.say("1", reply_to=talk.last()["message_id"])
    assert "你选了 1" in talk.last()["text"]
    assert rows(talk, "SELECT duel_id, choice FROM votes") == []


async def test_a_typed_reply_to_what_was_sent_inline_votes_there(talk: Conversation) -> None:
    update = talk.api.ask_inline(talk.anna, "分开")
    await talk.handle(update)
    sent = talk.api.choose_inline(talk.anna, update, "d1", talk.private)
    await talk.duel()
    await talk.say("2", reply_to=sent["message_id"])
    assert rows(talk, "SELECT duel_id, choice FROM votes") == [(1, 2)]


async def test_buttons_by_another_bot_name_no_duel(talk: Conversation) -> None:
    await talk.duel(talk.ben)
    await talk.duel()
    forged = talk.api.send(talk.anna, talk.private, "看")
    assert forged is not None
    update = talk.api.send(talk.anna, talk.private, "1", reply_to=forged["message"]["message_id"])
    assert update is not None
    bot = {"id": 777, "is_bot": True, "first_name": "another"}
    keyboard = {"inline_keyboard": [[{"text": "1", "callback_data": "v:1:1:abcd2345"}]]}
    update["message"]["reply_to_message"] |= {"via_bot": bot, "reply_markup": keyboard}
    await talk.handle(update)
    assert rows(talk, "SELECT duel_id, choice FROM votes") == [(2, 1)]


async def test_a_typed_3_in_private_is_an_encore(talk: Conversation) -> None:
    await talk.duel()
    await talk.say("3")
    assert talk.last()["text"] == "记下了：你能唱。"
    assert rows(talk, "SELECT count(*) FROM encores") == [(1,)]


async def test_a_typed_1_without_any_duel_is_told_how_to_begin(talk: Conversation) -> None:
    await talk.say("1")
    assert "/write 分开" in talk.last()["text"]


@pytest.mark.parametrize("typed", ["1", "2", "0", "3"])
async def test_a_typed_reply_in_a_group_is_acknowledged_alike_and_reveals_nothing(
    talk: Conversation, typed: str
) -> None:
    message = await talk.duel(talk.ben, talk.group)
    update = await talk.say(typed, talk.anna, talk.group, reply_to=message["message_id"])
    assert talk.api.reactions(talk.group, update["message"]["message_id"]) == ["✍"]
    assert talk.said(talk.group) == [message]
    kept = rows(talk, "SELECT choice FROM votes") + rows(talk, "SELECT 3 FROM encores")
    assert kept == [(int(typed),)]


async def test_where_a_group_allows_no_reaction_the_vote_is_acknowledged_by_a_reply(
    talk: Conversation,
) -> None:
    message = await talk.duel(talk.ben, talk.group)
    talk.api.fail_next("setMessageReaction", 400, "Bad Request: REACTION_INVALID")
    await talk.say("1", talk.anna, talk.group, reply_to=message["message_id"])
    assert talk.last(talk.group)["text"] == "✍"
    assert rows(talk, "SELECT choice FROM votes") == [(1,)]


async def test_a_reply_to_a_duel_counts_though_where_it_stands_was_not_kept(
    talk: Conversation,
) -> None:
    earlier = await talk.duel()
    await talk.duel()
    talk.rows("DELETE FROM showings WHERE duel_id = 1")  # the bot was killed as it sent it
    await talk.say("2", reply_to=earlier["message_id"])
    assert rows(talk, "SELECT duel_id, choice FROM votes") == [(1, 2)]
    talk.rows("UPDATE duels SET key = 'otherkey' WHERE id = 1")
    await talk.say("1", reply_to=earlier["message_id"])  # which is none of this database now
    assert rows(talk, "SELECT duel_id, choice FROM votes ORDER BY id") == [(1, 2), (2, 1)]


async def test_a_number_in_reply_to_something_else_in_a_group_is_left_alone(
    talk: Conversation,
) -> None:
    await talk.say("/stats", talk.ben, talk.group)
    before = talk.said(talk.group)
    await talk.say("1", talk.anna, talk.group, reply_to=before[-1]["message_id"])
    assert talk.said(talk.group) == before
    assert rows(talk, "SELECT count(*) FROM votes") == [(0,)]


async def test_many_people_vote_on_one_duel(talk: Conversation) -> None:
    message = await talk.duel(talk.ben, talk.group)
    for person in (talk.anna, talk.ben, talk.admin):
        await talk.press("1", message, person, talk.group)
    assert rows(talk, "SELECT count(*) FROM votes") == [(3,)]


async def test_a_vote_on_a_closed_duel_reveals_and_does_not_count(tmp_path: Path) -> None:
    closed = timedelta(milliseconds=1) / timedelta(hours=1)
    async with conversation(tmp_path, duel_hours=closed) as talk:
        message = await talk.duel()
        answer = await talk.press("1", message)
        assert "不算数" in answer
        assert "随机采样" in answer
        assert rows(talk, "SELECT count(*) FROM votes") == [(0,)]


@pytest.mark.parametrize(
    "data", ["v:999:1", "v:1:7", "v::1", "x", "v:1:1:1", "v:-1:1", f"v:{'9' * 30}:1"]
)
async def test_a_forged_button_is_answered_and_changes_nothing(
    talk: Conversation, data: str
) -> None:
    message = await talk.duel()
    update = talk.api.press(talk.anna, talk.private, message["message_id"], data, forged=True)
    await talk.handle(update)
    assert "找不到" in (talk.api.answer_to(update) or {})["text"]
    assert rows(talk, "SELECT count(*) FROM votes") == [(0,)]


async def test_a_vote_whose_message_is_gone_still_counts(talk: Conversation) -> None:
    message = await talk.duel()
    talk.api.delete(talk.private, message["message_id"])
    data = message["reply_markup"]["inline_keyboard"][0][0]["callback_data"]
    update = talk.api.press(talk.anna, talk.private, message["message_id"], data, forged=True)
    await talk.handle(update)
    assert "你选了 1" in (talk.api.answer_to(update) or {})["text"]
    assert rows(talk, "SELECT choice FROM votes") == [(1,)]


async def test_a_query_too_old_to_be_answered_still_counts(talk: Conversation) -> None:
    message = await talk.duel()
    talk.api.fail_next(
        "answerCallbackQuery",
        400,
        "Bad Request: query is too old and response timeout expired or query ID is invalid",
    )
    await talk.press("1", message)
    assert rows(talk, "SELECT choice FROM votes") == [(1,)]
    assert "你选了 1" in talk.last()["text"]


async def test_the_vote_is_committed_before_it_is_answered(talk: Conversation) -> None:
    seen = []
    talk.api.on_call = lambda call, result: (
        seen.append(rows(talk, "SELECT choice FROM votes"))
        if call.method == "answerCallbackQuery"
        else None
    )
    await talk.press("2", await talk.duel())
    assert seen == [[(2,)]]


async def test_of_a_persons_answers_in_one_batch_the_first_counts(talk: Conversation) -> None:
    processor = talk.app.update_processor
    for _ in range(20):
        message = await talk.duel()
        row = message["reply_markup"]["inline_keyboard"][0]
        batch = [
            talk.api.press(talk.anna, talk.private, message["message_id"], b["callback_data"])
            for b in row
        ]
        updates = [Update.de_json(one, talk.app.bot) for one in batch]
        await asyncio.gather(
            *(processor.process_update(u, talk.app.process_update(u)) for u in updates)
        )
    assert {choice for (choice,) in rows(talk, "SELECT choice FROM votes")} == {1}


@pytest.mark.parametrize("method", ["answerCallbackQuery", "editMessageText"])
async def test_a_vote_stands_and_nobody_is_asked_again_where_telegram_fails(
    talk: Conversation, method: str
) -> None:
    message = await talk.duel()
    talk.api.fail_next(method, 500, "Internal Server Error")
    await talk.press("1", message)
    assert rows(talk, "SELECT choice FROM votes") == [(1,)]
    assert "请再试一次" not in f"{talk.said()}"
