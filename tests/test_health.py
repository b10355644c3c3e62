"""/healthz and /metrics of a bot, and what lyricbot doctor finds."""

import asyncio
import os
import re
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import httpx
import pytest
from botapi_http import HttpBotApi
from breaking import locked
from conftest import new_database
from conversation import Conversation
from factories import make_pair
from processes import until, until_awaited
from prometheus_client import CollectorRegistry
from rich.console import Console
from sqlalchemy import create_engine, text, update

from bot import polling
from bot.arrival import STALLED, TOLERATED, Arrival, ask_about_webhook
from bot.background import kept_worker
from bot.botapi import BotApi
from bot.doctor import examine
from bot.health import VITAL, checks_of, served_health
from bot.intake import Intake
from bot.metrics import Metrics
from bot.polling import PollingBot
from bot.services import Services, open_services
from core import disk
from core import monitor as monitoring
from core.arena.inbox import Taken
from core.arena.schema import inbox
from core.background import running
from core.errors import LyricbotError, SettingsError
from core.lyrics import desk
from core.monitor import monitor
from core.retrain.workers import WorkerInfo
from core.settings import Settings, load_settings

TOKEN = "123456:doctor"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


async def test_the_bot_serves_health_and_counts(empty_database: str) -> None:
    port = free_port()
    settings = Settings(database_url=empty_database, http=f"127.0.0.1:{port}", worker="external")
    async with open_services(settings) as services:
        await services.releases.publish([make_pair()])
        await services.retrains.ask()
        async with served_health(services, Metrics()), httpx.AsyncClient() as client:
            answer = await client.get(f"http://127.0.0.1:{port}/healthz")
            metrics = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
            for _ in range(50):  # they are counted in the background
                if "lyricbot_release 1.0" in metrics:
                    break
                metrics = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
    assert answer.status_code == 200
    assert set(answer.json()["checks"]) == {
        *("database", "engine", "checkpoints", "disk", "release", "writing", "inbox")
    }
    assert 'lyricbot_jobs{state="queued"} 1.0' in metrics
    assert "lyricbot_release 1.0" in metrics


async def test_a_worker_of_its_own_that_gives_no_sign_is_told(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    async with open_services(Settings()) as services:
        with pytest.raises(Exception, match="no sign of life"):
            await checks_of(services)["worker"]()


async def test_a_bots_own_worker_does_not_want_the_bots_address(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    # From .env, where a bare machine has it: that a variable is empty would not hide it.
    with socket.create_server(("127.0.0.1", 0)) as taken:
        Path(".env").write_text(f"LYRICBOT_HTTP=127.0.0.1:{taken.getsockname()[1]}\n")
        async with open_services(load_settings()) as services, kept_worker(quietly=True):
            async with asyncio.timeout(60):
                while not await services.workers.alive():
                    await asyncio.sleep(0.1)


async def test_a_port_that_is_taken_is_told_by_its_setting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(http=f"127.0.0.1:{taken.getsockname()[1]}")
        async with open_services(settings) as services:
            with pytest.raises(SettingsError, match="LYRICBOT_HTTP"):
                async with served_health(services, Metrics()):
                    pass


Broken = Callable[[Services, Path], AbstractContextManager[object]]


async def health(services: Services, arrival: Arrival | None = None) -> dict[str, str]:
    """What /healthz of a bot says is broken, over HTTP."""
    checks = checks_of(services, arrival)
    async with (
        monitor(("127.0.0.1", 0), checks, CollectorRegistry(), vital=VITAL) as port,
        httpx.AsyncClient(trust_env=False, timeout=60) as client,
    ):
        answer = await client.get(f"http://127.0.0.1:{port}/healthz")
        found: dict[str, str] = answer.json()["checks"]
        broken = {name: said for name, said in found.items() if said != "ok"}
        assert answer.status_code == (503 if broken else 200)
        alive = await client.get(f"http://127.0.0.1:{port}/livez")
        stands_still = "has not answered" in broken.get("writing", "")
        assert alive.status_code == (503 if stands_still else 200)
    return broken


@contextmanager
def moved(path: Path) -> Iterator[None]:
    aside = path.with_name("aside")
    path.rename(aside)
    yield
    if path.is_dir():
        shutil.rmtree(path)
    aside.replace(path)


def database_moved(services: Services, tmp_path: Path) -> AbstractContextManager[None]:
    return moved(tmp_path / "data/state/app.sqlite")


def engine_moved(services: Services, tmp_path: Path) -> AbstractContextManager[None]:
    return moved(tmp_path / "data/state/jobs.sqlite")


def store_moved(services: Services, tmp_path: Path) -> AbstractContextManager[None]:
    return moved(tmp_path / "checkpoints")


def model_of(tmp_path: Path) -> Path:
    return next((tmp_path / "checkpoints/models").glob("*.safetensors"))


def model_moved(services: Services, tmp_path: Path) -> AbstractContextManager[None]:
    return moved(model_of(tmp_path))


@contextmanager
def model_damaged(services: Services, tmp_path: Path) -> Iterator[None]:
    file = model_of(tmp_path)
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    yield
    file.write_bytes(content)


@contextmanager
def disk_nearly_full(services: Services, tmp_path: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(disk, "LEAST", 2**60)
        yield


BREAKS: dict[str, tuple[Broken, str, str]] = {
    "database": (database_moved, "database", "put it back"),
    "engine": (engine_moved, "engine", "its file is gone"),
    "store": (store_moved, "checkpoints", "LYRICBOT_CHECKPOINTS"),
    "model": (model_moved, "release", "Release 1: .*not there.* Nothing is served"),
    "damage": (model_damaged, "release", "not the file that was released.* Nothing is served"),
    "disk": (disk_nearly_full, "disk", "MiB are left"),
}


@pytest.mark.parametrize("case", BREAKS)
async def test_what_breaks_is_red_by_its_name_and_green_again(tmp_path: Path, case: str) -> None:
    breaks, part, said = BREAKS[case]
    async with open_services(Settings(worker="external")) as services:
        await services.releases.publish([make_pair()])
        assert await health(services) == {}
        with breaks(services, tmp_path):
            for _ in range(2):  # and asking does not mend it
                found = await health(services)
                assert re.search(said, found[part])
                assert set(found) <= {part, "release"}
        assert await health(services) == {}


@contextmanager
def read_only(url: str) -> Iterator[None]:
    """What is written is refused, by the server itself."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    name = engine.url.database
    others = f"pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    try:
        for setting in ("on", "off"):
            with engine.connect() as connection:
                changing = f"ALTER DATABASE {name} SET default_transaction_read_only = {setting}"
                connection.execute(text(changing))
                connection.execute(text(f"SELECT {others} AND pid <> pg_backend_pid()"))
            if setting == "on":
                yield
    finally:
        engine.dispose()


async def test_a_database_that_takes_nothing_is_red_whatever_can_be_read(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitoring, "LIMIT", 2.0)
    settings = Settings(database_url=empty_database, worker="external")
    async with open_services(settings) as services:
        await services.releases.publish([make_pair()])
        assert await health(services) == {}
        with locked(empty_database, services.store):
            assert await health(services) == {"database": "no answer in 2 s"}
        monkeypatch.setattr(monitoring, "LIMIT", 30.0)
        assert await health(services) == {}


async def test_a_server_that_takes_nothing_is_red(postgres: str) -> None:
    url = new_database(postgres)
    async with open_services(Settings(database_url=url, worker="external")) as services:
        await services.releases.publish([make_pair()])
        with read_only(url):
            found = await health(services)
            assert "read-only transaction" in found["database"]
            assert set(found) <= {"database", "engine"}  # whose connection was cut just now
        assert await health(services) == {}


async def test_a_server_that_is_gone_is_red(postgres: str) -> None:
    engine = create_engine(postgres, isolation_level="AUTOCOMMIT")
    url = new_database(postgres)
    name = url.rpartition("/")[2].split("?")[0]
    async with open_services(Settings(database_url=url, worker="external")) as services:
        await services.releases.publish([make_pair()])
        assert await health(services) == {}
        with engine.connect() as connection:
            connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
            ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
            connection.execute(text(ending), {"name": name})
            assert {"database", "engine"} <= set(await health(services))
            connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
        assert await health(services) == {}
    engine.dispose()


async def test_without_a_release_it_is_red() -> None:
    async with open_services(Settings(worker="external")) as services:
        services.files.make()
        assert await health(services) == {
            "release": "There is no release yet. Run: lyricbot train"
        }
        await services.releases.publish([make_pair()])
        assert await health(services) == {}


async def test_what_is_served_instead_of_a_damaged_release_is_said(tmp_path: Path) -> None:
    async with open_services(Settings(worker="external")) as services:
        await services.releases.publish([make_pair()])
        await services.releases.warm()
        with model_damaged(services, tmp_path):
            assert "It is served from memory" in (await health(services))["release"]
            known = set((tmp_path / "checkpoints/models").iterdir())
            await services.releases.publish([make_pair(seed=5)])
            new = set((tmp_path / "checkpoints/models").iterdir()) - known
            for file in new:
                file.unlink()
            await services.releases.warm()
            assert "Release 1 is served meanwhile" in (await health(services))["release"]


async def test_a_writing_process_that_is_killed_is_red_and_comes_back() -> None:
    async with open_services(Settings(worker="external"), apart=True) as services:
        await services.releases.publish([make_pair()])
        assert await health(services) == {}
        assert services.desk._scribe is not None
        (pid,) = services.desk._scribe._pool._processes
        os.kill(pid, signal.SIGKILL)
        found = await until_awaited(lambda: health(services))  # until it is noticed
        assert "started again" in found["writing"]
        assert await health(services) == {}


async def test_a_writing_process_that_stands_still_is_red(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with open_services(Settings(worker="external"), apart=True) as services:
        await services.releases.publish([make_pair()])
        assert await health(services) == {}
        assert services.desk._scribe is not None
        (pid,) = services.desk._scribe._pool._processes
        os.kill(pid, signal.SIGSTOP)
        monkeypatch.setattr(desk, "ANSWERS_WITHIN", 0.1)
        try:
            assert await health(services) == {}  # it may be busy
            monkeypatch.setattr(desk, "STANDS_STILL", 0.0)
            assert "has not answered" in (await health(services))["writing"]
        finally:
            os.kill(pid, signal.SIGCONT)
        monkeypatch.setattr(desk, "ANSWERS_WITHIN", 60.0)
        assert await health(services) == {}


async def test_an_inbox_that_does_not_drain_is_red() -> None:
    async with open_services(Settings(worker="external")) as services:
        await services.releases.publish([make_pair()])
        await services.inbox.take([Taken(7, "{}")])
        assert await health(services) == {}
        async with services.store.write() as connection:
            long_ago = datetime.now(UTC) - timedelta(minutes=6)
            await connection.execute(update(inbox).values(taken_at=long_ago))
        found = await health(services)
        assert set(found) == {"inbox"}
        assert "not handled: 1" in found["inbox"]
        await services.inbox.leave(7)
        assert await health(services) == {}


class Seconds:
    """A clock of seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("status", "description", "said"),
    [
        (401, "Unauthorized", "LYRICBOT_TOKEN"),
        (409, "Conflict: terminated by other getUpdates request", "another bot polls"),
        (502, "Bad Gateway", "cannot be reached"),
    ],
)
async def test_polling_that_fails_for_long_is_red_with_why(
    talk: Conversation, status: int, description: str, said: str
) -> None:
    assert isinstance(talk.app.bot, PollingBot)
    clock = Seconds()
    arrival = Arrival(clock)
    talk.api.fail_next("getUpdates", status, description, times=2)
    intake = Intake(talk.services.inbox, talk.app.update_queue, talk.app.bot)
    intake.open()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(polling, "FIRST_PAUSE", 0.01)
        async with running(polling.poll(talk.app.bot, intake, ["message"], arrival)):
            await until(lambda: arrival._failing)
            await arrival.check()  # not at once: it may pass
            clock.now += TOLERATED
            with pytest.raises(LyricbotError, match=said):
                await arrival.check()
            talk.api.send(talk.anna, talk.private, "/help")
            await until(lambda: arrival._failing is None)
            await arrival.check()


async def test_polling_that_stands_still_is_red() -> None:
    clock = Seconds()
    arrival = Arrival(clock)
    clock.now += STALLED
    with pytest.raises(LyricbotError, match="No poll has ended"):
        await arrival.check()
    arrival.works()
    await arrival.check()


async def test_a_webhook_that_is_taken_away_is_red(talk: Conversation) -> None:
    clock = Seconds()
    arrival = Arrival(clock)
    bot, url = talk.app.bot, "https://bot.example/telegram"
    await bot.set_webhook(url)
    await ask_about_webhook(bot, url, arrival)
    await arrival.check()
    await bot.delete_webhook()
    await ask_about_webhook(bot, url, arrival)
    clock.now += TOLERATED
    with pytest.raises(LyricbotError, match="set to another address, or to none"):
        await arrival.check()
    talk.api.fail_next("getWebhookInfo", 401, "Unauthorized")
    await ask_about_webhook(bot, url, arrival)
    with pytest.raises(LyricbotError, match="LYRICBOT_TOKEN"):
        await arrival.check()
    await bot.set_webhook(url)
    await ask_about_webhook(bot, url, arrival)
    await arrival.check()


@pytest.mark.parametrize("minutes_ago", [0, 5])
async def test_posts_that_fail_are_red_and_those_that_failed_once_are_not(
    talk: Conversation, minutes_ago: int
) -> None:
    clock = Seconds()
    arrival = Arrival(clock)
    bot, url = talk.app.bot, "https://bot.example/telegram"
    await bot.set_webhook(url)
    talk.api.updates.failed("Connection refused")
    talk.api.updates._last_error["last_error_date"] -= 60 * minutes_ago
    talk.api.send(talk.anna, talk.private, "/help")  # there is always something on its way
    for _ in range(2):
        await ask_about_webhook(bot, url, arrival)
        clock.now += TOLERATED
    if minutes_ago:
        await arrival.check()
    else:
        with pytest.raises(LyricbotError, match="cannot post to the webhook: Connection refused"):
            await arrival.check()


async def test_a_worker_on_another_host_is_no_sign_of_this_ones() -> None:
    pytest.importorskip("torch")
    async with open_services(Settings()) as services:
        await services.releases.publish([make_pair()])
        now = services.now()
        await services.workers.sign(WorkerInfo("far", "elsewhere", 1, "cpu", now))
        assert "no sign of life" in (await health(services))["worker"]
        await services.workers.sign(WorkerInfo("near", socket.gethostname(), 1, "cpu", now))
        assert await health(services) == {}


async def found(settings: Settings) -> tuple[bool, str]:
    console = Console(file=StringIO(), width=200)
    sound = await examine(settings, console)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return sound, text


async def test_the_doctor_finds_a_sound_installation_sound(empty_database: str) -> None:
    async with HttpBotApi(BotApi(TOKEN)) as url:
        sound, text = await found(
            Settings(database_url=empty_database, token=TOKEN, api_url=url)  # type: ignore[arg-type]
        )
    assert sound, text
    assert "trains on cpu" in text or "torch is not installed" in text
    assert "up to date" in text
    assert "DBOS on" in text
    assert "can be written and read" in text
    assert "@lyricbot_demo_bot" in text
    assert TOKEN not in text


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"database_url": "sqlite:////proc/no/app.sqlite"}, "LYRICBOT_DATABASE_URL"),
        ({"jobs_url": "postgresql://127.0.0.1:1/no"}, "LYRICBOT_JOBS_URL"),
        ({"checkpoints": "/proc/no"}, "LYRICBOT_CHECKPOINTS"),
        ({"device": "xpu"}, "LYRICBOT_DEVICE"),
    ],
)
async def test_the_doctor_names_the_setting_of_what_is_broken(
    settings: dict[str, str], said: str
) -> None:
    if "device" in settings:
        pytest.importorskip("torch")
    sound, text = await found(Settings.model_validate(settings))
    assert not sound
    assert said in text
    assert "Traceback" not in text


async def test_the_doctor_tells_a_token_that_is_refused() -> None:
    async with HttpBotApi(BotApi(TOKEN)) as url:
        sound, text = await found(Settings(token="1:wrong", api_url=url))  # type: ignore[arg-type]
    assert not sound
    assert "@BotFather" in text
