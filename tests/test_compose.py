"""The Dockerfile and the compose files: what can be checked without a container engine."""

import asyncio
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from botapi_http import HttpBotApi
from factories import TEXT
from sqlalchemy import create_engine, make_url, text
from typer.testing import CliRunner

from bot.botapi import BotApi
from bot.cli import app
from core.settings import PREFIX, Settings, load_settings

ROOT = Path(__file__).parents[1]
WHOLE, WORKER = "docker-compose.yml", "docker-compose.worker.yml"
FILES = (WHOLE, WORKER)
PLACE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
FILLED_IN = {
    "POSTGRES_PASSWORD": "hush",
    "LYRICBOT_TOKEN": "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0",
    "LYRICBOT_ADMINS": "99",
    "COMPOSE_PROFILES": "cpu",
    "LYRICBOT_DATABASE_URL": "postgresql://lyricbot:hush@10.0.0.1/lyricbot",
    "LYRICBOT_CHECKPOINTS": "s3://bucket/prefix",
}
WORKERS = {"worker": "cpu", "worker-gpu": "gpu", "worker-rocm": "rocm"}
Json = dict[str, Any]


def raw(file: str) -> Json:
    return dict(yaml.safe_load((ROOT / file).read_text(encoding="utf-8")))


def services(file: str, given: Mapping[str, str] = FILLED_IN) -> Json:
    """The services, with `given` for what stands in .env."""
    return dict(_filled(raw(file)["services"], given))


def _filled(value: Any, given: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(one, given) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, given) for one in value]
    return PLACE.sub(lambda place: _fill(place, given), value) if isinstance(value, str) else value


def _fill(place: re.Match[str], given: Mapping[str, str]) -> str:
    name, kind, rest = place.groups()
    if given.get(name):
        return given[name]
    if kind == "?":
        raise KeyError(name)
    return rest or ""


@cache
def stages() -> Mapping[str, tuple[str, list[tuple[str, str]]]]:
    """Of each stage of the Dockerfile: what it starts from, and its instructions."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    whole = "\n".join(line for line in lines if line.strip() and not line.startswith("#"))
    found: dict[str, tuple[str, list[tuple[str, str]]]] = {}
    name = ""
    for line in whole.replace("\\\n", " ").splitlines():
        instruction, _, rest = line.partition(" ")
        if instruction == "FROM":
            parent, _, name = rest.partition(" AS ")
            found[name] = (parent, [])
        elif name:
            found[name][1].append((instruction, rest.strip()))
    return found


def last(stage: str, instruction: str) -> str:
    """The instruction that holds in a stage: its own, or one of those it starts from."""
    parent, own = stages()[stage]
    rests = [rest for one, rest in own if one == instruction]
    return rests[-1] if rests else last(parent, instruction)


def is_a_command(words: list[str]) -> bool:
    return CliRunner().invoke(app, [*words, "--help"]).exit_code == 0


each_file = pytest.mark.parametrize("file", FILES)
each_image = pytest.mark.parametrize("image", ["bot", "trainer"])


@each_image
def test_an_image_starts_a_command_that_there_is_and_not_as_root(image: str) -> None:
    assert json.loads(last(image, "ENTRYPOINT")) == ["lyricbot"]
    assert is_a_command(json.loads(last(image, "CMD")))
    assert int(last(image, "USER")) >= 1000  # a number is known not to be root's by who runs it
    assert last(image, "WORKDIR") == "/srv/lyricbot"
    assert "/livez" in last(image, "HEALTHCHECK")


def test_no_command_that_there_is_not_would_pass() -> None:
    assert not is_a_command(["serve"])
    assert not is_a_command(["db", "downgrade"])


def test_the_images_share_their_base_so_that_they_can_share_their_volumes() -> None:
    assert stages()["bot"][0] == stages()["trainer"][0]
    assert {json.dumps(json.loads(last(image, "VOLUME"))) for image in ("bot", "trainer")} == {
        '["/srv/lyricbot/data/state", "/srv/lyricbot/checkpoints"]'
    }


def test_only_the_trainer_has_torch() -> None:
    assert "[train,s3]" in last("trainer", "RUN")
    assert "[s3]" in last("bot", "RUN")
    assert "torch" not in last("bot", "RUN")


@each_image
@pytest.mark.parametrize(("http", "status"), [("", 0), ("0.0.0.0:8080", 1)])
def test_an_image_is_asked_how_it_is_only_where_it_answers(
    image: str, http: str, status: int
) -> None:
    code = json.loads(last(image, "HEALTHCHECK").partition("CMD ")[2])[-1]
    if http:  # a port that is surely closed, not whatever this machine has at 8080
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        code = code.replace(":8080", f":{port}")
    environment = os.environ | {"LYRICBOT_HTTP": http, "http_proxy": "http://127.0.0.1:1"}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    assert run.returncode == status, run.stderr.decode()


def test_what_the_build_needs_is_let_in_and_nothing_else() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    let_in = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    assert let_in == {
        *("bot", "core", "migrations", "data"),
        *("constraints.txt", "pyproject.toml", "LICENSE", "README.md"),
    }
    assert all((ROOT / one).exists() for one in let_in)
    assert {"data/state", "**/jaychou_lyrics*"} <= {*rules}


@each_file
def test_each_service_runs_a_command_that_there_is_in_an_image_that_there_is(file: str) -> None:
    for name, service in services(file).items():
        if name == "db":
            continue
        assert is_a_command(service["command"]), name
        assert service["build"]["target"] in stages(), name
        known = {rest.partition("=")[0] for one, rest in stages()["trainer"][1] if one == "ARG"}
        assert service["build"].get("args", {}).keys() <= known, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_the_user_of_the_images_alone_sees_what_the_volumes_hold() -> None:
    (made,) = [rest for one, rest in stages()["base"][1] if one == "RUN"]
    useradd, _, install = made.partition("&&")
    assert f"--uid {last('bot', 'USER')} " in useradd
    words = shlex.split(install)
    assert words[:3] == ["install", "-d", "-m"]
    assert words[3] == "0700"
    assert {*json.loads(last("bot", "VOLUME"))} <= {*words}


@each_file
def test_no_service_reaches_out_of_its_container_or_is_reached_from_without(file: str) -> None:
    drivers = {"worker-gpu", "worker-rocm", "worker" if file == WORKER else ""}
    for name, service in services(file).items():
        assert not service.keys() & {"ports", "privileged", "network_mode", "pid", "ipc"}, name
        assert "user" not in service, name  # the image's, which is not root
        assert "cap_add" not in service, name
        # Volumes by their names: nothing of the host, such as the socket of its engine.
        assert {one.partition(":")[0] for one in service["volumes"]} <= {*raw(file)["volumes"]}
        if name != "db":
            assert service.get("read_only", False) == (name not in drivers), name
            assert service["tmpfs"] == ["/tmp"], name  # noqa: S108 - the container's


@each_file
def test_each_variable_is_a_setting_with_a_value_that_it_takes(
    file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, service in services(file).items():
        if name == "db":
            continue
        with monkeypatch.context() as environment:
            for variable, value in service["environment"].items():
                if variable.startswith(PREFIX) and value is not None:
                    field = variable.removeprefix(PREFIX).lower()
                    assert field in Settings.model_fields, f"{name}: {variable}"
                    environment.setenv(variable, value)
            settings = load_settings()
        assert settings.database_url.startswith("postgresql+psycopg://lyricbot:hush@")
        assert settings.engine_url == settings.database_url


@each_file
def test_no_secret_is_written_down(file: str) -> None:
    for name, service in raw(file)["services"].items():
        for variable, value in service["environment"].items():
            if re.search("TOKEN|PASSWORD|SECRET|KEY", variable):
                assert value is None or PLACE.fullmatch(value), f"{name}: {variable}"
            elif "://" in str(value):
                password = re.search("://[^/]*?:([^/]*)@", value)
                assert not password or PLACE.fullmatch(password[1]), f"{name}: {variable}"


def test_the_example_names_what_the_files_take_and_holds_no_secret() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    given = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", "\n".join(lines), re.MULTILINE))
    taken: set[str] = set()
    for file in FILES:
        taken |= {place[0] for place in PLACE.findall((ROOT / file).read_text(encoding="utf-8"))}
        for service in raw(file)["services"].values():
            taken |= {name for name, value in service["environment"].items() if value is None}
    assert given.keys() == taken
    assert given["COMPOSE_PROFILES"] in WORKERS.values()
    assert not any(given[name] for name in given if re.search("TOKEN|PASSWORD$|SECRET", name))


@pytest.mark.parametrize(
    ("file", "needed"),
    [
        (WHOLE, {"POSTGRES_PASSWORD", "LYRICBOT_TOKEN", "COMPOSE_PROFILES"}),
        (WORKER, {"LYRICBOT_DATABASE_URL", "LYRICBOT_CHECKPOINTS"}),
    ],
)
def test_what_must_be_filled_in_is_missed_at_once(file: str, needed: set[str]) -> None:
    services(file, {name: FILLED_IN[name] for name in needed})
    for name in needed:
        with pytest.raises(KeyError, match=name):
            services(file, FILLED_IN | {name: ""})


def test_everything_waits_for_what_it_needs() -> None:
    whole = services(WHOLE)
    assert whole["migrate"]["depends_on"] == {"db": {"condition": "service_healthy"}}
    assert whole["migrate"]["restart"] == "no"
    for name in ("bot", *WORKERS):
        assert whole[name]["depends_on"] == {
            "migrate": {"condition": "service_completed_successfully"}
        }
        assert whole[name]["restart"] == "unless-stopped"
    assert "pg_isready" in whole["db"]["healthcheck"]["test"]


@each_file
def test_what_serves_is_asked_how_it_is_where_it_answers(file: str) -> None:
    for name, service in services(file).items():
        if name in ("db", "migrate"):
            continue
        port = service["environment"]["LYRICBOT_HTTP"].rpartition(":")[2]
        code = service["healthcheck"]["test"][-1]
        assert f"http://127.0.0.1:{port}/livez" in code, name
        compile(code, name, "exec")


def test_one_worker_is_started_by_each_profile_and_none_without() -> None:
    whole = services(WHOLE)
    profiles = {
        name: service["profiles"] for name, service in whole.items() if "profiles" in service
    }
    assert profiles == {name: [profile] for name, profile in WORKERS.items()}
    assert whole["bot"]["environment"]["LYRICBOT_WORKER"] == "external"


def test_a_worker_keeps_its_name_when_its_container_is_made_anew() -> None:
    names = [services(WHOLE)[name]["hostname"] for name in WORKERS]
    assert len({*names}) == len(WORKERS)
    assert services(WORKER)["worker"]["uts"] == "host"


def test_bot_and_workers_share_what_they_must() -> None:
    whole = services(WHOLE)
    for name in WORKERS:
        assert whole[name]["volumes"] == whole["bot"]["volumes"]
        ours, theirs = whole["bot"]["environment"], whole[name]["environment"]
        assert all(theirs[one] == ours[one] for one in theirs if one != "LYRICBOT_DEVICE")
        assert "LYRICBOT_TOKEN" not in theirs
    volumes = {one.partition(":")[0] for service in whole.values() for one in service["volumes"]}
    assert volumes == raw(WHOLE)["volumes"].keys()


def test_a_gpu_is_given_to_those_that_want_one() -> None:
    for service in (services(WHOLE)["worker-gpu"], services(WORKER)["worker"]):
        (device,) = service["deploy"]["resources"]["reservations"]["devices"]
        assert device == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}
        assert service["environment"]["LYRICBOT_DEVICE"] == "cuda"
    assert services(WHOLE)["worker-rocm"]["devices"] == ["/dev/kfd", "/dev/dri"]
    assert services(WHOLE)["worker"]["environment"]["LYRICBOT_DEVICE"] == "cpu"


class Host:
    """Runs services as processes, where their containers would be."""

    def __init__(self, folder: Path, database: str, api_url: str) -> None:
        self._folder = folder
        self._services = services(WHOLE, FILLED_IN | {"LYRICBOT_CHECKPOINTS": ""})
        self._instead = {
            "postgresql://lyricbot:hush@db/lyricbot": database,
            "/srv/lyricbot": str(folder),
        }
        self._api_url = api_url
        self._ports: dict[str, int] = {}

    def _environment(self, name: str) -> dict[str, str]:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._ports.setdefault(name, free.getsockname()[1])
        wanted = {k: v for k, v in self._services[name]["environment"].items() if v is not None}
        for ours, here in self._instead.items():
            wanted = {key: value.replace(ours, here) for key, value in wanted.items()}
        wanted["LYRICBOT_HTTP"] = f"127.0.0.1:{self._ports[name]}"
        return os.environ | {"LYRICBOT_API_URL": self._api_url} | wanted

    async def start(self, name: str, *words: str, log: int | None = PIPE) -> Process:
        """A service's command, or another in its place, as by docker compose run."""
        return await asyncio.create_subprocess_exec(
            *[sys.executable, "-c", "from bot.cli import main; main()"],
            *(words or self._services[name]["command"]),
            env=self._environment(name),
            cwd=self._folder,
            stdout=log,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def run(self, name: str, *words: str) -> None:
        """The same, to its end."""
        process = await self.start(name, *words)
        out, _ = await process.communicate()
        assert process.returncode == 0, out.decode()

    @asynccontextmanager
    async def running(self, name: str) -> AsyncIterator[None]:
        """A service that serves, from when it is healthy; told to stop at the end."""
        log = self._folder / f"{name}.log"
        with log.open("wb") as file:
            process = await self.start(name, log=file.fileno())
        try:
            await until(lambda: self._healthy(name, process, log))
            yield
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 30) == 0, log.read_text()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            sys.stdout.write(f"--- {name}\n{log.read_text()}")  # shown where the test fails

    async def _healthy(self, name: str, process: Process, log: Path) -> bool:
        assert process.returncode is None, log.read_text()
        code = self._services[name]["healthcheck"]["test"][-1]
        code = code.replace(":8080", f":{self._ports[name]}")
        check = await asyncio.create_subprocess_exec(
            *[sys.executable, "-c", code], stdout=PIPE, stderr=PIPE
        )
        await check.communicate()
        return check.returncode == 0


async def until(condition: Callable[[], Awaitable[Any]], seconds: float = 60) -> Any:
    """Wait for something to become true; the value it became."""
    async with asyncio.timeout(seconds):
        while not (value := await condition()):
            await asyncio.sleep(0.1)
        return value


def new_database(server: str) -> str:
    """A database on the server, as a compose file would name it."""
    name = f"compose_{uuid4().hex[:12]}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    url = make_url(server).set(drivername="postgresql", database=name)
    return url.render_as_string(hide_password=False)


async def rows(database: str, query: str) -> list[Any]:
    def ask() -> list[Any]:
        engine = create_engine(make_url(database).set(drivername="postgresql+psycopg"))
        try:
            with engine.connect() as connection:
                return list(connection.execute(text(query)))
        finally:
            engine.dispose()

    return await asyncio.to_thread(ask)


async def test_the_services_run_in_order_against_a_real_postgresql(
    postgres: str, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    database = new_database(postgres)
    (tmp_path / "tiny.txt").write_text(TEXT, encoding="utf-8")  # a retrain on it takes seconds
    api = BotApi(FILLED_IN["LYRICBOT_TOKEN"])
    admin = api.person(int(FILLED_IN["LYRICBOT_ADMINS"]), "Admin", language_code="zh")
    chat = api.private_chat(admin)
    async with HttpBotApi(api) as url, AsyncExitStack() as stack:
        host = Host(tmp_path, database, url)
        await host.run("migrate")
        for name in ("bot", "worker"):
            await stack.enter_async_context(host.running(name))
        await host.run("bot", *shlex.split("corpus add tiny.txt --name tiny"))

        api.send(admin, chat, "/retrain corpus=tiny")
        published = "SELECT number FROM releases"
        assert await until(lambda: rows(database, published), 180) == [(1,)]

        api.send(admin, chat, "/write 分开")

        async def duel() -> Json | None:
            markup = "reply_markup"
            messages = [
                one for one in api.messages(chat) if one.get(markup, {}).get("inline_keyboard")
            ]
            return messages[-1] if messages else None

        message = await until(duel)
        data = [b["callback_data"] for b in message["reply_markup"]["inline_keyboard"][0]]
        (second,) = [one for one in data if ":2:" in one]
        press = api.press(admin, chat, message["message_id"], second)

        async def answer() -> Json | None:
            return api.answer_to(press)

        assert "你选了 2" in (await until(answer))["text"]
        assert await rows(database, "SELECT choice FROM votes") == [(2,)]
