"""/healthz and /metrics of a bot, and what lyricbot doctor finds."""

import asyncio
import socket
from io import StringIO
from pathlib import Path

import httpx
import pytest
from botapi_http import HttpBotApi
from factories import make_pair
from rich.console import Console

from bot.background import kept_worker
from bot.botapi import BotApi
from bot.doctor import examine
from bot.health import checks_of, served_health
from bot.metrics import Metrics
from bot.services import open_services
from core.errors import SettingsError
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
            health = await client.get(f"http://127.0.0.1:{port}/healthz")
            metrics = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
            for _ in range(50):  # they are counted in the background
                if "lyricbot_release 1.0" in metrics:
                    break
                metrics = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
    assert health.status_code == 200
    assert health.json()["checks"] == {"database": "ok", "engine": "ok", "checkpoints": "ok"}
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
