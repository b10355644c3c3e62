"""Deals duels into chats: asks the contest for one, shows it, says why there is none."""

from collections.abc import Mapping
from dataclasses import replace
from html import escape, unescape

import structlog
from structlog.contextvars import bind_contextvars
from telegram import CallbackQuery, Chat, InlineKeyboardMarkup, Message
from telegram.constants import ChatType, ParseMode
from telegram.error import BadRequest

from bot import refusing
from bot.context import Context
from bot.keyboards import duel_keyboard
from bot.rendering import board_message, duel_message, duration, in_script
from bot.texts import Texts
from bot.typing import typing
from core.arena.boards import Place
from core.arena.duel import Duel
from core.arena.limits import LimitReached, Whose, Window
from core.errors import (
    AcrosticImpossible,
    AlreadyWriting,
    FormImpossible,
    FormUnmet,
    LyricbotError,
    NoRelease,
    NothingClean,
    PrefixBanned,
    PrefixEmpty,
    PrefixError,
    PrefixTooLong,
    PrefixUnknown,
)
from core.explaining import explain
from core.lyrics.form import Form
from core.lyrics.script import to_script
from core.lyrics.writer import Writer

log = structlog.get_logger(__name__)
REFUSALS = (
    *(NoRelease, AlreadyWriting, NothingClean, LimitReached),
    *(PrefixBanned, PrefixEmpty, PrefixTooLong, PrefixUnknown),
    *(FormImpossible, FormUnmet, AcrosticImpossible),
)
WHY: Mapping[type[LyricbotError], str] = {one: one.__name__ for one in REFUSALS}


async def open_duel(
    *,
    prefix: str,
    form: Form,
    account: int,
    chat: Chat,
    topic: int | None,
    context: Context,
) -> Duel:
    """Have a duel written, and show meanwhile that it is.

    Raises:
        One of REFUSALS: what `refusal` has words for.
    """
    async with typing(context.bot, chat.id, topic):
        form = replace(form, acrostic=await as_known(form.acrostic, context))
        prefix = await as_known(prefix, context)
        duel = await context.contest.open_duel(account, prefix, room=chat.id, form=form)
    bind_contextvars(duel=duel.id)
    context.metrics.duels.inc()
    return duel


def note_refusal(refused: LyricbotError, context: Context) -> None:
    """Count one of REFUSALS, and log it."""
    context.metrics.refusals.labels(WHY[type(refused)]).inc()
    refusing.note("duel", refused)


async def as_known(prefix: str, context: Context) -> str:
    """A prefix in the characters that the models know: those of 简体 understand 繁體 too."""
    release = await context.services.releases.serving()
    if release is None:
        return prefix
    writer = await context.services.releases.writer(release.pairs[0].model("random"))
    simplified = to_script(prefix, "hans") if _unknown_to(writer, prefix) else prefix
    fewer = _unknown_to(writer, simplified) < _unknown_to(writer, prefix)
    return simplified if fewer else prefix


def _unknown_to(writer: Writer, prefix: str) -> int:
    """How many different characters of it the writer never saw."""
    try:
        return len(writer.read_prefix(prefix).skipped)
    except PrefixUnknown as unknown:
        return len(unknown.characters)
    except PrefixError:
        return 0  # whatever the characters


async def show_duel(
    duel: Duel,
    chat: Chat,
    topic: int | None,
    context: Context,
    *,
    reply_to: Message | None = None,
    title: str = "",
) -> None:
    """Send a duel into a chat; where many people are, it becomes a board."""
    texts, traditional = context.room_texts, context.traditional
    private = chat.type == ChatType.PRIVATE
    message = duel_message if private else board_message
    text = message(duel, texts, traditional=traditional)
    sent = await context.bot.send_message(
        chat.id,
        f"{escape(title)}\n\n{text}" if title else text,
        parse_mode=ParseMode.HTML,
        reply_markup=duel_keyboard(duel, texts, bot=context.bot.username),
        message_thread_id=topic,
        reply_to_message_id=None if reply_to is None or private else reply_to.message_id,
    )
    await context.contest.shown(duel.id, room=sent.chat_id, post=sent.message_id)
    if not private:
        await context.services.boards.put(
            duel.id,
            Place(room=sent.chat_id, post=sent.message_id),
            language=texts.language,
            traditional=traditional,
        )


async def edit_pressed(
    query: CallbackQuery,
    text: str,
    context: Context,
    keyboard: InlineKeyboardMarkup | None = None,
) -> None:
    """Put another text into the message whose button was pressed, if it still can be.

    PTB's own way refuses a message that Telegram shows no more, before Telegram is asked.
    """
    if query.message is None:
        return
    room, post = query.message.chat.id, query.message.message_id
    try:
        await context.bot.edit_message_text(text, room, post, reply_markup=keyboard)
    except BadRequest as error:  # the same again, or the message is gone
        log.info("a message stays as it is", why=explain(error))


def topic_of(message: Message | None) -> int | None:
    """The topic of a forum that a message is in. A thread of replies is none."""
    if message is None or not message.is_topic_message:
        return None
    return message.message_thread_id


def plain_refusal(refused: LyricbotError, texts: Texts, *, is_admin: bool = False) -> str:
    """Why there is no duel, where no HTML is shown."""
    return unescape(refusal(refused, texts, is_admin=is_admin))


def refusal(refused: LyricbotError, texts: Texts, *, is_admin: bool = False) -> str:
    """Why there is no duel, in HTML."""
    match refused:
        case NoRelease():
            return texts.no_release_admin if is_admin else texts.no_release
        case AlreadyWriting():
            return texts.already_writing
        case LimitReached():
            return limit_reached(refused, texts)
        case NothingClean():
            return texts.nothing_clean
        case PrefixBanned():
            return texts.prefix_banned
        case FormImpossible():
            sentence = {
                "lines": texts.form_lines,
                "characters": texts.form_characters,
                "acrostic": texts.form_acrostic,
                "prefix": texts.form_prefix,
            }[refused.what]
            return sentence.format(
                wanted=refused.wanted,
                least=refused.least,
                most=refused.most,
                opening=texts.opening,
            )
        case FormUnmet(lack=lack):
            unmet = {"lines": texts.no_lines, "rhymes": texts.no_rhymes}[lack]
            return unmet.format(opening=texts.opening)
        case AcrosticImpossible(characters=characters):
            return texts.acrostic_unknown.format(characters=escape(texts.comma.join(characters)))
        case PrefixTooLong(length=length, limit=limit):
            return texts.prefix_too_long.format(length=length, limit=limit)
        case PrefixUnknown(characters=characters, suggestions=suggestions):
            return texts.prefix_unknown.format(
                characters=escape(texts.comma.join(characters)),
                suggestions="\n".join(
                    f"/write {escape(in_script(one, traditional=texts.language == 'zh-hant'))}"
                    for one in suggestions
                ),
            )
        case _:
            return texts.prefix_empty.format(opening=texts.opening)


def limit_reached(reached: LimitReached, texts: Texts) -> str:
    """Which limit, and when to come back."""
    sentences: Mapping[tuple[Whose, Window], str] = {
        ("person", "minute"): texts.limit_person_minute,
        ("person", "day"): texts.limit_person_day,
        ("room", "minute"): texts.limit_room_minute,
        ("room", "day"): texts.limit_room_day,
    }
    sentence = sentences[reached.whose, reached.window]
    return sentence.format(limit=reached.limit, time=duration(reached.seconds, texts))
