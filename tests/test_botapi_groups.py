"""Groups of the in-process Bot API: the bot comes and goes, groups grow, administrators hide."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from telegram import Bot, MessageOriginChat, Update
from telegram.error import ChatMigrated, Forbidden
from test_botapi import TOKEN, Clock, bad, came, keyboard, sent

from bot.botapi import BotApi, Chat, Person

ANONYMOUS = 1_087_968_824


@pytest.fixture
def api() -> BotApi:
    return BotApi(TOKEN, clock=Clock())


@pytest.fixture
async def bot(api: BotApi) -> AsyncIterator[Bot]:
    async with Bot(TOKEN, request=api, get_updates_request=api) as bot:
        yield bot


@pytest.fixture
def mei(api: BotApi) -> Person:
    return api.person(1, "梅")


@pytest.fixture
def group(api: BotApi) -> Chat:
    return api.group(-100, "词人", privacy=False)


def statuses(update: dict[str, Any]) -> tuple[str, str]:
    change = update["my_chat_member"]
    return change["old_chat_member"]["status"], change["new_chat_member"]["status"]


async def test_the_bot_is_told_that_it_was_brought_into_a_group(
    api: BotApi, bot: Bot, mei: Person
) -> None:
    group = api.group(-100, "词人", joined=False)
    with bad("chat not found"):
        await bot.send_message(-100, "x")
    assert api.send(mei, group, "/start") is None
    assert statuses(api.add_bot(mei, group, "administrator")) == ("left", "administrator")
    change, service = await bot.get_updates()
    assert change.my_chat_member is not None
    assert change.my_chat_member.from_user.id == 1
    assert change.my_chat_member.new_chat_member.user.id == bot.id
    assert service.message is not None
    assert [each.id for each in service.message.new_chat_members] == [bot.id]
    assert (await bot.get_chat_member(-100, bot.id)).status == "administrator"
    assert await bot.send_message(-100, "x")
    with pytest.raises(ValueError, match="already"):
        api.add_bot(mei, group)


async def test_who_was_thrown_out_hears_and_says_nothing(
    api: BotApi, bot: Bot, mei: Person, group: Chat
) -> None:
    message = await bot.send_message(-100, "x", reply_markup=keyboard(1))
    assert statuses(api.remove_bot(mei, group)) == ("member", "kicked")
    change, service = await bot.get_updates()
    assert change.my_chat_member is not None
    assert change.my_chat_member.new_chat_member.to_dict()["until_date"] == 0
    assert service.message is not None
    assert service.message.left_chat_member == bot.bot
    for call in (
        bot.send_message(-100, "y"),
        message.edit_text("y"),
        message.delete(),
        bot.forward_message(1, -100, message.message_id),
        bot.send_chat_action(-100, "typing"),
        bot.get_chat(-100),
        bot.get_chat_member(-100, 1),
    ):
        with pytest.raises(
            Forbidden, match=r"^Forbidden: bot was kicked from the supergroup chat$"
        ):
            await call
    theirs = api.send(mei, group, "/start")
    assert theirs is None
    assert api.edit(mei, api.messages(group)[-1]["message_id"], group, "/help") is None
    pressed = api.press(mei, group, message.message_id, "d0.0")["callback_query"]
    assert pressed["message"]["date"] == 0
    assert api.messages(group)[-1]["text"] == "/help"
    assert len(await bot.get_updates()) == 3
    with pytest.raises(ValueError, match="not in this group"):
        api.remove_bot(mei, group)
    assert statuses(api.add_bot(mei, group)) == ("kicked", "member")
    assert api.send(mei, group, "/start")
    assert await message.edit_text("y")


async def test_a_basic_group_is_read_after_the_bot_was_removed(
    api: BotApi, bot: Bot, mei: Person
) -> None:
    group = api.group(-5, "词人", kind="group")
    assert (await bot.get_chat(-5)).type == "group"
    assert statuses(api.remove_bot(mei, group)) == ("member", "left")
    with pytest.raises(Forbidden, match=r"^Forbidden: bot was kicked from the group chat$"):
        await bot.send_message(-5, "x")
    assert (await bot.get_chat(-5)).title == "词人"
    assert statuses(api.add_bot(mei, group)) == ("left", "member")
    assert await bot.send_message(-5, "x")


async def test_a_private_chat_is_no_group(api: BotApi, mei: Person) -> None:
    home = api.private_chat(mei)
    with pytest.raises(ValueError, match="already"):
        api.add_bot(mei, home)
    with pytest.raises(ValueError, match="not in this group"):
        api.remove_bot(mei, home)
    with pytest.raises(ValueError, match="a member or an administrator"):
        api.add_bot(mei, api.group(-5, "x", joined=False), "creator")


def test_a_basic_group_has_no_topics(api: BotApi, mei: Person) -> None:
    with pytest.raises(ValueError, match="only a supergroup"):
        api.group(-5, "x", kind="group", forum=True)
    with pytest.raises(ValueError, match="a group or a supergroup"):
        api.group(-5, "x", kind="channel")
    with pytest.raises(ValueError, match="only a forum"):
        api.send(mei, api.group(-5, "x", kind="group"), "x", thread=3)


async def test_a_group_that_grew_says_where_it_went(api: BotApi, bot: Bot, mei: Person) -> None:
    group = api.group(-5, "词人", kind="group")
    api.appoint(mei, group, "creator")
    old = await bot.send_message(-5, "x")
    grown = api.migrate(group, -100)
    assert (grown.id, grown.type, grown.title) == (-100, "supergroup", "词人")
    left, arrived = [each.message for each in await bot.get_updates()]
    assert left is not None
    assert arrived is not None
    assert (left.chat.id, left.migrate_to_chat_id) == (-5, -100)
    assert left.from_user is not None
    assert left.from_user.id == 1
    assert (arrived.chat.id, arrived.migrate_from_chat_id) == (-100, -5)
    assert arrived.from_user is not None
    assert arrived.from_user.id == ANONYMOUS
    assert arrived.sender_chat == arrived.chat
    for call in (bot.send_message(-5, "y"), old.edit_text("y"), old.delete()):
        with pytest.raises(ChatMigrated) as refusal:
            await call
        assert refusal.value.new_chat_id == -100
    assert await api.handle(TOKEN, "sendMessage", {"chat_id": "-5", "text": "x"}) == (
        400,
        {
            "ok": False,
            "error_code": 400,
            "description": "Bad Request: group chat was upgraded to a supergroup chat",
            "parameters": {"migrate_to_chat_id": -100},
        },
    )
    assert (await bot.get_chat(-5)).id == -5
    assert (await bot.get_chat_member(-100, 1)).status == "creator"
    assert await bot.send_message(-100, "y")
    assert api.send(mei, grown, "/start")
    with pytest.raises(ValueError, match="is now -100"):
        api.send(mei, group, "/start")


def test_only_a_basic_group_with_the_bot_grows(api: BotApi, mei: Person, group: Chat) -> None:
    small = api.group(-5, "x", kind="group")
    api.migrate(small, -101)
    gone = api.group(-6, "x", kind="group")
    api.remove_bot(mei, gone)
    for wrong in (group, small, gone, api.private_chat(mei)):
        with pytest.raises(ValueError, match="only a basic group"):
            api.migrate(wrong, -102)
    with pytest.raises(ValueError, match="its own"):
        api.migrate(api.group(-7, "x", kind="group"), -100)


async def test_service_messages_are_neither_forwarded_nor_copied(
    api: BotApi, bot: Bot, mei: Person
) -> None:
    group = api.group(-100, "词人", joined=False)
    api.add_bot(mei, group)
    service = api.messages(group)[0]["message_id"]
    with bad("the message can't be forwarded"):
        await bot.forward_message(-100, -100, service)
    with bad("the message can't be copied"):
        await bot.copy_message(-100, -100, service)


async def test_an_anonymous_administrator_is_the_group(
    api: BotApi, bot: Bot, mei: Person, group: Chat
) -> None:
    with pytest.raises(ValueError, match="only administrators"):
        api.send(mei, group, "/start", anonymous=True)
    api.appoint(mei, group)
    update = came(api.send(mei, group, "/start", anonymous=True))
    message = Update.de_json(update, bot).message
    assert message is not None
    assert message.from_user is not None
    assert message.from_user.id == ANONYMOUS
    assert (message.from_user.is_bot, message.from_user.username) == (True, "GroupAnonymousBot")
    assert message.sender_chat == message.chat
    answer = await message.reply_text("好", do_quote=True)
    assert answer.reply_to_message is not None
    assert answer.reply_to_message.sender_chat == message.chat
    forwarded = await message.forward(-100)
    assert isinstance(forwarded.forward_origin, MessageOriginChat)
    assert forwarded.forward_origin.sender_chat == message.chat
    assert "sender_chat" not in sent(api.send(mei, group, "/start"))
    small = api.group(-5, "x", kind="group")
    api.appoint(mei, small)
    with pytest.raises(ValueError, match="only administrators of a supergroup"):
        api.send(mei, small, "/start", anonymous=True)


async def test_with_privacy_service_messages_are_heard(api: BotApi, bot: Bot, mei: Person) -> None:
    group = api.group(-5, "词人", kind="group")
    assert api.send(mei, group, "大家好") is None
    api.migrate(group, -100)
    assert len(await bot.get_updates()) == 2
