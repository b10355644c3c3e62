"""The bot's composition root: builds, from the settings, what handlers and commands work with."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from core.arena.contest import Contest
from core.arena.corpora import Corpora
from core.arena.files import Files
from core.arena.migrate import upgrade
from core.arena.releases import Releases
from core.arena.store import Store
from core.retrain.engine import Engine
from core.retrain.jobs import Jobs
from core.retrain.retrains import Retrains
from core.retrain.watches import Watches
from core.retrain.workers import Workers
from core.settings import Settings


@dataclass(frozen=True)
class Services:
    """All that the bot and the command line work with."""

    settings: Settings
    store: Store
    files: Files
    releases: Releases
    corpora: Corpora
    contest: Contest
    engine: Engine
    retrains: Retrains
    workers: Workers
    watches: Watches


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """Bring the database up to date and open everything; close it again at the end."""
    await upgrade(settings.database_url)
    store, engine = Store(settings.database_url), Engine(settings.engine_url)
    try:
        files, chance = Files(settings.checkpoints), random.SystemRandom()
        releases, corpora = Releases(store, files, _now), Corpora(store, files, _now)
        duel_lasts = timedelta(hours=settings.duel_hours)
        yield Services(
            settings,
            store,
            files,
            releases,
            corpora,
            Contest(store, releases, duel_lasts=duel_lasts, chance=chance, clock=_now),
            engine,
            Retrains(Jobs(store, _now), corpora, engine, chance=chance, clock=_now),
            Workers(store, _now),
            Watches(store, _now, uuid4().hex),
        )
    finally:
        await engine.close()
        await store.close()


def _now() -> datetime:
    return datetime.now(UTC)
