"""What a process makes is its user's alone, whatever the umask it was started with."""

import asyncio
import os
import signal
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from botapi_http import HttpBotApi
from processes import START, TOKEN

from bot.botapi import BotApi

ON_ONE_CORE = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "


@pytest.fixture(autouse=True)
def _open_to_all() -> Iterator[None]:
    """As careless as can be; processes inherit it."""
    before = os.umask(0)
    yield
    os.umask(before)


def opened(folder: Path) -> dict[str, str]:
    """What is below a folder, itself included, and not its user's alone."""
    found = {}
    for path in (folder, *folder.rglob("*")):
        mode = stat.S_IMODE(path.lstat().st_mode)
        if mode & 0o077:
            found[str(path)] = oct(mode)
    return found


async def lyricbot(*words: str, **settings: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ON_ONE_CORE + START, *words),
        env=os.environ | {f"LYRICBOT_{name}": value for name, value in settings.items()},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )


def test_what_is_open_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "app.sqlite").touch()
    assert [*opened(tmp_path / "state").values()] == ["0o777", "0o666"]


async def test_state_databases_corpora_workplaces_and_exports_are_closed(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    export = await lyricbot("export", "votes", "--out", "votes.csv")
    assert await asyncio.wait_for(export.wait(), 60) == 0
    async with HttpBotApi(BotApi(TOKEN)) as url:
        settings = {"TOKEN": TOKEN, "API_URL": url, "HTTP": "127.0.0.1:0", "DEVICE": "cpu"}
        bot = await lyricbot("bot", **settings)  # with a worker of its own, that makes the first
        try:
            async with asyncio.timeout(120):  # a worker loads torch, beside whatever else runs
                while not list(tmp_path.glob("checkpoints/unfinished/*/corpus.txt")):
                    await asyncio.sleep(0.1)
            made = {path.name for path in tmp_path.rglob("*")}
            wanted = {"app.sqlite", "app.sqlite-wal", "jobs.sqlite", "worker-0.lock", "votes.csv"}
            assert wanted | {"corpus.txt", "corpora", "unfinished"} <= made
            assert {k: v for one in tmp_path.iterdir() for k, v in opened(one).items()} == {}
        finally:
            bot.send_signal(signal.SIGTERM)
            await asyncio.wait_for(bot.wait(), 60)


async def test_a_released_model_is_closed_too(tmp_path: Path) -> None:
    code = (
        "import asyncio; from factories import make_pair; from bot.services import open_services;"
        "from core.settings import load_settings; import bot.cli\n"
        "bot.cli.app = lambda: asyncio.run(publish())\n"
        "async def publish():\n"
        "    async with open_services(load_settings()) as services:\n"
        "        await services.releases.publish([make_pair()])\n"
        "bot.cli.main()"
    )
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code), env=os.environ | {"PYTHONPATH": path}
    )
    assert await asyncio.wait_for(process.wait(), 60) == 0
    assert list(tmp_path.glob("checkpoints/models/*.safetensors"))
    assert opened(tmp_path / "checkpoints") == {}
