"""Inline mode of the in-process Bot API, and the buttons under what is sent by way of it."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from telegram import (
    Bot,
    CallbackQuery,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InlineQueryResultArticle,
    InlineQueryResultPhoto,
    InlineQueryResultsButton,
    InputMediaPhoto,
    InputTextMessageContent,
    MessageEntity,
    Update,
)
from test_botapi import NAME, TOKEN, Clock, bad, keyboard, raw, told

from bot.botapi import BotApi, Person

SAME = (
    "message is not modified: specified new message content and reply markup are exactly the"
    " same as a current content and reply markup of the message"
)
WRONG = "can't parse inline query result: "


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
    return api.person(1, "梅")


def article(
    id: str = "a", text: str = "<b>词</b>曲", markup: InlineKeyboardMarkup | None = None
) -> InlineQueryResultArticle:
    content = InputTextMessageContent(text, "HTML")
    return InlineQueryResultArticle(id, "题", content, reply_markup=markup)


def result(**more: Any) -> dict[str, Any]:
    return {
        "type": "article",
        "id": "a",
        "title": "题",
        "input_message_content": {"message_text": "x"},
    } | more


async def answered(api: BotApi, bot: Bot, mei: Person, **more: Any) -> dict[str, Any]:
    """A query whose results are an article with a button and one without."""
    update = api.ask_inline(mei, "词")
    results = [article(markup=keyboard(1)), article("b")]
    assert await bot.answer_inline_query(update["inline_query"]["id"], results, **more)
    return update


async def shared(api: BotApi, bot: Bot, mei: Person) -> str:
    """The inline_message_id of an article with a button that was chosen."""
    update = await answered(api, bot, mei)
    return str(api.choose_inline(mei, update, "a")["inline_message_id"])


# --- the answer


async def test_an_answer_is_kept_with_how_to_show_it(api: BotApi, bot: Bot, mei: Person) -> None:
    button = InlineQueryResultsButton("开始", start_parameter="from_inline-1")
    update = await answered(
        api, bot, mei, cache_time=99_999, is_personal=True, next_offset="50", button=button
    )
    answer = api.answer_to(update)
    assert answer is not None
    assert [each["id"] for each in answer.pop("results")] == ["a", "b"]
    assert answer == {
        "cache_time": 86400,
        "is_personal": True,
        "next_offset": "50",
        "button": {"text": "开始", "start_parameter": "from_inline-1"},
    }
    by_default = api.answer_to(await answered(api, bot, mei))
    assert by_default is not None
    assert (by_default["cache_time"], by_default["is_personal"]) == (300, False)
    assert "button" not in by_default


@pytest.mark.parametrize(
    ("given", "description"),
    [
        (
            result(type="photo"),
            WRONG + "inline query result of type photo is not implemented here",
        ),
        (
            result(type="song"),
            WRONG + 'type "song" is unsupported for the inline query result',
        ),
        ({"type": "article", "id": "a"}, WRONG + 'Can\'t find field "message_text"'),
        (
            result(input_message_content=1),
            WRONG + 'Field "input_message_content" must be of type Object',
        ),
        (
            result(input_message_content={"message_text": ""}),
            WRONG + "Input message content is not specified",
        ),
        (
            result(input_message_content={"latitude": 1, "longitude": 1}),
            WRONG + "input message content with latitude is not implemented here",
        ),
        (
            result(input_message_content={"message_text": "<b>", "parse_mode": "HTML"}),
            WRONG + "Can't parse entities: Can't find end tag corresponding to start tag \"b\"",
        ),
        (
            result(input_message_content={"message_text": "x", "entities": [1]}),
            WRONG + "Can't parse MessageEntity: expected an Object",
        ),
        (result(input_message_content={"message_text": " "}), "text must be non-empty"),
        (result(input_message_content={"message_text": "x" * 4097}), "message is too long"),
        (
            {name: value for name, value in result().items() if name != "title"},
            WRONG + 'Can\'t find field "title"',
        ),
        (result(title=""), "ARTICLE_TITLE_EMPTY"),
        (result(title=[]), WRONG + 'Field "title" must be of type String'),
        (result(reply_markup=[]), WRONG + 'Field "reply_markup" must be of type Object'),
        (
            result(reply_markup=raw({"text": "b"})),
            WRONG + "Can't parse inline keyboard button:"
            " Text buttons are unallowed in the inline keyboard",
        ),
        (
            result(reply_markup=raw({"text": "b", "callback_data": "x" * 65})),
            "BUTTON_DATA_INVALID",
        ),
        (result(reply_markup={"keyboard": [["a"]]}), "inline keyboard expected"),
        (result(reply_markup={"force_reply": True}), "inline keyboard expected"),
    ],
)
async def test_a_wrong_result_is_refused(
    api: BotApi, mei: Person, given: dict[str, Any], description: str
) -> None:
    query = api.ask_inline(mei, "词")["inline_query"]["id"]
    said = await told(api, "answerInlineQuery", inline_query_id=query, results=[given])
    assert said == description


@pytest.mark.parametrize(
    ("button", "description"),
    [
        ("[", "can't parse inline query results button JSON object"),
        (
            [1],
            "can't parse inline query results button: InlineQueryResultsButton must be an Object",
        ),
        (
            {"start_parameter": "x"},
            "can't parse inline query results button: Can't find field \"text\"",
        ),
        (
            {"text": "x"},
            "can't parse inline query results button:"
            " InlineQueryResultsButton must have exactly one optional field",
        ),
        (
            {"text": "x", "web_app": {"url": "https://example.com"}},
            "can't parse inline query results button:"
            " a button with web_app is not implemented here",
        ),
        ({"text": "x", "start_parameter": ""}, "can't use empty start_parameter"),
        ({"text": "x", "start_parameter": "x" * 65}, "too long start_parameter specified"),
        (
            {"text": "x", "start_parameter": "词"},
            "unallowed characters in start_parameter are used",
        ),
    ],
)
async def test_a_wrong_button_over_the_results_is_refused(
    api: BotApi, mei: Person, button: Any, description: str
) -> None:
    query = api.ask_inline(mei, "词")["inline_query"]["id"]
    said = await told(api, "answerInlineQuery", inline_query_id=query, button=button)
    assert said == description


async def test_an_offset_has_64_bytes_at_most(api: BotApi, mei: Person) -> None:
    query = api.ask_inline(mei, "词")["inline_query"]["id"]
    parameters = {"inline_query_id": query, "next_offset": "x" * 65}
    assert await told(api, "answerInlineQuery", **parameters) == "NEXT_OFFSET_INVALID"


async def test_a_query_is_answered_by_its_own_method(api: BotApi, bot: Bot, mei: Person) -> None:
    old = "query is too old and response timeout expired or query ID is invalid"
    update = api.ask_inline(mei, "词")
    with bad(old):
        await bot.answer_callback_query(update["inline_query"]["id"])
    press = api.press_inline(mei, "AbC", "x", forged=True)
    with bad(old):
        await bot.answer_inline_query(press["callback_query"]["id"], [])
    assert await bot.answer_callback_query(press["callback_query"]["id"])


async def test_results_of_other_types_and_old_words_are_told_apart(
    api: BotApi, bot: Bot, mei: Person
) -> None:
    update = api.ask_inline(mei, "词")
    query = update["inline_query"]["id"]
    picture = InlineQueryResultPhoto("a", "https://example.com/a.jpg", "https://example.com/b.jpg")
    with bad(WRONG + "inline query result of type photo is not implemented here"):
        await bot.answer_inline_query(query, [picture])
    old = {"type": "Article", "id": 7, "title": "题", "message_text": "词"}
    encoded = {"inline_query_id": query, "results": json.dumps([old])}
    assert (await api.handle(TOKEN, "answerInlineQuery", encoded))[0] == 200
    assert api.choose_inline(mei, update, "7")["text"] == "词"


# --- a chosen result


async def test_a_chosen_result_is_a_message_of_the_person(
    api: BotApi, bot: Bot, mei: Person
) -> None:
    update = await answered(api, bot, mei)
    with_button = api.choose_inline(mei, update, "a")
    assert (with_button["text"], with_button["from"]["id"]) == ("词曲", 1)
    assert with_button["entities"] == [{"type": "bold", "offset": 0, "length": 1}]
    assert with_button["via_bot"]["username"] == NAME
    assert with_button["reply_markup"] == keyboard(1).to_dict()
    assert api.inline_message(with_button["inline_message_id"]) == with_button
    plain = api.choose_inline(mei, update, "b")
    assert "reply_markup" not in plain
    assert "inline_message_id" not in plain
    again = api.choose_inline(mei, update, "a")
    assert again["inline_message_id"] != with_button["inline_message_id"]
    assert [each.inline_query is not None for each in await bot.get_updates()] == [True]


async def test_only_what_was_shown_is_chosen(api: BotApi, bot: Bot, mei: Person) -> None:
    unanswered = api.ask_inline(mei, "词")
    with pytest.raises(ValueError, match="no results"):
        api.choose_inline(mei, unanswered, "a")
    update = await answered(api, bot, mei)
    with pytest.raises(ValueError, match="no result 'c'"):
        api.choose_inline(mei, update, "c")
    with pytest.raises(ValueError, match="李 is shown"):
        api.choose_inline(api.person(2, "李"), update, "a")


async def test_the_bot_is_told_of_a_choice_only_with_feedback(
    api: BotApi, bot: Bot, mei: Person
) -> None:
    update = await answered(api, bot, mei)
    offset = update["update_id"] + 1
    api.choose_inline(mei, update, "a")
    assert await bot.get_updates(offset=offset) == ()
    api.inline_feedback = True
    message = api.choose_inline(mei, update, "a")
    api.choose_inline(mei, update, "b")
    first, second = [each.chosen_inline_result for each in await bot.get_updates(offset=offset)]
    assert first is not None
    assert second is not None
    assert (first.result_id, first.query, first.from_user.id) == ("a", "词", 1)
    assert first.inline_message_id == message["inline_message_id"]
    assert (second.result_id, second.inline_message_id) == ("b", None)
    await bot.get_updates(offset=offset + 3, allowed_updates=["inline_query"])
    api.choose_inline(mei, update, "a")
    assert await bot.get_updates() == ()


async def test_what_is_chosen_in_a_chat_with_the_bot_is_seen_there(
    api: BotApi, bot: Bot, mei: Person
) -> None:
    group = api.group(-100, "词人")
    update = await answered(api, bot, mei)
    shown = api.choose_inline(mei, update, "a", group)
    (message,) = api.messages(group)
    assert message | {"inline_message_id": shown["inline_message_id"]} == shown
    heard = (await bot.get_updates(offset=update["update_id"] + 1))[0].message
    assert heard is not None
    assert heard.via_bot is not None
    with bad("message can't be edited"):
        await bot.edit_message_text("y", -100, message["message_id"])
    with pytest.raises(ValueError, match="press_inline"):
        api.press(mei, group, message["message_id"], "d0.0")
    assert await bot.edit_message_text("y", inline_message_id=shown["inline_message_id"])
    assert api.messages(group)[0]["text"] == "y"
    api.remove_bot(mei, group)
    assert await bot.edit_message_text("z", inline_message_id=shown["inline_message_id"])
    api.delete(group, message["message_id"])
    with bad("MESSAGE_ID_INVALID"):
        await bot.edit_message_text("y", inline_message_id=shown["inline_message_id"])


# --- presses and edits


async def test_a_press_under_an_inline_message_names_no_chat(
    api: BotApi, bot: Bot, mei: Person
) -> None:
    inline = await shared(api, bot, mei)
    li = api.person(2, "李")
    update = api.press_inline(li, inline, "d0.0")
    assert (await bot.get_updates())[-1].to_dict() == Update.de_json(update, bot).to_dict()
    query = CallbackQuery.de_json(update["callback_query"], bot)
    assert (query.inline_message_id, query.message, query.data) == (inline, None, "d0.0")
    assert (query.from_user.id, int(query.chat_instance) > 0) == (2, True)
    assert await query.answer("好")
    assert api.answer_to(update) == {"text": "好", "show_alert": False}
    assert await query.edit_message_text("改", reply_markup=keyboard(1, data="e"))
    assert api.inline_message(inline)["text"] == "改"
    other = api.press_inline(li, await shared(api, bot, mei), "d0.0")
    assert other["callback_query"]["chat_instance"] != query.chat_instance


async def test_an_inline_press_needs_its_button_unless_it_is_forged(
    api: BotApi, bot: Bot, mei: Person
) -> None:
    inline = await shared(api, bot, mei)
    for id, data in ((inline, "other"), ("AbC", "d0.0")):
        with pytest.raises(ValueError, match="no button"):
            api.press_inline(mei, id, data)
        forged = api.press_inline(mei, id, data, forged=True)
        assert forged["callback_query"]["inline_message_id"] == id
    with pytest.raises(ValueError, match="64 bytes"):
        api.press_inline(mei, inline, "x" * 65, forged=True)


async def test_an_inline_message_is_edited(
    api: BotApi, bot: Bot, mei: Person, clock: Clock
) -> None:
    inline = await shared(api, bot, mei)
    clock.now += 5
    assert await bot.edit_message_text("<i>y</i>", "", None, inline, "HTML") is True
    shown = api.inline_message(inline)
    assert shown["entities"] == [{"type": "italic", "offset": 0, "length": 1}]
    assert shown["edit_date"] - shown["date"] == 5
    assert "reply_markup" not in shown
    assert (
        await bot.edit_message_reply_markup(inline_message_id=inline, reply_markup=keyboard(2))
        is True
    )
    assert api.inline_message(inline)["reply_markup"] == keyboard(2).to_dict()
    with bad(SAME):
        await bot.edit_message_reply_markup(inline_message_id=inline, reply_markup=keyboard(2))
    with bad(SAME):
        await bot.edit_message_text(
            "y",
            inline_message_id=inline,
            entities=[MessageEntity("italic", 0, 1)],
            reply_markup=keyboard(2),
        )
    with bad("there is no caption in the message to edit"):
        await bot.edit_message_caption(inline_message_id=inline, caption="x")
    with bad("media of an inline message is not implemented here"):
        await bot.edit_message_media(InputMediaPhoto(await _photo(api, bot)), None, None, inline)


async def _photo(api: BotApi, bot: Bot) -> str:
    """The file_id of a picture that Telegram has already."""
    mei = api.person(1, "梅")
    api.send(mei, api.private_chat(mei), "/start")
    picture = b"GIF89a\x02\0\x02\0"
    return (await bot.send_photo(1, picture)).photo[0].file_id


async def test_an_unknown_inline_message_is_not_edited(api: BotApi, bot: Bot) -> None:
    for edit in (
        bot.edit_message_text("x", inline_message_id="AbC"),
        bot.edit_message_reply_markup(inline_message_id="AbC"),
        bot.edit_message_caption(inline_message_id="AbC", caption="x"),
    ):
        with bad("MESSAGE_ID_INVALID"):
            await edit
    with bad("message identifier is not specified"):
        await bot.edit_message_reply_markup()


# --- buttons


@pytest.mark.parametrize(
    "button",
    [
        {"callback_data": "x"},
        {"url": "https://example.com/a"},
        {"url": "http://example.com/"},
        {"url": "tg://resolve?domain=x"},
        {"switch_inline_query": ""},
        {"switch_inline_query": "词"},
        {"switch_inline_query_current_chat": ""},
        {"switch_inline_query_chosen_chat": {"query": "词", "allow_user_chats": True}},
        {"copy_text": {"text": "词" * 256}},
        {"callback_data": "x", "style": "danger"},
    ],
)
async def test_a_button_of_each_kind_is_shown(
    api: BotApi, bot: Bot, mei: Person, button: dict[str, Any]
) -> None:
    api.send(mei, api.private_chat(mei), "/start")
    markup = raw({"text": "b"} | button)
    parameters = {"chat_id": "1", "text": "x", "reply_markup": json.dumps(markup)}
    _, body = await api.handle(TOKEN, "sendMessage", parameters)
    assert body["result"]["reply_markup"] == markup


async def test_a_link_under_a_message_is_kept_as_telegram_would_open_it(
    api: BotApi, bot: Bot, mei: Person
) -> None:
    api.send(mei, api.private_chat(mei), "/start")
    button = InlineKeyboardButton("b", url="Example.com")
    markup = InlineKeyboardMarkup.from_button(button)
    sent = await bot.send_message(1, "x", reply_markup=markup)
    assert sent.reply_markup is not None
    assert sent.reply_markup.inline_keyboard[0][0].url == "http://example.com/"
    with bad(SAME):
        await sent.edit_reply_markup(markup)


@pytest.mark.parametrize(
    ("button", "description"),
    [
        ({"callback_data": "词" * 22}, "BUTTON_DATA_INVALID"),
        ({"url": "ton://x"}, "BUTTON_URL_INVALID"),
        (
            {"url": "ftp://example.com"},
            "inline keyboard button URL 'ftp://example.com' is invalid: Wrong HTTP URL",
        ),
        ({"copy_text": {"text": ""}}, "BUTTON_COPY_TEXT_INVALID"),
        ({"copy_text": {"text": "x" * 257}}, "BUTTON_COPY_TEXT_INVALID"),
        (
            {"copy_text": "x"},
            'can\'t parse inline keyboard button: Field "copy_text" must be of type Object',
        ),
        (
            {"copy_text": {}},
            "can't parse inline keyboard button: Can't find field \"text\"",
        ),
        (
            {"switch_inline_query": []},
            "can't parse inline keyboard button:"
            ' Field "switch_inline_query" must be of type String',
        ),
        (
            {"switch_inline_query_chosen_chat": {"query": "x"}},
            "at least one chat type must be allowed",
        ),
        (
            {"switch_inline_query_chosen_chat": {"allow_user_chats": 1}},
            "can't parse inline keyboard button:"
            ' Field "allow_user_chats" must be of type Boolean',
        ),
        (
            {"switch_inline_query": "", "switch_inline_query_current_chat": ""},
            "can't parse inline keyboard button: exactly one of the optional fields must be used",
        ),
        ({"pay": True}, "BUTTON_TYPE_INVALID"),
        ({"callback_game": {}}, "BUTTON_TYPE_INVALID"),
        (
            {"web_app": {"url": "https://example.com"}},
            "can't parse inline keyboard button: a button with web_app is not implemented here",
        ),
    ],
)
async def test_a_wrong_button_is_refused(
    api: BotApi, mei: Person, button: dict[str, Any], description: str
) -> None:
    api.send(mei, api.private_chat(mei), "/start")
    markup = raw({"text": "b"} | button)
    said = await told(api, "sendMessage", chat_id=1, text="x", reply_markup=markup)
    assert said == description
