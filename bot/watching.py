"""Keeps the messages up to date in which people watch a job, and tells what came of it.

A message is edited at most every few seconds, and only when what it says has changed. The end is
told in three parts, each noted when it is out: whoever takes a watch over goes on from there.
"""

import asyncio
import math
import time
from collections.abc import Callable

import structlog
from telegram import Bot
from telegram.constants import ParseMode
from telegram.error import BadRequest, Forbidden, TelegramError

from bot.job_messages import comparison_message, job_message
from bot.keyboards import duel_keyboard
from bot.rendering import OPENING, board_message, duel_message
from bot.services import Services
from bot.texts import Texts, texts_for
from core.arena.boards import Place
from core.arena.duel import Duel
from core.arena.releases import Release
from core.errors import (
    CheckpointError,
    LyricbotError,
    NothingClean,
    PrefixError,
    PrefixUnknown,
)
from core.explaining import explain
from core.retrain.jobs import Job
from core.retrain.watches import ALL, Watch

log = structlog.get_logger(__name__)
EDIT_EVERY = 3.0  # seconds; a group's limit of 20 messages a minute is everybody's there
EDIT_EVERY_IN_GROUPS = 6.0


class Watching:
    """The watches that this bot holds."""

    def __init__(
        self,
        services: Services,
        bot: Bot,
        *,
        every: float = EDIT_EVERY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`every`: seconds from one edit of a message to the next, at least."""
        self._services = services
        self._bot = bot
        self._every = every
        self._clock = clock
        self._shown: dict[tuple[int, int], tuple[str, float]] = {}  # text, and when

    async def show(self) -> None:
        """Bring every message up to date that is due."""
        for watch in await self._services.watches.mine():
            try:
                await self._show(watch)
            except (BadRequest, Forbidden) as error:  # the message or the chat is gone
                log.warning(
                    "a job cannot be shown", job=watch.job_id, chat=watch.room, why=explain(error)
                )
                await self._services.watches.told(watch, ALL)
            except CheckpointError as error:  # there is nothing to show it by
                log.error(
                    "a job's end cannot be shown",
                    job=watch.job_id,
                    chat=watch.room,
                    why=explain(error),
                )
                await self._services.watches.told(watch, ALL)
            except (TelegramError, LyricbotError) as error:  # those behind it are shown
                log.warning(
                    "a job could not be shown yet",
                    job=watch.job_id,
                    chat=watch.room,
                    why=explain(error),
                )

    async def _show(self, watch: Watch) -> None:
        job = await self._services.retrains.jobs.get(watch.job_id)
        texts = texts_for(watch.language)
        if watch.told == 0:
            waits = job.status == "queued" and not await self._services.workers.alive()
            text = job_message(job, texts, waits_for_worker=waits)
            if not await self._edit(watch, text, at_once=not job.active) or job.active:
                return
            await self._services.watches.told(watch, 1)
        if job.release is None:
            await self._services.watches.told(watch, ALL)
            return
        release = await self._services.releases.get(job.release)
        if watch.told <= 1:
            await self._send_curves(watch, job, release, texts)
            await self._services.watches.told(watch, 2)
        try:
            await self._send_duel(watch, texts)
        except (PrefixError, NothingClean) as error:  # the operator's list of words forbids it
            log.info("there is no first duel to show", job=job.id, why=explain(error))
        await self._services.watches.told(watch, ALL)

    async def _edit(self, watch: Watch, text: str, *, at_once: bool) -> bool:
        """Show `text`, if it is new and time; whether it stands there now."""
        where = (watch.room, watch.post)
        shown, when = self._shown.get(where, ("", -math.inf))
        if shown == text:
            return True
        in_group = watch.room < 0
        wait = max(self._every, EDIT_EVERY_IN_GROUPS) if in_group else self._every
        wait -= self._clock() - when
        if wait > 0 and not at_once:
            return False
        await asyncio.sleep(max(0.0, min(wait, EDIT_EVERY)))
        try:
            await self._bot.edit_message_text(
                text, chat_id=watch.room, message_id=watch.post, parse_mode=ParseMode.HTML
            )
        except BadRequest as error:
            if "not modified" not in str(error).lower():
                raise
        self._shown[where] = (text, self._clock())
        return True

    async def _send_curves(self, watch: Watch, job: Job, release: Release, texts: Texts) -> None:
        before = await self._services.releases.previous()
        read = self._services.releases.read
        models = [
            [await read(pair.random.file_sha256), await read(pair.consecutive.file_sha256)]
            for pair in release.pairs
        ]

        def draw() -> bytes:
            from bot.pictures import curves

            return curves(models)

        caption = f"{texts.curves.format(job=job.id)}\n\n"
        await self._bot.send_photo(
            watch.room,
            await asyncio.to_thread(draw),
            caption=caption + comparison_message(release, before, texts),
            parse_mode=ParseMode.HTML,
            reply_to_message_id=watch.post,
            message_thread_id=watch.topic,
        )

    async def _send_duel(self, watch: Watch, texts: Texts) -> None:
        try:
            duel = await self._open_duel(watch, OPENING)
        except PrefixUnknown as error:
            if not error.suggestions:
                return
            duel = await self._open_duel(watch, error.suggestions[0])
        traditional, in_group = texts.language == "zh-hant", watch.room < 0
        message = board_message if in_group else duel_message
        sent = await self._bot.send_message(
            watch.room,
            f"{texts.sample_duel}\n\n{message(duel, texts, traditional=traditional)}",
            parse_mode=ParseMode.HTML,
            reply_markup=duel_keyboard(duel, texts, bot=self._bot.username),
            message_thread_id=watch.topic,
        )
        place = Place(room=sent.chat_id, post=sent.message_id)
        await self._services.contest.shown(duel.id, room=sent.chat_id, post=sent.message_id)
        if in_group:
            await self._services.boards.put(
                duel.id, place, language=texts.language, traditional=traditional
            )

    async def _open_duel(self, watch: Watch, prefix: str) -> Duel:
        return await self._services.contest.open_duel(
            watch.account, prefix, room=watch.room, limited=False
        )
