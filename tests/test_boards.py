"""Boards in groups: how many voted, never how; in the end the result; one edit at a time."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conversation import TOKEN, Conversation, Json, buttons, conversation
from telegram import Bot

from bot import boards as kept
from bot.boards import BoardsKept
from core.arena.boards import Boards

DAY = 24 * 3600 + 1
NAMES = ("random", "consecutive", "随机", "相邻", "隨機", "相鄰")


async def voted(talk: Conversation) -> Json:
    """A duel of Ben's in the group, on which Anna and Ben have voted."""
    duel = await talk.duel(talk.ben, talk.group)
    await talk.click("v:1:1", duel, talk.anna, talk.group)
    await talk.click("v:1:2", duel, talk.ben, talk.group)
    return duel


async def test_it_says_how_many_voted_and_never_how(talk: Conversation) -> None:
    duel = await voted(talk)
    await talk.edit_boards()
    board = talk.last(talk.group)
    assert board["message_id"] == duel["message_id"]
    assert "Voted so far: 2" in board["text"]
    assert not any(name in board["text"] for name in NAMES)
    assert board["reply_markup"] == duel["reply_markup"]


async def test_it_is_edited_at_most_every_5_seconds(talk: Conversation) -> None:
    duel = await voted(talk)
    await talk.edit_boards(after=4)
    assert talk.called("editMessageText") == []
    await talk.edit_boards(after=6)
    await talk.click("v:1:1", duel, talk.admin, talk.group)
    await talk.edit_boards(after=10)
    assert len(talk.called("editMessageText")) == 1
    await talk.edit_boards(after=12)
    assert "Voted so far: 3" in talk.last(talk.group)["text"]


async def test_nothing_new_is_not_edited(talk: Conversation) -> None:
    duel = await voted(talk)
    await talk.edit_boards()
    await talk.click("v:1:2", duel, talk.anna, talk.group)  # a change of mind
    await talk.edit_boards(after=20)
    assert len(talk.called("editMessageText")) == 1


async def test_after_a_day_it_shows_the_result(talk: Conversation) -> None:
    duel = await voted(talk)
    await talk.click("v:1:3", duel, talk.anna, talk.group)
    await talk.click("v:1:like", duel, talk.ben, talk.group)
    await talk.edit_boards()
    await talk.edit_boards(after=DAY)
    result = talk.last(talk.group)["text"]
    assert "Result" in result
    ((sampler,),) = talk.rows("SELECT sampler_1 FROM duels")
    assert f"1 is {sampler} sampling, votes: 1" in result
    assert "2 is" in result
    assert "neither, votes: 0" in result
    assert "1   👍 1" in result
    assert not any("v:1:1" in b.get("callback_data", "") for b in buttons(talk.last(talk.group)))


async def test_how_long_a_duel_lasts_is_a_setting(tmp_path: Path) -> None:
    async with conversation(tmp_path, duel_hours=2) as talk:
        await voted(talk)
        await talk.edit_boards(after=2 * 3600 + 1)
        assert "Result" in talk.last(talk.group)["text"]


async def test_a_duel_nobody_voted_on_has_a_result_too(talk: Conversation) -> None:
    await talk.duel(talk.ben, talk.group)
    await talk.edit_boards()
    await talk.edit_boards(after=DAY)
    assert "neither, votes: 0" in talk.last(talk.group)["text"]


async def test_it_keeps_the_language_it_was_shown_in(talk: Conversation) -> None:
    await talk.say("/write 分开", talk.anna, talk.group)
    await talk.click("v:1:1", talk.last(talk.group), talk.ben, talk.group)
    await talk.edit_boards()
    assert "已有 1 人投票" in talk.last(talk.group)["text"]


async def test_a_private_duel_is_no_board(talk: Conversation) -> None:
    await talk.press("1", await talk.duel())
    assert talk.rows("SELECT count(*) FROM boards") == [(0,)]


@pytest.mark.parametrize(
    ("status", "description"),
    [
        (400, "Bad Request: message to edit not found"),
        (400, "Bad Request: group chat was upgraded to a supergroup chat"),
        (403, "Forbidden: bot was kicked from the supergroup chat"),
    ],
)
async def test_a_board_that_is_gone_is_left_alone(
    talk: Conversation, status: int, description: str
) -> None:
    await voted(talk)
    talk.api.fail_next("editMessageText", status, description)
    for after in (6, 70, DAY):
        await talk.edit_boards(after)
    assert talk.called("editMessageText") == []


async def test_a_board_that_shows_it_already_is_fine(talk: Conversation) -> None:
    await voted(talk)
    talk.api.fail_next("editMessageText", 400, "Bad Request: message is not modified")
    await talk.edit_boards()
    assert talk.rows("SELECT voters FROM boards") == [(2,)]


@pytest.mark.filterwarnings("ignore:Deprecated since version v22.2")  # PTB's, of its own use
@pytest.mark.parametrize("retry_after", [None, 7])
async def test_what_fails_is_tried_again_later(
    talk: Conversation, retry_after: int | None
) -> None:
    await voted(talk)
    status = 500 if retry_after is None else 429
    talk.api.fail_next("editMessageText", status, "later", retry_after=retry_after)
    boards = Boards(talk.services.store, lambda: datetime.now(UTC) + timedelta(seconds=6))
    # Without the patience of our limiter.
    async with Bot(TOKEN, request=talk.api, get_updates_request=talk.api) as bot:
        await BoardsKept(boards, bot).edit_due()
    assert talk.called("editMessageText") == []
    await talk.edit_boards(after=40)
    assert "Voted so far: 2" in talk.last(talk.group)["text"]


async def test_of_two_bots_one_edits_a_board(talk: Conversation) -> None:
    await voted(talk)
    talk.api.delay = lambda call: 0.1 if call.method == "editMessageText" else 0
    await asyncio.gather(*(talk.edit_boards(after=6 + n / 10) for n in range(4)))
    assert len(talk.called("editMessageText")) == 1


async def test_an_edit_that_takes_too_long_is_given_up_before_another_bot_may_begin(
    talk: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    await voted(talk)
    await talk.duel(talk.anna, talk.group)
    monkeypatch.setattr(kept, "WITHIN", 0.05)
    talk.api.delay = lambda call: 0.3 if call.method == "editMessageText" else 0
    await talk.edit_boards()
    ((due_at,),) = talk.rows("SELECT due_at FROM boards WHERE duel_id = 1")
    assert due_at is not None
    talk.api.delay = None
    await talk.edit_boards(after=40)
    assert talk.rows("SELECT voters FROM boards WHERE duel_id = 1") == [(2,)]


async def test_what_one_bot_edits_a_vote_gives_to_no_other(talk: Conversation) -> None:
    duel = await voted(talk)
    later = Boards(talk.services.store, lambda: datetime.now(UTC) + timedelta(seconds=6))
    (board,) = await later.claim()
    await talk.click("v:1:1", duel, talk.admin, talk.group)
    assert await later.claim() == ()
    await later.later(board, 30)  # as Telegram wanted
    await talk.click("v:1:3", duel, talk.admin, talk.group)
    assert await later.claim() == ()


async def test_a_chat_where_a_call_waits_holds_up_no_other(
    talk: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = talk.api.group(-1002, "另一个群")
    for group in (talk.group, other):
        duel = await talk.duel(talk.ben, group)
        await talk.press("1", duel, talk.anna, group)
    edit = Bot.edit_message_text

    async def stuck(*args: Any, **kwargs: Any) -> Any:
        if kwargs["chat_id"] == talk.group.id:
            await asyncio.Event().wait()
        return await edit(*args, **kwargs)

    monkeypatch.setattr(talk.app.bot.__class__, "edit_message_text", stuck)
    boards = Boards(talk.services.store, lambda: datetime.now(UTC) + timedelta(seconds=6))
    keeping = BoardsKept(boards, talk.app.bot)
    await keeping.edit_due()
    assert "Voted so far: 1" in talk.last(other)["text"]
    assert "Voted so far" not in talk.last(talk.group)["text"]
    await keeping.close()


async def test_boards_in_one_group_take_turns(talk: Conversation) -> None:
    for _ in range(3):
        duel = await talk.duel(talk.ben, talk.group)
        await talk.press("1", duel, talk.anna, talk.group)
    boards = Boards(talk.services.store, lambda: datetime.now(UTC) + timedelta(seconds=6))
    keeping = BoardsKept(boards, talk.app.bot)
    await keeping.edit_due()
    assert len(talk.called("editMessageText")) == 1
    assert talk.rows("SELECT count(*) FROM boards WHERE voters = 0") == [(2,)]
