"""The in-process Bot API behind a socket: python-telegram-bot's own HTTP client talks to it."""

import asyncio
import io
import json
import struct
import urllib.request
import zlib
from collections.abc import AsyncIterator

import pytest
from botapi_http import HttpBotApi
from matplotlib.figure import Figure
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, ReplyParameters, Update
from telegram.error import BadRequest, Conflict, InvalidToken

from bot.botapi import BotApi

TOKEN = "12345:AbC-dEf_123"


def png() -> bytes:
    head = b"\x89PNG\r\n\x1a\n"
    for name, body in (
        (b"IHDR", struct.pack(">IIBBBBB", 3, 2, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0\r\n\r\0\n\r\r")),
        (b"IEND", b""),
    ):
        head += struct.pack(">I", len(body)) + name + body
        head += struct.pack(">I", zlib.crc32(name + body))
    return head


@pytest.fixture
def api() -> BotApi:
    return BotApi(TOKEN)


@pytest.fixture
async def base_url(api: BotApi) -> AsyncIterator[str]:
    async with HttpBotApi(api) as url:
        yield url


@pytest.fixture
async def bot(base_url: str) -> AsyncIterator[Bot]:
    base_file_url = f"{base_url}/file/bot"
    async with Bot(TOKEN, base_url=f"{base_url}/bot", base_file_url=base_file_url) as bot:
        yield bot


async def test_the_default_client_sends_and_is_answered(api: BotApi, bot: Bot) -> None:
    mei = api.person(1, "梅")
    api.send(mei, api.private_chat(mei), "/start")
    markup = InlineKeyboardMarkup([[InlineKeyboardButton("好", callback_data="a")]])
    sent = await bot.send_message(
        1, "<b>词</b> & 曲".replace("&", "&amp;"), "HTML", reply_markup=markup
    )
    assert sent.text == "词 & 曲"
    assert sent.reply_markup == markup
    assert api.messages(api.private_chat(mei))[-1]["text"] == "词 & 曲"


async def test_a_refusal_comes_through_with_its_words(bot: Bot) -> None:
    with pytest.raises(BadRequest, match=r"^Chat not found$"):
        await bot.send_message(2, "x")


async def test_a_wrong_token_is_unauthorized(base_url: str) -> None:
    bot = Bot("12345:other", base_url=f"{base_url}/bot")
    with pytest.raises(InvalidToken):
        await bot.initialize()
    await bot.shutdown()


async def test_an_uploaded_picture_arrives_byte_for_byte(api: BotApi, bot: Bot) -> None:
    mei = api.person(1, "梅")
    api.send(mei, api.private_chat(mei), "/start")
    sent = await bot.send_photo(1, png(), caption="图")
    assert (sent.photo[0].width, sent.photo[0].height, sent.caption) == (3, 2, "图")
    assert api.uploaded(sent.photo[0].file_id) == png()


async def test_a_drawn_chart_answers_in_a_topic(api: BotApi, bot: Bot) -> None:
    figure = Figure(figsize=(7, 4.2), dpi=150)
    figure.subplots().plot([1, 3, 2])
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    forum = api.group(-200, "坛", forum=True, privacy=False)
    api.send(api.person(1, "梅"), forum, "/stats", thread=7)
    asked = api.messages(forum)[-1]["message_id"]
    sent = await bot.send_photo(
        -200, drawn.getvalue(), caption="图", reply_parameters=ReplyParameters(asked)
    )
    assert (sent.photo[0].width, sent.photo[0].height) == (1050, 630)
    assert (sent.message_thread_id, sent.caption) == (7, "图")
    assert sent.reply_to_message is not None
    assert sent.reply_to_message.text == "/stats"
    assert api.uploaded(sent.photo[0].file_id) == drawn.getvalue()
    file = await sent.photo[0].get_file()
    assert bytes(await file.download_as_bytearray()) == drawn.getvalue()


async def test_a_document_goes_out_and_comes_in_byte_for_byte(api: BotApi, bot: Bot) -> None:
    mei = api.person(1, "梅")
    content = bytes(range(256)) * 3 + b"\r\n--\r\r\n\n"
    update = api.send_document(mei, api.private_chat(mei), "词.bin", content)
    assert update is not None
    message = Update.de_json(update, bot).message
    assert message is not None
    assert message.document is not None
    file = await message.document.get_file()
    assert str(file.file_path).endswith(f"/file/bot{TOKEN}/documents/file_0.bin")
    assert bytes(await file.download_as_bytearray()) == content
    sent = await bot.send_document(1, content, filename="词.txt", caption="好")
    assert sent.document is not None
    assert (sent.document.mime_type, sent.caption) == ("text/plain", "好")
    assert sent.document.file_name == "词.txt"
    assert api.uploaded(sent.document.file_id) == content


async def test_a_file_that_is_not_there_is_not_found(api: BotApi, bot: Bot, base_url: str) -> None:
    mei = api.person(1, "梅")
    update = api.send_document(mei, api.private_chat(mei), "a.json", b"{}")
    assert update is not None
    file = await bot.get_file(update["message"]["document"]["file_id"])
    with await asyncio.to_thread(urllib.request.urlopen, str(file.file_path)) as got:
        assert got.headers["Content-Type"] == "application/octet-stream"
    for wrong in ("12345:other/documents/file_0.json", f"{TOKEN}/documents/file_1.json"):
        with pytest.raises(InvalidToken, match=r"^Not Found$"):
            await bot.request.retrieve(f"{base_url}/file/bot{wrong}")


async def test_a_long_poll_ends_when_somebody_writes(api: BotApi, bot: Bot) -> None:
    mei = api.person(1, "梅")
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        polling = group.create_task(bot.get_updates(timeout=10))
        await asyncio.sleep(0.05)
        assert not polling.done()
        api.send(mei, api.private_chat(mei), "在吗")
    (update,) = polling.result()
    assert update.message is not None
    assert update.message.text == "在吗"


async def test_a_second_poll_ends_the_first(api: BotApi, bot: Bot, base_url: str) -> None:
    mei = api.person(1, "梅")
    async with asyncio.timeout(5), Bot(TOKEN, base_url=f"{base_url}/bot") as other:
        async with asyncio.TaskGroup() as group:
            second = group.create_task(_later(other))
            with pytest.raises(Conflict, match="terminated by other getUpdates request"):
                await bot.get_updates(timeout=10)
            api.send(mei, api.private_chat(mei), "在吗")
        assert len(second.result()) == 1


async def _later(bot: Bot) -> tuple[object, ...]:
    await asyncio.sleep(0.05)
    return await bot.get_updates(timeout=10)


async def test_json_and_query_parameters_are_read_as_well(api: BotApi, base_url: str) -> None:
    mei = api.person(1, "梅")
    api.send(mei, api.private_chat(mei), "/start")
    wanted = json.dumps({"chat_id": 1, "text": "json"}).encode()
    head = {"Content-Type": "application/json"}
    posted = urllib.request.Request(f"{base_url}/bot{TOKEN}/sendMessage", wanted, head)
    await asyncio.to_thread(_fetched, posted)
    asked = urllib.request.Request(f"{base_url}/bot{TOKEN}/sendMessage?chat_id=1&text=query")
    assert (await asyncio.to_thread(_fetched, asked))["ok"] is True
    texts = [message["text"] for message in api.messages(api.private_chat(mei))]
    assert texts == ["/start", "json", "query"]


def _fetched(request: urllib.request.Request) -> dict[str, object]:
    with urllib.request.urlopen(request, timeout=5) as response:
        answer: dict[str, object] = json.load(response)
        return answer


async def test_leaving_does_not_wait_for_a_poll(api: BotApi) -> None:
    async with asyncio.timeout(5):
        async with HttpBotApi(api) as url:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.split(":")[-1]))
            writer.write(f"GET /bot{TOKEN}/getUpdates?timeout=50 HTTP/1.1\r\n\r\n".encode())
            await writer.drain()
            await asyncio.sleep(0.05)
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
