from pathlib import Path

import pytest

from core.errors import SettingsError
from core.settings import load_settings


def test_without_any_setting_all_is_on_this_machine() -> None:
    settings = load_settings()
    assert settings.token is None
    assert settings.database_url == "sqlite+aiosqlite:///data/state/app.sqlite"
    assert settings.checkpoints == "checkpoints"
    assert settings.admins == frozenset()


def test_the_environment_and_a_dotenv_file_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("LYRICBOT_ADMINS=1, 22\nLYRICBOT_DEVICE=cpu\nOTHER=x\n")
    monkeypatch.setenv("LYRICBOT_API_URL", "http://127.0.0.1:8081/")
    settings = load_settings()
    assert settings.admins == {1, 22}
    assert settings.device == "cpu"
    assert settings.api_url == "http://127.0.0.1:8081"


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        ("sqlite:///a.sqlite", "sqlite+aiosqlite:///a.sqlite"),
        ("postgresql://me:secret@db/app", "postgresql+psycopg://me:secret@db/app"),
        ("postgres://me:secret@db/app", "postgresql+psycopg://me:secret@db/app"),
    ],
)
def test_a_database_url_gets_its_driver(
    monkeypatch: pytest.MonkeyPatch, given: str, driver: str
) -> None:
    monkeypatch.setenv("LYRICBOT_DATABASE_URL", given)
    assert load_settings().database_url == driver


def test_one_error_names_all_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {
        "ADMINS": "anna,7",
        "DEVICE": "gpu",
        "DATABASE_URL": "mysql://x",
        "API_URL": "telegram",
        "DUEL_HOURS": "-1",
    }
    for name, value in wrong.items():
        monkeypatch.setenv(f"LYRICBOT_{name}", value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert all(f"LYRICBOT_{name}" in str(caught.value) for name in wrong)


@pytest.mark.parametrize(
    ("given", "place", "on_this_machine"),
    [
        ("some/folder", "some/folder", "some/folder"),
        ("file:///some/folder", "/some/folder", "/some/folder"),
        ("s3://bucket/prefix", "s3://bucket/prefix", "data/state"),
    ],
)
def test_checkpoints_are_a_folder_or_elsewhere(
    monkeypatch: pytest.MonkeyPatch, given: str, place: str, on_this_machine: str
) -> None:
    monkeypatch.setenv("LYRICBOT_CHECKPOINTS", given)
    settings = load_settings()
    assert (settings.checkpoints, settings.on_this_machine) == (place, Path(on_this_machine))


@pytest.mark.parametrize("url", ["s3://", "memory://x", "://x", "s3://key:SECRET@bucket/x"])
def test_checkpoints_that_would_be_lost_or_tell_a_password_are_refused(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("LYRICBOT_CHECKPOINTS", url)
    with pytest.raises(SettingsError, match="LYRICBOT_CHECKPOINTS") as caught:
        load_settings()
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("url", ["mysql://x", "app.sqlite", "sqlite://", "sqlite:///:memory:", ""])
def test_a_database_must_be_a_file_or_a_server(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("LYRICBOT_DATABASE_URL", url)
    if not url:  # as if it were not set
        assert load_settings().database_url.endswith("data/state/app.sqlite")
        return
    with pytest.raises(SettingsError, match="LYRICBOT_DATABASE_URL"):
        load_settings()


def test_the_token_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LYRICBOT_TOKEN", "123456:SECRET")
    settings = load_settings()
    assert "SECRET" not in f"{settings!r} {settings}"
    monkeypatch.setenv("LYRICBOT_DEVICE", "gpu")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "SECRET" not in str(caught.value)
