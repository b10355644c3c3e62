"""The composition root: builds, from the settings, what handlers and commands work with."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.arena.contest import Contest
from core.arena.corpora import Corpora
from core.arena.migrate import upgrade
from core.arena.releases import Releases
from core.arena.store import Store
from core.settings import Settings


@dataclass(frozen=True)
class Services:
    """All that the bot and the command line work with."""

    releases: Releases
    corpora: Corpora
    contest: Contest
    admins: frozenset[int]


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """Bring the database up to date and open everything; close it again at the end."""
    await upgrade(settings.database_url)
    store = Store(settings.database_url)
    try:
        releases = Releases(store, settings.checkpoints, _now)
        contest = Contest(
            store,
            releases,
            duel_lasts=timedelta(hours=settings.duel_hours),
            chance=random.SystemRandom(),
            clock=_now,
        )
        corpora = Corpora(store, settings.checkpoints, _now)
        yield Services(releases, corpora, contest, settings.admins)
    finally:
        await store.close()


def _now() -> datetime:
    return datetime.now(UTC)
