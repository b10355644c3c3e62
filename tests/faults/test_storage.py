"""What keeps things breaks for a while: a database, a disk, the models, the clock.

Whatever it is: a vote is acknowledged once it is kept, and then it stays; who asks for something
that cannot be done is told so; and when it works again, so does the bot, without a restart.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from botapi_http import HttpBotApi
from breaking import away, database_on, dropped, full, locked, read_only, small_disk
from conversation import Conversation, conversation
from factories import make_pair
from processes import TOKEN, bot_process, until
from structlog.testing import capture_logs

import bot.services
from bot.botapi import BotApi, Chat, Person
from bot.services import open_services
from bot.texts import texts_for
from core.arena import store
from core.arena.files import Files
from core.arena.store import Store
from core.errors import StoreError
from core.settings import Settings

__all__ = ["small_disk"]  # a fixture
UNAVAILABLE = texts_for("zh").unavailable
Breaks = Callable[[str, Store], AbstractContextManager[None]]


@pytest.fixture(autouse=True)
def _less_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock is waited for for a moment only."""
    monkeypatch.setattr(store, "BUSY_MS", 300)
    options = str(store.PATIENCE["options"]).replace("lock_timeout=10000", "lock_timeout=300")
    monkeypatch.setitem(store.PATIENCE, "options", options)


@pytest.fixture
async def talk(database: str, tmp_path: Path) -> AsyncIterator[Conversation]:
    async with conversation(tmp_path, database_url=database) as one:
        yield one


async def vote_meanwhile(
    talk: Conversation, broken: AbstractContextManager[None], *, has_room: bool = False
) -> None:
    """A vote is given, and a duel asked for, while something is broken.

    `has_room`: pages that are begun may take some more, though the disk does not.
    """
    duel = await talk.duel()
    with capture_logs() as logs:
        with broken:
            pressing = asyncio.ensure_future(talk.press("1", duel))
            await until(lambda: any("cannot be used" in one["event"] for one in logs))
            await talk.say("/write 分开", talk.ben)
            said = talk.last(talk.home(talk.ben))["text"]
            assert said == texts_for("en").unavailable or (has_room and "Which one" in said)
            assert not pressing.done()
        assert "你选了 1" in await asyncio.wait_for(pressing, 60)
    assert talk.rows("SELECT choice FROM votes") == [(1,)]
    assert "Which one" in (await talk.duel(talk.ben))["text"]
    assert "你选了 1" in await talk.press("1", duel)
    assert talk.rows("SELECT count(*) FROM votes") == [(1,)]


@pytest.mark.parametrize("breaks", [read_only, locked, away])
async def test_a_database_that_takes_nothing(talk: Conversation, breaks: Breaks) -> None:
    await vote_meanwhile(talk, breaks(talk.database_url, talk.services.store))


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_a_database_on_a_full_disk(
    tmp_path: Path, small_disk: Path, postgres: str, kind: str
) -> None:
    url = database_on(small_disk, kind, postgres)
    with dropped(url, postgres):
        async with conversation(tmp_path, database_url=url) as talk:
            await vote_meanwhile(talk, full(small_disk), has_room=kind == "postgresql")
            if kind == "sqlite":
                assert talk.rows("PRAGMA integrity_check") == [("ok",)]


async def test_a_file_that_was_put_in_the_place_of_another_is_not_written_into(
    tmp_path: Path,
) -> None:
    async with conversation(tmp_path) as talk:
        duel = await talk.duel()
        file = tmp_path / "app.sqlite"
        aside = file.rename(tmp_path / "aside.sqlite")
        file.write_bytes(b"")
        with capture_logs() as logs:
            pressing = asyncio.ensure_future(talk.press("1", duel))
            await until(lambda: any("or restart" in str(one.get("why")) for one in logs))
            assert not pressing.done()
            assert file.read_bytes() == b""
            aside.replace(file)
            assert "你选了 1" in await asyncio.wait_for(pressing, 60)
    assert talk.rows("SELECT choice FROM votes") == [(1,)]


async def test_a_bot_on_a_full_disk_leaves_votes_with_telegram(
    tmp_path: Path, small_disk: Path
) -> None:
    url = f"sqlite:///{small_disk}/app.sqlite"
    async with open_services(Settings(database_url=url)) as services:
        await services.releases.publish([make_pair()])
    api = BotApi(TOKEN)
    people = [api.person(n, f"P{n}", language_code="zh") for n in range(1, 6)]
    chats = [api.private_chat(one) for one in people]
    async with HttpBotApi(api) as api_url, bot_process(api_url, DATABASE_URL=url) as bot:
        for one, chat in zip(people, chats, strict=True):
            api.send(one, chat, "/write 分开")
        duels = [await until(lambda: duel_in(api, chat)) for chat in chats]
        with full(small_disk):
            pressed = [press(api, *of) for of in zip(people, chats, duels, strict=True)]
            await until(lambda: "the database cannot be used" in bot.logged)
            assert not any(api.answer_to(vote) for vote in pressed)
            async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
                health = await client.get(f"http://127.0.0.1:{bot.port}/healthz")
            assert "full" in health.json()["checks"]["database"]
        for vote in pressed:
            assert "你选了 1" in (await until(lambda: api.answer_to(vote)))["text"]
        await bot.kill()
    with closing(sqlite3.connect(small_disk / "app.sqlite")) as connection:
        assert connection.execute("SELECT count(*) FROM votes").fetchone() == (5,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_a_full_disk_keeps_the_models_it_has(small_disk: Path) -> None:
    files = Files(small_disk)
    files.put("models/old", b"old")
    with full(small_disk):
        with pytest.raises(StoreError, match="No space left"):
            files.put("models/new", bytes(2**20))
        assert files.get("models/old") == b"old"
        assert [one.name for one in (small_disk / "models").iterdir()] == ["old"]
    files.put("models/new", bytes(2**20))
    assert files.names("models") == ["models/new", "models/old"]


async def test_models_that_are_damaged_are_written_with_again_once_restored(
    database: str, tmp_path: Path
) -> None:
    async with conversation(tmp_path, database_url=database) as talk:
        duel = await talk.duel()
        files = {one: one.read_bytes() for one in (tmp_path / "checkpoints").rglob("*.safet*")}
        for file in files:
            file.write_bytes(b"damaged")
        assert "哪一首更好？" in (await talk.duel())["text"]  # they are in memory
    async with conversation(tmp_path, [], database_url=database) as again:  # no more
        await again.say("/write 分开")
        assert again.last()["text"] == UNAVAILABLE
        assert "你选了 2" in str(await again.forge(data(duel, "2"), 1))
        for file, content in files.items():
            file.write_bytes(content)
        assert "哪一首更好？" in (await again.duel())["text"]
        assert again.rows("SELECT choice FROM votes") == [(2,)]


async def test_a_store_that_is_gone_for_a_while(database: str, tmp_path: Path) -> None:
    place, aside = tmp_path / "checkpoints", tmp_path / "aside"
    async with conversation(tmp_path, database_url=database) as talk:
        duel = await talk.duel()
        place.rename(aside)
        place.write_bytes(b"no folder")
        assert "哪一首更好？" in (await talk.duel())["text"]
        with pytest.raises(StoreError, match="LYRICBOT_CHECKPOINTS"):
            await talk.services.releases.publish([make_pair(seed=5)])
        current = await talk.services.releases.current()
        assert current is not None
        assert current.number == 1
    async with conversation(tmp_path, [], database_url=database) as again:
        await again.say("/write 分开")
        assert again.last()["text"] == UNAVAILABLE
        assert "你选了 1" in str(await again.forge(data(duel, "1"), 1))
        place.unlink()
        aside.rename(place)
        assert "哪一首更好？" in (await again.duel())["text"]
        assert (await again.services.releases.publish([make_pair(seed=5)])).number == 2


async def test_a_clock_that_jumps_by_hours(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = timedelta()
    monkeypatch.setattr(bot.services, "_now", lambda: datetime.now(UTC) + ahead)
    limited = conversation(tmp_path, database_url=database, person_minute=3, person_day=5)
    async with limited as talk:
        duel = await talk.duel(talk.ben, talk.group)
        for hours, person in ((5, talk.anna), (-5, talk.ben), (0, talk.admin)):
            ahead = timedelta(hours=hours)
            said = await talk.press("1", duel, person, talk.group)
            assert said.startswith(("你选了 1", "You chose 1")), said
            await talk.services.inbox.prune()
            await talk.services.limits.prune()
            if hours <= 0:  # nobody has asked too often
                assert "Which one" in (await talk.duel(talk.ben))["text"]
        ahead = timedelta(hours=5)
        with capture_logs() as logs:  # as if it had waited for hours: the log says what it may be
            await talk.say("/write 分开")
        assert "unless this host's clock is ahead" in logs[-1]["why"]
        assert talk.said() == []
    assert talk.rows("SELECT count(*), min(choice), max(choice) FROM votes") == [(3, 1, 1)]


HOURS = """
import bot.services
from datetime import timedelta
from pathlib import Path
now = bot.services._now
bot.services._now = lambda: now() + timedelta(hours=float(Path("hours").read_text()))
"""


async def test_what_a_bot_held_whose_clock_was_ahead_does_not_wait_for_hours() -> None:
    hours = Path("hours")
    hours.write_text("0")
    async with open_services(Settings()) as services:
        await services.releases.publish([make_pair()])
    api = BotApi(TOKEN)
    anna = api.person(7, "Anna", language_code="zh")
    chat = api.private_chat(anna)
    held = 0.0
    api.delay = lambda call: held if call.method == "sendMessage" else 0.0
    async with HttpBotApi(api) as url:
        async with bot_process(url, before=HOURS) as one:
            api.send(anna, chat, "/write 分开")
            duel = await until(lambda: duel_in(api, chat))
            hours.write_text("5")
            pressed = press(api, anna, chat, duel)
            assert "你选了 1" in (await until(lambda: api.answer_to(pressed)))["text"]
            held = 3600.0
            for _ in range(3):
                api.send(anna, chat, "/help")
            await until(lambda: len(api.messages(chat)) == 6)  # the first is sent, and held
            await one.kill()
        held = 0.0
        hours.write_text("-5")
        async with bot_process(url, before=HOURS) as one:
            # The first may have been sent, and is sent again.
            await until(lambda: len(api.messages(chat)) == 9)
            assert await one.stop() == 0


def duel_in(api: BotApi, chat: Chat) -> dict[str, object] | None:
    """The message of a duel, once it is there."""
    return next((one for one in api.messages(chat) if "reply_markup" in one), None)


def press(api: BotApi, person: Person, chat: Chat, duel: dict[str, object]) -> dict[str, object]:
    """Somebody presses 1."""
    return api.press(person, chat, int(str(duel["message_id"])), data(duel, "1"))


def data(duel: dict[str, object], answer: str) -> str:
    """What a button says."""
    rows = duel["reply_markup"]["inline_keyboard"]  # type: ignore[index]
    return str(rows[0][int(answer) - 1]["callback_data"])
