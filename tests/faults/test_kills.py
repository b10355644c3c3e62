"""Bots killed by -9 at random moments while people use them: nothing is lost, nothing is doubled
but what was being handled as the bot was killed.
"""

import asyncio
import math
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botapi_http import Deliveries, HttpBotApi
from factories import make_pair
from processes import TOKEN, Nursery, alive, balanced, free_port, leases_end, nursery
from sqlalchemy import create_engine, make_url, text

from bot.botapi import BotApi, Call, world
from bot.services import open_services
from core.settings import Settings
from faults import FULL
from faults.people import Crowd, Kind

SEED = 7
FEW, MANY, REPLICAS = 3, 100, 40  # kills; of two replicas, the last
# Lyrics are written in a thread: a process for them would take a second to start. What a dead bot
# held is free after 3 seconds, if nobody says so before. Nothing waits for Telegram's rates.
BEFORE = """
import bot.services, bot.serving
from telegram.ext import AIORateLimiter
from core.arena.inbox import Inbox
from core.lyrics.desk import Desk
from datetime import timedelta
AIORateLimiter.__init__.__defaults__ = (0, 0, 0, 0, 0)
bot.services.Desk = lambda apart: Desk()
bot.serving.RENEW_EVERY, bot.serving.CLAIM_EVERY = 0.5, 0.3
Inbox.__init__.__kwdefaults__["lease"] = timedelta(seconds=3)
"""
ENDLESS = {f"{who}_{window}": "0" for who in ("PERSON", "CHAT") for window in ("MINUTE", "DAY")}
WEBHOOK = "https://bot.example/telegram"
METHODS = ("answerCallbackQuery", "sendMessage", "editMessageText", "sendChatAction", "getUpdates")
SELDOM = ("setMessageReaction", "getMe", "deleteWebhook", "setWebhook")
WITHIN = 3.0  # seconds that a bot serves at most


@dataclass(frozen=True)
class Moment:
    """When a bot is killed: so many seconds after it begins to serve, or as it makes its so-manyth
    call of a method, which is done and not answered.
    """

    seconds: float = WITHIN
    method: str = ""
    calls: int = 0


def moments(chance: random.Random, number: int) -> Sequence[Moment]:
    """When bots are to be killed; first where it hurts most."""
    drawn = [Moment(10, "answerCallbackQuery", 3), Moment(10, "sendMessage", 3)]
    while len(drawn) < number:
        what = chance.random()
        if what < 0.4:
            drawn.append(Moment(seconds=chance.uniform(0.0, 1.5)))
        elif what < 0.9:
            drawn.append(Moment(WITHIN, chance.choice(METHODS), chance.randint(1, 20)))
        else:
            drawn.append(Moment(WITHIN, chance.choice(SELDOM), 1))
    return drawn[:number]


class Site:
    """Bots on one database, and the people who use them."""

    def __init__(self, stack: AsyncExitStack, database: str, way: str) -> None:
        self._stack = stack
        self.database = database
        self.way = way
        self.chance = random.Random(SEED)
        self.api = BotApi(TOKEN)
        self.api.on_call = self._called
        self.crowd = Crowd(self.api, self.chance)
        self.kills = 0
        self._pids: dict[int, int] = {}  # by port
        self._moment = Moment()
        self._calls = 0
        self._serves, self._now = asyncio.Event(), asyncio.Event()

    async def open(self) -> None:
        async with open_services(Settings(database_url=self.database)) as services:
            await services.releases.publish([make_pair()])
        self._nursery: Nursery = await self._stack.enter_async_context(nursery(BEFORE))
        self._url = await self._stack.enter_async_context(HttpBotApi(self.api))
        self._settings = {"DATABASE_URL": self.database} | ENDLESS
        ports = [free_port() for _ in range(2 if self.way == "two replicas" else 1)]
        if self.way == "two replicas":
            self._settings["WEBHOOK_URL"] = WEBHOOK
            balancer = await self._stack.enter_async_context(balanced(*ports))
            await self._stack.enter_async_context(Deliveries(self.api, f"{balancer}/telegram"))
        for port in ports:
            await self._start(port)

    async def kill(self, moment: Moment) -> None:
        """Kill a bot at that moment, and start another in its place."""
        self._moment, self._calls = moment, 0
        self._now.clear()
        async with asyncio.timeout(30):
            await self._serves.wait()
        try:
            async with asyncio.timeout(moment.seconds):
                await self._now.wait()
        except TimeoutError:
            if not self._now.is_set():
                self._kill()
        self._serves.clear()
        port, pid = self._victim
        async with asyncio.timeout(30):
            while alive(pid):
                await asyncio.sleep(0.005)
        self.crowd.again.update(number for (number,) in self.rows("SELECT number FROM inbox"))
        if self.way != "two replicas":
            await leases_end(self.database)
        await self._start(port)

    async def all_is_handled(self) -> None:
        """Wait until Telegram has handed over everything, and nothing is left in the inbox."""
        try:
            async with asyncio.timeout(60):
                while not self._is_quiet():
                    await asyncio.sleep(0.2)
        except TimeoutError:
            left = self.rows("SELECT number, held_by, held_until, text FROM inbox")
            pytest.fail(f"{len(left)} updates are left in the inbox: {left[:5]}")

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        url = make_url(self.database)
        driver = "postgresql+psycopg" if "postgresql" in self.database else "sqlite"
        engine = create_engine(url.set(drivername=driver))
        try:
            with engine.connect() as connection:
                return [tuple(row) for row in connection.execute(text(query))]
        finally:
            engine.dispose()

    def logs(self) -> str:
        return "\n".join(path.read_text() for path in sorted(Path().glob("bot*.log")))

    async def _start(self, port: int) -> None:
        log = Path(f"bot-{port}.log")
        self._pids[port] = await self._nursery.start(self._url, log, port, **self._settings)

    def _called(self, call: Call, result: Any) -> None:
        self.crowd.called(call, result)
        if call.method in ("getUpdates", "setWebhook"):
            self._serves.set()
        if call.method == self._moment.method and not self._now.is_set():
            self._calls += 1
            if self._calls == self._moment.calls:
                self._kill()

    def _kill(self) -> None:
        self._victim = self.chance.choice(list(self._pids.items()))
        assert alive(self._victim[1]), f"a bot has ended by itself\n{self.logs()}"
        os.kill(self._victim[1], signal.SIGKILL)
        self.kills += 1
        self._serves.set()
        self._now.set()

    def _is_quiet(self) -> bool:
        if self.api.updates.webhook_info()["pending_update_count"]:
            return False
        return self.rows("SELECT count(*) FROM inbox") == [(0,)]


@asynccontextmanager
async def opened(database: str, way: str) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        site = Site(stack, database, way)
        try:
            await site.open()
            yield site
        finally:
            sys.stdout.write(site.logs()[-20_000:])  # shown where the test fails


@pytest.fixture(autouse=True)
def _patient_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who pressed a button waits for the answer as long as it takes, here."""
    monkeypatch.setattr(world, "_QUERY_LIFETIME", math.inf)


@pytest.mark.parametrize("way", ["polling", pytest.param("two replicas", marks=pytest.mark.full)])
async def test_killed_again_and_again_it_answers_everything_and_keeps_every_vote_once(
    database: str, way: str
) -> None:
    if way == "two replicas" and "sqlite" in database:
        pytest.skip("replicas share PostgreSQL")
    many = MANY if way == "polling" else REPLICAS
    kills = many if FULL else FEW
    async with opened(database, way) as site:
        living = asyncio.ensure_future(site.crowd.live())
        for moment in moments(site.chance, kills):
            await site.kill(moment)
            if living.done():
                living.result()
        living.cancel()
        await asyncio.wait([living])
        await site.all_is_handled()
        check(site, kills)
        votes = len(site.crowd.votes())
        twice = sum(map(bool, site.crowd.again.values()))
        print(
            f"{site.kills} kills, {len(site.crowd.did)} updates, {votes} votes,"
            f" {twice} perhaps begun twice"
        )


def check(site: Site, kills: int) -> None:
    """What has to hold."""
    crowd = site.crowd
    assert site.kills == kills
    assert crowd.votes()
    assert "an update failed" not in site.logs()
    assert "Traceback" not in site.logs()
    done = {number for (number,) in site.rows("SELECT number FROM handled")}
    assert done == {did.number for did in crowd.did}, "each update is handled, and none invented"
    crowd.check_all_is_answered()
    crowd.check_votes(
        site.rows(
            "SELECT account, duel_id, choice FROM votes JOIN people ON people.id = person_id"
        )
    )
    kinds: dict[str, Kind] = {"likes": "like", "encores": "3"}
    for table, kind in kinds.items():
        marks = site.rows(
            f"SELECT account, duel_id FROM {table} JOIN people ON people.id = person_id"
        )
        assert sorted(marks) == sorted(crowd.marks(kind))
    check_whole(site)


def check_whole(site: Site) -> None:
    """No transaction is there by half, and the file is sound."""
    sides = "SELECT lyric_1_id FROM duels UNION ALL SELECT lyric_2_id FROM duels"
    assert sorted(site.rows(sides)) == sorted(site.rows("SELECT id FROM lyrics"))
    if "sqlite" in site.database:
        assert site.rows("PRAGMA integrity_check") == [("ok",)]
        assert site.rows("PRAGMA foreign_key_check") == []
