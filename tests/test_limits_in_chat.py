"""Who reaches a limit is told when to come back."""

import asyncio
import re
from pathlib import Path

from conversation import Conversation, conversation


async def test_a_persons_minute(tmp_path: Path) -> None:
    async with conversation(tmp_path, person_minute=2) as talk:
        for _ in range(5):  # even if a minute ends among them
            await talk.duel()
        assert re.search(r"每分钟最多 2 场。\d+ 秒后再来", f"{talk.said()}")
        assert "Which one" in (await talk.duel(talk.ben))["text"]


async def test_a_persons_day(tmp_path: Path) -> None:
    async with conversation(tmp_path, person_day=1) as talk:
        await talk.duel(talk.ben)
        assert "for today (limit: 1)" in (await talk.duel(talk.ben))["text"]
        assert "Come back in" in (await talk.duel(talk.ben, talk.group))["text"]


async def test_a_chats_minute_and_day(tmp_path: Path) -> None:
    async with conversation(tmp_path, chat_minute=1, chat_day=5) as talk:
        for _ in range(3):  # even if a minute ends among them
            await talk.duel(talk.anna, talk.group)
        assert "这里太热闹了" in f"{talk.said(talk.group)}"
        for _ in range(2):  # nobody else is in a private chat
            assert "哪一首更好？" in (await talk.duel())["text"]


async def test_a_chats_day(tmp_path: Path) -> None:
    async with conversation(tmp_path, chat_day=1) as talk:
        await talk.duel(talk.ben, talk.group)
        assert "今天已经写了 1 场" in (await talk.duel(talk.anna, talk.group))["text"]


async def test_another_one_counts_and_is_refused_in_an_alert(tmp_path: Path) -> None:
    async with conversation(tmp_path, person_minute=2) as talk:
        duel = await talk.duel(talk.ben, talk.group)
        answers = [await talk.click("w:1:again", duel, talk.anna, talk.group) for _ in range(5)]
        refused = [one for one in answers if one["show_alert"]]
        assert refused
        assert all("每分钟最多 2 场" in one["text"] for one in refused)
        assert len(talk.said(talk.group)) == 1 + 5 - len(refused)


async def test_one_at_a_time_a_person_in_whatever_chat(talk: Conversation) -> None:
    await asyncio.gather(
        talk.say("/write 分开", talk.anna),
        talk.say("/write 分开", talk.anna, talk.group),
        talk.say("/write 分开", talk.ben, talk.group),
    )
    assert talk.rows("SELECT count(*) FROM duels") == [(2,)]
    assert "还在写" in f"{talk.said()}{talk.said(talk.group)}"


async def test_votes_have_no_limit(tmp_path: Path) -> None:
    async with conversation(tmp_path, person_minute=1, person_day=1) as talk:
        duel = await talk.duel(talk.ben, talk.group)
        for answer in ("v:1:1:", "v:1:2:", "v:1:3:", "v:1:like:"):
            assert (await talk.click(answer, duel, talk.ben, talk.group))["text"]
