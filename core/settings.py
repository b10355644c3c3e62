"""The only reader of the environment: every setting, its default and its check."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from core.errors import SettingsError

PREFIX = "LYRICBOT_"
DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
}


class Settings(BaseSettings):
    """What an operator can set, as LYRICBOT_TOKEN and so on, in the environment or in `.env`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    token: SecretStr | None = None
    api_url: str = Field(default="https://api.telegram.org", pattern=r"^https?://[^/\s]+\S*$")
    database_url: str = "sqlite+aiosqlite:///data/state/app.sqlite"
    checkpoints: Path = Path("checkpoints")
    admins: Annotated[frozenset[int], NoDecode] = frozenset()
    device: Literal["auto", "cpu", "cuda", "mps", "xpu"] = "auto"
    duel_hours: float = Field(default=24.0, gt=0, le=24 * 366)

    @field_validator("admins", mode="before")
    @classmethod
    def _numeric_ids(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        ids = value.replace(",", " ").split()
        wrong = [one for one in ids if not one.isdecimal()]
        if wrong:
            raise ValueError(f"numeric ids are wanted, divided by commas; not {', '.join(wrong)}")
        return frozenset(int(one) for one in ids)

    @field_validator("api_url")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _async_driver(cls, value: str) -> str:
        scheme, divider, place = value.partition("://")
        backend = scheme.split("+")[0]
        if not divider or backend not in DRIVERS:
            raise ValueError("sqlite:///FILE or postgresql://… is wanted")
        if backend == "sqlite" and place.strip("/") in ("", ":memory:"):
            raise ValueError("SQLite needs a file, such as sqlite:///app.sqlite")
        return f"{DRIVERS[backend]}://{place}"


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
