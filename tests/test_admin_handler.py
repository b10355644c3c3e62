"""/admin: how today is going, in every language."""

from pathlib import Path

import pytest
from conversation import Conversation, conversation


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh-hans", ("1 场对决，1 票", "第 1 版", "已拉黑：7", "还没有任务")),
        ("zh-hant", ("1 場對決，1 票", "第 1 版", "已封鎖：7", "還沒有任務")),
        ("en", ("duels 1, votes 1", "Release 1", "Banned: 7", "Nothing has been asked for")),
    ],
)
async def test_it_tells_of_today(
    talk: Conversation, language: str, words: tuple[str, ...]
) -> None:
    await talk.services.rooms.set_language(talk.admin.id, language)
    await talk.services.access.ban(7, talk.admin.id)
    await talk.press("1", await talk.duel())
    await talk.say("/admin", talk.admin)
    said = talk.last(talk.home(talk.admin))["text"]
    assert all(word in said for word in words), said


async def test_without_models_it_says_how_to_get_some(tmp_path: Path) -> None:
    async with conversation(tmp_path, release=[]) as talk:
        await talk.say("/admin", talk.admin)
        assert "/retrain" in talk.last(talk.home(talk.admin))["text"]


async def test_errors_are_counted_there(talk: Conversation) -> None:
    await talk.services.limits.count("errors", 3)
    await talk.say("/admin", talk.admin)
    assert "Errors today: 3" in talk.last(talk.home(talk.admin))["text"]


async def test_names_are_only_text(talk: Conversation) -> None:
    talk.rows("UPDATE releases SET corpus_name = '<b>&'")
    await talk.say("/admin", talk.admin)
    assert "<b>&" in talk.last(talk.home(talk.admin))["text"]


@pytest.mark.parametrize("command", ["/admin", "/announce x", "/unban 1"])
async def test_it_is_for_admins(talk: Conversation, command: str) -> None:
    await talk.say(command)
    assert "只有管理员" in talk.last()["text"]
