"""Rhyme, size and acrostics as people ask for them."""

import json
from pathlib import Path
from typing import Any

import pytest
from conversation import Conversation, conversation
from factories import ARTICLE_LIKE, make_checkpoint

from core.lyrics.copies import bare
from core.lyrics.rhyme import rhyming


def lyrics(talk: Conversation) -> list[str]:
    return [text for (text,) in talk.rows("SELECT text FROM lyrics ORDER BY id")]


def ways(talk: Conversation) -> list[dict[str, Any]]:
    return [json.loads(one) for (one,) in talk.rows("SELECT decoding FROM lyrics ORDER BY id")]


async def test_a_size_is_kept_to_by_both(talk: Conversation) -> None:
    await talk.say("/write 分开 4x5")
    assert talk.last()["text"].startswith("🎤 分开 4x5")
    for text in lyrics(talk):
        assert [len(bare(line)) for line in text.split("\n")] == [5] * 4


async def test_lines_rhyme_in_both(talk: Conversation) -> None:
    await talk.say("/write 分开 押韵 6x5")
    for text in lyrics(talk):
        met, asked = rhyming(text.split("\n"), "aa")
        assert met == asked == 3
    assert [one["rhyme"] for one in ways(talk)] == ["aa", "aa"]


@pytest.mark.parametrize("typed", ["月光下", "月，光！下"])
async def test_an_acrostic_begins_its_lines(talk: Conversation, typed: str) -> None:
    await talk.say(f"/acrostic {typed}")
    assert talk.last()["text"].startswith("🎤 月光下")
    for text in lyrics(talk):
        assert "".join(line[0] for line in text.split("\n")) == "月光下"


async def test_another_one_has_the_same_form(talk: Conversation) -> None:
    await talk.say("/write 分开 4x5")
    await talk.click(":again", talk.last())
    assert talk.last()["text"].startswith("🎤 分开 4x5")
    assert all(len(text.split("\n")) == 4 for text in lyrics(talk)[2:])


async def test_both_sides_are_written_in_the_same_way(talk: Conversation) -> None:
    for text in ("/write 分开", "/write 分开 押韵", "/acrostic 月光"):
        await talk.say(text)
    found = ways(talk)
    assert found[::2] == found[1::2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/write 分开 0x7", "不能是 0 行"),
        ("/write 分开 100x100", "不能是 100 行"),
        ("/write 分开 8x99", "不能是 99 个"),
        ("/acrostic 月", "这里有 1 个"),
        (f"/acrostic {'月' * 60}", "这里有 60 个"),
        ("/acrostic ！！！", "标点和表情不算），这里有 0 个"),
        ("/acrostic 🎵🎵", "标点和表情不算），这里有 0 个"),
        ("/write 分开分开分开 4x5", "开头有 6 个，放不下"),
        ("/acrostic 月龙", "没学过，没法放在行首：龙"),
        ("/acrostic 龙月", "没学过，没法放在行首：龙"),
        ("/acrostic", "/acrostic 周末快乐"),
    ],
)
async def test_what_cannot_be_is_said(talk: Conversation, text: str, said: str) -> None:
    await talk.say(text)
    assert said in talk.last()["text"]
    assert talk.rows("SELECT count(*) FROM duels") == [(0,)]


async def test_models_without_lines_have_no_form(tmp_path: Path) -> None:
    pair = (
        make_checkpoint("random", recipe=ARTICLE_LIKE),
        make_checkpoint("consecutive", recipe=ARTICLE_LIKE),
    )
    async with conversation(tmp_path, release=[pair]) as talk:
        await talk.say("/write 分开 押韵")
        assert "没学过分行" in talk.last()["text"]
        await talk.say("/write 分开")
        assert "哪一首更好" in talk.last()["text"]


async def test_models_that_know_no_rhyme_say_so(tmp_path: Path) -> None:
    text = "ab cd\nef gh\n" * 40
    pair = make_checkpoint("random", text=text), make_checkpoint("consecutive", text=text)
    async with conversation(tmp_path, release=[pair]) as talk:
        await talk.say("/write ab 押韵")
        assert "凑不出韵脚" in talk.last()["text"]


async def test_originality_is_told_after_the_vote_and_not_before(talk: Conversation) -> None:
    duel = await talk.duel()
    assert "原创度" not in duel["text"]
    assert "原创度：第 1 首 " in await talk.press("1", duel)
    assert "原创度" in talk.last()["text"]


async def test_a_duel_of_before_tells_no_originality(talk: Conversation) -> None:
    duel = await talk.duel()
    talk.rows("UPDATE lyrics SET copied = NULL")
    assert "原创度" not in await talk.press("1", duel)
