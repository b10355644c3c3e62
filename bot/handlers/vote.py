"""Answers in a duel: by button, or typed as a message.

A vote is committed first; only then is the person, and nobody else, shown which sampler wrote
which.
"""

import unicodedata

import structlog
from telegram import CallbackQuery, MaybeInaccessibleMessage, Message, Update
from telegram.constants import ChatType, ParseMode
from telegram.error import TelegramError

from bot.context import Context
from bot.keyboards import Answer, Press, duel_keyboard
from bot.rendering import OPENING, vote_reveal, voted_message
from core.arena.contest import Vote
from core.errors import DuelUnknown

log = structlog.get_logger(__name__)
TYPED = r"^\s*[0-3０-３]\s*$"
NOTED = "✍"  # the same for every answer, so that it gives nothing away


async def pressed(update: Update, context: Context) -> None:
    """Take a button's answer."""
    query = update.callback_query
    if query is None:
        return
    press = Press.parse(query.data or "")
    try:
        if press is None:
            raise DuelUnknown(0)
        said, vote = await _take(press, query.from_user.id, context)
    except DuelUnknown:
        await _answer(query, context.texts.duel_unknown.format(opening=OPENING), alert=True)
        return
    private = query.message is not None and query.message.chat.type == ChatType.PRIVATE
    # In a group only an alert is the voter's own; privately the message itself will tell.
    await _answer(query, said, alert=vote is not None and not private)
    if vote is not None and private and query.message is not None:
        await _show_reveal(press.duel_id, vote, query.message, context)


async def typed(update: Update, context: Context) -> None:
    """Take a typed 1, 2, 3 or 0: in private for the latest duel, elsewhere as a reply to one."""
    message, person = update.message, update.effective_user
    if message is None or person is None:
        return
    private = message.chat.type == ChatType.PRIVATE
    duel_id = await _meant(message, context, private=private)
    if duel_id is None:
        if private:
            await message.reply_text(context.texts.nothing_to_vote_on.format(opening=OPENING))
        return
    answer: Answer = unicodedata.normalize("NFKC", message.text or "").strip()  # type: ignore[assignment]
    said, _ = await _take(Press(duel_id, answer), person.id, context)
    if private:
        await message.reply_text(said)
    else:
        await _note(message)


async def _meant(message: Message, context: Context, *, private: bool) -> int | None:
    replied = message.reply_to_message
    if replied is not None:
        duel_id = await context.contest.duel_at(room=message.chat_id, post=replied.message_id)
        if duel_id is not None:
            return duel_id
    if not private:
        return None
    latest = await context.contest.latest_duel(room=message.chat_id)
    return None if latest is None else latest[0]


async def _take(press: Press, account: int, context: Context) -> tuple[str, Vote | None]:
    """Commit an answer; what to say to the person, and the vote if it was one."""
    texts = context.texts
    match press.answer:
        case "like":
            new = await context.contest.like(account, press.duel_id)
            return (texts.like if new else texts.like_again), None
        case "3":
            new = await context.contest.encore(account, press.duel_id)
            return (texts.encore if new else texts.encore_again), None
        case "0" | "1" | "2":
            choice = {"0": 0, "1": 1, "2": 2}[press.answer]
            vote = await context.contest.vote(account, press.duel_id, choice)  # type: ignore[arg-type]
            return vote_reveal(vote, texts), vote


async def _answer(query: CallbackQuery, text: str, *, alert: bool) -> None:
    """Answer a query; what was committed stands, whether Telegram takes the answer or not."""
    try:
        await query.answer(text, show_alert=alert)
    except TelegramError as error:
        log.warning("a button could not be answered", error=str(error))


async def _show_reveal(
    duel_id: int, vote: Vote, where: MaybeInaccessibleMessage, context: Context
) -> None:
    duel = await context.contest.duel(duel_id)
    try:
        await context.bot.edit_message_text(
            voted_message(duel, vote, context.texts),
            chat_id=where.chat.id,
            message_id=where.message_id,
            parse_mode=ParseMode.HTML,
            reply_markup=duel_keyboard(duel_id, context.texts),
        )
    except TelegramError as error:
        # The same answer again changes nothing, and a message may be gone: the vote stands.
        if "not modified" not in str(error).lower():
            log.warning("a reveal could not be shown", error=str(error))


async def _note(message: Message) -> None:
    """Acknowledge in a group by a reaction; where the group allows none, by a reply."""
    try:
        await message.set_reaction(NOTED)
    except TelegramError:
        await message.reply_text(NOTED)
