"""A `BotApi` served over real loopback HTTP, for what must be seen through a network client.

HTTP/1.1 with keep-alive, as much of it as Bot API clients speak: GET and POST, parameters in the
query, as a form, as JSON or as multipart; and GET of a file. A call may meet a trouble that only
a network has. The other way round, the updates of a webhook are posted.
"""

import asyncio
import errno
import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from bot.botapi import AnswerLost, BotApi, Upload

_JSON = "application/json"
_BOUNDARY = re.compile(r'boundary="?([^";]+)')
_NAME = re.compile(r';\s*name="([^"]*)"')
_PAGE = b"<html><h1>502 Bad Gateway</h1></html>"
# A gateway's page in place of the call; a connection that is cut before it, or in the middle of
# its answer; or no answer ever.
Trouble = Literal["page", "cut before", "cut midway", "silence"]
_FILE_NAME = re.compile(r';\s*filename="([^"]*)"')


@dataclass(frozen=True)
class _Incoming:
    target: str
    headers: Mapping[str, str]
    body: bytes


class HttpBotApi:
    """`async with HttpBotApi(api) as base_url`: the address to put before `/bot<token>/...`."""

    def __init__(self, api: BotApi) -> None:
        self._api = api
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._troubles: dict[str, tuple[Trouble, int]] = {}

    def trouble_next(self, method: str, trouble: Trouble, times: int = 1) -> None:
        """Let the next calls of a method meet a trouble."""
        self._troubles[method] = trouble, times

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http://{host}:{port}"

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is None:
            return
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while incoming := await _read(reader):
                await self._respond(incoming, self._trouble_of(incoming), writer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            # The client went away, or the test is over: either way nobody waits for an answer.
            pass
        except AnswerLost:
            # Somebody waits, and in vain: the connection is cut.
            pass
        finally:
            self._connections.discard(task)
            writer.close()

    def _trouble_of(self, incoming: _Incoming) -> Trouble | None:
        method = urlsplit(incoming.target).path.rsplit("/", 1)[-1]
        trouble, times = self._troubles.get(method, (None, 0))
        if trouble and times > 1:
            self._troubles[method] = trouble, times - 1
        else:
            self._troubles.pop(method, None)
        return trouble

    async def _respond(
        self, incoming: _Incoming, trouble: Trouble | None, writer: asyncio.StreamWriter
    ) -> None:
        if trouble == "cut before":
            raise AnswerLost
        if trouble == "page":
            writer.write(_response(502, _PAGE, "text/html"))
            return
        response = _response(*await self._answer(incoming))
        if trouble == "silence":
            await asyncio.Event().wait()
        if trouble == "cut midway":
            writer.write(response[:-1])
            raise AnswerLost
        writer.write(response)

    async def _answer(self, incoming: _Incoming) -> tuple[int, bytes, str]:
        parts = urlsplit(incoming.target)
        if parts.path.startswith("/file/bot"):
            token, _, file_path = unquote(parts.path.removeprefix("/file/bot")).partition("/")
            status, content = self._api.download(token, file_path)
            return status, content, "application/octet-stream" if status == 200 else _JSON
        path = parts.path.removeprefix("/").removeprefix("bot").split("/")
        if len(path) != 2 or not parts.path.startswith("/bot"):
            return 404, b'{"ok":false,"error_code":404,"description":"Not Found"}', _JSON
        parameters, files = _body(incoming)
        parameters = dict(parse_qsl(parts.query, keep_blank_values=True)) | parameters
        status, answer = await self._api.handle(path[0], path[1], parameters, files)
        return status, json.dumps(answer).encode(), _JSON


class Deliveries:
    """`async with Deliveries(api, address)`: posts to an address what waits for the webhook.

    As Telegram does: as many at once as the webhook allows, with its secret, and each again after
    a pause until it is accepted. The address is given, since the webhook's own is https.
    """

    def __init__(
        self, api: BotApi, address: str, *, pause: float = 0.05, patience: float = 60.0
    ) -> None:
        self._updates = api.updates
        self._target = urlsplit(address)
        self._pause = pause
        self._patience = patience
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> None:
        await self._tasks.__aenter__()
        self._running = self._tasks.create_task(self._run())

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._running.cancel()
        await self._tasks.__aexit__(kind, error, trace)
        for _, writer in self._idle:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as posting:
            while True:
                self._updates.changed.clear()
                for update in self._updates.take():
                    posting.create_task(self._deliver(update))
                await self._updates.changed.wait()

    async def _deliver(self, update: dict[str, Any]) -> None:
        body = json.dumps(update).encode()
        while self._updates.due(update["update_id"]):
            why = await self._post(body)
            if not why:
                self._updates.confirm(update["update_id"])
                return
            self._updates.failed(why)
            await asyncio.sleep(self._pause)

    async def _post(self, body: bytes) -> str:
        """Empty where the body was accepted, else why it was not."""
        try:
            async with asyncio.timeout(self._patience):
                status, reason = await self._exchange(body)
        except TimeoutError:
            return "Read timeout expired"
        except OSError as error:
            return os.strerror(error.errno or errno.ECONNRESET)
        except asyncio.IncompleteReadError:
            return os.strerror(errno.ECONNRESET)
        if 200 <= status <= 299:
            return ""
        return f"Wrong response from the webhook: {status} {reason}"

    async def _exchange(self, body: bytes) -> tuple[int, str]:
        reader, writer = await self._connection()
        kept = False
        try:
            writer.write(self._head(len(body)) + body)
            await writer.drain()
            line = await reader.readline()
            if not line.strip():
                raise ConnectionResetError
            _, status, reason = (line.decode("latin-1").rstrip() + "  ").split(" ", 2)
            headers = await _headers(reader)
            # What ends with its connection is not read: nothing in it is of interest.
            await reader.readexactly(int(headers.get("content-length", "0")))
            kept = "content-length" in headers and headers.get("connection") != "close"
            return int(status), reason.strip()
        finally:
            if kept:
                self._idle.append((reader, writer))
            else:
                writer.close()

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self._target.hostname, self._target.port)

    def _head(self, length: int) -> bytes:
        lines = [
            f"POST {self._target.path or '/'} HTTP/1.1",
            f"Host: {self._target.netloc}",
            f"Content-Type: {_JSON}",
            f"Content-Length: {length}",
        ]
        if self._updates.secret:
            lines.append(f"X-Telegram-Bot-Api-Secret-Token: {self._updates.secret}")
        return "\r\n".join([*lines, "", ""]).encode()


async def _read(reader: asyncio.StreamReader) -> _Incoming | None:
    line = await reader.readline()
    if not line.strip():
        return None
    _, target, _ = line.decode("latin-1").split()
    headers = await _headers(reader)
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return _Incoming(target, headers, body)


async def _headers(reader: asyncio.StreamReader) -> dict[str, str]:
    headers: dict[str, str] = {}
    while (line := await reader.readline()).strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    return headers


def _body(incoming: _Incoming) -> tuple[dict[str, str], dict[str, Upload]]:
    kind = incoming.headers.get("content-type", "").lower()
    if kind.startswith("application/json"):
        values = json.loads(incoming.body or b"{}")
        return {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in values.items()
            if value is not None
        }, {}
    if kind.startswith("multipart/form-data"):
        return _multipart(incoming)
    return dict(parse_qsl(incoming.body.decode(), keep_blank_values=True)), {}


def _multipart(incoming: _Incoming) -> tuple[dict[str, str], dict[str, Upload]]:
    # The library's parser of mail would lose the names that are not ASCII.
    boundary = _BOUNDARY.search(incoming.headers["content-type"])
    assert boundary
    parameters: dict[str, str] = {}
    files: dict[str, Upload] = {}
    for part in (b"\r\n" + incoming.body).split(f"\r\n--{boundary[1]}".encode())[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        name, file_name = _NAME.search(head.decode()), _FILE_NAME.search(head.decode())
        assert name
        if file_name is None:
            parameters[name[1]] = content.decode()
        else:
            files[name[1]] = Upload(content, file_name[1])
    return parameters, files


def _response(status: int, body: bytes, kind: str) -> bytes:
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        f"Content-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
