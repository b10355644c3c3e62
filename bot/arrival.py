"""Whether updates arrive from Telegram: noted by whoever polls or asks, and told by /healthz."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from telegram import Bot, WebhookInfo
from telegram.error import Conflict, InvalidToken, TelegramError

from bot.limiter import shown
from core.errors import LyricbotError

TOLERATED = 60.0  # seconds of failing: Telegram is away for a moment now and then
STALLED = 120.0  # seconds without a word: a poll takes a quarter of a minute at most
ASK_EVERY = 30.0  # seconds, about a webhook


class Arrival:
    """What is known of it in this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` counts seconds."""
        self._clock = clock
        self._heard_at = clock()
        self._failing: tuple[str, float] | None = None  # why, and since when

    def works(self) -> None:
        """Telegram has just been heard."""
        self._heard_at, self._failing = self._clock(), None

    def fails(self, error: TelegramError | str) -> None:
        """It cannot be heard; that may pass."""
        self._heard_at = self._clock()
        since = self._failing[1] if self._failing else self._heard_at
        self._failing = (error if isinstance(error, str) else _reason(error), since)

    async def check(self) -> None:
        """Make sure that updates can arrive.

        Raises:
            LyricbotError: why they have not for a while.
        """
        now = self._clock()
        if self._failing is not None and now - self._failing[1] >= TOLERATED:
            why, since = self._failing
            raise LyricbotError(f"No updates arrive for {now - since:.0f} s: {why}")
        if now - self._heard_at >= STALLED:
            raise LyricbotError(
                f"No poll has ended for {now - self._heard_at:.0f} s. See database and inbox; if "
                "they are well, restart the bot."
            )


async def ask_about_webhook(bot: Bot, url: str, arrival: Arrival) -> None:
    """See whether Telegram posts updates to `url`, once.

    Nobody else tells: where no update comes, there may be none.
    """
    try:
        found = await bot.get_webhook_info()
    except TelegramError as error:
        arrival.fails(error)
        return
    if found.url != url:
        arrival.fails("the webhook is set to another address, or to none. Restart the bot.")
    elif found.pending_update_count and _is_recent(found):
        arrival.fails(f"Telegram cannot post to the webhook: {found.last_error_message}.")
    else:
        arrival.works()


async def keep_asking(bot: Bot, url: str, arrival: Arrival) -> None:
    """See so every while, until cancelled."""
    while True:
        await ask_about_webhook(bot, url, arrival)
        await asyncio.sleep(ASK_EVERY)


def _is_recent(found: WebhookInfo) -> bool:
    """Telegram tells the last error for good, whatever has been well since."""
    at = found.last_error_date
    return at is not None and datetime.now(UTC) - at < timedelta(seconds=2 * ASK_EVERY)


def _reason(error: TelegramError) -> str:
    if isinstance(error, InvalidToken):
        return "Telegram refuses LYRICBOT_TOKEN. Get it again from @BotFather."
    if isinstance(error, Conflict):
        return "another bot polls with the same token. Stop one of them."
    return f"Telegram cannot be reached ({shown(error)}). Check the network and LYRICBOT_PROXY."
