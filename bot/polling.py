"""Asks Telegram for updates, again and again, whatever fails meanwhile.

Not python-telegram-bot's Updater: that one ends for good at a 401 or 404, reads a batch in which
one update is new to it over and over without a pause, writes messages and tracebacks into the log,
and when stopped it asks once more, for what it then cannot keep.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog
from telegram.error import RetryAfter, TelegramError
from telegram.ext import ExtBot

from bot.arrival import Arrival
from bot.intake import Intake, Json
from bot.limiter import seconds_of, shown
from core.arena.store import persistently
from core.explaining import explain

log = structlog.get_logger(__name__)
WAITS = 10  # seconds, at Telegram, for an update
PATIENCE = 5.0  # seconds more, for the answer
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds, after a failure and after many


class PollingBot(ExtBot[Any]):
    """A bot that gives updates as they came: one that cannot be read spoils no other."""

    async def raw_updates(self, offset: int | None, allowed: Sequence[str]) -> list[Json]:
        """The updates from `offset` on, waiting for one; it tells Telegram that those before
        have arrived.

        Raises:
            TelegramError.
        """
        data = {"timeout": WAITS, "offset": offset, "allowed_updates": allowed}
        found = await self._post("getUpdates", data, read_timeout=WAITS + PATIENCE)
        return found if isinstance(found, list) else []


async def poll(
    bot: PollingBot, intake: Intake, allowed: Sequence[str], arrival: Arrival | None = None
) -> None:
    """Take updates until cancelled: each batch is committed before the next is asked for."""
    arrival = arrival or Arrival()
    offset: int | None = None
    pause = FIRST_PAUSE
    told: set[str] = set()
    while True:
        await intake.has_room()
        try:
            posted = await bot.raw_updates(offset, allowed)
            if posted:
                await _take(intake, posted)
                offset = posted[-1]["update_id"] + 1
        except RetryAfter as error:
            pause = seconds_of(error)
            arrival.fails(error)
            _tell(told, error)
        except TelegramError as error:
            arrival.fails(error)
            _tell(told, error)
        except Exception as error:
            _tell(told, TelegramError(f"an update cannot be taken: {explain(error)}"))
        else:
            arrival.works()
            if told:
                log.info("updates are arriving again")
            told, pause = set(), FIRST_PAUSE
            continue
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


async def _take(intake: Intake, posted: Sequence[Json]) -> None:
    await persistently(lambda: intake.take(posted))


def _tell(told: set[str], error: TelegramError) -> None:
    """Say what fails, each thing once until polling has worked again."""
    why = shown(error)
    if why not in told:
        log.warning("no updates arrive; it is tried again and again", why=why)
    told.add(why)
