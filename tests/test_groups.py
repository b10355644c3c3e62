"""The bot in groups: it comes and goes, topics, groups that grow, admins whom nobody may know."""

import asyncio

import pytest
from conversation import TOKEN, Conversation, data_of

from bot.botapi import Chat

TOPIC = 100
BOT = "lyricbot_demo_bot"


@pytest.fixture
def forum(talk: Conversation) -> Chat:
    return talk.api.group(-1002, "论坛", forum=True)


async def test_brought_into_a_group_it_says_once_what_it_does(talk: Conversation) -> None:
    group = talk.api.group(-5, "新群", joined=False)
    await talk.handle(talk.api.add_bot(talk.anna, group))
    (hello,) = talk.said(group)
    assert all(word in hello["text"] for word in (f"/write@{BOT} 分开", "24 小时", "/reveal"))


async def test_made_an_admin_later_it_does_not_greet_again(talk: Conversation) -> None:
    group = talk.api.group(-5, "新群", joined=False)
    added = talk.api.add_bot(talk.anna, group)
    await talk.handle(added)
    change = added["my_chat_member"]
    change["old_chat_member"] = change["new_chat_member"]
    await talk.handle(added)
    assert len(talk.said(group)) == 1


async def test_where_it_may_not_write_it_is_silent(talk: Conversation) -> None:
    group = talk.api.group(-5, "新群", joined=False)
    update = talk.api.add_bot(talk.anna, group)
    talk.api.fail_next("sendMessage", 400, "Bad Request: not enough rights to send text messages")
    await talk.handle(update)
    assert await talk.services.limits.counted("errors") == 0


async def test_thrown_out_it_sends_no_more_news(talk: Conversation) -> None:
    await talk.say("/news", talk.ben, talk.group)
    await talk.handle(talk.api.remove_bot(talk.ben, talk.group))
    assert not (await talk.services.rooms.get(talk.group.id)).news


async def test_answers_stay_in_their_topic(talk: Conversation, forum: Chat) -> None:
    for text in (
        f"/write@{BOT} 分开",
        "/write",
        "/stats",
        "/top",
        "/language",
        "/reveal",
        "/help",
    ):
        await talk.handle(talk.api.send(talk.ben, forum, text, thread=TOPIC))
    duel = talk.said(forum)[0]
    await talk.click(":again", duel, talk.ben, forum)
    await talk.click("w:1:1:", duel, talk.ben, forum)
    said = talk.said(forum)
    assert len(said) == 9
    assert {message.get("message_thread_id") for message in said} == {TOPIC}


async def test_in_a_forums_general_topic_too(talk: Conversation, forum: Chat) -> None:
    await talk.say("/write 分开", talk.ben, forum)
    assert "message_thread_id" not in talk.last(forum)


async def test_a_thread_of_replies_is_no_topic(talk: Conversation) -> None:
    update = talk.api.send(talk.ben, talk.group, "/write 分开")
    assert update is not None
    update["message"]["message_thread_id"] = 1  # as Telegram marks what replies to a reply
    await talk.handle(update)
    assert "分开" in talk.last(talk.group)["text"]
    assert all("message_thread_id" not in call for call in talk.called("sendMessage"))


async def test_a_write_that_was_deleted_meanwhile_is_answered(talk: Conversation) -> None:
    update = talk.api.send(talk.ben, talk.group, "/write 分开")
    assert update is not None
    talk.api.delete(talk.group, update["message"]["message_id"])
    await talk.handle(update)
    assert "Which one is better?" in talk.last(talk.group)["text"]


async def test_a_group_that_grows_keeps_what_it_chose(talk: Conversation) -> None:
    group = talk.api.group(-7, "小群", kind="group")
    talk.api.appoint(talk.anna, group, "creator")
    await talk.say("/language", talk.anna, group)
    await talk.click("l:zh-hant", talk.last(group), talk.anna, group)
    await talk.say("/news", talk.anna, group)
    await talk.duel(talk.anna, group)
    grown = talk.api.migrate(group, -1007)
    moved = {"message_id": 99, "date": 0, "chat": {"id": -7, "type": "group", "title": "小群"}}
    moved |= {"from": talk.anna.shown(), "migrate_to_chat_id": -1007}
    await talk.handle({"update_id": 500, "message": moved})
    await talk.handle({"update_id": 500, "message": moved})
    chosen = await talk.services.rooms.get(grown.id)
    assert (chosen.language, chosen.traditional, chosen.news) == ("zh-hant", True, True)
    await talk.say("/reveal", talk.anna, grown)  # its posts did not come along
    assert "還沒有對決可以揭曉" in talk.last(grown)["text"]
    assert await talk.services.limits.counted("errors") == 0


async def test_a_group_that_grew_unnoticed_is_recognised_from_where_it_came(
    talk: Conversation,
) -> None:
    await talk.services.rooms.set_news(-7, True)
    new = {"message_id": 1, "date": 0, "chat": {"id": -1007, "type": "supergroup", "title": "x"}}
    new |= {"from": talk.anna.shown(), "migrate_from_chat_id": -7}
    await talk.handle({"update_id": 500, "message": new})
    assert (await talk.services.rooms.get(-1007)).news


async def test_anonymous_admins_of_two_groups_are_not_one_person(talk: Conversation) -> None:
    other = talk.api.group(-1003, "别的群")
    for group in (talk.group, other):
        talk.api.appoint(talk.anna, group)
    asked = [
        talk.api.send(talk.anna, group, "/write 分开", anonymous=True)
        for group in (talk.group, other)
    ]
    await asyncio.gather(*(talk.handle(update) for update in asked))
    assert all("哪一首更好？" in talk.last(group)["text"] for group in (talk.group, other))
    await talk.handle(talk.api.send(talk.anna, other, "/reveal", anonymous=True))
    assert talk.rows("SELECT count(*) FROM duels WHERE closes_at > opened_at") == [(2,)]
    assert "揭晓了" in talk.last(other)["text"]


async def test_an_anonymous_typed_vote_is_not_taken_for_anybodys(talk: Conversation) -> None:
    talk.api.appoint(talk.anna, talk.group)
    duel = await talk.duel(talk.ben, talk.group)
    update = talk.api.send(talk.anna, talk.group, "1", reply_to=duel["message_id"], anonymous=True)
    await talk.handle(update)
    assert "匿名" in talk.last(talk.group)["text"]
    assert talk.rows("SELECT count(*) FROM votes") == [(0,)]
    await talk.click(data_of("v:1:1:", duel), duel, talk.anna, talk.group)
    assert talk.rows("SELECT count(*) FROM votes") == [(1,)]


async def test_an_anonymous_admin_of_a_group_is_no_operator(talk: Conversation) -> None:
    talk.api.appoint(talk.admin, talk.group)
    await talk.handle(talk.api.send(talk.admin, talk.group, "/ban 1", anonymous=True))
    assert "匿名" in talk.last(talk.group)["text"]
    assert not talk.services.access.is_banned(1)


async def test_no_message_of_ours_names_the_token(talk: Conversation) -> None:
    await talk.say("/help", talk.ben, talk.group)
    assert TOKEN not in f"{talk.said(talk.group)}"
