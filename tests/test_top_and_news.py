"""/top and /news."""

from pathlib import Path

from conversation import Conversation, buttons, conversation


async def liked(talk: Conversation, prefix: str = "月光") -> str:
    """Ben's duel that Anna liked the first lyric of, and that is over; that lyric."""
    await talk.say(f"/write {prefix}", talk.ben)
    duel = talk.last(talk.home(talk.ben))
    await talk.press("1", duel, talk.ben)
    await talk.press("like", duel, talk.ben)
    await talk.press("3", duel, talk.ben)
    await talk.say("/reveal", talk.ben)
    ((text,),) = talk.rows("SELECT text FROM lyrics JOIN duels ON lyrics.id = lyric_1_id")
    return str(text)


async def test_before_anybody_likes_anything_top_says_how_to_begin(talk: Conversation) -> None:
    await talk.say("/top")
    assert "/write 分开" in talk.last()["text"]


async def test_top_shows_what_is_liked_and_sung_with_a_link_to_its_duel(
    talk: Conversation,
) -> None:
    text = await liked(talk)
    await talk.say("/top")
    said = talk.last()
    assert said["text"].count(text.strip()) == 2
    assert said["text"].startswith("👍 最多人喜欢")
    links = [e["url"] for e in said["entities"] if e["type"] == "text_link"]
    assert len(links) == 2
    await talk.handle(talk.api.start(talk.anna, links[0].split("start=")[1]))
    assert text.strip() in talk.last()["text"]


async def test_while_people_vote_nothing_is_shown(talk: Conversation) -> None:
    await talk.press("like", await talk.duel())
    await talk.say("/top")
    assert "最多人喜欢" not in talk.last()["text"]


async def test_what_was_banned_since_is_not_shown(tmp_path: Path) -> None:
    async with conversation(tmp_path) as talk:
        await liked(talk)
    words = tmp_path / "words.txt"
    words.write_text("月光", encoding="utf-8")
    async with conversation(tmp_path, release=[], banned_words=words) as talk:
        await talk.say("/top")
        assert "月光" not in talk.last()["text"]


async def test_news_is_turned_on_and_off_for_a_chat(talk: Conversation) -> None:
    for person in (talk.anna, talk.ben):
        talk.api.appoint(person, talk.group)
    await talk.say("/news", talk.ben, talk.group)
    assert "will be sent here" in talk.last(talk.group)["text"]
    assert await talk.services.rooms.wanting_news() == 1
    await talk.say("/news", talk.anna, talk.group)
    assert "公告不发到这里了" in talk.last(talk.group)["text"]
    assert await talk.services.rooms.wanting_news() == 0


async def test_in_a_group_only_its_admins_turn_news_on(talk: Conversation) -> None:
    await talk.say("/news", talk.ben, talk.group)
    assert "only its admins" in talk.last(talk.group)["text"]
    assert await talk.services.rooms.wanting_news() == 0


async def test_a_link_to_a_duel_that_is_over_shows_its_result_and_asks_for_nothing(
    talk: Conversation,
) -> None:
    await liked(talk)
    await talk.say("/top")
    link = next(e["url"] for e in talk.last()["entities"] if e["type"] == "text_link")
    await talk.handle(talk.api.start(talk.anna, link.split("start=")[1]))
    shown = talk.last()
    assert shown["text"].startswith("这场对决已经结束：")
    assert "📢 结果" in shown["text"]
    assert "哪一首更好" not in shown["text"]
    assert not any("v:1:1" in b.get("callback_data", "") for b in buttons(shown))
