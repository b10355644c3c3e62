"""The in-process Bot API: what it refuses and how python-telegram-bot hears of it."""

import asyncio
import io
import json
import re
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest
from matplotlib.figure import Figure
from telegram import (
    Bot,
    BotCommand,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
    BotCommandScopeChatAdministrators,
    BotCommandScopeChatMember,
    ForceReply,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InlineQueryResultArticle,
    InputFile,
    InputMediaDocument,
    InputMediaPhoto,
    InputMediaVideo,
    InputTextMessageContent,
    MaybeInaccessibleMessage,
    Message,
    MessageEntity,
    MessageOriginUser,
    ReactionTypeCustomEmoji,
    ReactionTypeEmoji,
    ReplyKeyboardMarkup,
    ReplyKeyboardRemove,
    ReplyParameters,
    Update,
)
from telegram.error import (
    BadRequest,
    Conflict,
    EndPointNotFound,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)
from telegram.ext import Application, CallbackQueryHandler, CommandHandler, ContextTypes

from bot.botapi import AnswerLost, BotApi, Call, Chat, Person

TOKEN = "12345:AbC-dEf_123"
NAME = "lyricbot_demo_bot"


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def api(clock: Clock) -> BotApi:
    return BotApi(TOKEN, clock=clock)


@pytest.fixture
async def bot(api: BotApi) -> AsyncIterator[Bot]:
    async with Bot(TOKEN, request=api, get_updates_request=api) as bot:
        yield bot


@pytest.fixture
def mei(api: BotApi) -> Person:
    """Somebody who has written to the bot."""
    person = api.person(1, "梅", language_code="zh-hans", username="mei")
    api.send(person, api.private_chat(person), "/start")
    return person


@pytest.fixture
def home(api: BotApi, mei: Person) -> Chat:
    return api.private_chat(mei)


@pytest.fixture
def group(api: BotApi) -> Chat:
    return api.group(-100, "词人")


def bad(description: str) -> Any:
    """A BadRequest of exactly this description; the library capitalizes what it strips."""
    return pytest.raises(BadRequest, match=f"^{re.escape(description.capitalize())}$")


def keyboard(*rows: int, data: str = "d") -> InlineKeyboardMarkup:
    """A keyboard with rows of so many buttons."""
    return InlineKeyboardMarkup(
        [
            [InlineKeyboardButton("b", callback_data=f"{data}{row}.{at}") for at in range(count)]
            for row, count in enumerate(rows)
        ]
    )


def raw(*buttons: dict[str, Any]) -> dict[str, Any]:
    return {"inline_keyboard": [list(buttons)]}


async def told(api: BotApi, method: str, **parameters: Any) -> str:
    """What a call that the library would not make is refused with."""
    encoded = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in parameters.items()
    }
    status, body = await api.handle(TOKEN, method, encoded)
    assert status == 400
    return str(body["description"]).removeprefix("Bad Request: ")


def came(update: dict[str, Any] | None) -> dict[str, Any]:
    """An update that did come."""
    assert update is not None
    return update


def sent(update: dict[str, Any] | None) -> dict[str, Any]:
    """The message inside an update that did come."""
    message: dict[str, Any] = came(update).get("message") or came(update)["edited_message"]
    return message


def png(width: int = 2, height: int = 2, size: int = 0) -> bytes:
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR"
    return (head + struct.pack(">II", width, height)).ljust(max(size, 40), b"\0")


def chart() -> bytes:
    """A picture of 1050 by 630 pixels as the library for charts writes it."""
    figure = Figure(figsize=(7, 4.2), dpi=150)
    figure.subplots().plot([1, 3, 2])
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()


# --- the call itself


async def test_the_bot_learns_who_it_is(bot: Bot) -> None:
    assert (bot.id, bot.username, bot.bot.is_bot) == (12345, NAME, True)


async def test_a_refusal_is_the_json_that_telegram_sends(api: BotApi) -> None:
    assert await api.handle(TOKEN, "sendMessage", {"chat_id": "7", "text": "x"}) == (
        400,
        {"ok": False, "error_code": 400, "description": "Bad Request: chat not found"},
    )


async def test_an_answer_is_the_json_that_telegram_sends(api: BotApi, home: Chat) -> None:
    status, body = await api.handle(TOKEN, "SENDmessage", {"chat_id": "1", "text": "x"})
    assert (status, body["ok"], body["result"]["text"]) == (200, True, "x")


async def test_an_unknown_method_is_not_found(api: BotApi, bot: Bot) -> None:
    with pytest.raises(EndPointNotFound):
        await bot.do_api_request("sendLyrics")
    status, body = await api.handle(TOKEN, "sendLyrics", {})
    assert (status, body["description"]) == (404, "Not Found: method not found")


async def test_a_wrong_token_is_unauthorized(api: BotApi) -> None:
    bot = Bot("12345:other", request=api, get_updates_request=api)
    with pytest.raises(InvalidToken):
        await bot.initialize()
    assert (await api.handle("12345:other", "getMe", {}))[0] == 401
    status, body = await api.handle("nonsense", "getMe", {})
    assert (status, body["description"]) == (401, "Unauthorized: invalid token specified")


async def test_an_address_that_is_no_method_is_not_found(api: BotApi) -> None:
    for path in ("x.png", f"file/bot{TOKEN}/documents/file_0.txt"):
        status, body = await api.do_request(f"https://api.telegram.org/{path}", "GET")
        assert (status, json.loads(body)["description"]) == (404, "Not Found")


def test_a_malformed_token_makes_no_api() -> None:
    with pytest.raises(ValueError, match="token"):
        BotApi("nonsense")


async def test_only_calls_that_succeeded_are_recorded(api: BotApi, bot: Bot, home: Chat) -> None:
    seen: list[tuple[Call, Any]] = []
    api.calls.clear()
    api.on_call = lambda call, result: seen.append((call, result))
    await bot.send_message(1, "x")
    with bad("chat not found"):
        await bot.send_message(2, "x")
    assert api.calls == [Call("sendMessage", {"chat_id": "1", "text": "x"})]
    ((call, result),) = seen
    assert (call, result["text"]) == (api.calls[0], "x")


async def test_any_failure_can_be_brought_about(
    api: BotApi, bot: Bot, home: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "true")
    api.fail_next("sendmessage", 429, "Too Many Requests: retry after 3", retry_after=3, times=2)
    api.fail_next(None, 502, "Bad Gateway")
    api.fail_next("sendMessage", 403, "Forbidden: bot was kicked from the supergroup chat")
    api.fail_next("sendMessage", 500, "Internal Server Error")
    with pytest.raises(NetworkError, match="Bad Gateway"):
        await bot.send_chat_action(1, "typing")
    for _ in range(2):
        with pytest.raises(RetryAfter) as refusal:
            await bot.send_message(1, "x")
        assert str(refusal.value.retry_after) == "0:00:03"
    with pytest.raises(Forbidden, match="kicked"):
        await bot.send_message(1, "x")
    with pytest.raises(NetworkError, match="Internal Server Error"):
        await bot.send_message(1, "x")
    assert (await bot.send_message(1, "x")).text == "x"


def test_a_failure_of_no_method_is_a_mistake(api: BotApi) -> None:
    with pytest.raises(ValueError, match="sendLyrics"):
        api.fail_next("sendLyrics", 500, "x")


async def test_after_logging_out_nothing_is_answered_for_ten_minutes(
    api: BotApi, bot: Bot, clock: Clock
) -> None:
    assert await bot.log_out()
    with pytest.raises(BadRequest, match=r"^Logged out$"):
        await bot.get_me()
    clock.now += 600
    assert await bot.get_me()


async def test_close_is_refused_in_the_first_ten_minutes(
    api: BotApi, bot: Bot, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "true")
    clock.now += 599
    with pytest.raises(RetryAfter, match="Retry in 0:00:01"):
        await bot.close()
    clock.now += 1
    assert await bot.close()


async def test_an_answer_takes_the_time_that_is_asked_for(
    api: BotApi, bot: Bot, home: Chat
) -> None:
    asked: list[str] = []

    def delay(call: Call) -> float:
        asked.append(call.method)
        return 0.05 if call.method == "sendMessage" else 0.0

    api.delay = delay
    async with asyncio.timeout(2), asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(bot.send_message(1, "x"))
        refusal = tasks.create_task(told(api, "SENDmessage", chat_id=2, text="x"))
        await bot.send_chat_action(1, "typing")
        assert api.messages(home)[-1]["text"] == "x"
        assert not sending.done()
        assert not refusal.done()
    assert sorted(asked) == ["sendChatAction", "sendMessage", "sendMessage"]


async def test_an_answer_is_lost_though_the_work_is_done(
    api: BotApi, bot: Bot, home: Chat
) -> None:
    api.calls.clear()
    api.drop_next("sendmessage", 2)
    with bad("chat not found"):
        await bot.send_message(2, "x")
    await bot.send_chat_action(1, "typing")
    for text in "ab":
        with pytest.raises(TimedOut):
            await bot.send_message(1, text)
    await bot.send_message(1, "c")
    assert [message["text"] for message in api.messages(home)][1:] == ["a", "b", "c"]
    assert [call.method for call in api.calls] == ["sendChatAction", *["sendMessage"] * 3]
    api.drop_next("getMe")
    with pytest.raises(AnswerLost):
        await api.handle(TOKEN, "getMe", {})
    with pytest.raises(ValueError, match="sendLyrics"):
        api.drop_next("sendLyrics")


async def test_nobody_changes_what_stands_by_changing_what_was_told(
    api: BotApi, bot: Bot, mei: Person, home: Chat
) -> None:
    parameters = {"chat_id": "1", "text": "<b>x</b>", "parse_mode": "HTML"}
    parameters["reply_markup"] = json.dumps(keyboard(1).to_dict())
    _, body = await api.handle(TOKEN, "sendMessage", parameters)
    (before,) = api.messages(home)[1:]
    told_update = api.press(mei, home, before["message_id"], "d0.0")
    for shown in (body["result"], api.messages(home)[1], told_update["callback_query"]["message"]):
        shown["chat"]["first_name"] = "其他"
        shown["from"]["username"] = "other"
        shown["entities"].clear()
        shown["reply_markup"]["inline_keyboard"][0].clear()
    assert api.messages(home)[1:] == [before]
    assert (await bot.get_me()).username == NAME


# --- chats


async def test_a_chat_that_is_not_there_is_not_found(bot: Bot) -> None:
    with bad("chat not found"):
        await bot.send_message(404, "x")
    with bad("chat not found"):
        await bot.send_message("@nobody", "x")
    with bad("chat_id is empty"):
        await bot.send_message("", "x")


async def test_the_bot_cannot_write_first(api: BotApi, bot: Bot) -> None:
    stranger = api.person(3, "陌")
    with pytest.raises(
        Forbidden, match=r"^Forbidden: bot can't initiate conversation with a user$"
    ):
        await bot.send_message(3, "x")
    api.send(stranger, api.private_chat(stranger), "你好")
    assert (await bot.send_message(3, "x")).chat.first_name == "陌"


async def test_who_blocked_the_bot_is_not_reached_until_unblocking(
    api: BotApi, bot: Bot, mei: Person, home: Chat
) -> None:
    message = await bot.send_message(1, "x")
    barred = Update.de_json(api.block(mei), bot).my_chat_member
    assert barred is not None
    assert barred.new_chat_member.status == "kicked"
    for call in (
        bot.send_message(1, "y"),
        bot.send_chat_action(1, "typing"),
        bot.edit_message_text("y", 1, message.message_id),
    ):
        with pytest.raises(Forbidden, match=r"^Forbidden: bot was blocked by the user$"):
            await call
    with pytest.raises(ValueError, match="blocked"):
        api.send(mei, home, "z")
    api.unblock(mei)
    assert await bot.send_message(1, "y")
    with pytest.raises(ValueError, match="already"):
        api.unblock(mei)


async def test_a_chat_and_its_members_are_shown(
    api: BotApi, bot: Bot, mei: Person, group: Chat
) -> None:
    li = api.person(4, "李")
    api.appoint(mei, group, "creator")
    api.appoint(None, group)
    assert (await bot.get_chat(-100)).title == "词人"
    assert (await bot.get_chat(1)).username == "mei"
    assert (await bot.get_chat_member(-100, 1)).status == "creator"
    assert (await bot.get_chat_member(-100, 4)).status == "left"
    api.send(li, group, "/start")
    assert (await bot.get_chat_member(-100, 4)).status == "member"
    assert (await bot.get_chat_member(1, 1)).status == "member"
    administrators = await bot.get_chat_administrators(-100)
    assert {member.user.id for member in administrators} == {1, 12345}
    with bad("there are no administrators in the private chat"):
        await bot.get_chat_administrators(1)
    with bad("PARTICIPANT_ID_INVALID"):
        await bot.get_chat_member(-100, 99)
    with bad("member not found"):
        await bot.get_chat_member(1, 4)
    with bad("invalid user_id specified"):
        await bot.get_chat_member(1, 0)


# --- texts


async def test_a_text_must_say_something(bot: Bot, home: Chat) -> None:
    with bad("message text is empty"):
        await bot.send_message(1, "")
    for blank in (" \n", "\u200b", "<b> </b>"):
        with bad("text must be non-empty"):
            await bot.send_message(1, blank, "HTML")


async def test_a_text_has_4096_characters_at_most(bot: Bot, home: Chat) -> None:
    assert len((await bot.send_message(1, "词" * 4096)).text or "") == 4096
    assert await bot.send_message(1, f"<b>{'词' * 4096}</b>", "HTML")
    assert await bot.send_message(1, "😀" * 2048)
    for text in ("词" * 4097, "😀" * 2048 + "x"):
        with bad("message is too long"):
            await bot.send_message(1, text)
    with bad("text is too long"):
        await bot.send_message(1, "x" * 32769)


async def test_a_caption_has_1024_characters_at_most(bot: Bot, home: Chat) -> None:
    message = await bot.send_photo(1, png(), caption="词" * 1024)
    with bad("message caption is too long"):
        await bot.send_photo(1, png(), caption="词" * 1025)
    with bad("message caption is too long"):
        await bot.edit_message_caption(1, message.message_id, caption="词" * 1025)


async def test_html_becomes_entities(bot: Bot, home: Chat) -> None:
    message = await bot.send_message(1, " <b>词</b> 😀<i>曲</i> \n", "html")
    assert message.text == "词 😀曲"
    assert [(each.type, each.offset, each.length) for each in message.entities] == [
        ("bold", 0, 1),
        ("italic", 4, 1),
    ]
    assert message.text_html == "<b>词</b> 😀<i>曲</i>"


async def test_wrong_markup_is_refused(bot: Bot, home: Chat) -> None:
    with bad('can\'t parse entities: Unsupported start tag "br" at byte offset 3'):
        await bot.send_message(1, "词<br>", "HTML")
    with bad("can't parse entities: Can't find end tag corresponding to start tag \"b\""):
        await bot.send_message(1, "<b>x", "HTML")
    with bad("unsupported parse_mode"):
        await bot.send_message(1, "x", "BBCode")
    for mode in ("Markdown", "MarkdownV2"):
        with bad(f"parse_mode {mode} is not implemented here"):
            await bot.send_message(1, "x", mode)


async def test_the_first_hundred_entities_are_kept(bot: Bot, home: Chat) -> None:
    message = await bot.send_message(1, "<b>x</b> " * 101, "HTML")
    assert len(message.entities) == 100
    assert len(message.text or "") == 201


async def test_given_entities_are_kept_or_refused(bot: Bot, home: Chat) -> None:
    link = MessageEntity("text_link", 1, 1, url="https://example.com/")
    message = await bot.send_message(1, "a词", entities=[link])
    assert message.entities == (link,)
    with bad("entity begins after the end of the text at UTF-16 offset 2"):
        await bot.send_message(1, "a词", entities=[MessageEntity("bold", 2, 1)])
    with bad(
        "entity beginning at UTF-16 offset 1 ends after the end of the text at UTF-16 offset 3"
    ):
        await bot.send_message(1, "a词", entities=[MessageEntity("bold", 1, 2)])
    with bad("can't parse MessageEntity: Unsupported type specified"):
        await bot.send_message(1, "a词", entities=[MessageEntity("shout", 0, 1)])
    with bad("can't parse MessageEntity: Can't find field \"url\""):
        await bot.send_message(1, "a词", entities=[MessageEntity("text_link", 0, 1)])


async def test_only_known_people_are_mentioned(bot: Bot, home: Chat) -> None:
    text = '<a href="tg://user?id=1">a</a> <a href="tg://user?id=99">b</a>'
    message = await bot.send_message(1, text, "HTML")
    (mention,) = message.entities
    assert mention.user is not None
    assert mention.user.first_name == "梅"


async def test_control_characters_do_not_arrive(bot: Bot, home: Chat) -> None:
    bold = MessageEntity("bold", 3, 1)
    message = await bot.send_message(1, "a\r\tb\u2028c", entities=[bold])
    assert message.text == "a bc"
    assert [(each.offset, each.length) for each in message.entities] == [(2, 1)]


@pytest.mark.parametrize(
    ("method", "parameters", "description"),
    [
        ("sendMessage", {"text": "\ud83d"}, "strings must be encoded in UTF-8"),
        (
            "sendMessage",
            {"text": "x", "entities": [{"type": "bold", "offset": -1, "length": 1}]},
            "receive an entity with incorrect offset -1",
        ),
        (
            "sendMessage",
            {"text": "x", "entities": [1]},
            "can't parse MessageEntity: expected an Object",
        ),
        (
            "sendMessage",
            {"text": "x", "entities": [{"type": "bold", "offset": [], "length": 1}]},
            'can\'t parse MessageEntity: Field "offset" must be a Number',
        ),
        (
            "sendMessage",
            {"text": "x", "entities": [{"type": "bold", "offset": "a", "length": 1}]},
            'can\'t parse MessageEntity: Field "offset" must be a valid Number',
        ),
        (
            "sendMessage",
            {"text": "x", "entities": [{"type": [], "offset": 0, "length": 1}]},
            'can\'t parse MessageEntity: Field "type" must be of type String',
        ),
        (
            "sendMessage",
            {"text": "x", "reply_markup": {"keyboard": {}}},
            'field "keyboard" must be of type Array',
        ),
        (
            "sendMessage",
            {"text": "x", "reply_markup": {"keyboard": [[1]]}},
            "can't parse keyboard button: KeyboardButton must be a String or an Object",
        ),
        (
            "sendMessage",
            {"text": "x", "reply_parameters": [1]},
            "object expected as reply parameters",
        ),
        (
            "sendMessage",
            {"text": "x", "reply_parameters": "["},
            "can't parse reply parameters JSON object",
        ),
        (
            "sendMessage",
            {
                "text": "x",
                "reply_parameters": {"message_id": 1, "allow_sending_without_reply": 1},
            },
            'field "allow_sending_without_reply" must be of type Boolean',
        ),
        ("setMyCommands", {"commands": {"a": "d"}}, "expected an Array of BotCommand"),
        ("setMyCommands", {"commands": [1]}, "can't parse BotCommand: expected an Object"),
        (
            "setMyCommands",
            {"scope": [1]},
            "can't parse BotCommandScope: BotCommandScope must be an Object",
        ),
        ("setMyCommands", {"scope": "["}, "can't parse BotCommandScope JSON object"),
        (
            "setMyCommands",
            {"scope": {"type": "chat", "chat_id": ""}},
            "can't parse BotCommandScope: Empty chat_id specified",
        ),
        ("setMessageReaction", {"reaction": {"a": 1}}, "expected an Array of ReactionType"),
        (
            "setMessageReaction",
            {"reaction": [1]},
            "can't parse ReactionType: expected an Object",
        ),
        (
            "setMessageReaction",
            {"reaction": [{"type": "emoji"}]},
            "can't parse ReactionType: Can't find field \"emoji\"",
        ),
        (
            "answerInlineQuery",
            {"results": {"a": 1}},
            "expected an Array of inline query results",
        ),
        (
            "answerInlineQuery",
            {"results": [{"type": "article"}]},
            "can't parse inline query result: Can't find field \"id\"",
        ),
    ],
)
async def test_parameters_of_a_wrong_shape_are_refused(
    api: BotApi, home: Chat, method: str, parameters: dict[str, Any], description: str
) -> None:
    assert await told(api, method, chat_id=1, message_id=1, **parameters) == description


async def test_entities_that_telegram_finds_itself_are_not_taken(bot: Bot, home: Chat) -> None:
    message = await bot.send_message(1, "a/b", entities=[MessageEntity("bot_command", 1, 2)])
    assert message.entities == ()
    message = await bot.send_message(1, "见 /help 或 <code>/vote</code>", "HTML")
    assert [each.type for each in message.entities] == ["bot_command", "code"]


async def test_entities_are_put_in_telegrams_order(bot: Bot, home: Chat) -> None:
    text = (
        "<b>a</b><b>b</b> <code>c<i>d</i></code>"
        " <blockquote>e<blockquote>f</blockquote></blockquote>"
    )
    message = await bot.send_message(1, text, "HTML")
    assert [(each.type, each.offset, each.length) for each in message.entities] == [
        ("bold", 0, 2),
        ("code", 3, 2),
        ("blockquote", 6, 2),
    ]


async def test_an_empty_reply_and_wrong_kinds_of_updates_are_overlooked(
    api: BotApi, home: Chat
) -> None:
    empty = {"chat_id": "1", "text": "x", "reply_parameters": "{}"}
    assert (await api.handle(TOKEN, "sendMessage", empty))[0] == 200
    for wrong in ("[", "{}", "[1]"):
        status, body = await api.handle(TOKEN, "getUpdates", {"allowed_updates": wrong})
        assert (status, len(body["result"])) == (200, 1)
    assert (await api.handle(TOKEN, "setWebhook", {"url": ""}))[0] == 200


# --- keyboards


async def test_the_data_of_a_button_is_1_to_64_bytes(bot: Bot, home: Chat) -> None:
    fits = "词" * 21 + "x"
    assert await bot.send_message(
        1,
        "x",
        reply_markup=InlineKeyboardMarkup.from_button(
            InlineKeyboardButton("b", callback_data=fits)
        ),
    )
    with bad("BUTTON_DATA_INVALID"):
        await bot.send_message(
            1,
            "x",
            reply_markup=InlineKeyboardMarkup.from_button(
                InlineKeyboardButton("b", callback_data=fits + "x")
            ),
        )
    with bad(
        "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"
    ):
        await bot.send_message(
            1,
            "x",
            reply_markup=InlineKeyboardMarkup.from_button(
                InlineKeyboardButton("b", callback_data="")
            ),
        )


@pytest.mark.parametrize(
    ("markup", "description"),
    [
        (
            raw({"text": "b"}),
            "can't parse inline keyboard button:"
            " Text buttons are unallowed in the inline keyboard",
        ),
        (
            raw({"text": "b", "callback_data": "x", "url": "https://t.me/x"}),
            "can't parse inline keyboard button: exactly one of the optional fields must be used",
        ),
        (
            raw({"callback_data": "x"}),
            "can't parse inline keyboard button: Can't find field \"text\"",
        ),
        (raw({"text": "", "callback_data": "x"}), "inline keyboard button text must be non-empty"),
        (
            raw({"text": "b", "url": "nowhere"}),
            "inline keyboard button URL 'nowhere' is invalid: Wrong HTTP URL",
        ),
        (
            {"inline_keyboard": [{}]},
            'field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays',
        ),
        ({"inline_keyboard": {}}, 'field "inline_keyboard" must be of type Array'),
        (
            {"inline_keyboard": [["x"]]},
            "can't parse inline keyboard button: InlineKeyboardButton must be an Object",
        ),
        ([], "object expected as reply markup"),
        ({"keyboard": [[""]]}, "keyboard button text must be non-empty"),
        ({"keyboard": ["x"]}, 'field "keyboard" must be an Array of Arrays'),
    ],
)
async def test_a_wrong_keyboard_is_refused(
    api: BotApi, home: Chat, markup: Any, description: str
) -> None:
    assert await told(api, "sendMessage", chat_id=1, text="x", reply_markup=markup) == description


async def test_a_keyboard_that_is_no_json_is_refused(api: BotApi, home: Chat) -> None:
    description = await told(api, "sendMessage", chat_id=1, text="x", reply_markup="{")
    assert description == "can't parse reply keyboard markup JSON object"


async def test_a_keyboard_has_8_buttons_a_row_and_100_in_all(bot: Bot, home: Chat) -> None:
    assert await bot.send_message(1, "x", reply_markup=keyboard(8))
    assert await bot.send_message(1, "x", reply_markup=keyboard(*[5] * 20))
    for too_long in (keyboard(9), keyboard(*[5] * 20, 1)):
        with bad("reply markup is too long"):
            await bot.send_message(1, "x", reply_markup=too_long)


async def test_other_keyboards_are_taken_and_not_shown(bot: Bot, home: Chat) -> None:
    for markup in (ReplyKeyboardMarkup([["a"]]), ReplyKeyboardRemove(), ForceReply()):
        assert (await bot.send_message(1, "x", reply_markup=markup)).reply_markup is None


# --- replies and topics


async def test_a_reply_carries_the_message_replied_to(
    api: BotApi, bot: Bot, mei: Person, home: Chat
) -> None:
    asked = sent(api.send(mei, home, "在吗"))["message_id"]
    answer = await bot.send_message(1, "在", reply_parameters=ReplyParameters(asked))
    assert answer.reply_to_message is not None
    assert answer.reply_to_message.text == "在吗"
    thanks = sent(api.send(mei, home, "谢谢", reply_to=answer.message_id))
    assert thanks["reply_to_message"]["text"] == "在"
    assert "reply_to_message" not in thanks["reply_to_message"]


async def test_a_reply_to_nothing_is_refused_unless_allowed(
    api: BotApi, bot: Bot, home: Chat
) -> None:
    with bad("message to be replied not found"):
        await bot.send_message(1, "x", reply_parameters=ReplyParameters(99))
    lenient = ReplyParameters(99, allow_sending_without_reply=True)
    message = await bot.send_message(1, "x", reply_parameters=lenient)
    assert message.reply_to_message is None
    description = await told(
        api, "sendMessage", chat_id=1, text="x", reply_parameters={"quote": "x"}
    )
    assert description == 'can\'t find field "message_id"'


async def test_a_topic_must_be_known(api: BotApi, bot: Bot, mei: Person, home: Chat) -> None:
    forum = api.group(-200, "坛", forum=True, privacy=False)
    update = Update.de_json(came(api.send(mei, forum, "说", thread=7)), bot)
    assert update.message is not None
    assert (update.message.message_thread_id, update.message.is_topic_message) == (7, True)
    assert update.message.reply_to_message is not None
    assert update.message.reply_to_message.forum_topic_created is not None
    assert (await bot.send_message(-200, "x", message_thread_id=7)).message_thread_id == 7
    answer = await update.message.reply_text("x", do_quote=True)
    assert answer.message_thread_id == 7
    for unknown in (1, 8):
        with bad("message thread not found"):
            await bot.send_message(-200, "x", message_thread_id=unknown)
    with bad("message thread not found"):
        await bot.send_message(1, "x", message_thread_id=7)
    assert came(api.send(mei, forum, "再说", thread=7))
    with pytest.raises(ValueError, match="not free for a topic"):
        api.send(mei, forum, "x", thread=8)
    api.group(-300, "群")
    assert (await bot.send_message(-300, "x", message_thread_id=7)).message_thread_id is None


async def test_what_is_said_and_edited_in_a_topic_stays_in_it(
    api: BotApi, bot: Bot, mei: Person
) -> None:
    forum = api.group(-200, "坛", forum=True, privacy=False)
    asked = sent(api.send(mei, forum, "说", thread=7))["message_id"]
    answer = await bot.send_message(-200, "x", reply_parameters=ReplyParameters(asked))
    picture = await bot.send_photo(-200, png(), reply_parameters=ReplyParameters(asked))
    plain = await bot.send_message(-200, "x", message_thread_id=7)
    thanks = sent(api.send(mei, forum, "谢谢", reply_to=answer.message_id))
    for message in (answer, picture, plain, Message.de_json(thanks, bot)):
        assert (message.message_thread_id, message.is_topic_message) == (7, True)
    for message, edited in (
        (answer, await answer.edit_text("y")),
        (picture, await picture.edit_caption("y")),
        (plain, await plain.edit_text("y")),
        (
            Message.de_json(thanks, bot),
            Message.de_json(sent(api.edit(mei, thanks["message_id"], forum, "多谢")), bot),
        ),
    ):
        assert isinstance(edited, Message)
        assert (edited.message_thread_id, edited.is_topic_message) == (7, True)
        assert edited.reply_to_message == message.reply_to_message
        assert edited.edit_date is not None
    elsewhere = sent(api.send(mei, forum, "外面"))["message_id"]
    from_outside = await bot.send_message(
        -200, "x", message_thread_id=7, reply_parameters=ReplyParameters(elsewhere)
    )
    assert from_outside.message_thread_id == 7
    assert from_outside.reply_to_message is None
    assert from_outside.external_reply is not None
    assert from_outside.external_reply.message_id == elsewhere
    outside = await bot.send_message(-200, "x", reply_parameters=ReplyParameters(elsewhere))
    lenient = ReplyParameters(99, allow_sending_without_reply=True)
    lost = await bot.send_message(-200, "x", reply_parameters=lenient)
    for message in (outside, lost):
        assert (message.message_thread_id, message.is_topic_message) == (None, None)


# --- pictures


async def test_a_drawn_chart_answers_in_a_topic(api: BotApi, bot: Bot, mei: Person) -> None:
    forum = api.group(-200, "坛", forum=True, privacy=False)
    asked = sent(api.send(mei, forum, "/stats", thread=7))["message_id"]
    drawn = chart()
    message = await bot.send_photo(-200, drawn, reply_parameters=ReplyParameters(asked))
    assert (message.photo[0].width, message.photo[0].height) == (1050, 630)
    assert message.message_thread_id == 7
    assert message.reply_to_message is not None
    assert message.reply_to_message.text == "/stats"
    assert api.uploaded(message.photo[0].file_id) == drawn


async def test_a_picture_is_sent_once_and_again(api: BotApi, bot: Bot, home: Chat) -> None:
    first = await bot.send_photo(1, png(30, 20), caption="<b>图</b>", parse_mode="HTML")
    assert (first.photo[0].width, first.photo[0].height) == (30, 20)
    assert first.caption_html == "<b>图</b>"
    again = await bot.send_photo(1, first.photo[0].file_id, has_spoiler=True)
    assert again.has_media_spoiler
    assert again.photo == first.photo
    assert api.uploaded(again.photo[0].file_id) == png(30, 20)


async def test_what_is_no_picture_is_refused(api: BotApi, bot: Bot, home: Chat) -> None:
    assert await told(api, "sendPhoto", chat_id=1) == "there is no photo in the request"
    with bad("file must be non-empty"):
        await bot.send_photo(1, b"")
    with bad("IMAGE_PROCESS_FAILED"):
        await bot.send_photo(1, b"words")
    with bad("wrong file identifier/HTTP URL specified"):
        await bot.send_photo(1, "AgAC")
    with bad("failed to get HTTP URL content"):
        await bot.send_photo(1, "https://example.com/x.png")


async def test_a_picture_is_neither_too_large_nor_too_long(bot: Bot, home: Chat) -> None:
    assert await bot.send_photo(1, png(9000, 1000))
    assert await bot.send_photo(1, png(20, 1))
    assert await bot.send_photo(1, png(size=10 << 20))
    for wrong in (png(9000, 1001), png(21, 1)):
        with bad("PHOTO_INVALID_DIMENSIONS"):
            await bot.send_photo(1, wrong)
    size = (10 << 20) + 1
    with bad(
        f"file of size {size} bytes is too big for a photo; the maximum size is 10485760 bytes"
    ):
        await bot.send_photo(1, png(size=size))


@pytest.mark.parametrize(
    "content",
    [
        b"GIF89a" + struct.pack("<HH", 30, 20),
        b"\xff\xd8\xff\xe0\0\4xx\xff\xc0\0\x0b\x08" + struct.pack(">HH", 20, 30) + b"\x01",
    ],
)
async def test_other_kinds_of_pictures_are_measured(bot: Bot, home: Chat, content: bytes) -> None:
    photo = (await bot.send_photo(1, content)).photo[0]
    assert (photo.width, photo.height) == (30, 20)


# --- documents and downloads


async def test_a_document_of_a_person_arrives_and_is_downloaded(
    api: BotApi, bot: Bot, mei: Person, home: Chat
) -> None:
    words = "床前明月光\n".encode("gb18030")
    update = api.send_document(mei, home, "静夜思.txt", words, caption="请看 /rhyme")
    message = Update.de_json(came(update), bot).message
    assert message is not None
    assert (message.text, message.caption) == (None, "请看 /rhyme")
    assert [each.type for each in message.caption_entities] == ["bot_command"]
    document = message.document
    assert document is not None
    assert (document.file_name, document.mime_type) == ("静夜思.txt", "text/plain")
    assert document.file_size == len(words)
    file = await document.get_file()
    assert file.file_path == f"https://api.telegram.org/file/bot{TOKEN}/documents/file_0.txt"
    assert (file.file_unique_id, file.file_size) == (document.file_unique_id, len(words))
    assert bytes(await file.download_as_bytearray()) == words
    assert (await bot.get_updates())[-1].message == message


async def test_each_document_is_a_file_of_its_own(
    api: BotApi, bot: Bot, mei: Person, home: Chat
) -> None:
    names = ("a.LRC", "词", "a.txt")
    documents = [
        sent(api.send_document(mei, home, name, b"x", mime_type=kind))["document"]
        for name, kind in zip(names, (None, None, "text/x-lyrics"), strict=True)
    ]
    assert [each["mime_type"] for each in documents] == [
        "application/octet-stream",
        "application/octet-stream",
        "text/x-lyrics",
    ]
    assert len({each["file_unique_id"] for each in documents}) == 3
    results = [
        (await api.handle(TOKEN, "getFile", {"file_id": each["file_id"]}))[1]["result"]
        for each in [*documents[1:], *documents]
    ]
    assert [each["file_path"] for each in results] == [
        "documents/file_0",
        "documents/file_1.txt",
        "documents/file_2.LRC",
        "documents/file_0",
        "documents/file_1.txt",
    ]
    assert results[0] == {
        "file_id": documents[1]["file_id"],
        "file_unique_id": documents[1]["file_unique_id"],
        "file_size": 1,
        "file_path": "documents/file_0",
    }


async def test_a_picture_of_the_bot_is_downloaded(bot: Bot, home: Chat) -> None:
    message = await bot.send_photo(1, png(30, 20))
    file = await message.photo[0].get_file()
    assert str(file.file_path).endswith("/photos/file_0.jpg")
    await bot.send_photo(1, png(30, 20))
    assert await message.photo[0].get_file() == file
    assert bytes(await file.download_as_bytearray()) == png(30, 20)


async def test_a_download_has_20_megabytes_at_most(
    api: BotApi, bot: Bot, mei: Person, home: Chat
) -> None:
    most = 20 << 20
    fits = sent(api.send_document(mei, home, "a.txt", b"", size=most))["document"]
    assert (await bot.get_file(fits["file_id"])).file_size == most
    large = sent(api.send_document(mei, home, "a.txt", b"", size=most + 1))["document"]
    assert large["file_size"] == most + 1
    with bad("file is too big"):
        await bot.get_file(large["file_id"])


async def test_what_is_no_file_is_not_downloaded(
    api: BotApi, bot: Bot, mei: Person, home: Chat
) -> None:
    with bad("invalid file_id"):
        await bot.get_file("BQAC")
    assert await told(api, "getFile") == "file_id not specified"
    document = sent(api.send_document(mei, home, "a.txt", b"x"))["document"]
    with bad("invalid file_id"):
        await bot.get_file(document["file_unique_id"])
    address = "https://api.telegram.org/file/bot"
    path = "documents/file_0.txt"
    assert (await api.do_request(f"{address}{TOKEN}/{path}", "GET"))[0] == 404
    await bot.get_file(document["file_id"])
    assert await api.do_request(f"{address}{TOKEN}/{path}", "GET") == (200, b"x")
    for wrong in (f"12345:other/{path}", f"{TOKEN}/documents/file_1.txt"):
        with pytest.raises(InvalidToken, match=r"^Not Found$"):
            await api.retrieve(address + wrong)


def test_a_client_sends_no_empty_and_no_huge_document(
    api: BotApi, mei: Person, home: Chat
) -> None:
    most = 4000 * (512 << 10)
    assert api.send_document(mei, home, "a.txt", b"", size=most)
    for size in (None, most + 1):
        with pytest.raises(ValueError, match="a document"):
            api.send_document(mei, home, "a.txt", b"", size=size)
    assert api.send_document(mei, home, "a.txt", b"x", caption="词" * 1024)
    with pytest.raises(ValueError, match="1024 characters"):
        api.send_document(mei, home, "a.txt", b"x", caption="词" * 1025)
    assert "caption" not in sent(api.send_document(mei, home, "a.txt", b"x", caption=" \n"))
    with pytest.raises(ValueError, match="not 李's"):
        api.send_document(api.person(2, "李"), home, "a.txt", b"x")
    with pytest.raises(ValueError, match="no message 99"):
        api.send_document(mei, home, "a.txt", b"x", reply_to=99)


@pytest.mark.parametrize(
    ("caption", "heard"),
    [
        (None, False),
        ("大家看", False),
        ("/train", True),
        (f"/train@{NAME}", True),
        ("/train@another_bot", False),
        ("大家 /train", False),
        (f"@{NAME} 看", True),
    ],
)
async def test_with_privacy_only_documents_meant_for_the_bot_are_seen(
    api: BotApi, bot: Bot, mei: Person, group: Chat, caption: str | None, heard: bool
) -> None:
    update = api.send_document(mei, group, "a.txt", b"x", caption=caption)
    assert (update is not None) is heard
    assert len(await bot.get_updates()) == 1 + heard
    assert len(api.messages(group)) == 1


async def test_a_document_that_answers_the_bot_is_seen_in_its_topic(
    api: BotApi, bot: Bot, mei: Person
) -> None:
    forum = api.group(-200, "坛", forum=True)
    api.send(mei, forum, "/train", thread=7)
    asked = await bot.send_message(-200, "x", message_thread_id=7)
    answer = sent(api.send_document(mei, forum, "a.txt", b"x", reply_to=asked.message_id))
    assert answer["message_thread_id"] == 7
    assert answer["reply_to_message"]["text"] == "x"
    assert api.send_document(mei, forum, "a.txt", b"x", thread=7) is None
    assert api.messages(forum)[-1]["message_thread_id"] == 7


async def test_a_document_is_sent_once_and_again(
    api: BotApi, bot: Bot, mei: Person, home: Chat
) -> None:
    asked = sent(api.send(mei, home, "/export"))["message_id"]
    first = await bot.send_document(
        1,
        b"a,b\n1,2\n",
        caption="<b>表</b>",
        parse_mode="HTML",
        filename="投票.csv",
        reply_parameters=ReplyParameters(asked),
        reply_markup=keyboard(1),
        disable_notification=True,
    )
    assert first.document is not None
    assert (first.document.file_name, first.document.mime_type) == ("投票.csv", "text/csv")
    assert (first.caption_html, first.document.file_size) == ("<b>表</b>", 8)
    assert first.reply_to_message is not None
    assert first.reply_markup == keyboard(1)
    assert api.uploaded(first.document.file_id) == b"a,b\n1,2\n"
    again = await bot.send_document(1, first.document.file_id)
    assert again.document == first.document
    theirs = sent(api.send_document(mei, home, "a.txt", b"x"))["document"]
    back = await bot.send_document(1, theirs["file_id"])
    assert back.document is not None
    assert back.document.to_dict() == theirs
    edited = await first.edit_caption("改")
    assert isinstance(edited, Message)
    assert (edited.caption, edited.document) == ("改", first.document)


async def test_a_document_goes_where_the_others_go(
    api: BotApi, bot: Bot, mei: Person, home: Chat, group: Chat
) -> None:
    forum = api.group(-200, "坛", forum=True, privacy=False)
    api.send(mei, forum, "说", thread=7)
    in_topic = await bot.send_document(-200, b"x", message_thread_id=7, filename="a.txt")
    assert in_topic.message_thread_id == 7
    with bad("message thread not found"):
        await bot.send_document(-200, b"x", message_thread_id=8)
    forwarded = await in_topic.forward(1)
    assert forwarded.document == in_topic.document
    await in_topic.copy(-100, caption="b")
    copied = api.messages(group)[-1]
    assert (copied["caption"], copied["document"]["file_name"]) == ("b", "a.txt")


async def test_what_is_no_document_is_refused(api: BotApi, bot: Bot, home: Chat) -> None:
    assert await told(api, "sendDocument", chat_id=1) == "there is no document in the request"
    with bad("file must be non-empty"):
        await bot.send_document(1, b"")
    with bad("wrong file identifier/HTTP URL specified"):
        await bot.send_document(1, "BQAC")
    with bad("failed to get HTTP URL content"):
        await bot.send_document(1, "https://example.com/x.pdf")
    with bad("message caption is too long"):
        await bot.send_document(1, b"x", caption="词" * 1025)
    picture = await bot.send_photo(1, png())
    document = (await bot.send_document(1, png(), filename="a.png")).document
    assert document is not None
    with bad("can't use file of type Photo as Document"):
        await bot.send_document(1, picture.photo[0].file_id)
    with bad("can't use file of type Document as Photo"):
        await bot.send_photo(1, document.file_id)


async def test_a_document_of_the_bot_has_50_megabytes_at_most(bot: Bot, home: Chat) -> None:
    most = b"x" * (50 << 20)
    assert await bot.send_document(1, most)
    with pytest.raises(NetworkError, match=r"^Request Entity Too Large$"):
        await bot.send_document(1, most + b"x")


async def test_the_media_of_a_message_is_replaced(api: BotApi, bot: Bot, home: Chat) -> None:
    message = await bot.send_photo(1, png(), caption="a", has_spoiler=True)
    file = InputFile("词".encode(), "a.txt", attach=True)
    edited = await message.edit_media(
        InputMediaDocument(file, caption="<b>b</b>", parse_mode="HTML"), reply_markup=keyboard(1)
    )
    assert isinstance(edited, Message)
    assert edited.document is not None
    assert (edited.photo, edited.has_media_spoiler) == ((), None)
    assert (edited.document.file_name, edited.caption_html) == ("a.txt", "<b>b</b>")
    assert edited.reply_markup == keyboard(1)
    back = await message.edit_media(InputMediaPhoto(png(3, 4), has_spoiler=True))
    assert isinstance(back, Message)
    assert (back.photo[0].height, back.caption, back.document) == (4, None, None)
    assert back.has_media_spoiler
    with bad(
        "message is not modified: specified new message content and reply markup are exactly the"
        " same as a current content and reply markup of the message"
    ):
        await message.edit_media(InputMediaPhoto(back.photo[0].file_id, has_spoiler=True))
    text = await bot.send_message(1, "<b>a</b>", "HTML")
    with_media = await text.edit_media(InputMediaPhoto(back.photo[0].file_id))
    assert isinstance(with_media, Message)
    assert (with_media.text, with_media.entities, with_media.photo) == (None, (), back.photo)
    with bad("there is no text in the message to edit"):
        await text.edit_text("b")


@pytest.mark.parametrize(
    ("media", "description"),
    [
        ("", 'parameter "media" is required'),
        ("{", "can't parse input media JSON object"),
        ("[]", "can't parse InputMedia: expected an Object"),
        ({"media": "x"}, "can't parse InputMedia: Can't find field \"type\""),
        ({"type": "song"}, 'can\'t parse InputMedia: type "song" is unsupported'),
        ({"type": "photo"}, "can't parse InputMedia: media not found"),
        ({"type": "photo", "media": "attach://a"}, "can't parse InputMedia: media not found"),
        ({"type": "photo", "media": "AgAC"}, "wrong file identifier/HTTP URL specified"),
        (
            {"type": "photo", "media": "AgAC", "caption": "<b>", "parse_mode": "HTML"},
            "can't parse InputMedia: Can't parse entities:"
            ' Can\'t find end tag corresponding to start tag "b"',
        ),
        ({"type": "photo", "media": "AgAC", "caption": "x" * 1025}, "message caption is too long"),
    ],
)
async def test_wrong_media_is_refused(
    api: BotApi, bot: Bot, home: Chat, media: Any, description: str
) -> None:
    message = (await bot.send_photo(1, png())).message_id
    said = await told(api, "editMessageMedia", chat_id=1, message_id=message, media=media)
    assert said == description
    with bad("media of type video is not implemented here"):
        await bot.edit_message_media(InputMediaVideo("BAAC"), 1, message)


# --- editing and deleting


async def test_an_edit_changes_the_text_and_drops_the_keyboard(
    api: BotApi, bot: Bot, home: Chat, clock: Clock
) -> None:
    message = await bot.send_message(1, "a", reply_markup=keyboard(1))
    clock.now += 5
    edited = await message.edit_text("<b>b</b>", "HTML")
    assert isinstance(edited, Message)
    assert (edited.text_html, edited.reply_markup) == ("<b>b</b>", None)
    assert edited.edit_date is not None
    assert (edited.edit_date - edited.date).total_seconds() == 5
    assert api.messages(home)[-1]["text"] == "b"


async def test_an_edit_must_change_something(bot: Bot, home: Chat) -> None:
    same = (
        "message is not modified: specified new message content and reply markup are exactly the"
        " same as a current content and reply markup of the message"
    )
    message = await bot.send_message(1, "a", reply_markup=keyboard(1))
    with bad(same):
        await message.edit_text("a", reply_markup=keyboard(1))
    with bad(same):
        await message.edit_reply_markup(keyboard(1))
    assert await message.edit_text("<b>a</b>", "HTML", reply_markup=keyboard(1))
    assert await message.edit_reply_markup(keyboard(2))
    assert await message.edit_reply_markup(None)
    with bad(same):
        await message.edit_reply_markup(None)
    picture = await bot.send_photo(1, png(), caption="a")
    with bad(same):
        await picture.edit_caption("a")
    assert await picture.edit_caption("")


async def test_only_what_is_there_and_the_bots_own_is_edited(
    api: BotApi, bot: Bot, mei: Person, home: Chat
) -> None:
    with bad("message to edit not found"):
        await bot.edit_message_text("x", 1, 99)
    with bad("message to edit not found"):
        await bot.edit_message_text("x", 1, 0)
    theirs = sent(api.send(mei, home, "a"))["message_id"]
    with bad("message can't be edited"):
        await bot.edit_message_text("x", 1, theirs)
    keyed = await bot.send_message(1, "a", reply_markup=ReplyKeyboardMarkup([["x"]]))
    with bad("message can't be edited"):
        await keyed.edit_text("x")
    forwarded = await keyed.forward(1)
    with bad("message can't be edited"):
        await forwarded.edit_text("x")
    gone = await bot.send_message(1, "a")
    api.delete(home, gone.message_id)
    with bad("message to edit not found"):
        await gone.edit_text("x")


async def test_an_edit_fits_what_is_edited(api: BotApi, bot: Bot, home: Chat) -> None:
    text, picture = await bot.send_message(1, "a"), await bot.send_photo(1, png())
    with bad("there is no text in the message to edit"):
        await picture.edit_text("x")
    with bad("there is no caption in the message to edit"):
        await text.edit_caption("x")
    with bad("message text is empty"):
        await text.edit_text("")
    with bad("message is too long"):
        await text.edit_text("x" * 4097)
    force = {"force_reply": True}
    description = await told(
        api,
        "editMessageReplyMarkup",
        chat_id=1,
        message_id=text.message_id,
        reply_markup=force,
    )
    assert description == "inline keyboard expected"
    with bad("message identifier is not specified"):
        await bot.edit_message_text("x")
    with bad("MESSAGE_ID_INVALID"):
        await bot.edit_message_text("x", inline_message_id="AbC")


async def test_a_message_is_deleted_once(api: BotApi, bot: Bot, mei: Person, home: Chat) -> None:
    message = await bot.send_message(1, "a")
    assert await message.delete()
    assert [each["text"] for each in api.messages(home)] == ["/start"]
    with bad("message to delete not found"):
        await message.delete()
    assert await bot.delete_message(1, api.messages(home)[0]["message_id"])
    with bad("message identifier is not specified"):
        await bot.delete_message(1, 0)
    with bad("chat identifier is not specified"):
        await bot.delete_message("", 1)


async def test_what_is_two_days_old_or_anothers_in_a_group_stays(
    api: BotApi, bot: Bot, mei: Person, home: Chat, group: Chat, clock: Clock
) -> None:
    old = await bot.send_message(1, "a")
    theirs = sent(api.send(mei, group, "/a"))["message_id"]
    with bad("message can't be deleted"):
        await bot.delete_message(-100, theirs)
    api.appoint(None, group)
    assert await bot.delete_message(-100, theirs)
    clock.now += 2 * 24 * 3600
    younger = await bot.send_message(1, "b")
    clock.now += 1
    with bad("message can't be deleted for everyone"):
        await old.delete()
    assert await younger.delete()


async def test_messages_are_forwarded_and_copied(
    api: BotApi, bot: Bot, mei: Person, home: Chat, group: Chat
) -> None:
    theirs = sent(api.send(mei, home, "词"))["message_id"]
    forwarded = await bot.forward_message(-100, 1, theirs)
    assert isinstance(forwarded.forward_origin, MessageOriginUser)
    assert (forwarded.text, forwarded.forward_origin.sender_user.id) == ("词", 1)
    picture = await bot.send_photo(1, png(), caption="a")
    await bot.copy_message(-100, 1, picture.message_id, caption="b")
    assert api.messages(group)[-1]["caption"] == "b"
    with bad("message to forward not found"):
        await bot.forward_message(-100, 1, 99)
    with bad("message to copy not found"):
        await bot.copy_message(-100, 1, 99)
    kept = await bot.send_message(1, "a", protect_content=True)
    with bad("the message can't be forwarded"):
        await kept.forward(-100)
    with bad("the message can't be copied"):
        await kept.copy(-100)


# --- presses


async def test_a_press_is_answered_once_within_thirty_seconds(
    api: BotApi, bot: Bot, mei: Person, home: Chat, clock: Clock
) -> None:
    old = "query is too old and response timeout expired or query ID is invalid"
    message = await bot.send_message(1, "x", reply_markup=keyboard(1))
    first, second, third = (api.press(mei, home, message.message_id, "d0.0") for _ in range(3))
    query = Update.de_json(first, bot).callback_query
    assert query is not None
    assert (query.data, query.from_user.id) == ("d0.0", 1)
    assert query.message == message
    assert api.answer_to(first) is None
    assert await query.answer("好", show_alert=True)
    assert api.answer_to(first) == {"text": "好", "show_alert": True}
    with bad(old):
        await query.answer()
    with bad(old):
        await bot.answer_callback_query("17")
    clock.now += 30
    assert await bot.answer_callback_query(second["callback_query"]["id"])
    clock.now += 1
    with bad(old):
        await bot.answer_callback_query(third["callback_query"]["id"])


async def test_an_answer_has_200_characters_at_most(
    api: BotApi, bot: Bot, mei: Person, home: Chat
) -> None:
    message = await bot.send_message(1, "x", reply_markup=keyboard(1))
    query = api.press(mei, home, message.message_id, "d0.0")["callback_query"]["id"]
    with bad("MESSAGE_TOO_LONG"):
        await bot.answer_callback_query(query, "词" * 201)
    with bad("URL_INVALID"):
        await bot.answer_callback_query(query, url="https://example.com")
    assert await bot.answer_callback_query(query, "词" * 200)


async def test_a_press_needs_its_button_unless_it_is_forged(
    api: BotApi, bot: Bot, mei: Person, home: Chat
) -> None:
    message = await bot.send_message(1, "x", reply_markup=keyboard(1))
    with pytest.raises(ValueError, match="no button"):
        api.press(mei, home, message.message_id, "other")
    forged = Update.de_json(api.press(mei, home, message.message_id, "other", forged=True), bot)
    assert forged.callback_query is not None
    assert forged.callback_query.data == "other"
    with pytest.raises(ValueError, match="64 bytes"):
        api.press(mei, home, message.message_id, "x" * 65, forged=True)
    api.delete(home, message.message_id)
    gone = Update.de_json(api.press(mei, home, message.message_id, "d0.0", forged=True), bot)
    assert gone.callback_query is not None
    assert isinstance(gone.callback_query.message, MaybeInaccessibleMessage)
    assert not gone.callback_query.message.is_accessible


async def test_inline_queries_are_answered_within_their_limits(
    api: BotApi, bot: Bot, mei: Person
) -> None:
    def article(id: str) -> InlineQueryResultArticle:
        return InlineQueryResultArticle(id, "t", InputTextMessageContent("x"))

    update = api.ask_inline(mei, "词")
    query = update["inline_query"]["id"]
    with bad("too many inline query results specified"):
        await bot.answer_inline_query(query, [article(str(at)) for at in range(51)])
    with bad("RESULT_ID_INVALID"):
        await bot.answer_inline_query(query, [article("x" * 65)])
    with bad("RESULT_ID_INVALID"):
        await bot.answer_inline_query(query, [article("")])
    with bad("RESULT_ID_DUPLICATE"):
        await bot.answer_inline_query(query, [article("a"), article("a")])
    description = await told(api, "answerInlineQuery", inline_query_id=query, results=[1])
    assert description == (
        "can't parse inline query result: Inline query result must be an object"
    )
    with bad("query is too old and response timeout expired or query ID is invalid"):
        await bot.answer_inline_query("17", [])
    full = [article("x" * 64), *(article(str(at)) for at in range(49))]
    assert await bot.answer_inline_query(query, full)
    answer = api.answer_to(update)
    assert answer is not None
    assert len(answer["results"]) == 50


# --- reactions, actions, commands, descriptions


async def test_a_reaction_is_one_of_telegrams(
    api: BotApi, bot: Bot, mei: Person, home: Chat
) -> None:
    theirs = api.messages(home)[0]["message_id"]
    assert await bot.set_message_reaction(1, theirs, "👍")
    assert api.reactions(home, theirs) == ["👍"]
    for wrong in (ReactionTypeEmoji("🎻"), ReactionTypeEmoji("❤️"), ReactionTypeCustomEmoji("5")):
        with bad("REACTION_INVALID"):
            await bot.set_message_reaction(1, theirs, wrong)
    with bad("REACTIONS_TOO_MANY"):
        await bot.set_message_reaction(1, theirs, ["👍", "👎"])
    with bad("message to react not found"):
        await bot.set_message_reaction(1, 99, "👍")
    paid = [{"type": "paid"}]
    description = await told(
        api, "setMessageReaction", chat_id=1, message_id=theirs, reaction=paid
    )
    assert description == "can't parse ReactionType: invalid reaction type specified"
    assert await bot.set_message_reaction(1, theirs, None)
    assert api.reactions(home, theirs) == []


async def test_a_chat_action_is_one_of_telegrams(bot: Bot, home: Chat) -> None:
    assert await bot.send_chat_action(1, "typing")
    with bad("wrong parameter action in request"):
        await bot.send_chat_action(1, "singing")
    with bad("chat not found"):
        await bot.send_chat_action(404, "typing")


async def test_commands_are_kept_for_each_scope_and_language(
    bot: Bot, home: Chat, group: Chat
) -> None:
    def command(name: str) -> list[BotCommand]:
        return [BotCommand(name, "d")]

    scope = BotCommandScopeAllPrivateChats()
    assert await bot.set_my_commands(command("a"))
    assert await bot.set_my_commands(command("b"), scope, "zh")
    assert await bot.set_my_commands(command("c"), BotCommandScopeChat(-100))
    assert await bot.get_my_commands() == tuple(command("a"))
    assert await bot.get_my_commands(scope, "zh") == tuple(command("b"))
    assert await bot.get_my_commands(scope) == ()
    assert await bot.get_my_commands(BotCommandScopeChat(-100)) == tuple(command("c"))
    assert await bot.delete_my_commands()
    assert await bot.get_my_commands() == ()


@pytest.mark.parametrize(
    ("name", "description", "refusal"),
    [
        ("Rhyme", "d", "BOT_COMMAND_INVALID"),
        ("rhyme-it", "d", "BOT_COMMAND_INVALID"),
        ("词", "d", "BOT_COMMAND_INVALID"),
        ("", "d", "command must be non-empty"),
        ("x" * 33, "d", "command length must not exceed 32"),
        ("x", "", "command description must be non-empty"),
        ("x", "词" * 257, "command description length must not exceed 256"),
    ],
)
async def test_a_wrong_command_is_refused(
    bot: Bot, name: str, description: str, refusal: str
) -> None:
    with bad(refusal):
        await bot.set_my_commands([BotCommand(name, description)])


async def test_commands_at_their_limits_are_taken(bot: Bot) -> None:
    most = [BotCommand(f"{at:032}", "词" * 256) for at in range(100)]
    assert await bot.set_my_commands(most)
    with bad("BOT_COMMANDS_TOO_MUCH"):
        await bot.set_my_commands([*most, BotCommand("a", "d")])


async def test_a_wrong_scope_or_language_is_refused(
    api: BotApi, bot: Bot, home: Chat, group: Chat
) -> None:
    some = [BotCommand("a", "d")]
    for language in ("zho", "ZH", "z"):
        with bad("invalid language code specified"):
            await bot.set_my_commands(some, language_code=language)
    with bad("chat not found"):
        await bot.set_my_commands(some, BotCommandScopeChat(404))
    with bad("can't use specified scope in private chats"):
        await bot.set_my_commands(some, BotCommandScopeChatAdministrators(1))
    with bad("can't parse BotCommandScope: Invalid user_id specified"):
        await bot.set_my_commands(some, BotCommandScopeChatMember(-100, 0))
    assert await told(api, "getMyCommands", scope={"type": "all"}) == (
        "can't parse BotCommandScope: Unsupported type specified"
    )
    assert await told(api, "setMyCommands", commands=[{"command": "a"}]) == (
        "can't parse BotCommand: Can't find field \"description\""
    )
    assert await told(api, "setMyCommands", commands="[") == "can't parse commands JSON object"


async def test_descriptions_are_kept_within_their_limits(bot: Bot) -> None:
    assert await bot.set_my_description("词" * 512)
    assert await bot.set_my_short_description("词" * 120, "zh")
    assert (await bot.get_my_description("en")).description == "词" * 512
    assert (await bot.get_my_short_description("zh")).short_description == "词" * 120
    assert (await bot.get_my_short_description()).short_description == ""
    with bad("DESCRIPTION_TOO_LONG"):
        await bot.set_my_description("词" * 513)
    with bad("ABOUT_TOO_LONG"):
        await bot.set_my_short_description("词" * 121)
    with bad("invalid language code specified"):
        await bot.set_my_description("x", "chinese")


# --- updates


async def test_updates_are_given_until_an_offset_confirms_them(
    api: BotApi, bot: Bot, mei: Person, home: Chat
) -> None:
    for text in "abc":
        api.send(mei, home, text)
    first = await bot.get_updates()
    assert [update.message and update.message.text for update in first] == [
        "/start",
        *"abc",
    ]
    assert await bot.get_updates(limit=2) == first[:2]
    assert await bot.get_updates(offset=first[2].update_id) == first[2:]
    assert await bot.get_updates() == first[2:]
    assert await bot.get_updates(offset=-1) == first[3:]
    assert await bot.get_updates(offset=first[3].update_id + 1000) == first[3:]
    assert await bot.get_updates(offset=first[3].update_id + 1) == ()


async def test_updates_are_forgotten_after_a_day(bot: Bot, home: Chat, clock: Clock) -> None:
    clock.now += 24 * 3600
    assert len(await bot.get_updates()) == 1
    clock.now += 1
    assert await bot.get_updates() == ()


async def test_only_the_kinds_asked_for_are_queued(
    api: BotApi, bot: Bot, mei: Person, home: Chat
) -> None:
    await bot.get_updates(offset=2, allowed_updates=["callback_query", "lyrics"])
    message = await bot.send_message(1, "x", reply_markup=keyboard(1))
    api.send(mei, home, "a")
    api.press(mei, home, message.message_id, "d0.0")
    (update,) = await bot.get_updates()
    assert update.callback_query is not None
    assert (await bot.get_webhook_info()).allowed_updates == ("callback_query",)
    await bot.get_updates(allowed_updates=[])
    api.send(mei, home, "b")
    assert len(await bot.get_updates()) == 2


async def test_a_long_poll_waits_for_somebody_to_write(
    api: BotApi, bot: Bot, mei: Person, home: Chat
) -> None:
    await bot.get_updates(offset=2)
    async with asyncio.timeout(2), asyncio.TaskGroup() as tasks:
        polling = tasks.create_task(bot.get_updates(offset=2, timeout=10))
        await asyncio.sleep(0.01)
        assert not polling.done()
        api.send(mei, home, "a")
        api.send(mei, home, "b")
    assert len(polling.result()) == 2


async def test_of_two_polls_the_earlier_ends(
    api: BotApi, bot: Bot, mei: Person, home: Chat
) -> None:
    await bot.get_updates(offset=2)
    async with asyncio.timeout(2), asyncio.TaskGroup() as tasks:
        first = tasks.create_task(_outcome(bot.get_updates(timeout=10)))
        await asyncio.sleep(0.01)
        assert await bot.get_updates() == ()
        second = tasks.create_task(bot.get_updates(timeout=10))
        await asyncio.sleep(0.01)
        api.send(mei, home, "a")
    assert first.result() == Conflict(
        "Conflict: terminated by other getUpdates request;"
        " make sure that only one bot instance is running"
    )
    assert len(second.result()) == 1


async def _outcome(polling: Any) -> Any:
    try:
        return await polling
    except TelegramError as error:
        return _Told(error)


class _Told:
    """An error that equals another of its kind with the same words."""

    def __init__(self, error: TelegramError) -> None:
        self._error = error

    def __eq__(self, other: object) -> bool:
        return type(self._error) is type(other) and str(self._error) == str(other)

    __hash__ = None  # type: ignore[assignment]


async def test_a_cancelled_poll_does_not_stand_in_the_way(
    api: BotApi, bot: Bot, mei: Person, home: Chat
) -> None:
    await bot.get_updates(offset=2)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await bot.get_updates(timeout=10)
    api.send(mei, home, "a")
    assert len(await bot.get_updates(timeout=10)) == 1


async def test_a_webhook_excludes_polling(api: BotApi, bot: Bot, home: Chat) -> None:
    await bot.get_updates(offset=2)
    async with asyncio.timeout(2), asyncio.TaskGroup() as tasks:
        polling = tasks.create_task(_outcome(bot.get_updates(timeout=10)))
        await asyncio.sleep(0.01)
        assert await bot.set_webhook("https://example.com/hook", secret_token="a_B-1")
    assert polling.result() == Conflict("Conflict: terminated by setWebhook request")
    with pytest.raises(
        Conflict,
        match=r"^Conflict: can't use getUpdates method while webhook is active;"
        r" use deleteWebhook to delete the webhook first$",
    ):
        await bot.get_updates()
    assert (await bot.get_webhook_info()).url == "https://example.com/hook"
    assert await bot.delete_webhook()
    assert (await bot.get_webhook_info()).url == ""
    assert await bot.get_updates() == ()


@pytest.mark.parametrize(
    ("url", "secret", "refusal"),
    [
        ("ftp://example.com", None, "invalid webhook URL specified"),
        ("https://", None, "invalid webhook URL specified"),
        ("https://example.com:port", None, "invalid webhook URL specified"),
        (
            "http://example.com",
            None,
            "bad webhook: An HTTPS URL must be provided for webhook",
        ),
        (
            "https://example.com:8080",
            None,
            "bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443",
        ),
        ("https://example.com", "词", "secret token contains unallowed characters"),
        ("https://example.com", "x" * 257, "secret token is too long"),
    ],
)
async def test_a_wrong_webhook_is_refused(
    bot: Bot, url: str, secret: str | None, refusal: str
) -> None:
    with bad(refusal):
        await bot.set_webhook(url, secret_token=secret)


async def test_pending_updates_are_dropped_on_demand(bot: Bot, home: Chat) -> None:
    assert (await bot.get_webhook_info()).pending_update_count == 1
    await bot.delete_webhook(drop_pending_updates=True)
    assert (await bot.get_webhook_info()).pending_update_count == 0


async def test_a_real_application_polls_and_answers(api: BotApi) -> None:
    async def greet(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        assert update.message is not None
        await update.message.reply_text("好", reply_markup=keyboard(1))

    async def pressed(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        assert update.callback_query is not None
        await update.callback_query.answer("收到")
        done.set()

    done = asyncio.Event()
    bot = Bot(TOKEN, request=api, get_updates_request=api)
    application = Application.builder().bot(bot).build()
    application.add_handler(CommandHandler("start", greet))
    application.add_handler(CallbackQueryHandler(pressed))
    mei = api.person(1, "梅")
    home = api.private_chat(mei)
    replied = asyncio.Event()
    api.on_call = lambda call, _: replied.set() if call.method == "sendMessage" else None
    async with asyncio.timeout(5), application:
        assert application.updater is not None
        await application.updater.start_polling(timeout=10)
        await application.start()
        api.send(mei, home, f"/start@{NAME} x")
        await replied.wait()
        press = api.press(mei, home, api.messages(home)[-1]["message_id"], "d0.0")
        await done.wait()
        await application.updater.stop()
        await application.stop()
    assert api.answer_to(press) == {"text": "收到", "show_alert": False}


# --- people


async def test_a_link_starts_the_bot_with_its_payload(api: BotApi, bot: Bot) -> None:
    li = api.person(2, "李")
    update = api.start(li, "duel_7-B")
    assert update["message"]["text"] == "/start duel_7-B"
    assert [each["type"] for each in update["message"]["entities"]] == ["bot_command"]
    assert await bot.send_message(2, "x")
    assert api.start(li, "x" * 64)
    for wrong in ("", "x" * 65, "词", "a b", "a=b"):
        with pytest.raises(ValueError, match="payload"):
            api.start(li, wrong)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/start", ["/start"]),
        ("😀 /vote_2@lyricbot_demo_bot 3", ["/vote_2@lyricbot_demo_bot"]),
        ("/a /b", ["/a", "/b"]),
        ("a/b", []),
        ("词/b", []),
        ("/b词", []),
        ("/b/", []),
        ("//b", []),
        ("/b@x", []),
        ("/" + "x" * 65, []),
        ("/", []),
    ],
)
def test_commands_are_recognised_as_telegram_does(
    api: BotApi, mei: Person, home: Chat, text: str, found: list[str]
) -> None:
    message = sent(api.send(mei, home, text))
    units = text.encode("utf-16-le")
    assert found == [
        units[2 * each["offset"] : 2 * (each["offset"] + each["length"])].decode("utf-16-le")
        for each in message.get("entities", [])
        if each["type"] == "bot_command"
    ]


def test_what_a_client_would_not_send_is_not_sent(api: BotApi, mei: Person, home: Chat) -> None:
    other = api.person(2, "李")
    assert sent(api.send(mei, home, "词" * 4096))
    assert sent(api.send(mei, home, " 词 \n"))["text"] == "词"
    for wrong in ("", " \n", "词" * 4097):
        with pytest.raises(ValueError, match="a message"):
            api.send(mei, home, wrong)
    with pytest.raises(ValueError, match="not 李's"):
        api.send(other, home, "x")
    with pytest.raises(ValueError, match="no message 99"):
        api.send(mei, home, "x", reply_to=99)
    with pytest.raises(ValueError, match="forum"):
        api.send(mei, home, "x", thread=3)


async def test_an_edit_arrives_as_an_edited_message(
    api: BotApi, bot: Bot, mei: Person, home: Chat
) -> None:
    first = api.messages(home)[0]["message_id"]
    update = api.edit(mei, first, home, "/help")
    assert sent(update)["text"] == "/help"
    assert (await bot.get_updates())[-1].to_dict() == Update.de_json(came(update), bot).to_dict()
    for wrong in (first, 99):
        with pytest.raises(ValueError, match=r"same as before|not 梅's"):
            api.edit(mei, wrong, home, "/help")


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("大家好", False),
        ("/start", True),
        (f"/start@{NAME}", True),
        (f"/start@{NAME.upper()}", True),
        ("/start@another_bot", False),
        ("大家 /start", False),
        (f"请 @{NAME} 写", True),
        ("请 @another_bot 写", False),
        (f"x@{NAME}", False),
    ],
)
async def test_with_privacy_only_what_is_meant_for_the_bot_is_heard(
    api: BotApi, bot: Bot, mei: Person, group: Chat, text: str, heard: bool
) -> None:
    assert (api.send(mei, group, text) is not None) is heard
    assert len(await bot.get_updates()) == 1 + heard
    assert len(api.messages(group)) == 1


async def test_with_privacy_replies_to_the_bot_are_heard(
    api: BotApi, bot: Bot, mei: Person, group: Chat
) -> None:
    theirs = sent(api.send(mei, group, "/a"))["message_id"]
    message = await bot.send_message(-100, "x")
    assert api.send(mei, group, "a", reply_to=message.message_id)
    assert api.send(mei, group, "b", reply_to=theirs) is None


def test_without_privacy_all_is_heard(api: BotApi, mei: Person) -> None:
    open_group = api.group(-101, "群", privacy=False)
    assert api.send(mei, open_group, "大家好")


def test_a_group_and_a_person_have_ids_of_their_own(api: BotApi, group: Chat) -> None:
    with pytest.raises(ValueError, match="negative"):
        api.group(5, "x")
    with pytest.raises(ValueError, match="its own"):
        api.group(-100, "x")
    with pytest.raises(ValueError, match="positive"):
        api.person(-5, "x")
    assert (group.id, group.type, group.title) == (-100, "supergroup", "词人")


async def test_who_comes_again_under_another_name_keeps_the_chat(
    api: BotApi, bot: Bot, mei: Person, home: Chat
) -> None:
    api.person(1, "Mei", language_code="en")
    assert (await bot.send_message(1, "x")).chat.first_name == "Mei"
    assert len(api.messages(home)) == 2
