"""The first words, the standing, and what is said when something goes wrong."""

from pathlib import Path

import pytest
from conversation import Conversation, conversation
from telegram.constants import MessageLimit


async def test_start_says_what_this_is_and_gives_one_thing_to_try(talk: Conversation) -> None:
    await talk.say("/start")
    assert "/write 分开" in talk.last()["text"]


async def test_help_names_every_way_to_answer(talk: Conversation) -> None:
    await talk.say("/help")
    assert all(word in talk.last()["text"] for word in ("1", "2", "0", "3", "👍", "/stats", "50"))


async def test_plain_words_in_private_are_answered_with_a_hint(talk: Conversation) -> None:
    await talk.say("你好")
    assert "/write" in talk.last()["text"]


async def test_an_unknown_command_in_private_points_to_help(talk: Conversation) -> None:
    await talk.say("/sing")
    assert "/help" in talk.last()["text"]


async def test_an_unknown_command_in_a_group_is_left_to_other_bots(talk: Conversation) -> None:
    await talk.say("/sing", talk.ben, talk.group)
    assert talk.said(talk.group) == []


async def test_stats_before_the_first_vote_asks_for_one(talk: Conversation) -> None:
    await talk.say("/stats")
    assert "还没有人投票" in talk.last()["text"]


async def test_stats_after_one_vote_says_that_it_is_too_early(talk: Conversation) -> None:
    await talk.press("1", await talk.duel())
    await talk.say("/stats")
    assert "第 1 版" in talk.last()["text"]
    assert "现在下结论还太早" in talk.last()["text"]
    assert "100%（95% 区间 21–100%）" in talk.last()["text"]


async def test_stats_names_a_leader_once_its_interval_is_above_one_half(
    talk: Conversation,
) -> None:
    contest = talk.services.contest
    for account in range(10, 20):
        duel = await contest.open_duel(account, "分开")
        peek = await contest.vote(1000 + account, duel.id, 0)
        await contest.vote(account, duel.id, 1 if peek.reveal.sampler_1 == "consecutive" else 2)
    await talk.say("/stats")
    assert "相邻采样领先：100%（95% 区间 72–100%），共 10 票" in talk.last()["text"]
    assert "都不行 10 票" in talk.last()["text"]


async def test_a_failing_handler_apologises_in_the_chat(
    talk: Conversation, tmp_path: Path
) -> None:
    for file in (tmp_path / "checkpoints" / "models").iterdir():
        file.unlink()
    await talk.say("/write 分开", talk.ben)
    (apology,) = talk.said(talk.api.private_chat(talk.ben))
    assert "I cannot keep or read anything just now" in apology["text"]
    assert await talk.services.limits.counted("errors") == 1


@pytest.mark.parametrize("status", [403, 500])
async def test_a_chat_that_cannot_be_written_to_brings_nothing_down(
    talk: Conversation, status: int
) -> None:
    talk.api.fail_next("sendMessage", status, "Forbidden: bot was blocked by the user", times=9)
    await talk.say("/write 分开")


async def test_every_message_keeps_to_telegrams_limits(tmp_path: Path) -> None:
    async with conversation(tmp_path) as talk:
        for text in ("/start", "/help", "/stats", f"/write {'月' * 50}", "1", "/stats"):
            await talk.say(text)
        assert all(len(m["text"]) <= MessageLimit.MAX_TEXT_LENGTH for m in talk.said())
