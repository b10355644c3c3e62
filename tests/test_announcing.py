"""/announce, and how announcements reach the chats that want them."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from conversation import Conversation, Json
from telegram import Bot

from bot import announcing
from bot.announcing import Announcing
from core.arena.announcements import Announcements


def announcer(talk: Conversation, after: float = 0) -> Announcing:
    """As it will be so many seconds from now."""
    announcements = Announcements(
        talk.services.store, lambda: datetime.now(UTC) + timedelta(seconds=after)
    )
    return Announcing(announcements, talk.app.bot, pause=0)


async def asked(talk: Conversation, text: str = "今晚 8 点斗歌！") -> Json:
    """The question under the preview; Anna and the group want news."""
    talk.api.appoint(talk.ben, talk.group)
    await talk.say("/news")
    await talk.say("/news", talk.ben, talk.group)
    await talk.say(f"/announce {text}", talk.admin)
    return talk.last(talk.home(talk.admin))


async def test_it_is_shown_as_it_will_look_and_asked_about(talk: Conversation) -> None:
    question = await asked(talk)
    preview = talk.said(talk.home(talk.admin))[-2]
    assert preview["text"] == "今晚 8 点斗歌！"
    assert "Chats that get it: 2" in question["text"]
    assert question["reply_to_message"]["message_id"] == preview["message_id"]


@pytest.mark.parametrize("text", ["\u200b", "\u200d\ufeff", "\u2800 \u2060"])
async def test_what_nobody_would_see_is_not_asked_about(talk: Conversation, text: str) -> None:
    await talk.say("/news", talk.ben)
    await talk.say(f"/announce {text}", talk.admin)
    assert talk.last(talk.home(talk.admin))["text"] == "Like this: /announce TEXT"
    assert await talk.services.limits.counted("errors") == 0


async def test_a_yes_sends_it_to_whoever_wants_news(talk: Conversation) -> None:
    await talk.click("a:send", await asked(talk), talk.admin)
    assert "Chats: 2" in talk.last(talk.home(talk.admin))["text"]
    await announcer(talk).deliver()
    assert talk.last()["text"] == talk.last(talk.group)["text"] == "今晚 8 点斗歌！"
    assert "斗歌" not in f"{talk.said(talk.home(talk.ben))}"
    await announcer(talk).deliver()
    assert f"{talk.said()}".count("斗歌") == 1


async def test_a_second_press_sends_nothing_more(talk: Conversation) -> None:
    question = await asked(talk)
    chat = talk.home(talk.admin)
    presses = [
        talk.api.press(talk.admin, chat, question["message_id"], "a:send") for _ in range(2)
    ]
    for press in presses:
        await talk.handle(press)
        assert talk.api.answer_to(press) is not None
    assert talk.rows("SELECT count(*) FROM announcements") == [(1,)]
    assert "On its way" in talk.last(chat)["text"]


async def test_a_no_sends_nothing(talk: Conversation) -> None:
    await talk.click("a:no", await asked(talk), talk.admin)
    assert talk.last(talk.home(talk.admin))["text"] == "Not sent."
    assert talk.rows("SELECT count(*) FROM announcements") == [(0,)]


async def test_only_admins_may_press(talk: Conversation) -> None:
    await talk.say("/news", talk.ben)
    await talk.say("/announce x", talk.admin, talk.group)
    answer = await talk.click("a:send", talk.last(talk.group), talk.anna, talk.group)
    assert "只有管理员" in answer["text"]
    assert talk.rows("SELECT count(*) FROM announcements") == [(0,)]


async def test_without_a_text_or_anybody_to_tell_it_says_so(talk: Conversation) -> None:
    await talk.say("/announce", talk.admin)
    assert "/announce TEXT" in talk.last(talk.home(talk.admin))["text"]
    await talk.say("/announce x", talk.admin)
    assert "No chat wants announcements" in talk.last(talk.home(talk.admin))["text"]


async def test_a_preview_that_is_gone_is_not_sent(talk: Conversation) -> None:
    question = await asked(talk)
    talk.api.delete(talk.home(talk.admin), question["reply_to_message"]["message_id"])
    await talk.click("a:send", question, talk.admin)
    assert talk.last(talk.home(talk.admin))["text"] == "Not sent."


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (403, "Forbidden: bot was blocked by the user"),
        (400, "Bad Request: chat not found"),
    ],
)
async def test_a_chat_that_cannot_be_reached_is_taken_off(
    talk: Conversation, status: int, why: str
) -> None:
    await talk.click("a:send", await asked(talk), talk.admin)
    talk.api.fail_next("sendMessage", status, why)
    await announcer(talk).deliver()
    assert await talk.services.rooms.wanting_news() == 1
    assert await talk.services.announcements.progress(1) == (1, 1, 0)


async def test_one_that_fails_is_tried_again_later(talk: Conversation) -> None:
    await talk.click("a:send", await asked(talk), talk.admin)
    talk.api.fail_next("sendMessage", 500, "Internal Server Error")
    await announcer(talk).deliver()
    assert await talk.services.announcements.progress(1) == (1, 0, 1)
    await announcer(talk, after=61).deliver()
    assert await talk.services.announcements.progress(1) == (2, 0, 0)


@pytest.mark.filterwarnings("ignore:Deprecated since version v22.2")  # PTB's, of its own use
async def test_telegrams_wish_to_wait_is_kept_to(talk: Conversation) -> None:
    await talk.click("a:send", await asked(talk), talk.admin)
    talk.api.fail_next("sendMessage", 429, "Too Many Requests", retry_after=3, times=2)
    async with Bot(talk.app.bot.token, request=talk.api, get_updates_request=talk.api) as bot:
        await Announcing(talk.services.announcements, bot, pause=0).deliver()
    await announcer(talk, after=4).deliver()
    assert await talk.services.announcements.progress(1) == (2, 0, 0)


async def test_a_group_that_grew_unnoticed_is_told_where_it_is_now(talk: Conversation) -> None:
    group = talk.api.group(-7, "小群", kind="group")
    talk.api.appoint(talk.anna, group)
    await talk.say("/news", talk.anna, group)
    grown = talk.api.migrate(group, -1007)
    await talk.services.announcements.announce("来了", talk.admin.id)
    await announcer(talk).deliver()
    assert talk.last(grown)["text"] == "来了"


async def test_two_bots_tell_each_chat_once(talk: Conversation) -> None:
    for room in range(20, 32):
        talk.api.send(talk.api.person(room, "x"), talk.home(talk.api.person(room, "x")), "hi")
        await talk.services.rooms.set_news(room, True)
    await talk.services.announcements.announce("来了", talk.admin.id)
    await asyncio.gather(announcer(talk).deliver(), announcer(talk).deliver())
    assert len(talk.called("sendMessage")) == 12


async def test_what_takes_longer_than_its_lease_is_left_to_others(
    talk: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    await talk.click("a:send", await asked(talk), talk.admin)
    before = len(talk.called("sendMessage"))
    monkeypatch.setattr(announcing, "WITHIN", 0.05)
    talk.api.delay = lambda call: 0.2 if call.method == "sendMessage" else 0
    await announcer(talk).deliver()
    assert len(talk.called("sendMessage")) == before + 1
    assert (await talk.services.announcements.progress(1)).open == 2
