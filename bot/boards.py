"""Keeps boards up to date: the messages in which many people see a duel."""

import asyncio

import structlog
from telegram import Bot
from telegram.constants import ParseMode
from telegram.error import BadRequest, ChatMigrated, Forbidden, RetryAfter, TelegramError

from bot.keyboards import duel_keyboard, inline_keyboard
from bot.rendering import shown_on
from bot.texts import texts_for
from core.arena.boards import LEASE, Board, Boards

log = structlog.get_logger(__name__)
LATER = 30.0  # seconds, after a failure that may pass
WITHIN = LEASE.total_seconds() * 2 / 3  # after a whole lease another bot may edit the board


class BoardsKept:
    """Edits the boards that are due."""

    def __init__(self, boards: Boards, bot: Bot) -> None:
        self._boards = boards
        self._bot = bot

    async def edit_due(self) -> None:
        """Bring every board up to date that is due."""
        # Side by side: one in a busy group, where a call has to wait, holds up none elsewhere.
        await asyncio.gather(*(self._keep(board) for board in await self._boards.claim()))

    async def _keep(self, board: Board) -> None:
        if board.reveal is None and board.shown == board.tally.voters:
            await self._boards.shows(board)  # nothing is new
            return
        try:
            async with asyncio.timeout(WITHIN):
                await self._edit(board)
        except RetryAfter as error:
            await self._boards.later(board, seconds_of(error))
        except (BadRequest, Forbidden, ChatMigrated) as error:  # the message or the chat is gone
            log.info("a board is gone", board=board.id, reason=str(error))
            await self._boards.drop(board)
        except (TelegramError, TimeoutError) as error:
            log.warning("a board could not be edited yet", board=board.id, reason=str(error))
            await self._boards.later(board, LATER)
        else:
            await self._boards.shows(board)

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


def seconds_of(error: RetryAfter) -> float:
    """How long Telegram asks to wait."""
    after = error.retry_after
    return float(after if isinstance(after, int) else after.total_seconds())
