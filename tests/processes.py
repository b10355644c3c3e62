"""`lyricbot bot` as processes of their own, to be killed, with what they logged."""

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import update

from core.arena.schema import inbox
from core.arena.store import Store
from core.settings import Settings

TOKEN = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0"
START = "from bot.cli import main; main()"
Json = dict[str, Any]


@dataclass
class BotProcess:
    """One that serves, and where."""

    process: Process
    log: Path
    port: int

    @property
    def logged(self) -> str:
        """What it has logged so far."""
        return self.log.read_text(encoding="utf-8")

    async def kill(self) -> None:
        """End it as by kill -9."""
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> int:
        """Tell it to stop; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 60)

    async def metrics(self) -> str:
        """What it counts."""
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            return (await client.get(f"http://127.0.0.1:{self.port}/metrics")).text


@asynccontextmanager
async def bot_process(
    api_url: str, name: str = "bot", *, port: int = 0, before: str = "", **settings: str
) -> AsyncIterator[BotProcess]:
    """Start one without a worker; `before` is code that it runs first, such as shorter times."""
    port = port or free_port()
    environment = {"TOKEN": TOKEN, "API_URL": api_url, "WORKER": "external"}
    environment |= {"HTTP": f"127.0.0.1:{port}"} | settings
    log = Path(f"{name}.log").absolute()
    with log.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", f"{before}\n{START}", "bot"),
            env=os.environ | {f"LYRICBOT_{key}": value for key, value in environment.items()},
            stdout=file,
            stderr=file,
        )
    one = BotProcess(process, log, port)
    try:
        yield one
    finally:
        if process.returncode is None:
            await one.kill()
        sys.stdout.write(f"--- {name}\n{one.logged}")  # shown where the test fails


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        port: int = one.getsockname()[1]
        return port


async def until(condition: Callable[[], Any]) -> Any:
    """Wait for something to become true; the value it became."""
    async with asyncio.timeout(30):
        while not (value := condition()):
            await asyncio.sleep(0.02)
        return value


async def until_awaited(condition: Callable[[], Awaitable[Any]]) -> Any:
    """The same for what has to be awaited."""
    async with asyncio.timeout(30):
        while not (value := await condition()):
            await asyncio.sleep(0.05)
        return value


async def leases_end(database_url: str | None = None) -> None:
    """Let the time pass that a dead bot's updates are held for."""
    store = Store(database_url or Settings().database_url)
    try:
        async with store.write() as connection:
            long_ago = datetime(2000, 1, 1, tzinfo=UTC)
            await connection.execute(update(inbox).values(held_until=long_ago))
    finally:
        await store.close()


@asynccontextmanager
async def balanced(*ports: int) -> AsyncIterator[str]:
    """The address of what passes each connection on to the next port, as before replicas."""
    turn = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal turn
        turn += 1
        try:
            there = await asyncio.open_connection("127.0.0.1", ports[turn % len(ports)])
        except OSError:
            writer.close()
            return
        await asyncio.gather(pipe(reader, there[1]), pipe(there[0], writer))

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass everything on until one side ends."""
    try:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
    finally:
        writer.close()


# It has loaded all that a bot needs, so that a bot starts in no time: a fork of it.
NURSERY = """
import json, os, signal, sys
{before}
import bot.serving
from bot.cli import main
from bot.texts import texts_for
texts_for("zh-hant")
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever ends is gone at once
print(flush=True)
for line in sys.stdin:
    settings, log = json.loads(line)
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.environ.update(settings)
        file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.dup2(file, 1), os.dup2(file, 2)
        sys.argv = ["lyricbot", "bot"]
        main()
        os._exit(0)
    print(pid, flush=True)
os.killpg(0, signal.SIGKILL)
"""


class Nursery:
    """Starts bots quickly, to be killed; who is alive in the end ends with it."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def start(self, api_url: str, log: Path, port: int, **settings: str) -> int:
        """Start one without a worker; its pid."""
        environment = {"TOKEN": TOKEN, "API_URL": api_url, "WORKER": "external"}
        environment |= {"HTTP": f"127.0.0.1:{port}"} | settings
        named = {f"LYRICBOT_{key}": value for key, value in environment.items()}
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin
        assert stdout
        stdin.write(json.dumps([named, str(log.absolute())]).encode() + b"\n")
        await stdin.drain()
        return int(await stdout.readline())


@asynccontextmanager
async def nursery(before: str = "") -> AsyncIterator[Nursery]:
    """`before` is code that is run first, such as shorter times."""
    code = NURSERY.format(before=before)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code), stdin=PIPE, stdout=PIPE, start_new_session=True
    )
    assert process.stdin
    assert process.stdout
    try:
        await process.stdout.readline()
        yield Nursery(process)
    finally:
        process.stdin.close()
        await process.wait()


def alive(pid: int) -> bool:
    """Whether a process is there, and not only waits to be forgotten."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # it ends as it is looked at
        return False


def children(pid: int) -> list[int]:
    """The processes that one has started."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def below(pid: int) -> list[int]:
    """All processes that descend from one."""
    return [each for child in children(pid) for each in (child, *below(child))]
