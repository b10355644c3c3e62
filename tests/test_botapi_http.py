"""The in-process Bot API behind a socket: python-telegram-bot's own HTTP client talks to it."""

import asyncio
import io
import json
import struct
import urllib.request
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from http import HTTPStatus
from types import TracebackType
from typing import Any

import pytest
from botapi_http import Deliveries, HttpBotApi
from matplotlib.figure import Figure
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, ReplyParameters, Update
from telegram.error import BadRequest, Conflict, InvalidToken, NetworkError

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


async def test_an_answer_is_lost_with_its_connection(api: BotApi, bot: Bot) -> None:
    mei = api.person(1, "梅")
    home = api.private_chat(mei)
    api.send(mei, home, "/start")
    api.drop_next("sendMessage")
    with pytest.raises(NetworkError, match="disconnected"):
        await bot.send_message(1, "a")
    await bot.send_message(1, "b")
    assert [message["text"] for message in api.messages(home)] == ["/start", "a", "b"]


# --- webhooks


class Hook:
    """`async with Hook() as address`: a bot's web server, which answers with the given statuses.

    Then with 200; a status of 0 cuts the connection. While it is shut nothing is answered.
    """

    def __init__(self, *statuses: int, length: bool = True) -> None:
        self._statuses = list(statuses)
        self._length = length
        self.secrets: list[str | None] = []
        self.texts: list[str] = []
        self.at_once = 0
        self.most_at_once = 0
        self.connections = 0
        self._serving: list[asyncio.Task[None] | None] = []
        self.opened = asyncio.Event()
        self.opened.set()

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/hook"

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        await asyncio.gather(*(task for task in self._serving if task))
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._serving.append(asyncio.current_task())
        while lines := await _lines(reader):
            assert lines[0] == "POST /hook HTTP/1.1"
            headers = dict(line.split(": ") for line in lines[1:] if line)
            update = json.loads(await reader.readexactly(int(headers["Content-Length"])))
            self.secrets.append(headers.get("X-Telegram-Bot-Api-Secret-Token"))
            self.texts.append(update["message"]["text"])
            self.at_once += 1
            self.most_at_once = max(self.at_once, self.most_at_once)
            await self.opened.wait()
            self.at_once -= 1
            status = self._statuses.pop(0) if self._statuses else 200
            if not status:
                break
            length = "Content-Length: 2\r\n" if self._length else ""
            phrase = HTTPStatus(status).phrase
            writer.write(f"HTTP/1.1 {status} {phrase}\r\n{length}\r\nok".encode())
            if not self._length:
                break
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def _lines(reader: asyncio.StreamReader) -> list[str]:
    """The head of the next request; empty where there is none."""
    try:
        return (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    except asyncio.IncompleteReadError:
        return []


async def hooked(api: BotApi, **more: Any) -> None:
    parameters = {"url": "https://example.com/hook"} | more
    status, _ = await api.handle(TOKEN, "setWebhook", parameters)
    assert status == 200


async def info(api: BotApi) -> dict[str, Any]:
    _, body = await api.handle(TOKEN, "getWebhookInfo", {})
    result: dict[str, Any] = body["result"]
    return result


async def emptied(api: BotApi) -> None:
    """Until everything is accepted."""
    async with asyncio.timeout(5):
        while (await info(api))["pending_update_count"]:
            await asyncio.sleep(0.005)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


def say(api: BotApi, person: int, *texts: str) -> None:
    mei = api.person(person, "梅")
    for text in texts:
        api.send(mei, api.private_chat(mei), text)


async def test_updates_are_posted_with_the_secret(api: BotApi) -> None:
    say(api, 1, "a")
    hook = Hook()
    async with hook as address, Deliveries(api, address):
        await asyncio.sleep(0.02)
        assert hook.texts == []
        await hooked(api, secret_token="a_B-1")
        await emptied(api)
        say(api, 1, "b", "c")
        await emptied(api)
    assert hook.texts == ["a", "b", "c"]
    assert hook.secrets == ["a_B-1"] * 3
    assert hook.connections == 1
    shown = await info(api)
    assert "secret_token" not in shown
    assert "last_error_date" not in shown


async def test_without_a_secret_none_is_sent(api: BotApi) -> None:
    say(api, 1, "a", "b")
    hook = Hook(length=False)
    await hooked(api)
    async with hook as address, Deliveries(api, address):
        await emptied(api)
    assert (hook.texts, hook.secrets) == (["a", "b"], [None, None])
    assert hook.connections == 2


async def test_an_update_is_posted_until_it_is_accepted(api: BotApi) -> None:
    say(api, 1, "a", "b")
    hook = Hook(500, 0, 302, 204)
    await hooked(api)
    async with hook as address, Deliveries(api, address, pause=0.001):
        await emptied(api)
    assert hook.texts == ["a"] * 4 + ["b"]
    shown = await info(api)
    assert shown["last_error_message"] == "Wrong response from the webhook: 302 Found"
    assert shown["last_error_date"] > 0
    await hooked(api)
    assert (await info(api))["last_error_date"] == shown["last_error_date"]
    await hooked(api, secret_token="x")
    assert "last_error_date" not in await info(api)


@pytest.mark.parametrize(
    ("shut", "why"),
    [("port", "Connection refused"), ("hand", "Read timeout expired")],
)
async def test_a_server_that_is_not_there_is_told_of(api: BotApi, shut: str, why: str) -> None:
    say(api, 1, "a")
    hook = Hook()
    async with hook as address:
        if shut == "hand":
            hook.opened.clear()
        else:
            address = "http://127.0.0.1:9/hook"
        async with Deliveries(api, address, pause=0.01, patience=0.05):
            await hooked(api)
            async with asyncio.timeout(5):
                while "last_error_message" not in await info(api):
                    await asyncio.sleep(0.005)
        hook.opened.set()
    shown = await info(api)
    assert (shown["last_error_message"], shown["pending_update_count"]) == (why, 1)


async def test_people_are_heard_at_once_and_each_in_order(api: BotApi) -> None:
    for person in range(1, 51):
        say(api, person, f"a{person}", f"b{person}")
    hook = Hook()
    hook.opened.clear()
    async with hook as address, Deliveries(api, address):
        await hooked(api)
        await until(lambda: hook.at_once == 40)
        await asyncio.sleep(0.02)
        assert hook.texts == [f"a{person}" for person in range(1, 41)]
        hook.opened.set()
        await emptied(api)
    assert hook.most_at_once == 40
    assert len(hook.texts) == 100
    for person in range(1, 51):
        assert hook.texts.index(f"a{person}") < hook.texts.index(f"b{person}")


async def test_no_more_is_posted_at_once_than_the_webhook_allows(api: BotApi) -> None:
    for person in range(1, 10):
        say(api, person, "a")
    hook = Hook()
    hook.opened.clear()
    await hooked(api, max_connections="2")
    async with hook as address, Deliveries(api, address):
        await until(lambda: hook.at_once == 2)
        await asyncio.sleep(0.02)
        hook.opened.set()
        await emptied(api)
    assert (hook.most_at_once, hook.connections) == (2, 2)


async def test_a_deleted_webhook_is_posted_to_no_more(api: BotApi, bot: Bot) -> None:
    say(api, 1, "a")
    hook = Hook(*[500] * 1000)
    await hooked(api)
    async with hook as address, Deliveries(api, address, pause=0.001):
        await until(lambda: len(hook.texts) > 1)
        assert await bot.delete_webhook()
        await asyncio.sleep(0.02)
        tries = len(hook.texts)
        await asyncio.sleep(0.02)
        assert len(hook.texts) == tries
        assert len(await bot.get_updates()) == 1


async def test_dropped_updates_are_posted_no_more(api: BotApi, bot: Bot) -> None:
    say(api, 1, "a")
    hook = Hook(*[500] * 1000)
    await hooked(api)
    async with hook as address, Deliveries(api, address, pause=0.001):
        await until(lambda: len(hook.texts) > 1)
        await hooked(api, drop_pending_updates="true")
        assert (await info(api))["pending_update_count"] == 0
        await asyncio.sleep(0.02)
        tries = len(hook.texts)
        await asyncio.sleep(0.02)
        assert len(hook.texts) == tries
