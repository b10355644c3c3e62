"""The only reader of the environment: every setting, its default and its check."""

import os
import re
from pathlib import Path
from socket import gethostname
from typing import Annotated, Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from core.errors import SettingsError

PREFIX = "LYRICBOT_"
HTTP = "127.0.0.1:8080"  # where a bot serves unless told otherwise
DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
}
# USER:PASSWORD@HOST:PORT/NAME?MORE, as SQLAlchemy reads it. Of a password that is not escaped, a
# part would be taken for a host or a port, and shown where that one cannot be reached.
SERVER = re.compile(
    r"(?:[^:/@]*(?::([^@]*))?@)?(?:\[[^]@]+\]|[^:/@]*)(?::\d+)?(?:/[^?@]*)?(?:\?.*)?"
)
ESCAPED = "and in the password %40 for @, %2F for /, %3A for :, %23 for #, %3F for ?"
IN_AWS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


class Settings(BaseSettings):
    """What an operator can set, as LYRICBOT_TOKEN and so on, in the environment or in `.env`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    token: SecretStr | None = None
    api_url: str = Field(default="https://api.telegram.org", pattern=r"^https?://[^/\s]+\S*$")
    # Not shown: they may hold a password.
    database_url: str = Field(default="sqlite+aiosqlite:///data/state/app.sqlite", repr=False)
    jobs_url: str = Field(default="", repr=False)  # the jobs' engine's; "": see `engine_url`
    checkpoints: str = "checkpoints"
    admins: Annotated[frozenset[int], NoDecode] = frozenset()
    device: Literal["auto", "cpu", "cuda", "mps", "xpu"] = "auto"
    duel_hours: float = Field(default=24.0, gt=0, le=24 * 366)
    worker: Literal["own", "external"] = "own"  # whether the bot starts one itself
    worker_name: str = Field(default_factory=gethostname, min_length=1, max_length=100)
    retrain_cron: str | None = None
    state: Path = Path("data/state")  # what this host needs between two runs
    http: str | None = None  # host:port of /healthz, /metrics and the webhook; see `http_address`
    webhook_url: str | None = None  # where Telegram is to send updates; None: they are polled for
    proxy: SecretStr | None = None  # on the way to Telegram; it may hold a password
    allow: Annotated[frozenset[int], NoDecode] = frozenset()  # people and chats; none: everybody
    banned_words: Path | None = None
    person_minute: int = Field(default=6, ge=0)  # duels; 0: no limit
    person_day: int = Field(default=200, ge=0)
    chat_minute: int = Field(default=15, ge=0)
    chat_day: int = Field(default=1000, ge=0)

    @field_validator("admins", "allow", mode="before")
    @classmethod
    def _numeric_ids(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        ids = value.replace(",", " ").split()
        wrong = [one for one in ids if not one.removeprefix("-").isdecimal()]
        if wrong:
            raise ValueError(f"numeric ids are wanted, divided by commas; not {', '.join(wrong)}")
        return frozenset(int(one) for one in ids)

    @field_validator("admins")
    @classmethod
    def _people(cls, value: frozenset[int]) -> frozenset[int]:
        if any(one <= 0 for one in value):
            raise ValueError("ids of people are wanted; a chat's, which is negative, is nobody's")
        return value

    @field_validator("api_url")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        _parts(value, "no password belongs in it, since it is logged")
        return value.rstrip("/")

    @field_validator("checkpoints")
    @classmethod
    def _folder_or_url(cls, value: str) -> str:
        scheme, divider, place = value.partition("://")
        if not divider:
            return value
        if not place.strip("/") or scheme in ("", "memory"):
            raise ValueError("a folder is wanted, or a URL such as s3://bucket/prefix")
        if "@" in place and scheme != "file":
            raise ValueError(
                "no password, and no @, belongs in it; s3:// takes AWS_ACCESS_KEY_ID and so on"
            )
        return place if scheme == "file" else value

    @property
    def on_this_machine(self) -> Path:
        """The folder of what is never sent away: `checkpoints`, if it is a folder."""
        return self.state if "://" in self.checkpoints else Path(self.checkpoints)

    @field_validator("database_url")
    @classmethod
    def _async_driver(cls, value: str) -> str:
        backend, place = _backend(value)
        return f"{DRIVERS[backend]}://{place}"

    @field_validator("jobs_url")
    @classmethod
    def _driver(cls, value: str) -> str:
        if not value:
            return value
        backend, place = _backend(value)
        return f"{DRIVERS[backend].removesuffix('+aiosqlite')}://{place}"

    @property
    def database_folder(self) -> Path | None:
        """The folder of the bot's database, if it is a file."""
        place = self.database_url.removeprefix("sqlite+aiosqlite:///")
        return None if place == self.database_url else Path(place.split("?")[0]).parent

    @property
    def engine_url(self) -> str:
        """`jobs_url`; unless it is set, the bot's own PostgreSQL, or a file in `state`."""
        if self.jobs_url:
            return self.jobs_url
        if self.database_url.startswith("postgresql"):
            return self.database_url  # the engine keeps to a schema of its own
        return f"sqlite:///{self.state / 'jobs.sqlite'}"

    @field_validator("retrain_cron")
    @classmethod
    def _five_fields(cls, value: str | None) -> str | None:
        if value is not None:
            from croniter import croniter  # only where it is asked for: few do

            if not croniter.is_valid(value):
                raise ValueError("a cron line is wanted, such as 0 4 * * 1 (Mondays at 4 UTC)")
        return value

    @field_validator("http")
    @classmethod
    def _host_and_port(cls, value: str | None) -> str | None:
        if value is not None:
            host, _, port = value.rpartition(":")
            if not host or not port.isdecimal() or int(port) > 65535:
                raise ValueError("host:port is wanted, such as 127.0.0.1:8080")
        return value

    @property
    def http_address(self) -> tuple[str, int] | None:
        """Host and port of `http`."""
        return None if self.http is None else address_of(self.http)

    @field_validator("webhook_url")
    @classmethod
    def _path_of_its_own(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None:
            why = "no token or password belongs in it: Telegram shows a secret in a header"
            parts, token = _parts(value, why), info.data.get("token")
            if token is not None and token.get_secret_value() in unquote(value):
                raise ValueError(why)
            if parts.scheme not in ("https", "http") or not parts.hostname:
                raise ValueError("a URL is wanted that Telegram reaches: https://HOST/PATH")
            if parts.path in ("/healthz", "/livez", "/metrics"):
                raise ValueError("it needs a path of its own, such as https://HOST/telegram")
        return value

    @property
    def webhook_path(self) -> str | None:
        """The path of `webhook_url`, which is where updates arrive."""
        return None if self.webhook_url is None else urlsplit(self.webhook_url).path or "/"

    @field_validator("proxy")
    @classmethod
    def _known_proxy(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parts = _parts(value.get_secret_value())
            known = parts.scheme in ("http", "https", "socks5", "socks5h") and parts.hostname
            if not known or parts.path.strip("/") or parts.query or parts.fragment:
                raise ValueError(
                    "http://HOST:PORT or socks5://HOST:PORT is wanted; before HOST may stand "
                    f"USER:PASSWORD@, {ESCAPED}"
                )
        return value

    @property
    def secrets(self) -> frozenset[str]:
        """What is never to be shown, as far as this process knows it."""
        found = {self.token.get_secret_value()} if self.token else set()
        found |= {os.environ.get(name, "") for name in IN_AWS}
        for url in (self.database_url, self.jobs_url, self.proxy_url or ""):
            match = SERVER.fullmatch(url.partition("://")[2])
            password = match[1] if match and not url.startswith("sqlite") else None
            found |= {password, unquote(password)} if password else set()
        return frozenset(found - {""})

    @property
    def proxy_url(self) -> str | None:
        """`proxy`, with its password."""
        return None if self.proxy is None else self.proxy.get_secret_value()


def address_of(host_and_port: str) -> tuple[str, int]:
    """Host and port of host:port."""
    host, _, port = host_and_port.rpartition(":")
    return host.strip("[]"), int(port)


def _parts(url: str, no_password: str = "") -> SplitResult:
    """The parts of a URL; `no_password`: why none may stand in it."""
    if no_password and "@" in url:
        raise ValueError(no_password)
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:  # its text quotes the place, and so perhaps a password
        raise ValueError(f"SCHEME://HOST:PORT is wanted, {ESCAPED}") from None
    return parts


def _backend(url: str) -> tuple[str, str]:
    """A database's kind, and where it is."""
    scheme, divider, place = url.partition("://")
    backend = scheme.split("+")[0]
    if not divider or backend not in DRIVERS:
        raise ValueError("sqlite:///FILE or postgresql://… is wanted")
    if backend != "sqlite" and not SERVER.fullmatch(place):
        raise ValueError(f"postgresql://USER:PASSWORD@HOST:PORT/NAME is wanted, {ESCAPED}")
    if any("password" in name for name, _ in parse_qsl(place.partition("?")[2])):
        raise ValueError("a password stands before the host: postgresql://USER:PASSWORD@HOST/NAME")
    if backend == "sqlite" and place.strip("/") in ("", ":memory:"):
        raise ValueError("SQLite needs a file, such as sqlite:///app.sqlite")
    return backend, place


def load_settings() -> Settings:
    """Read the environment and `.env`.

    Raises:
        SettingsError: naming everything that is wrong, by its variable.
    """
    try:
        return Settings()
    except ValidationError as error:
        wrong = [
            f"  {PREFIX}{str(part['loc'][0]).upper()}: {part['msg'].removeprefix('Value error, ')}"
            for part in error.errors(include_input=False, include_url=False)
        ]
        raise SettingsError("These settings are wrong:\n" + "\n".join(wrong)) from None
