"""A `BotApi` served over real loopback HTTP, for what must be seen through a network client.

HTTP/1.1 with keep-alive, as much of it as Bot API clients speak: GET and POST, parameters in the
query, as a form, as JSON or as multipart; and GET of a file.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from urllib.parse import parse_qsl, unquote, urlsplit

from bot.botapi import BotApi, Upload

_JSON = "application/json"
_BOUNDARY = re.compile(r'boundary="?([^";]+)')
_NAME = re.compile(r';\s*name="([^"]*)"')
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
                writer.write(_response(*await self._answer(incoming)))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            # The client went away, or the test is over: either way nobody waits for an answer.
            pass
        finally:
            self._connections.discard(task)
            writer.close()

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


async def _read(reader: asyncio.StreamReader) -> _Incoming | None:
    line = await reader.readline()
    if not line.strip():
        return None
    _, target, _ = line.decode("latin-1").split()
    headers: dict[str, str] = {}
    while (line := await reader.readline()).strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return _Incoming(target, headers, body)


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
