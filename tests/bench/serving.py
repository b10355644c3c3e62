"""Serving: updates a second and latencies of a bot, Telegram played in the process.

All that a real update meets is there: getUpdates, the inbox, the handlers, the writer, SQLite with
its commits, the calls. Only the ceilings of Telegram's limits are raised, but where it is said.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, chdir, nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from factories import make_pair
from telegram import Update
from telegram.ext import Application, ExtBot, MessageHandler, filters

from bench.rows import Row
from bot.app import ALLOWED_UPDATES, build_application
from bot.botapi import BotApi, Call, Chat, Person
from bot.intake import Intake
from bot.keyboards import Press
from bot.limiter import Limiter
from bot.metrics import Metrics
from bot.ordering import PersonByPerson
from bot.polling import PollingBot, poll
from bot.services import Services, open_services
from core.arena.releases import TrainedPair
from core.background import running
from core.lyrics.corpus import read_bundled
from core.lyrics.recipe import ARTICLE, DEFAULT, Network, Recipe
from core.lyrics.writer import Writer
from core.rnn.run import Entry
from core.rnn.train import train
from core.settings import Settings

TOKEN = "123456:bench"
URL = "https://api.telegram.org"
WORKER = [sys.executable, "-c", "from bot.cli import main; main()", "worker", "--with-parent"]
PREFIX = "分开"
RNN = replace(DEFAULT, network=Network(cell="rnn", num_hiddens=256, start="scaled"), num_epochs=2)


class Load:
    """A bot under load, and the people it serves."""

    def __init__(self, api: BotApi, services: Services, num_people: int) -> None:
        self.api, self.services = api, services
        self.people = [
            api.person(n, f"P{n}", language_code="zh") for n in range(1, num_people + 1)
        ]
        self.group = api.group(-100, "歌词群")
        self._counts: dict[str, int] = {}
        self._changed = asyncio.Event()
        self.sent_at: dict[int, float] = {}  # by chat, when its last message came
        api.on_call = self._see

    def _see(self, call: Call, result: Any) -> None:
        self._counts[call.method] = self._counts.get(call.method, 0) + 1
        if call.method == "sendMessage":
            self.sent_at[result["chat"]["id"]] = time.perf_counter()
        self._changed.set()

    async def until(self, **counts: int) -> None:
        """Wait until so many calls of each method have been made since the last `reset`."""
        async with asyncio.timeout(300):
            while any(self._counts.get(name, 0) < count for name, count in counts.items()):
                self._changed.clear()
                await self._changed.wait()

    def reset(self) -> None:
        self._counts.clear()

    def private(self, person: Person) -> Chat:
        return self.api.private_chat(person)

    def vote(self, person: Person, chat: Chat, message: dict[str, Any], answer: str) -> None:
        buttons = [b for row in message["reply_markup"]["inline_keyboard"] for b in row]
        presses = (Press.parse(b.get("callback_data", "")) for b in buttons)
        data = next(press.data for press in presses if press and press.answer == answer)
        self.api.press(person, chat, message["message_id"], data)


@asynccontextmanager
async def bot(pair: TrainedPair, num_people: int, *, limited: bool = False) -> AsyncIterator[Load]:
    """A bot that polls, on a fresh SQLite database."""
    metrics = Metrics()
    many = 10**6
    settings = Settings(
        person_minute=many, person_day=many, chat_minute=many, chat_day=many, worker="external"
    )
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        stack.enter_context(chdir(folder))
        services = await stack.enter_async_context(open_services(settings, apart=True))
        await services.releases.publish([pair])
        api = BotApi(TOKEN)
        limiter = Limiter(metrics)
        if not limited:
            limiter = Limiter(metrics, overall_max_rate=0, group_max_rate=0)
        app = build_application(TOKEN, URL, services, api, metrics=metrics, limiter=limiter)
        intake = Intake(services.inbox, app.update_queue, app.bot)
        assert isinstance(app.update_processor, PersonByPerson)
        assert isinstance(app.bot, PollingBot)
        app.update_processor.intake = intake
        load = Load(api, services, num_people)
        await stack.enter_async_context(app)
        await app.start()
        stack.push_async_callback(app.stop)
        intake.open()
        stack.callback(intake.close)
        await stack.enter_async_context(running(poll(app.bot, intake, ALLOWED_UPDATES)))
        load.api.send(load.people[0], load.private(load.people[0]), f"/write {PREFIX}")
        await load.until(sendMessage=1)  # the models are loaded
        load.reset()
        yield load


async def duels_a_second(load: Load) -> float:
    """Everybody asks at once."""
    load.reset()
    began = time.perf_counter()
    for person in load.people:
        load.api.send(person, load.private(person), f"/write {PREFIX}")
    await load.until(sendMessage=len(load.people))
    return len(load.people) / (time.perf_counter() - began)


async def votes_a_second(load: Load, *, in_group: bool) -> float:
    """Everybody votes at once: in a group on one duel, or each on the duel they asked for."""
    people = load.people
    if in_group:
        load.reset()
        load.api.send(people[0], load.group, f"/write {PREFIX}")
        await load.until(sendMessage=1)
    rooms = [load.group if in_group else load.private(person) for person in people]
    messages = [load.api.messages(room)[-1] for room in (rooms[:1] if in_group else rooms)]
    load.reset()
    began = time.perf_counter()
    for n, (person, room) in enumerate(zip(people, rooms, strict=True)):
        load.vote(person, room, messages[0 if in_group else n], "12"[n % 2])
    answers = {"answerCallbackQuery": len(people)}
    await load.until(**answers, **({} if in_group else {"editMessageText": len(people)}))
    return len(people) / (time.perf_counter() - began)


async def write_latencies(load: Load, rate: float, seconds: float) -> Sequence[float]:
    """How long each /write takes, in seconds, where so many come a second, evenly."""
    load.reset()
    number = int(rate * seconds)
    asked: list[tuple[int, float]] = []
    start = time.perf_counter()
    for n in range(number):
        person = load.people[n % len(load.people)]
        wait = start + n / rate - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        asked.append((person.id, time.perf_counter()))
        load.api.send(person, load.private(person), f"/write {PREFIX}")
    await load.until(sendMessage=number)
    return [load.sent_at[person] - at for person, at in asked[-len(load.people) :]]


async def echoes_a_second(num_people: int) -> float:
    """A bare bot of the same library that sends back what it gets."""
    api = BotApi(TOKEN)

    async def echo(update: Update, context: Any) -> None:
        if update.message is not None:
            await update.message.reply_text(update.message.text or "")

    builder = Application.builder().bot(ExtBot(TOKEN, request=api, get_updates_request=api))
    app = builder.concurrent_updates(True).build()
    app.add_handler(MessageHandler(filters.ALL, echo))
    done = asyncio.Event()
    people = [api.person(n, f"P{n}") for n in range(1, num_people + 1)]

    def see(call: Call, result: Any) -> None:
        if call.method == "sendMessage":
            seen.append(call)
        if len(seen) == num_people:
            done.set()

    seen: list[Call] = []
    api.on_call = see
    async with app:
        await app.start()
        if app.updater is not None:
            await app.updater.start_polling()
        began = time.perf_counter()
        for person in people:
            api.send(person, api.private_chat(person), "hello")
        await asyncio.wait_for(done.wait(), 300)
        rate = num_people / (time.perf_counter() - began)
        if app.updater is not None:
            await app.updater.stop()
        await app.stop()
    return rate


def alone(pair: TrainedPair, seconds: float) -> float:
    """Duels a second that the models write by themselves, one after the other, in batches."""
    writers = [Writer(one) for one in pair]
    prefix = writers[0].read_prefix(PREFIX)
    began, number = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        for writer in writers:
            writer.write_many([prefix] * 64, seeds=range(number, number + 64))
        number += 64
    return number / (time.perf_counter() - began)


def trained(recipe: Recipe) -> TrainedPair:
    """A pair on the bundled lyrics."""
    entries = [Entry("random", 0), Entry("consecutive", 0)]
    one, two = train(read_bundled(), recipe, entries, device=torch.device("cpu"), processes=1)
    return one, two


def serving(*, small: bool) -> list[Row]:
    """All of it; small: with models that were not trained, and no retrain beside it."""
    return asyncio.run(_small() if small else _serving())


async def _serving(num: int = 2_000, seconds: float = 10.0) -> list[Row]:
    echo = await echoes_a_second(num)
    rows = [Row("updates answered", "echo bot", echo, "updates/s", "python-telegram-bot alone")]
    article = trained(replace(ARTICLE, num_epochs=1))
    rows += await _one_release("rnn 256 by `article`", article, num, seconds, echo)
    for name, recipe in (("rnn 256, lines", RNN), ("default", replace(DEFAULT, num_epochs=2))):
        rows += await _other_release(name, trained(recipe), num // 10)
    return rows


async def _small(num: int = 30) -> list[Row]:
    pair, echo = make_pair(), await echoes_a_second(num)
    return await _one_release("small", pair, num, 0.3, echo, retrains=False)


async def _one_release(
    name: str, pair: TrainedPair, num: int, seconds: float, echo: float, *, retrains: bool = True
) -> list[Row]:
    models = alone(pair, seconds / 3)
    async with bot(pair, num) as load:
        duels = await duels_a_second(load)
        private = await votes_a_second(load, in_group=False)
        group = await votes_a_second(load, in_group=True)
    async with bot(pair, num) as load:
        quiet = await write_latencies(load, 100.0, seconds)
        async with _retrain(load.services) if retrains else nullcontext():
            busy = await write_latencies(load, 100.0, seconds)
    p99, busy_p99 = (1e3 * float(np.percentile(one, 99)) for one in (quiet, busy))
    async with bot(pair, min(num, 120), limited=True) as load:
        limited = await duels_a_second(load)
    note = f"the models alone: {models:.0f}"
    return [
        Row(f"duels, {name}", "lyricbot", duels, "duels/s", note, wanted=300),
        Row("votes in a group", "lyricbot", group, "votes/s", "one call each", wanted=1_500),
        Row("votes in private", "lyricbot", private, "votes/s", "two calls each"),
        Row("updates answered", "lyricbot", group, "updates/s", "votes", group / echo, "echo bot"),
        Row("/write at 100 a second, p50", "lyricbot", 1e3 * float(np.median(quiet)), "ms"),
        Row("/write at 100 a second, p99", "lyricbot", p99, "ms", wanted=50),
        Row("the same beside a retrain, p99", "lyricbot", busy_p99, "ms", wanted=2 * p99),
        Row("duels within Telegram's limits", "lyricbot", limited, "duels/s", "30 calls a second"),
    ]


async def _other_release(name: str, pair: TrainedPair, num: int) -> list[Row]:
    models = alone(pair, seconds=3.0)
    async with bot(pair, num) as load:
        duels = await duels_a_second(load)
    note = f"the models alone: {models:.0f}"
    return [Row(f"duels, {name}", "lyricbot", duels, "duels/s", note, wanted=0.4 * models)]


@asynccontextmanager
async def _retrain(services: Services) -> AsyncIterator[None]:
    """A worker that trains, meanwhile."""
    await services.retrains.ask()
    process = await asyncio.create_subprocess_exec(
        *WORKER, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(120):
            while not any(
                job.progress and job.progress.epoch for job in await services.retrains.jobs.list()
            ):
                await asyncio.sleep(0.2)
        yield
    finally:
        process.terminate()
        await process.wait()
