"""Answers in a duel: by button, or typed as a message.

A vote is committed first; only then is the person, and nobody else, shown which sampler wrote
which.
"""

import unicodedata
from contextlib import suppress

import structlog
from structlog.contextvars import bind_contextvars
from telegram import Message, Update
from telegram.constants import ChatType, ParseMode
from telegram.error import TelegramError

from bot import refusing
from bot.accounts import account_of
from bot.answering import answer_query
from bot.context import Context
from bot.keyboards import Answer, Press, duel_keyboard, looked
from bot.refusing import FORGED, UNKNOWN
from bot.rendering import vote_reveal, voted_message
from core.arena.answers import Vote
from core.arena.boards import Place
from core.errors import DuelUnknown
from core.explaining import explain

log = structlog.get_logger(__name__)
TYPED = r"^\s*[0-3０-３]\s*$"
NOTED = "✍"  # the same for every answer, so that it gives nothing away


async def pressed(update: Update, context: Context) -> None:
    """Take a button's answer, in a chat or under a message sent in inline mode."""
    query = update.callback_query
    if query is None:
        return
    press = Press.parse(query.data or "")
    try:
        if press is None:
            raise DuelUnknown(0)
        said, vote = await _take(press, query.from_user.id, press.key, context)
    except DuelUnknown:
        refusing.note("answer", UNKNOWN if press else FORGED)
        await answer_query(
            query, context.texts.duel_unknown.format(opening=context.texts.opening), alert=True
        )
        return
    message = query.message
    private = message is not None and message.chat.type == ChatType.PRIVATE
    # In a group only an alert is the voter's own; privately the message itself will tell.
    await answer_query(query, said, alert=vote is not None and not private)
    if vote is not None and private and message is not None:
        await _show_reveal(vote, message.chat.id, message.message_id, context)
    if query.inline_message_id is not None:
        texts, traditional = context.texts, context.traditional
        if press.look:
            texts, traditional = looked(press.look)
        await context.services.boards.put(
            press.duel_id,
            Place(inline=query.inline_message_id),
            language=texts.language,
            traditional=traditional,
        )


async def typed(update: Update, context: Context) -> None:
    """Take a typed 1, 2, 3 or 0: in private for the latest duel, elsewhere as a reply to one."""
    message, account = update.message, account_of(update)
    if message is None or account is None:
        return
    private = message.chat.type == ChatType.PRIVATE
    duel_id = await _meant(message, context, private=private)
    if duel_id is None:
        if private:
            refusing.note("answer", "no duel stands in this chat")
            await message.reply_text(
                context.texts.nothing_to_vote_on.format(opening=context.texts.opening)
            )
        return
    bind_contextvars(duel=duel_id)
    if message.sender_chat is not None:  # else an admin would vote twice: as one, and as nobody
        refusing.note("answer", "it came in the name of a chat")
        await message.reply_text(context.room_texts.not_anonymously)
        return
    answer: Answer = unicodedata.normalize("NFKC", message.text or "").strip()  # type: ignore[assignment]
    said, _ = await _take(Press(duel_id, answer), account, None, context)
    if private:
        await message.reply_text(said)
    else:
        await _note(message)


async def duel_replied_to(message: Message, context: Context) -> int | None:
    """The duel in the message that this one replies to."""
    replied = message.reply_to_message
    if replied is None:
        return None
    duel_id = await context.contest.duel_at(room=message.chat_id, post=replied.message_id)
    return await _duel_under(replied, context) if duel_id is None else duel_id


async def _duel_under(message: Message, context: Context) -> int | None:
    """The duel that the buttons are about of a message that came from this bot, or by way of it.

    A result and what was sent in inline mode are not kept as a showing, nor is a duel yet whose
    bot was killed as it sent it.
    """
    if context.bot.id not in {user.id for user in (message.from_user, message.via_bot) if user}:
        return None
    rows = message.reply_markup.inline_keyboard if message.reply_markup else ()
    for button in (button for row in rows for button in row):
        press = Press.parse(str(button.callback_data or ""))
        if press is not None:
            with suppress(DuelUnknown):
                return (await context.contest.duel(press.duel_id, press.key)).id
    return None


async def _meant(message: Message, context: Context, *, private: bool) -> int | None:
    duel_id = await duel_replied_to(message, context)
    if duel_id is not None or not private:
        return duel_id
    latest = await context.contest.latest_duel(room=message.chat_id)
    return None if latest is None else latest[0]


async def _take(
    press: Press, account: int, key: str | None, context: Context
) -> tuple[str, Vote | None]:
    """Commit an answer; what to say to the person, and the vote if it was one."""
    bind_contextvars(duel=press.duel_id)
    texts, contest = context.texts, context.contest
    said: tuple[str, Vote | None]
    match press.answer:
        case "like":
            new = await contest.like(account, press.duel_id, key)
            said = (texts.like if new else texts.like_again), None
        case "3":
            new = await contest.encore(account, press.duel_id, key)
            said = (texts.encore if new else texts.encore_again), None
        case "0" | "1" | "2":
            choice = {"0": 0, "1": 1, "2": 2}[press.answer]
            vote = await contest.vote(account, press.duel_id, choice, key)  # type: ignore[arg-type]
            if vote.counted is None:
                refusing.note("answer", "the duel was closed before")
            said = vote_reveal(vote, texts), vote
    context.metrics.answers.labels(press.answer).inc()
    return said


async def _show_reveal(vote: Vote, room: int, post: int, context: Context) -> None:
    try:
        await context.bot.edit_message_text(
            voted_message(vote, context.texts, traditional=context.traditional),
            chat_id=room,
            message_id=post,
            parse_mode=ParseMode.HTML,
            reply_markup=duel_keyboard(
                *(vote.duel, context.texts),
                bot=context.bot.username,
                closed=vote.counted is None,
            ),
        )
    except TelegramError as error:
        # The same answer again changes nothing, and a message may be gone: the vote stands.
        if "not modified" not in str(error).lower():
            log.warning("a reveal could not be shown", why=explain(error))


async def _note(message: Message) -> None:
    """Acknowledge in a group by a reaction; where the group allows none, by a reply."""
    try:
        await message.set_reaction(NOTED)
    except TelegramError:
        await message.reply_text(NOTED)
