"""The in-process Bot API behind a socket: python-telegram-bot's own HTTP client talks to it."""

import asyncio
import json
import struct
import urllib.request
import zlib
from collections.abc import AsyncIterator

import pytest
from botapi_http import HttpBotApi
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup
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
    async with Bot(TOKEN, base_url=f"{base_url}/bot") as bot:
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
