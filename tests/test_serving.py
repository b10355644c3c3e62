"""Bots as processes, killed and stopped at bad moments: nobody's update is lost."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path

import pytest
from botapi_http import Deliveries, HttpBotApi
from conftest import new_database
from factories import make_pair
from processes import (
    TOKEN,
    balanced,
    bot_process,
    free_port,
    leases_end,
    until,
    until_awaited,
)
from proxies import listening

from bot.botapi import BotApi, Call, Chat, Person
from bot.services import open_services
from core.settings import Settings

URL = "https://bot.example/telegram"
DATABASE = Path("data/state/app.sqlite")
SHORTER = "from bot import serving; serving.STOP_WITHIN = 0.2"
LESS_PATIENT = "from core.arena import store; store.BUSY_MS = 500"


class Telegram:
    """A Bot API whose answers to what the bot sends can be held back."""

    def __init__(self) -> None:
        self.api = BotApi(TOKEN)
        self.held: dict[str, float] = {}
        self.api.delay = lambda call: self.held.get(call.method, 0)

    def person(self, number: int) -> tuple[Person, Chat]:
        person = self.api.person(number, f"P{number}", language_code="zh")
        return person, self.api.private_chat(person)

    def answers(self, chat: Chat) -> list[str]:
        return [m["text"] for m in self.api.messages(chat) if m["from"]["is_bot"]]

    def called(self, method: str) -> list[Call]:
        return [call for call in self.api.calls if call.method == method]


@pytest.fixture
async def telegram() -> Telegram:
    return Telegram()


async def publish(**settings: str) -> None:
    async with open_services(Settings.model_validate(settings)) as services:
        await services.releases.publish([make_pair()])


def rows(table: str) -> int:
    with closing(sqlite3.connect(DATABASE)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


@asynccontextmanager
async def serving(
    telegram: Telegram, way: str
) -> AsyncIterator["tuple[str, dict[str, str], int]"]:
    """Where the Bot API is, and what makes a bot serve by polling or by webhook."""
    port = free_port()
    async with HttpBotApi(telegram.api) as api_url:
        if way == "polling":
            yield api_url, {}, port
            return
        async with Deliveries(telegram.api, f"http://127.0.0.1:{port}/telegram"):
            yield api_url, {"WEBHOOK_URL": URL}, port


@pytest.mark.parametrize("way", ["polling", "webhook"])
async def test_what_was_taken_and_not_answered_is_answered_after_kill_9(
    telegram: Telegram, way: str
) -> None:
    await publish()
    person, chat = telegram.person(7)
    other, elsewhere = telegram.person(8)
    async with serving(telegram, way) as (url, settings, port):
        async with bot_process(url, port=port, **settings) as bot:
            telegram.held["sendMessage"] = 3600
            telegram.api.send(person, chat, "/write 分开")
            for _ in range(3):  # they wait for the one before
                telegram.api.send(person, chat, "/help")
            await until(lambda: telegram.answers(chat))
            await until(lambda: rows("inbox") == 4)
            await bot.kill()
        del telegram.held["sendMessage"]
        telegram.api.send(other, elsewhere, "/help")
        await leases_end()
        async with bot_process(url, port=port, **settings) as bot:
            # The first had been sent, and nobody knew: it may come twice, the others not.
            await until(lambda: len(telegram.answers(chat)) == 5)
            await until(lambda: telegram.answers(elsewhere))
            await until(lambda: rows("inbox") == 0)
            assert await bot.stop() == 0
        async with bot_process(url, port=port, **settings) as bot:
            telegram.api.send(other, elsewhere, "/help")
            await until(lambda: len(telegram.answers(elsewhere)) == 2)
            assert await bot.stop() == 0
    assert len(telegram.answers(chat)) == 5
    assert rows("handled") == 6
    assert TOKEN not in bot.logged


async def test_a_poll_whose_answer_never_arrived_is_answered(telegram: Telegram) -> None:
    await publish()
    person, chat = telegram.person(7)
    telegram.api.drop_next("getUpdates", times=2)
    telegram.api.send(person, chat, "/help")
    async with HttpBotApi(telegram.api) as url, bot_process(url) as bot:
        await until(lambda: telegram.answers(chat))
        await until(lambda: rows("handled") == 1)
        assert await bot.stop() == 0
    assert len(telegram.answers(chat)) == 1


async def test_of_two_replicas_one_is_killed_and_everybody_is_answered(
    telegram: Telegram, postgres: str
) -> None:
    database = new_database(postgres)
    await publish(database_url=database)
    people = [telegram.person(number) for number in range(1, 25)]
    ports = free_port(), free_port()
    common = {"DATABASE_URL": database, "WEBHOOK_URL": URL}
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(HttpBotApi(telegram.api))
        balancer = await stack.enter_async_context(balanced(*ports))
        bots = [
            await stack.enter_async_context(bot_process(url, f"bot{port}", port=port, **common))
            for port in ports
        ]
        await until(lambda: len(telegram.called("setWebhook")) == 2)
        await stack.enter_async_context(Deliveries(telegram.api, f"{balancer}/telegram"))
        telegram.held["sendMessage"] = 3600
        for person, chat in people:
            telegram.api.send(person, chat, "/help")
            telegram.api.send(person, chat, "/write 分开")
        await until(lambda: all(telegram.answers(chat) for _, chat in people))
        await until(lambda: not telegram.api.updates.take())
        await bots[0].kill()
        del telegram.held["sendMessage"]
        await leases_end(database)
        # What the living one was sending goes on to wait; what the dead one had comes again.
        await until(lambda: sum(len(telegram.answers(chat)) > 1 for _, chat in people) > 0)
        counted = await bots[1].metrics()
        assert 'lyricbot_updates_total{kind="message"}' in counted
        await bots[1].kill()
        await leases_end(database)
        async with bot_process(url, "bot3", port=ports[0], **common):
            # /help twice at most, once unanswered for all that was known, and one duel each.
            await until(lambda: all(len(telegram.answers(chat)) >= 2 for _, chat in people))
            await until_awaited(lambda: nothing_waits(database))
    for _, chat in people:
        assert len([text for text in telegram.answers(chat) if "/write" not in text]) == 1


async def nothing_waits(database: str) -> bool:
    async with open_services(Settings(database_url=database)) as services:
        return (await services.inbox.waiting()).number == 0


async def test_told_to_stop_it_answers_what_is_begun_and_leaves_the_rest_at_once(
    telegram: Telegram,
) -> None:
    await publish()
    person, chat = telegram.person(7)
    async with HttpBotApi(telegram.api) as url:
        async with bot_process(url) as bot:
            telegram.held["sendMessage"] = 1
            for _ in range(3):
                telegram.api.send(person, chat, "/help")
            await until(lambda: telegram.answers(chat))
            assert await bot.stop() == 0
        assert (len(telegram.answers(chat)), rows("inbox")) == (1, 2)
        async with bot_process(url):  # nobody's lease has to end
            await until(lambda: len(telegram.answers(chat)) == 3)
            await until(lambda: rows("inbox") == 0)


async def test_told_to_stop_it_gives_up_what_takes_too_long(telegram: Telegram) -> None:
    await publish()
    person, chat = telegram.person(7)
    async with HttpBotApi(telegram.api) as url:
        async with bot_process(url, before=SHORTER) as bot:
            telegram.held["sendMessage"] = 3600
            telegram.api.send(person, chat, "/help")
            await until(lambda: telegram.answers(chat))
            assert await bot.stop() == 0
        assert "they stay in the inbox" in bot.logged
        assert "Traceback" not in bot.logged
        assert rows("inbox") == 1


@pytest.mark.parametrize("method", ["getMe", "deleteWebhook", "getUpdates"])
async def test_it_stops_while_telegram_does_not_answer(telegram: Telegram, method: str) -> None:
    telegram.held[method] = 3600
    async with HttpBotApi(telegram.api) as url, bot_process(url) as bot:
        if method == "getUpdates":
            await until(lambda: "polling" in bot.logged)
        else:
            await until(lambda: telegram.called(method))
        assert await bot.stop() == 0
    assert "Traceback" not in bot.logged


async def test_a_gateways_error_pages_are_told_in_a_line_or_two(telegram: Telegram) -> None:
    asked = 0

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        while await reader.readuntil(b"\r\n\r\n"):
            asked += 1
            page = b"<html>" + b"502 Bad Gateway" * 1000 + b"</html>"
            head = f"HTTP/1.1 502 Bad Gateway\r\nContent-Length: {len(page)}\r\n\r\n"
            writer.write(head.encode() + page)

    async with listening(refuse) as port, bot_process(f"http://127.0.0.1:{port}") as bot:
        await until(lambda: asked == 4)
        assert await bot.stop() == 0
    assert len(bot.logged.splitlines()) < 10
    assert len(bot.logged) < 3000


async def test_it_stops_where_telegram_cannot_be_reached(telegram: Telegram) -> None:
    async with bot_process(f"http://127.0.0.1:{free_port()}") as bot:
        await until(lambda: "connecting" in bot.logged)
        assert await bot.stop() == 0
    assert "Traceback" not in bot.logged


async def test_it_stops_while_the_database_is_locked(telegram: Telegram) -> None:
    await publish()
    person, chat = telegram.person(7)
    async with HttpBotApi(telegram.api) as url, bot_process(url, before=LESS_PATIENT) as bot:
        await until(lambda: "polling" in bot.logged)
        with closing(sqlite3.connect(DATABASE, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            telegram.api.send(person, chat, "/write 分开")
            await until(lambda: "the database cannot be used" in bot.logged)
            assert await bot.stop() == 0
    assert not telegram.answers(chat)
    assert "分开" not in bot.logged
