"""Bans, the allow list, banned words."""

from pathlib import Path

import pytest
from conversation import ADMIN, Conversation, conversation, data_of

from core.lyrics.words import BannedWords


async def told(talk: Conversation, text: str) -> str:
    await talk.say(text, talk.admin)
    return str(talk.last(talk.home(talk.admin))["text"])


async def test_whoever_is_banned_gets_nothing_until_let_in_again(talk: Conversation) -> None:
    duel = await talk.duel(talk.ben, talk.group)
    assert await told(talk, "/ban 1") == "1 is banned."
    for text in ("/write 分开", "/start", "/privacy", "hello"):
        await talk.say(text)
    assert talk.said() == []
    answer = await talk.click("v:1:1", duel, talk.anna, talk.group)
    assert answer == {"text": "", "show_alert": False}
    assert talk.rows("SELECT count(*) FROM votes") == [(0,)]
    update = talk.api.ask_inline(talk.anna, "分开")
    await talk.handle(update)
    assert talk.api.answer_to(update) is None
    assert await told(talk, "/unban 1") == "1 is no longer banned."
    assert await told(talk, "/unban 1") == "1 was not banned."
    await talk.duel()
    assert len(talk.said()) == 1


async def test_a_group_that_is_banned_is_closed_to_all(talk: Conversation) -> None:
    assert await told(talk, f"/ban {talk.group.id}") == f"{talk.group.id} is banned."
    await talk.say("/write 分开", talk.ben, talk.group)
    assert talk.said(talk.group) == []
    await talk.say("/write 分开", talk.ben)
    assert talk.rows("SELECT count(*) FROM duels") == [(1,)]


async def test_a_ban_by_reply(talk: Conversation) -> None:
    rude = talk.api.send(talk.anna, talk.group, "/write 分开")
    assert rude is not None
    await talk.say("/ban", talk.admin, talk.group, reply_to=rude["message"]["message_id"])
    assert talk.services.access.is_banned(talk.anna.id)
    await talk.say("/unban", talk.admin, talk.group, reply_to=rude["message"]["message_id"])
    assert not talk.services.access.is_banned(talk.anna.id)


async def test_a_bare_ban_in_a_topic_bans_nobody(talk: Conversation) -> None:
    forum = talk.api.group(-1002, "论坛", forum=True)
    talk.api.send(talk.anna, forum, "hello", thread=100)  # who opened the topic
    await talk.handle(talk.api.send(talk.admin, forum, "/ban", thread=100))
    assert not talk.services.access.is_banned(talk.anna.id)
    assert "numeric id" in talk.last(forum)["text"]


@pytest.mark.parametrize("text", ["/ban", "/ban @anna", "/ban 5x", "/unban"])
async def test_a_ban_of_nobody_is_explained(talk: Conversation, text: str) -> None:
    assert text.split()[0] in await told(talk, text)


async def test_an_admin_cannot_be_banned_nor_is_the_bot(talk: Conversation) -> None:
    assert "admin cannot be banned" in await told(talk, f"/ban {ADMIN}")
    duel = await talk.duel(talk.ben, talk.group)
    await talk.say("/ban", talk.admin, talk.group, reply_to=duel["message_id"])
    assert await talk.services.access.banned() == ()


async def test_nobody_else_bans(talk: Conversation) -> None:
    await talk.say("/ban 2")
    assert "只有管理员" in talk.last()["text"]
    assert await talk.services.access.banned() == ()


async def test_who_became_an_admin_after_a_ban_is_let_in(talk: Conversation) -> None:
    await talk.services.access.ban(ADMIN, 1)
    assert "Today" in await told(talk, "/admin")


async def test_open_to_some_people_and_chats_only(tmp_path: Path) -> None:
    async with conversation(tmp_path, allow=frozenset({1, -1001})) as talk:
        assert "哪一首更好？" in (await talk.duel())["text"]
        assert "Which one" in (await talk.duel(talk.ben, talk.group))["text"]
        assert "your id: 2" in (await talk.duel(talk.ben))["text"]
        closed = talk.api.group(-1009, "别的群")
        await talk.say("/write 分开", talk.ben, closed)
        assert talk.said(closed) == []
        assert "Today" in await told(talk, "/admin")


async def test_a_press_where_it_is_not_open_says_so(tmp_path: Path) -> None:
    async with conversation(tmp_path, allow=frozenset({1})) as talk:
        duel = await talk.duel(talk.anna, talk.group)
        answer = await talk.click(data_of("v:1:1", duel), duel, talk.ben, talk.group)
        assert answer["show_alert"]
        assert "id: 2" in answer["text"]
        assert talk.rows("SELECT count(*) FROM votes") == [(0,)]


async def test_brought_where_it_is_not_open_it_is_silent(tmp_path: Path) -> None:
    async with conversation(tmp_path, allow=frozenset({1})) as talk:
        group = talk.api.group(-5, "新群", joined=False)
        await talk.handle(talk.api.add_bot(talk.ben, group))
        assert talk.said(group) == []


async def test_a_group_whose_owner_is_banned_keeps_its_choices_as_it_grows(
    talk: Conversation,
) -> None:
    await talk.services.rooms.set_language(-7, "en")
    await talk.services.access.ban(talk.anna.id, ADMIN)
    moved = {"message_id": 9, "date": 0, "chat": {"id": -7, "type": "group", "title": "x"}}
    moved |= {"from": talk.anna.shown(), "migrate_to_chat_id": -1007}
    await talk.handle({"update_id": 500, "message": moved})
    assert (await talk.services.rooms.get(-1007)).language == "en"


async def test_banned_words_are_neither_taken_nor_written(tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("月光\n", encoding="utf-8")
    async with conversation(tmp_path, banned_words=words) as talk:
        await talk.say("/write 月光")
        assert "这个开头在这里不能用" in talk.last()["text"]
        update = talk.api.ask_inline(talk.anna, "月光")
        await talk.handle(update)
        found = talk.api.answer_to(update)
        assert found is not None
        assert "不能用" in found["button"]["text"]


async def test_where_nothing_fit_comes_of_a_prefix_it_is_said(tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("\n".join("雨落下来不等着光照进旧站我把歌唱给你听车人的月"), "utf-8")
    async with conversation(tmp_path, banned_words=words) as talk:
        await talk.say("/write 分开")
        assert "拿得出手" in talk.last()["text"]
        assert talk.rows("SELECT count(*) FROM duels") == [(0,)]


async def test_who_writes_as_a_chat_is_banned_as_that_chat(talk: Conversation) -> None:
    group = talk.group.id
    talk.api.appoint(talk.anna, talk.group)
    said = talk.api.send(talk.anna, talk.group, "/write 分开", anonymous=True)
    assert said is not None
    await talk.say("/ban", talk.admin, talk.group, reply_to=said["message"]["message_id"])
    assert talk.services.access.is_banned(group)
    await talk.handle(talk.api.send(talk.anna, talk.group, "/write 分开", anonymous=True))
    assert talk.rows("SELECT count(*) FROM duels") == [(0,)]
    assert "no longer banned" in await told(talk, f"/unban {group}")


@pytest.mark.parametrize(
    "asked",
    [
        "/write 垃分圾",
        "/write 分垃开圾",
        "/write 垃圾山",
        "/acrostic 垃分圾开",
        "/write s分p开a雨m",
    ],
)
async def test_the_bot_spells_out_no_banned_word_itself(tmp_path: Path, asked: str) -> None:
    words = tmp_path / "words.txt"
    words.write_text("垃圾\nspam\n", encoding="utf-8")
    async with conversation(tmp_path, banned_words=words) as talk:
        await talk.say(asked)
        for message in talk.said():
            assert not talk.services.banned.found(message["text"])
        assert talk.rows("SELECT count(*) FROM duels") == [(0,)]


async def test_a_word_that_is_banned_later_is_shown_no_more(tmp_path: Path) -> None:
    async with conversation(tmp_path) as talk:
        await talk.duel()
        ((duel, key),) = talk.rows("SELECT id, key FROM duels")
        lyric = talk.rows("SELECT text FROM lyrics")[0][0]
        words = tmp_path / "words.txt"
        words.write_text(lyric.split("\n")[0][:3], encoding="utf-8")
        talk.services.contest._banned = BannedWords.read(words)
        for _ in range(2):
            await talk.say(f"/start duel_{duel}_{key}", talk.ben)
        assert lyric[:3] not in str(talk.said(talk.home(talk.ben)))
