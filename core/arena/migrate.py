"""Brings the database's schema up to date, one process at a time."""

import asyncio
from datetime import UTC, datetime
from functools import partial

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from core.arena.counting import recount, uncounted
from core.arena.store import Store
from core.errors import DatabaseError, DatabaseTooNew
from core.resources import resource


def alembic_config(url: str) -> Config:
    """What Alembic needs to know, without an alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(resource("migrations")).replace("%", "%%"))
    config.attributes["url"] = url
    return config


async def upgrade(url: str) -> None:
    """Run the migrations that the database has not seen, and count what no sums hold yet.

    Raises:
        DatabaseTooNew: where it has seen more than this version knows.
        DatabaseError: where it cannot be opened or changed.
    """
    await asyncio.to_thread(upgrade_to, url)
    store = Store(url)
    try:
        for number in await store.look(uncounted):
            await store.run(partial(recount, release=number, now=datetime.now(UTC)))
    except DBAPIError as error:
        raise DatabaseError(f"{store.address} cannot be counted ({error.orig}).") from error
    finally:
        await store.close()


def revision_of(connection: Connection) -> str | None:
    """The schema's revision; None: there is no schema."""
    return MigrationContext.configure(connection).get_current_revision()


def is_known(revision: str) -> bool:
    """Whether this version can bring a schema of that revision up to date."""
    script = ScriptDirectory.from_config(alembic_config("sqlite://"))
    return revision in {one.revision for one in script.walk_revisions()}


def upgrade_to(url: str, revision: str = "head") -> None:
    """Run the migrations up to one; it blocks.

    Raises:
        As `upgrade`.
    """
    try:
        command.upgrade(alembic_config(url), revision)
    except (DBAPIError, OSError) as error:
        address = make_url(url).render_as_string(hide_password=True)
        reason = str(getattr(error, "orig", error)).strip()
        raise DatabaseError(
            f"The database {address} cannot be used ({reason}). Check LYRICBOT_DATABASE_URL."
        ) from error
    except CommandError as error:
        if "Can't locate revision" not in str(error):
            raise
        raise DatabaseTooNew(
            "The database was written by a newer version of lyricbot. Install that version, or "
            "restore a backup made by this one into a new, empty database."
        ) from error
