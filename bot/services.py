"""The bot's composition root: builds, from the settings, what handlers and commands work with."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from bot.stats_pictures import StatsPictures
from core.arena.access import Access
from core.arena.announcements import Announcements
from core.arena.boards import Boards
from core.arena.contest import Contest
from core.arena.corpora import Corpora
from core.arena.files import Files
from core.arena.inbox import Inbox
from core.arena.limits import Limits
from core.arena.marks import Marks
from core.arena.migrate import upgrade
from core.arena.releases import Releases
from core.arena.rooms import Rooms
from core.arena.store import Store
from core.arena.top import Tops
from core.lyrics.desk import Desk
from core.lyrics.words import BannedWords
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
    desk: Desk
    releases: Releases
    corpora: Corpora
    contest: Contest
    marks: Marks
    boards: Boards
    tops: Tops
    rooms: Rooms
    access: Access
    limits: Limits
    banned: BannedWords
    announcements: Announcements
    inbox: Inbox
    engine: Engine
    retrains: Retrains
    workers: Workers
    watches: Watches
    stats_pictures: StatsPictures

    @staticmethod
    def now() -> datetime:
        """The time, in UTC."""
        return _now()


@asynccontextmanager
async def open_services(settings: Settings, *, apart: bool = False) -> AsyncIterator[Services]:
    """Bring the database up to date and open everything; close it again at the end.

    `apart`: lyrics are written in a process of its own, for a bot that many people use.

    Raises:
        SettingsError: where the list of banned words cannot be read.
        DatabaseError.
    """
    banned = BannedWords.none()
    if settings.banned_words is not None:
        banned = await asyncio.to_thread(BannedWords.read, settings.banned_words)
    await upgrade(settings.database_url)
    desk = Desk(apart=apart)
    store, engine = Store(settings.database_url), Engine(settings.engine_url)
    try:
        files, chance = Files(settings.checkpoints), random.SystemRandom()
        releases, corpora = Releases(store, files, _now), Corpora(store, files, _now)
        marks = Marks(settings.token.get_secret_value() if settings.token else "")
        limits = Limits(
            *(store, _now, settings.person_minute, settings.person_day),
            *(settings.chat_minute, settings.chat_day, marks),
        )
        me = uuid4().hex
        yield Services(
            settings=settings,
            store=store,
            files=files,
            desk=desk,
            releases=releases,
            corpora=corpora,
            marks=marks,
            contest=Contest(
                *(store, releases),
                duel_lasts=timedelta(hours=settings.duel_hours),
                chance=chance,
                clock=_now,
                desk=desk,
                limits=limits,
                banned=banned,
                marks=marks,
            ),
            boards=Boards(store, _now),
            tops=Tops(store, _now),
            rooms=Rooms(store),
            access=Access(store, _now, settings.allow),
            limits=limits,
            banned=banned,
            announcements=Announcements(store, _now),
            inbox=Inbox(store, _now, me),
            engine=engine,
            retrains=Retrains(Jobs(store, _now), corpora, engine, chance=chance, clock=_now),
            workers=Workers(store, _now),
            watches=Watches(store, _now, me),
            stats_pictures=StatsPictures(store),
        )
    finally:
        await desk.close()
        await engine.close()
        await store.close()


def _now() -> datetime:
    return datetime.now(UTC)
