"""Inline mode: `@bot 分开` in any chat offers a duel, and its lyrics one by one."""

import asyncio

import structlog
from structlog.contextvars import bind_contextvars
from telegram import (
    InlineQueryResultArticle,
    InlineQueryResultsButton,
    InputTextMessageContent,
    Update,
)
from telegram.constants import ParseMode
from telegram.error import BadRequest

from bot.context import Context
from bot.dealing import REFUSALS, as_known, note_refusal, plain_refusal
from bot.keyboards import inline_keyboard
from bot.rendering import OPENING, board_message, duration, in_script
from core.arena.duel import Duel
from core.arena.limits import LimitReached
from core.errors import LyricbotError, PrefixUnknown
from core.explaining import explain
from core.lyrics.form import parse

log = structlog.get_logger(__name__)
BUTTON = 64  # characters
DESCRIBED = 100
PAUSE = 0.15  # seconds without another keystroke
KEPT = 30  # seconds that Telegram shows a person the same again
LATEST = "latest inline query of each person"  # by its update, whose numbers grow


async def inline(update: Update, context: Context) -> None:
    """Offer them, once the person has stopped typing."""
    query = update.inline_query
    if query is None:
        return
    latest: dict[int, int] = context.bot_data.setdefault(LATEST, {})
    person, number = query.from_user.id, update.update_id
    if latest.get(person, number) > number:
        return  # the gate let a later one through first
    latest[person] = number
    try:
        await asyncio.sleep(PAUSE)
        if latest.get(person) != number:
            return  # it would be answered in vain
        typed, form = parse(query.query.strip() or OPENING)
        prefix = await as_known(typed, context)
        duel = await context.contest.open_duel(person, prefix, inline=True, form=form)
        if latest.get(person) != number:
            return
    except REFUSALS as refused:
        note_refusal(refused, context)
        await _answer(update, [], _why(refused, context))
        return
    finally:
        if latest.get(person) == number:
            del latest[person]
    bind_contextvars(duel=duel.id)
    context.metrics.duels.inc()
    await _answer(update, _results(duel, context))


def _results(duel: Duel, context: Context) -> list[InlineQueryResultArticle]:
    texts, traditional = context.texts, context.traditional
    duel_result = InlineQueryResultArticle(
        f"d{duel.id}",
        texts.inline_duel.format(prefix=in_script(duel.prefix, traditional=traditional)),
        InputTextMessageContent(
            board_message(duel, texts, traditional=traditional), parse_mode=ParseMode.HTML
        ),
        description=texts.inline_duel_about,
        reply_markup=inline_keyboard(duel, texts, traditional=traditional),
    )
    alone = []
    for side, text in ((1, duel.text_1), (2, duel.text_2)):
        lyric = in_script(text, traditional=traditional)
        alone.append(
            InlineQueryResultArticle(
                f"l{duel.id}-{side}",
                texts.inline_lyric.format(side=side),
                InputTextMessageContent(lyric),
                description=lyric.replace("\n", " / ")[:DESCRIBED],
            )
        )
    return [duel_result, *alone]


def _why(refused: LyricbotError, context: Context) -> str:
    if isinstance(refused, LimitReached):
        return context.texts.inline_busy.format(time=duration(refused.seconds, context.texts))
    if isinstance(refused, PrefixUnknown):
        return context.texts.inline_unknown
    return plain_refusal(refused, context.texts).splitlines()[0]


async def _answer(
    update: Update, results: list[InlineQueryResultArticle], why_none: str = ""
) -> None:
    query = update.inline_query
    if query is None:
        return
    button = (
        InlineQueryResultsButton(why_none[:BUTTON], start_parameter="help") if why_none else None
    )
    try:
        kept = KEPT if results else 0
        await query.answer(results, cache_time=kept, is_personal=True, button=button)
    except BadRequest as error:  # nobody waits for it any more
        log.info("an inline query was answered too late", why=explain(error))
