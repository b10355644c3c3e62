"""LYRICBOT_PROXY: every call goes through it, and its password is told to nobody.

Telegram is at a name here that leads nowhere without the proxy.
"""

import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from io import StringIO
from pathlib import Path

import pytest
from botapi_http import HttpBotApi
from processes import TOKEN, bot_process, until
from proxies import PASSWORD, Proxy, encrypted, proxying, write_certificate
from rich.console import Console
from telegram.error import NetworkError

from bot.app import build_application
from bot.botapi import BotApi
from bot.doctor import examine
from bot.polling import PollingBot
from bot.services import open_services
from core.settings import Settings

NOWHERE = "telegram.invalid"
SECRETS = (PASSWORD, "so@secret", "so%40secret", TOKEN)


@pytest.fixture
async def api() -> BotApi:
    return BotApi(TOKEN)


@pytest.fixture(params=["http", "socks5"])
async def proxy(request: pytest.FixtureRequest, api: BotApi) -> AsyncIterator[Proxy]:
    async with HttpBotApi(api) as url, proxying(request.param, url) as one:
        yield one


async def use_all(api: BotApi, base_url: str, proxy: str) -> None:
    """Make a call of each kind: getUpdates, another, a file's download."""
    person = api.person(1, "Anna")
    api.send_document(person, api.private_chat(person), "a.txt", b"a text")
    async with open_services(Settings()) as services:
        app = build_application(TOKEN, base_url, services, proxy=proxy)
        async with app:
            bot = app.bot
            assert isinstance(bot, PollingBot)
            (update,) = await bot.raw_updates(None, ["message"])
            file = await bot.get_file(update["message"]["document"]["file_id"])
            assert bytes(await file.download_as_bytearray()) == b"a text"


async def test_every_call_goes_through_the_proxy(api: BotApi, proxy: Proxy) -> None:
    await use_all(api, f"http://{NOWHERE}", proxy.url())
    # One connection for getUpdates, one for all else, which is used again.
    assert len(proxy.asked_for) == 2
    assert all(NOWHERE in one for one in proxy.asked_for)
    assert proxy.refused == 0


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_so_does_every_call_that_is_encrypted(
    api: BotApi, scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = tmp_path / "certificate.pem"
    write_certificate(certificate, NOWHERE)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(HttpBotApi(api))
        tls = await stack.enter_async_context(encrypted(url, certificate))
        proxy = await stack.enter_async_context(proxying(scheme, tls))
        await use_all(api, f"https://{NOWHERE}", proxy.url())
    assert {one.removesuffix(":443") for one in proxy.asked_for} == {NOWHERE}
    assert not any(TOKEN in one for one in proxy.asked_for)


async def test_without_the_proxy_the_name_leads_nowhere(api: BotApi, proxy: Proxy) -> None:
    async with open_services(Settings()) as services:
        app = build_application(TOKEN, f"http://{NOWHERE}", services)
        request = app.bot.request
        with pytest.raises(NetworkError):
            await request.retrieve(f"http://{NOWHERE}/")
        await request.shutdown()


async def test_a_bot_behind_a_proxy_serves(api: BotApi, proxy: Proxy) -> None:
    person = api.person(1, "Anna")
    chat = api.private_chat(person)
    api.send(person, chat, "/help")
    url = f"http://{NOWHERE}"
    async with bot_process(url, PROXY=proxy.url()) as bot:
        await until(lambda: len(api.messages(chat)) == 2)
        assert await bot.stop() == 0
    assert not any(secret in bot.logged for secret in SECRETS)


async def test_a_refused_password_is_told_and_not_shown(api: BotApi, proxy: Proxy) -> None:
    url = f"http://{NOWHERE}"
    wrong = proxy.url("so%40secret-and-wrong")
    async with bot_process(url, PROXY=wrong) as bot:
        await until(lambda: "Proxy" in bot.logged)
        assert await bot.stop() == 0
    assert proxy.refused
    assert "Traceback" not in bot.logged
    assert not any(secret in bot.logged for secret in SECRETS)


async def doctors_words(settings: Settings) -> tuple[bool, str]:
    console = Console(file=StringIO(), width=200)
    sound = await examine(settings, console)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return sound, text


async def test_the_doctor_goes_through_the_proxy_and_says_so(api: BotApi, proxy: Proxy) -> None:
    settings = {"token": TOKEN, "api_url": f"http://{NOWHERE}", "proxy": proxy.url()}
    sound, text = await doctors_words(Settings.model_validate(settings))
    assert sound, text
    assert "through the proxy at 127.0.0.1" in text
    assert not any(secret in text for secret in SECRETS)


# httpcore leaves a connection that a proxy refused to the garbage collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_the_doctor_tells_a_proxy_that_refuses(api: BotApi, proxy: Proxy) -> None:
    wrong = proxy.url("so%40secret-and-wrong")
    settings = {"token": TOKEN, "api_url": f"http://{NOWHERE}", "proxy": wrong}
    sound, text = await doctors_words(Settings.model_validate(settings))
    gc.collect()
    assert not sound
    assert "LYRICBOT_PROXY" in text
    assert not any(secret in text for secret in SECRETS)


SET = {"url": "https://bot.example/telegram", "secret_token": "s"}


@pytest.mark.parametrize(
    ("is_set", "wanted", "said"),
    [
        ({}, None, "no webhook is set: updates are polled for"),
        (SET, SET["url"], "the webhook is https://bot.example/telegram; 1 update waits"),
        (SET, None, "lyricbot bot removes it, and polls"),
        (SET, "https://other.example/", "lyricbot bot sets https://other.example/"),
        ({}, SET["url"], "no webhook is set: lyricbot bot sets https://bot.example/telegram"),
    ],
)
async def test_the_doctor_tells_what_the_webhook_is_set_to(
    api: BotApi, is_set: dict[str, str], wanted: str | None, said: str
) -> None:
    if is_set:
        await api.handle(TOKEN, "setWebhook", is_set)
        person = api.person(1, "Anna")
        api.send(person, api.private_chat(person), "/help")
    async with HttpBotApi(api) as url:
        settings = {"token": TOKEN, "api_url": url, "webhook_url": wanted}
        sound, text = await doctors_words(Settings.model_validate(settings))
    assert sound, text
    assert said in text


async def test_the_doctor_tells_why_telegram_could_not_post(api: BotApi) -> None:
    await api.handle(TOKEN, "setWebhook", SET)
    api.updates.failed("Wrong response from the webhook: 502 Bad Gateway")
    async with HttpBotApi(api) as url:
        settings = {"token": TOKEN, "api_url": url, "webhook_url": SET["url"]}
        sound, text = await doctors_words(Settings.model_validate(settings))
    assert sound
    assert "502 Bad Gateway" in text
