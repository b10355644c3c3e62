"""`lyricbot bot` as a process of its own, over real HTTP."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from botapi_http import HttpBotApi
from factories import make_pair

from bot.botapi import BotApi
from bot.services import open_services
from core.settings import load_settings

TOKEN = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0"
LYRICBOT = [sys.executable, "-c", "from bot.cli import main; main()"]


@asynccontextmanager
async def bot_process(url: str, token: str = TOKEN) -> AsyncIterator[Process]:
    environment = os.environ | {"LYRICBOT_TOKEN": token, "LYRICBOT_API_URL": url}
    environment["LYRICBOT_WORKER"] = "external"  # none is needed, and it takes seconds to start
    process = await asyncio.create_subprocess_exec(
        *LYRICBOT, "bot", env=environment, stdout=PIPE, stderr=PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.communicate()


async def until(condition: Callable[[], Any]) -> Any:
    """Wait for something to become true; the value it became."""
    async with asyncio.timeout(30):
        while not (value := condition()):
            await asyncio.sleep(0.02)
        return value


async def publish() -> None:
    async with open_services(load_settings()) as services:
        await services.releases.publish([make_pair()])


async def test_it_stops_on_sigterm_and_logs_no_token() -> None:
    await publish()
    api = BotApi(TOKEN)
    async with HttpBotApi(api) as url, bot_process(url) as process:
        assert process.stderr is not None
        begun = b""
        async with asyncio.timeout(30):
            while b"polling" not in begun and (line := await process.stderr.readline()):
                begun += line
        process.send_signal(signal.SIGTERM)
        out, err = await process.communicate()
    err = begun + err
    assert process.returncode == 0, err.decode()
    assert b"polling" in err
    assert TOKEN.encode() not in out + err


async def test_without_a_release_it_says_so_and_serves() -> None:
    api = BotApi(TOKEN)
    person = api.person(7, "Anna", language_code="zh")
    async with HttpBotApi(api) as url, bot_process(url) as process:
        api.send(person, api.private_chat(person), "/write 分开")
        await until(lambda: len(api.messages(api.private_chat(person))) == 2)
        process.send_signal(signal.SIGTERM)
        _, err = await process.communicate()
    assert b"/retrain makes one" in err


@pytest.mark.parametrize(
    ("token", "said"), [("", b"LYRICBOT_TOKEN is not set"), ("1:wrong", b"LYRICBOT_TOKEN")]
)
async def test_a_missing_or_refused_token_is_one_line_that_says_what_to_do(
    token: str, said: bytes
) -> None:
    async with HttpBotApi(BotApi(TOKEN)) as url, bot_process(url, token) as process:
        _, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    lines = [line for line in err.splitlines() if line.startswith(b"lyricbot:")]
    assert len(lines) == 1
    assert said in lines[0]
    assert b"@BotFather" in lines[0]
    assert b"Traceback" not in err


def test_the_working_folder_is_the_tests_own() -> None:
    assert not Path("pyproject.toml").exists()
