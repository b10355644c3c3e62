"""What follows a call that fails: wait, try again, or give up; over real HTTP."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from botapi_http import HttpBotApi
from structlog.testing import capture_logs
from telegram.error import BadRequest, Forbidden, NetworkError, RetryAfter, TimedOut
from telegram.ext import ExtBot
from telegram.request import HTTPXRequest

from bot import limiter
from bot.botapi import BotApi, Chat
from bot.limiter import Limiter
from bot.metrics import Metrics

TOKEN = "123456:limits"


class Calls:
    """A bot behind a limiter that hardly pauses, and a person and two groups it knows."""

    def __init__(self, api: BotApi, bot: ExtBot[int], metrics: Metrics) -> None:
        self.api, self.bot, self.metrics = api, bot, metrics
        person = api.person(1, "Anna")
        self.chat = api.private_chat(person)
        api.send(person, self.chat, "/start")
        self.groups = [api.group(-1001, "one"), api.group(-1002, "two")]
        for group in self.groups:
            api.send(person, group, "/start@lyricbot_demo_bot")

    async def send(self, text: str = "hello", chat: Chat | None = None) -> None:
        await self.bot.send_message((chat or self.chat).id, text)

    def sent(self, chat: Chat | None = None) -> list[str]:
        messages = self.api.messages(chat or self.chat)
        return [one["text"] for one in messages if one["from"]["is_bot"]]

    def counted(self, method: str, outcome: str) -> float:
        labels = {"method": method, "outcome": outcome}
        return self.metrics.registry.get_sample_value("lyricbot_calls_total", labels) or 0


@asynccontextmanager
async def calling(url: str, api: BotApi, *, patience: float = 5) -> AsyncIterator[Calls]:
    metrics = Metrics()
    patient = Limiter(metrics, pauses=(0.01,) * 4)
    request = HTTPXRequest(connection_pool_size=16, read_timeout=patience)
    async with ExtBot(TOKEN, base_url=f"{url}/bot", request=request, rate_limiter=patient) as bot:
        yield Calls(api, bot, metrics)


@pytest.fixture
async def calls(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Calls]:
    monkeypatch.setenv("PTB_TIMEDELTA", "true")  # else it warns of what will be
    api = BotApi(TOKEN)
    async with HttpBotApi(api) as url, calling(url, api) as one:
        yield one


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_server_that_fails_is_asked_again(calls: Calls, status: int) -> None:
    calls.api.fail_next("sendMessage", status, "Internal Server Error", times=4)
    await calls.send()
    assert calls.sent() == ["hello"]
    assert calls.counted("sendMessage", "unreachable") == 4
    assert calls.counted("sendMessage", "ok") == 1


async def test_a_server_that_fails_on_and_on_is_given_up(calls: Calls) -> None:
    calls.api.fail_next("sendMessage", 500, "Internal Server Error", times=5)
    with pytest.raises(NetworkError):
        await calls.send()
    await calls.send("again")
    assert calls.sent() == ["again"]


@pytest.mark.parametrize(("status", "error"), [(400, BadRequest), (403, Forbidden)])
async def test_what_is_refused_is_not_asked_again(
    calls: Calls, status: int, error: type[Exception]
) -> None:
    calls.api.fail_next("sendMessage", status, "no")
    with pytest.raises(error):
        await calls.send()
    assert calls.sent() == []
    assert calls.counted("sendMessage", "refused") == 1


async def test_a_message_whose_answer_was_lost_is_sent_once_more_and_no_more(
    calls: Calls,
) -> None:
    calls.api.drop_next("sendMessage", times=1)
    await calls.send()
    assert calls.sent() == ["hello", "hello"]
    calls.api.drop_next("sendMessage", times=3)
    with pytest.raises(NetworkError):
        await calls.send("again")
    assert calls.sent()[2:] == ["again", "again"]


async def test_a_message_that_timed_out_is_sent_once_more_and_no_more() -> None:
    api = BotApi(TOKEN)
    async with HttpBotApi(api) as url, calling(url, api, patience=0.3) as calls:
        api.delay = lambda call: 60 if call.method == "sendMessage" else 0
        with pytest.raises(TimedOut):
            await calls.send()
    assert calls.sent() == ["hello", "hello"]


async def test_what_only_sets_something_is_called_until_it_is_answered(calls: Calls) -> None:
    calls.api.drop_next("setMyCommands", times=4)
    assert await calls.bot.set_my_commands([("help", "help")])


async def test_a_flood_is_waited_for(calls: Calls) -> None:
    calls.api.fail_next("sendMessage", 429, "Too Many Requests", retry_after=1)
    began = time.monotonic()
    await calls.send()
    assert time.monotonic() - began >= 1
    assert calls.sent() == ["hello"]
    assert calls.counted("sendMessage", "flood") == 1


async def test_a_flood_of_a_group_holds_up_that_group_alone(calls: Calls) -> None:
    one, two = calls.groups
    calls.api.fail_next("sendMessage", 429, "Too Many Requests", retry_after=3600)
    held = asyncio.ensure_future(calls.send("one", one))
    while not calls.counted("sendMessage", "flood"):
        await asyncio.sleep(0)
    later = asyncio.ensure_future(calls.send("later", one))
    await asyncio.gather(calls.send("two", two), calls.send("three"))
    assert (calls.sent(one), calls.sent(two), calls.sent()) == ([], ["two"], ["three"])
    assert not held.done()
    assert not later.done()
    for task in (held, later):
        task.cancel()
    await asyncio.gather(held, later, return_exceptions=True)


async def test_a_flood_that_many_chats_meet_holds_up_everybody(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limiter, "ALL", 3)
    one, two = calls.groups
    calls.api.fail_next("sendMessage", 429, "Too Many Requests", retry_after=1, times=3)
    began = time.monotonic()
    held = [asyncio.ensure_future(calls.send("held", chat)) for chat in (one, two, calls.chat)]
    while calls.counted("sendMessage", "flood") < 3:
        await asyncio.sleep(0)
    await calls.bot.set_my_commands([("help", "help")])
    assert time.monotonic() - began >= 1
    await asyncio.gather(*held)
    assert (calls.sent(one), calls.sent(two), calls.sent()) == (["held"],) * 3


async def test_after_a_flood_calls_are_spaced_out_as_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "true")
    api = BotApi(TOKEN)
    slow = Limiter(Metrics(), overall_max_rate=2, overall_time_period=3600)
    async with ExtBot(TOKEN, request=api, get_updates_request=api, rate_limiter=slow) as bot:
        person = api.person(1, "Anna")
        api.send(person, api.private_chat(person), "/start")
        api.fail_next("sendMessage", 429, "Too Many Requests", retry_after=1)
        waiting = [asyncio.ensure_future(bot.send_message(1, "hello")) for _ in range(6)]
        await asyncio.wait(waiting, timeout=2)
        # Two may be made in an hour, and the first of them was refused.
        assert len([one for one in waiting if one.done()]) <= 1
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_flood_without_an_end_is_given_up(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limiter, "FLOODS", 1)
    calls.api.fail_next("sendMessage", 429, "Too Many Requests", retry_after=1, times=2)
    with pytest.raises(RetryAfter):
        await calls.send()
    assert calls.sent() == []


async def test_many_calls_that_fail_alike_are_one_line_in_the_log(calls: Calls) -> None:
    calls.api.fail_next("sendMessage", 502, "Bad Gateway", times=200)
    with capture_logs() as logs:
        await asyncio.gather(*(calls.send() for _ in range(10)), return_exceptions=True)
    assert len([one for one in logs if "failed" in one["event"]]) == 1
    assert TOKEN not in str(logs)
