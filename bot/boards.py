"""Keeps boards up to date: the messages in which many people see a duel."""

import asyncio
import time

import structlog
from telegram import Bot
from telegram.constants import ParseMode
from telegram.error import BadRequest, ChatMigrated, Forbidden, RetryAfter, TelegramError

from bot.keyboards import duel_keyboard, inline_keyboard
from bot.limiter import seconds_of
from bot.rendering import shown_on
from bot.texts import texts_for
from core.arena.boards import EVERY, LEASE, Board, Boards
from core.explaining import explain

log = structlog.get_logger(__name__)
LATER = 30.0  # seconds, after a failure that may pass
MOST = 64  # edits at once
WITHIN = LEASE.total_seconds() * 2 / 3  # after a whole lease another bot may edit the board


class BoardsKept:
    """Edits the boards that are due."""

    def __init__(self, boards: Boards, bot: Bot) -> None:
        self._boards = boards
        self._bot = bot
        self._editing: set[asyncio.Future[None]] = set()
        self._free_at: dict[int, float] = {}  # by room, when it may see another edit

    async def edit_due(self) -> None:
        """Bring every board up to date that is due.

        Those that take long, as in a busy group where a call has to wait, hold up no others.
        """
        due = await self._boards.claim(MOST - len(self._editing))
        self._editing |= {asyncio.ensure_future(self._keep(board)) for board in due}
        if not self._editing:
            return
        done, self._editing = await asyncio.wait(self._editing, timeout=1.0)
        for one in done:
            one.result()

    async def close(self) -> None:
        """Give up what takes long: it comes up again."""
        for one in self._editing:
            one.cancel()
        await asyncio.gather(*self._editing, return_exceptions=True)

    async def _keep(self, board: Board) -> None:
        if board.reveal is None and board.shown == board.tally.voters:
            await self._boards.shows(board)  # nothing is new
            return
        wait = self._wait_in(board.place.room)
        if wait > 0:
            await self._boards.later(board, wait)
            return
        try:
            async with asyncio.timeout(WITHIN):
                await self._edit(board)
        except RetryAfter as error:
            await self._boards.later(board, seconds_of(error))
        except (BadRequest, Forbidden, ChatMigrated) as error:  # the message or the chat is gone
            log.info("a board is gone", **_ids(board), why=explain(error))
            await self._boards.drop(board)
        except (TelegramError, TimeoutError) as error:
            log.warning("a board could not be edited yet", **_ids(board), why=explain(error))
            await self._boards.later(board, LATER)
        else:
            await self._boards.shows(board)

    def _wait_in(self, room: int | None) -> float:
        """Seconds until a room may see an edit; if it may now, it is taken to.

        Several boards in one group share what one may use of its 20 calls a minute.
        """
        if room is None:
            return 0.0
        now = time.monotonic()
        self._free_at = {one: at for one, at in self._free_at.items() if at > now}
        wait = self._free_at.get(room, now) - now
        if wait <= 0:
            self._free_at[room] = now + EVERY.total_seconds()
        return wait

    async def _edit(self, board: Board) -> None:
        texts, place, closed = texts_for(board.language), board.place, board.reveal is not None
        keyboard = (
            duel_keyboard(board.duel, texts, bot=self._bot.username, closed=closed)
            if place.inline is None
            else inline_keyboard(board.duel, texts, traditional=board.traditional, closed=closed)
        )
        try:
            await self._bot.edit_message_text(
                shown_on(board, texts),
                chat_id=place.room,
                message_id=place.post,
                inline_message_id=place.inline,
                parse_mode=ParseMode.HTML,
                reply_markup=keyboard,
            )
        except BadRequest as error:
            if "not modified" not in str(error).lower():
                raise


def _ids(board: Board) -> dict[str, int | None]:
    return {"board": board.id, "duel": board.duel.id, "chat": board.place.room}
