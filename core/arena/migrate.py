"""Brings the database's schema up to date, one process at a time."""

import asyncio

from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from core.errors import DatabaseTooNew
from core.resources import resource


def alembic_config(url: str) -> Config:
    """What Alembic needs to know, without an alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(resource("migrations")))
    config.attributes["url"] = url
    return config


async def upgrade(url: str) -> None:
    """Run the migrations that the database has not seen.

    Raises:
        DatabaseTooNew: where it has seen more than this version knows.
    """
    await asyncio.to_thread(_upgrade, url)


def _upgrade(url: str) -> None:
    try:
        command.upgrade(alembic_config(url), "head")
    except CommandError as error:
        if "Can't locate revision" not in str(error):
            raise
        raise DatabaseTooNew(
            "The database was written by a newer version of lyricbot. Install that version, or "
            "restore a backup made by this one."
        ) from error
