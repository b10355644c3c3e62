"""/write, as a person meets it."""

import asyncio
from pathlib import Path

import pytest
from conversation import ADMIN, Conversation, conversation


async def test_write_brings_two_lyrics_that_begin_with_the_prefix(talk: Conversation) -> None:
    message = await talk.duel()
    first, second = message["text"].split("\n\n2\n")
    assert first.split("\n1\n")[1].startswith("分开")
    assert second.startswith("分开")


async def test_the_buttons_say_1_2_3_0_and_like_and_what_else_there_is(talk: Conversation) -> None:
    message = await talk.duel()
    rows = message["reply_markup"]["inline_keyboard"]
    assert [[b["text"] for b in row] for row in rows] == [
        ["1", "2", "0 都不行"],
        ["3 我能唱", "👍"],
        ["🔁 再来一场", "🔗 分享"],
        ["📄 只要第 1 首", "📄 只要第 2 首"],
    ]


async def test_a_duel_names_no_sampler(talk: Conversation) -> None:
    message = await talk.duel()
    shown = f"{message}"
    assert not any(word in shown for word in ("随机", "相邻", "random", "consecutive"))


async def test_english_is_spoken_where_telegram_speaks_another_language(
    talk: Conversation,
) -> None:
    assert "Which one is better?" in (await talk.duel(talk.ben))["text"]
    assert "哪一首更好？" in (await talk.duel(talk.anna))["text"]


@pytest.mark.parametrize("text", ["/write", "/write   ", "/write\n"])
async def test_an_empty_prefix_is_asked_for(talk: Conversation, text: str) -> None:
    await talk.say(text)
    assert "给我一个开头" in talk.last()["text"]


async def test_a_prefix_of_50_characters_is_written(talk: Conversation) -> None:
    await talk.say(f"/write {'分开' * 25}")
    assert "分开" * 25 in talk.last()["text"]


@pytest.mark.parametrize("length", [51, 4000])
async def test_a_longer_prefix_is_refused_with_both_numbers(
    talk: Conversation, length: int
) -> None:
    await talk.say(f"/write {'分' * length}")
    assert "最多 50 个字" in talk.last()["text"]
    assert f"{length} 个" in talk.last()["text"]


async def test_unknown_characters_are_named_and_skipped(talk: Conversation) -> None:
    await talk.say("/write 分😀开😀")
    assert "没学过 😀" in talk.last()["text"]
    assert "\n分开" in talk.last()["text"]


async def test_a_prefix_of_emoji_gets_prefixes_that_work(talk: Conversation) -> None:
    await talk.say("/write 😀👍")
    refusal = talk.last()["text"]
    assert "😀、👍" in refusal
    suggestions = [line for line in refusal.splitlines() if line.startswith("/write ")]
    assert suggestions
    for suggestion in suggestions:
        await talk.say(suggestion)
        assert "哪一首更好？" in talk.last()["text"]


@pytest.mark.parametrize("text", ["/write <b>分开", "/write 分&开", "/write </i>分开<script>"])
async def test_html_in_a_prefix_is_only_text(talk: Conversation, text: str) -> None:
    await talk.say(text)
    assert "哪一首更好？" in talk.last()["text"]


async def test_a_prefix_of_html_alone_is_named_as_it_was_typed(talk: Conversation) -> None:
    await talk.say("/write <&>")
    assert "<、&、>" in talk.last()["text"]


async def test_the_prefix_may_touch_the_command_in_a_group(talk: Conversation) -> None:
    await talk.say("/write@lyricbot_demo_bot 月光", talk.ben, talk.group)
    assert "\n月光" in talk.last(talk.group)["text"]


async def test_another_bots_command_is_not_answered(talk: Conversation) -> None:
    await talk.say("/write@other_bot 月光", talk.ben, talk.group)
    assert talk.said(talk.group) == []


async def test_an_edited_message_runs_no_command_again(talk: Conversation) -> None:
    update = await talk.say("/write 分开")
    before = len(talk.said())
    sent = update["message"]["message_id"]
    await talk.handle(talk.api.edit(talk.anna, sent, talk.private, "/write 月光"))
    assert len(talk.said()) == before


async def test_a_second_write_while_one_is_being_written_is_told_to_wait(
    talk: Conversation,
) -> None:
    await asyncio.gather(*(talk.say("/write 分开") for _ in range(3)))
    texts = [message["text"] for message in talk.said()]
    assert sum("哪一首更好？" in text for text in texts) == 1
    assert sum("还在写" in text for text in texts) == 2
    await talk.say("/write 分开")
    assert "哪一首更好？" in talk.last()["text"]


async def test_without_a_release_people_are_asked_to_come_back(tmp_path: Path) -> None:
    async with conversation(tmp_path, release=[]) as talk:
        await talk.say("/write 分开")
        assert "还没有训练好的模型" in talk.last()["text"]
        assert "lyricbot train" not in talk.last()["text"]


async def test_without_a_release_an_admin_is_told_how_to_train(tmp_path: Path) -> None:
    async with conversation(tmp_path, release=[]) as talk:
        await talk.say("/write 分开", talk.admin)
        assert talk.admin.id == ADMIN
        assert "/retrain" in talk.last(talk.api.private_chat(talk.admin))["text"]


async def test_a_damaged_model_is_apologised_for_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with conversation(tmp_path) as talk:
        for file in (tmp_path / "checkpoints" / "models").iterdir():
            file.write_bytes(file.read_bytes()[:-100])
        await talk.say("/write 分开")
        assert "现在暂时存取不了东西" in talk.last()["text"]
