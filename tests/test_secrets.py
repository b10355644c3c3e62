"""No secret is told to anybody: real processes run, and whatever they left behind is searched."""

import asyncio
import base64
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from botapi_http import HttpBotApi
from conftest import new_database
from factories import TEXT, make_pair
from processes import START, TOKEN, bot_process, free_port, until
from proxies import PASSWORD as PROXY_PASSWORD
from proxies import proxying
from sqlalchemy import MetaData, create_engine, make_url, select

from bot.botapi import BotApi
from bot.services import open_services
from bot.webhook import secret_of
from core.errors import SettingsError
from core.settings import Settings, load_settings

DATABASE_PASSWORD = "d4tabase:Pass word/+"
AWS_SECRET = "wJalrXUt/nFEMI+K7MDENG"
SECRETS = {
    "token": TOKEN,
    "webhook's secret": secret_of(TOKEN),
    "proxy's password": PROXY_PASSWORD,
    "database's password": DATABASE_PASSWORD,
    "AWS secret": AWS_SECRET,
}
NOWHERE = "http://telegram.invalid"
ADMIN = 99


def forms(secret: str) -> Iterator[bytes]:
    """A secret as it stands, in a URL, in JSON, and in base64 whatever stands before it."""
    yield from (one.encode() for one in (secret, quote(secret, safe=""), quote(secret)))
    yield json.dumps(secret)[1:-1].encode()
    for before in range(3):
        whole = base64.b64encode(b"-" * before + secret.encode())
        yield whole[4 if before else 0 : -4]


def told(content: bytes | str) -> list[str]:
    """The names of the secrets that something holds."""
    content = content.encode() if isinstance(content, str) else content
    return [name for name, secret in SECRETS.items() if any(f in content for f in forms(secret))]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_would_be_found(secret: str) -> None:
    value = SECRETS[secret]
    for shown in (value, f"x%20{quote(value, safe='')}&", json.dumps({"a": value})):
        assert told(f"it is {shown}.") == [secret]
    for name in ("", "a", "me", "you"):
        assert secret in told(base64.b64encode(f"{name}:{value}".encode()))


# What a run leaves behind


def rows(url: str) -> str:
    """All that a database holds, of every schema."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    found = []
    with engine.connect() as connection:
        for schema in ("public", "dbos"):
            tables = MetaData()
            tables.reflect(connection, schema)
            for table in tables.sorted_tables:
                found += [f"{table}: {tuple(row)}" for row in connection.execute(select(table))]
    engine.dispose()
    return "\n".join(found)


def files(*folders: Path) -> Iterator[tuple[str, bytes]]:
    """The files below some folders, by their paths."""
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file():
                yield str(path), path.read_bytes()


def stored(url: str) -> Iterator[tuple[str, bytes]]:
    """What lies in an object store, by its keys."""
    from s3fs import S3FileSystem

    store = S3FileSystem(skip_instance_cache=True)
    for key in store.find(url.removeprefix("s3://")):
        yield key, store.cat_file(key)


async def served(port: int) -> str:
    """What a process tells whoever asks over HTTP, with a forged update among it."""
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        place = f"http://127.0.0.1:{port}"
        answers = [await client.get(f"{place}/{path}") for path in ("healthz", "metrics", "")]
        answers.append(await client.post(f"{place}/hook", json={"update_id": 1}))
    return "\n".join(f"{one.status_code} {one.headers} {one.text}" for one in answers)


def database_with_password(server: str) -> str:
    """The URL of a new database, with a password, which the server here does not ask for."""
    url = make_url(new_database(server)).set(password=DATABASE_PASSWORD)
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


# A command that fails, telling in its exception all that it knows.
FAILS = """
import bot.handlers.stats
async def stats(update, context):
    settings = context.services.settings
    raise OSError(f"{settings!r} {context.bot!r} {context.bot.token} {settings.database_url}"
        f" {settings.proxy_url} {context.services} {settings.secrets} {settings.model_dump()}")
bot.handlers.stats.stats = stats
"""


@pytest.fixture
async def settings(postgres: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """With every secret there is."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", AWS_SECRET)
    return {
        "TOKEN": TOKEN,
        "ADMINS": str(ADMIN),
        "DATABASE_URL": database_with_password(postgres),
        "CHECKPOINTS": bucket,
        "DEVICE": "cpu",
        "STATE": str(Path("state").absolute()),
    }


async def test_a_run_with_all_there_is_tells_no_secret(
    settings: dict[str, str], bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"LYRICBOT_{name}", value)
    async with open_services(load_settings()) as services:
        await services.releases.publish([make_pair()])
    api = BotApi(TOKEN)
    anna, admin = api.person(1, "Anna", language_code="en"), api.person(ADMIN, "Admin")
    chat, theirs = api.private_chat(anna), api.private_chat(admin)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(HttpBotApi(api))
        proxy = await stack.enter_async_context(proxying("socks5", url))
        settings["PROXY"] = proxy.url()
        async with bot_process(NOWHERE, before=FAILS, **settings) as bot:  # type: ignore[arg-type]
            api.send(anna, chat, "/write 分开")
            duel = await until(lambda: [m for m in api.messages(chat) if "reply_markup" in m])
            data = duel[0]["reply_markup"]["inline_keyboard"][0][0]["callback_data"]
            api.press(anna, chat, duel[0]["message_id"], data)
            api.send_document(admin, theirs, "songs.txt", TEXT.encode())
            for text in ("/retrain corpus=songs", "/jobs", "/admin", "/ban 7", "/stats"):
                api.send(admin, theirs, text)
            api.send(anna, chat, "/stats")  # which fails
            await until(lambda: bot.logged.count("an update failed") == 2)
            worker = await a_worker(settings)
            over_http = await served(bot.port)
            assert await bot.stop() == 0
    assert "OSError" in bot.logged
    assert "[secret]" in bot.logged
    assert "training" in worker
    assert "lyricbot_updates" in over_http
    in_database = rows(settings["DATABASE_URL"])
    assert "workflow_status: ('retrain-1'" in in_database
    everything = {"the log": bot.logged, "the worker's": worker, "HTTP": over_http}
    everything |= {"the database": in_database, "the chat": str([*map(vars, api.calls)])}
    assert {name: told(content) for name, content in everything.items() if told(content)} == {}
    found = [*files(Path("state"), Path("checkpoints")), *stored(bucket)]
    assert any(name.endswith(".safetensors") for name, _ in found)
    assert {name: told(content) for name, content in found if told(content)} == {}
    assert {name: told(name) for name, _ in found if told(name)} == {}


# Where a worker trains in one process, which starts sooner than several.
ON_ONE_CORE = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})"


async def a_worker(settings: dict[str, str]) -> str:
    """What a worker says until it has begun to train."""
    pytest.importorskip("torch")
    process = await lyricbot("worker", settings, ON_ONE_CORE)
    said = b""
    assert process.stdout is not None
    try:
        async with asyncio.timeout(120):
            while b"event=training " not in said and (line := await process.stdout.readline()):
                said += line
            process.send_signal(signal.SIGTERM)
            rest, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        raise
    return (said + rest).decode()


# Runs that fail


async def lyricbot(
    command: str, settings: dict[str, str], before: str = ""
) -> asyncio.subprocess.Process:
    """Start a command, with all that it says in one stream."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", f"{before}\n{START}", *command.split()),
        env=os.environ | {f"LYRICBOT_{name}": value for name, value in settings.items()},
        stdout=PIPE,
        stderr=STDOUT,
    )


async def said_until_end(command: str, settings: dict[str, str], before: str = "") -> str:
    process = await lyricbot(command, settings, before)
    out, _ = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 1, out.decode()
    return out.decode()


SERVER = f"user:{quote(DATABASE_PASSWORD, safe='')}@127.0.0.1:1/app"
ALL = {
    "TOKEN": TOKEN,
    "PROXY": f"socks5://anna:{quote(PROXY_PASSWORD, safe='')}@127.0.0.1:1",
    "WORKER": "external",
}
FAULT = """
import core.settings, bot.serving
def run(settings):
    raise RuntimeError(f"{settings.database_url} {settings.proxy_url} {settings.token}")
bot.serving.run_bot = run
"""


@pytest.mark.parametrize(
    ("command", "changed", "before", "expected"),
    [
        ("bot", {"DATABASE_URL": f"postgresql://{SERVER}"}, "", "LYRICBOT_DATABASE_URL"),
        ("db upgrade", {"JOBS_URL": f"postgresql://{SERVER}"}, "", "LYRICBOT_JOBS_URL"),
        ("worker", {"JOBS_URL": f"postgresql://{SERVER}", "DEVICE": "cpu"}, "", "LYRICBOT_JOBS"),
        ("doctor", {"JOBS_URL": f"postgresql://{SERVER}"}, "", "cannot be reached"),
        ("bot", {"DATABASE_URL": f"postgresql://{SERVER}"}, FAULT, "RuntimeError"),
        ("bot", {"ADMINS": TOKEN}, "", "LYRICBOT_ADMINS"),
    ],
    ids=["bot", "upgrade", "worker", "doctor", "a fault", "the token where it does not belong"],
)
async def test_a_run_that_fails_says_why_and_tells_no_secret(
    command: str,
    changed: dict[str, str],
    before: str,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", AWS_SECRET)
    said = await said_until_end(command, ALL | changed, before)
    assert expected in said
    assert told(said) == []


async def test_a_refused_token_is_not_told(tmp_path: Path) -> None:
    async with HttpBotApi(BotApi("987654321:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0")) as url:
        said = await said_until_end("bot", {"TOKEN": TOKEN, "API_URL": url, "WORKER": "external"})
    assert "@BotFather" in said
    assert told(said) == []


async def test_what_breaks_while_it_runs_is_told_without_secrets(
    settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    api = BotApi(TOKEN)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(HttpBotApi(api))
        proxy = await stack.enter_async_context(proxying("http", url))
        wrong = proxy.url(quote(f"{PROXY_PASSWORD} and wrong", safe=""))
        # A proxy that refuses; neither an object store nor an engine's database is there.
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
        settings |= {"JOBS_URL": f"postgresql://{SERVER}", "PROXY": wrong}
        async with bot_process(NOWHERE, **settings) as bot:  # type: ignore[arg-type]
            await until(lambda: "Proxy" in bot.logged)
            over_http = await served(bot.port)
            assert await bot.stop() == 0
    assert "503" in over_http
    assert "broken" in over_http
    assert (told(over_http), told(bot.logged)) == ([], [])


# Values


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        # Passwords as they come out of a generator, not escaped: no piece becomes a host or port.
        ("DATABASE_URL", f"postgresql://me:a@{DATABASE_PASSWORD}@host/app", "%40 for @"),
        ("DATABASE_URL", f"postgresql://me:{DATABASE_PASSWORD}", "%40 for @"),
        ("JOBS_URL", f"postgresql://me:a@{DATABASE_PASSWORD}@host/app", "%40 for @"),
        ("PROXY", f"socks5://anna:a/{PROXY_PASSWORD}@host:1080", "%40 for @"),
        ("PROXY", f"socks5://anna:12/{PROXY_PASSWORD}@host:1080", "%40 for @"),
        ("PROXY", f"http://anna:a#{PROXY_PASSWORD}@host:1080", "%40 for @"),
        ("PROXY", f"http://anna:{DATABASE_PASSWORD}", "%40 for @"),
        # Secrets where they would be shown.
        ("DATABASE_URL", f"postgresql://h/a?x=1&password={AWS_SECRET}", "before the host"),
        ("JOBS_URL", f"postgresql://h/a?sslpassword={AWS_SECRET}", "before the host"),
        ("CHECKPOINTS", f"s3://me:{AWS_SECRET}@host/x", "no password"),
        ("API_URL", f"https://me:{AWS_SECRET}@host", "no password"),
        ("WEBHOOK_URL", f"https://me:{PROXY_PASSWORD}@host/hook", "no token"),
        ("WEBHOOK_URL", f"https://bot.example/{TOKEN}", "no token"),
        ("WEBHOOK_URL", f"https://bot.example/{quote(TOKEN, safe='')}", "no token"),
    ],
)
def test_a_secret_that_stands_where_it_would_be_shown_is_refused_without_showing_it(
    setting: str, value: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LYRICBOT_TOKEN", TOKEN)
    monkeypatch.setenv(f"LYRICBOT_{setting}", value)
    with pytest.raises(SettingsError, match=f"LYRICBOT_{setting}") as caught:
        load_settings()
    said = f"{caught.value!r} {caught.value}"
    assert expected in said
    assert not [p for p in ("d4tab", "Pass word", "hush", "so@sec", "wJal", "nFEMI") if p in said]
    assert told(said) == []


def test_neither_settings_nor_what_is_wrong_with_them_show_a_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = ALL | {"DATABASE_URL": f"postgresql://{SERVER}", "JOBS_URL": f"postgresql://{SERVER}"}
    for name, value in given.items():
        monkeypatch.setenv(f"LYRICBOT_{name}", value)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", AWS_SECRET)
    settings = load_settings()
    escaped = quote(DATABASE_PASSWORD, safe=""), quote(PROXY_PASSWORD, safe="")
    assert settings.secrets >= {TOKEN, PROXY_PASSWORD, DATABASE_PASSWORD, AWS_SECRET, *escaped}
    assert told(f"{settings!r} {settings} {[settings]}") == []
    monkeypatch.setenv("LYRICBOT_DEVICE", "gpu")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert told(f"{caught.value!r} {caught.value} {caught.value.__context__!r}") == []


async def test_services_show_none_either() -> None:
    settings = Settings.model_validate({"token": TOKEN, "proxy": ALL["PROXY"]})
    async with open_services(settings) as services:
        assert told(f"{services!r} {services} {vars(services)}") == []
