"""Updates that are posted, over real HTTP: what is taken, what is refused, and why."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from botapi_http import Deliveries
from conversation import Conversation
from httpx import AsyncClient
from processes import until, until_awaited
from prometheus_client import CollectorRegistry
from receiving import handling
from structlog.testing import capture_logs

from bot import webhook as webhooks
from bot.health import served_health
from bot.intake import Intake
from bot.metrics import Metrics
from bot.webhook import HEADER, MOST, secret_of, webhook
from core.errors import SettingsError
from core.monitor import monitor
from core.settings import HTTP, address_of

TOKEN = "123456:webhook"
SECRET = secret_of(TOKEN)
Json = dict[str, Any]


class Hook:
    """A webhook that is served, and what is behind it."""

    def __init__(self, talk: Conversation, intake: Intake, port: int) -> None:
        self.talk, self.intake, self.port = talk, intake, port
        self.url = f"http://127.0.0.1:{port}/telegram"

    async def post(self, content: object, secret: str | None = SECRET) -> int:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        async with AsyncClient(trust_env=False, timeout=30) as client:
            headers = [] if secret is None else [(HEADER.encode(), secret.encode("latin-1"))]
            return (await client.post(self.url, content=body, headers=headers)).status_code

    async def raw(self, head: str, body: bytes, *, cut: bool = False) -> bytes:
        """The first line of what is answered to a request as it stands here."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        lines = ["POST /telegram HTTP/1.1", "Host: bot", f"{HEADER}: {SECRET}", head, "", ""]
        writer.write("\r\n".join(lines).encode() + body)
        await writer.drain()
        if cut:
            writer.close()
            return b""
        answer = await reader.readline()
        writer.close()
        return answer

    async def number_waiting(self) -> int:
        return (await self.talk.services.inbox.waiting()).number


@pytest.fixture
async def hook(talk: Conversation) -> AsyncIterator[Hook]:
    async with handling(talk) as intake:
        routes = [webhook("/telegram", SECRET, intake)]
        async with monitor(("127.0.0.1", 0), {}, CollectorRegistry(), routes) as port:
            yield Hook(talk, intake, port)


def update_of(talk: Conversation) -> Json:
    update = talk.api.send(talk.anna, talk.private, "/help")
    assert update
    return update


async def test_an_update_is_taken_and_answered(hook: Hook) -> None:
    assert await hook.post(update_of(hook.talk)) == 200
    await until(hook.talk.said)


async def test_an_update_that_is_posted_twice_is_answered_once(hook: Hook) -> None:
    update = update_of(hook.talk)
    assert await asyncio.gather(*(hook.post(update) for _ in range(10))) == [200] * 10
    await until_awaited(lambda: nothing_waits(hook))
    assert await hook.post(update) == 200
    assert len(hook.talk.said()) == 1


async def nothing_waits(hook: Hook) -> bool:
    return await hook.number_waiting() == 0


@pytest.mark.parametrize("secret", [None, "", "wrong", SECRET[:-1], SECRET.upper(), "é"])
async def test_whoever_does_not_know_the_secret_is_refused(hook: Hook, secret: str | None) -> None:
    with capture_logs() as logs:
        for _ in range(3):
            assert await hook.post(update_of(hook.talk), secret) == 403
    assert len(logs) == 1
    assert await hook.number_waiting() == 0


def test_the_secret_is_of_the_token_and_does_not_hold_it() -> None:
    assert secret_of(TOKEN) == SECRET != secret_of("1:other")
    assert "webhook" not in SECRET
    assert "123456" not in SECRET


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 400),
        (b"[]", 400),
        (b"null", 400),
        (b"{}", 400),
        (b'{"update_id": "1"}', 400),
        (b'{"update_id": true}', 400),
        (b'{"update_id": 1.5}', 400),
        (b'{"update_id": -1}', 400),
        (b'{"update_id": ' + b"9" * 5000 + b"}", 400),
        (b'{"update_id": 9223372036854775808}', 400),
        (b" " * (MOST + 1), 413),
        (b'{"update_id": 900}', 200),
        (b'{"update_id": 900, "dream": {"of": "sheep"}}', 200),
        (b'{"update_id": 900, "message": {"text": "no sender"}}', 200),
        (b'{"update_id": 900, "message": "\\u0000 \\ud800"}', 200),
        (b'{"update_id": 9223372036854775807, "poll": NaN}', 200),
    ],
)
async def test_whatever_is_posted_gets_a_sensible_answer(
    hook: Hook, body: bytes, status: int
) -> None:
    assert await hook.post(body) == status
    await until_awaited(lambda: nothing_waits(hook))
    assert await hook.post(update_of(hook.talk)) == 200
    await until(hook.talk.said)


async def test_a_body_of_a_mebibyte_is_taken(hook: Hook) -> None:
    body = json.dumps({"update_id": 1, "filling": ""})
    assert await hook.post(body[:-2].encode() + b"x" * (MOST - len(body)) + b'"}') == 200


async def test_a_length_that_lies_is_answered_or_cut_off(
    hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "PATIENCE", 0.2)
    body = b'{"update_id": 900}'
    with capture_logs() as logs:
        assert b" 413 " in await hook.raw(f"Content-Length: {MOST + 1}", body)
        assert b" 413 " in await hook.raw(f"Content-Length: {'9' * 19}", body)
        assert b" 400 " in await hook.raw("Content-Length: 5", body)
        assert b" 408 " in await hook.raw("Content-Length: 100", body)
        assert b" 400 " in await hook.raw("Content-Length: -1", body)
        assert await hook.raw("Content-Length: 100", body, cut=True) == b""
        chunks = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        assert b" 413 " in await hook.raw("Transfer-Encoding: chunked", chunks * 17)
        assert await hook.post(update_of(hook.talk)) == 200
    assert not [one for one in logs if one["log_level"] == "error"]


async def test_it_is_posted_to_and_nothing_else(hook: Hook) -> None:
    async with AsyncClient(trust_env=False) as client:
        assert (await client.get(hook.url)).status_code == 405
        assert (await client.post(hook.url + "/more")).status_code == 404


async def test_while_the_database_is_away_telegram_keeps_what_it_has(
    hook: Hook, tmp_path: Path
) -> None:
    api = hook.talk.api
    await api.handle(
        "123456:test-token",
        "setWebhook",
        {"url": "https://bot.example/telegram", "secret_token": SECRET},
    )
    with capture_logs() as logs, closing(sqlite3.connect(tmp_path / "app.sqlite", 30)) as database:
        database.execute("ALTER TABLE inbox RENAME TO elsewhere")
        async with Deliveries(api, hook.url, pause=0.2):
            api.send(hook.talk.anna, hook.talk.private, "/write 分开吧")
            await until(lambda: "503" in str(api.updates.webhook_info()))
            assert hook.talk.said() == []
            database.execute("ALTER TABLE elsewhere RENAME TO inbox")
            await until(hook.talk.said)
            await until_awaited(lambda: nothing_waits(hook))
    assert sum("cannot be taken" in one["event"] for one in logs) == 1
    assert "分开吧" not in str(logs)


async def test_a_bot_that_is_not_ready_or_stops_or_has_too_much_takes_nothing(
    hook: Hook,
) -> None:
    hook.intake.close()
    assert await hook.post(update_of(hook.talk)) == 503
    hook.intake.open()
    hook.intake._has_room.clear()
    assert await hook.post(update_of(hook.talk)) == 503
    hook.intake._has_room.set()
    assert await hook.post(update_of(hook.talk)) == 200


async def test_where_the_usual_port_is_taken_polling_goes_on_and_a_webhook_does_not(
    talk: Conversation,
) -> None:
    async with handling(talk) as intake:
        try:
            other = await asyncio.start_server(lambda *_: None, *address_of(HTTP))
        except OSError:  # somebody else has it: as good
            other = None
        with capture_logs() as logs:
            async with served_health(talk.services, Metrics()):
                pass
        with pytest.raises(SettingsError, match="LYRICBOT_HTTP"):
            async with served_health(
                talk.services, Metrics(), [webhook("/telegram", SECRET, intake)]
            ):
                pass
        if other is not None:
            other.close()
    assert "no /healthz and no /metrics" in str(logs)
