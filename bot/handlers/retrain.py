"""What only admins can do: ask for a retrain, cancel it, choose a release, give a corpus.

Who is an admin is decided here, by numeric id, at every command.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any

import structlog
from structlog.contextvars import bind_contextvars
from telegram import Document, File, Message, Update
from telegram.constants import FileSizeLimit, ParseMode
from telegram.error import BadRequest

from bot import refusing
from bot.context import Context
from bot.job_messages import corpus_message, job_message, jobs_message, releases_message
from bot.reasons import reason
from core.errors import JobRunning, LyricbotError
from core.lyrics.corpus import BUNDLED, MAX_NAME, corpus_of
from core.lyrics.recipe import DEFAULT
from core.retrain.jobs import Job
from core.retrain.retrains import MAX_PAIRS
from core.retrain.watches import Watch

log = structlog.get_logger(__name__)
Handler = Callable[[Message, int, Context], Awaitable[None]]
OPTIONS = ("corpus", "recipe", "pairs")


class Misused(Exception):
    """A command that cannot be meant so; the text says how to use it."""


def for_admins(handler: Handler) -> Callable[[Update, Context], Coroutine[Any, Any, None]]:
    """Refuse anyone else in a friendly way, and say in the chat what an admin's command lacked."""

    @wraps(handler)
    async def guarded(update: Update, context: Context) -> None:
        message, person = update.message, update.effective_user
        if message is None or person is None:
            return
        if message.sender_chat is not None:  # all anonymous people have one account
            refusing.note(handler.__name__, "it came in the name of a chat")
            await message.reply_text(context.room_texts.not_anonymously)
            return
        if not context.is_admin(person.id):
            refusing.note(handler.__name__, "not an admin")
            await message.reply_text(context.texts.admins_only.format(id=person.id))
            return
        if message.text and (message.forward_origin or message.via_bot):
            refusing.note(handler.__name__, "it is forwarded, or of another bot's words")
            await message.reply_text(context.texts.not_their_words)
            return
        try:
            await handler(message, person.id, context)
        except Misused as misused:
            refusing.note(handler.__name__, "it cannot be meant so")
            await message.reply_text(str(misused))
        except LyricbotError as refusal:
            refusing.note(handler.__name__, refusal)
            await message.reply_text(
                context.texts.refused.format(reason=reason(refusal, context.texts))
            )

    return guarded


@for_admins
async def retrain(message: Message, account: int, context: Context) -> None:
    """Ask for a retrain; its message is kept up to date from then on."""
    wanted = _options(message.text or "")
    pairs = wanted.get("pairs", "1")
    if wanted.keys() - {*OPTIONS} or not (pairs.isdecimal() and 0 < int(pairs) <= MAX_PAIRS):
        raise Misused(context.texts.retrain_usage.format(most=MAX_PAIRS))
    try:
        job = await context.services.retrains.ask(
            corpus=wanted.get("corpus", BUNDLED),
            recipe=wanted.get("recipe", DEFAULT.name),
            num_pairs=int(pairs),
            by=account,
        )
    except JobRunning as running:
        refusing.note("retrain", running)
        job = await context.services.retrains.jobs.get(running.job)
        await message.reply_text(
            context.texts.job_running.format(job=job.id, corpus=job.corpus_name)
        )
    await _show(job, message, account, context)


@for_admins
async def jobs(message: Message, account: int, context: Context) -> None:
    """List the latest jobs, and the workers there are."""
    services = context.services
    text = jobs_message(
        await services.retrains.jobs.list(), await services.workers.alive(), context.texts
    )
    await message.reply_text(text, parse_mode=ParseMode.HTML)


@for_admins
async def cancel(message: Message, account: int, context: Context) -> None:
    """Cancel a job."""
    number = _number(message)
    if number is None and len((message.text or "").split()) > 1:
        raise Misused(context.texts.cancel_usage)
    job = await context.services.retrains.cancel(number)
    await message.reply_text(context.texts.job_cancelled.format(job=job.id))


@for_admins
async def releases(message: Message, account: int, context: Context) -> None:
    """List the latest releases."""
    text = releases_message(await context.services.releases.list(), context.texts)
    await message.reply_text(text, parse_mode=ParseMode.HTML)


@for_admins
async def use(message: Message, account: int, context: Context) -> None:
    """Let a release write from now on."""
    number = _number(message)
    if number is None:
        raise Misused(context.texts.use_usage)
    release = await context.services.releases.use(number)
    log.info("a release is used", release=release.number)
    await message.reply_text(context.texts.release_used.format(number=release.number))


@for_admins
async def rollback(message: Message, account: int, context: Context) -> None:
    """Go back to the release that was current before."""
    release = await context.services.releases.rollback()
    log.info("rolled back", release=release.number)
    await message.reply_text(context.texts.release_used.format(number=release.number))


@for_admins
async def corpus(message: Message, account: int, context: Context) -> None:
    """Take a .txt or .zip as a new corpus: checked, counted, shown, added."""
    document = message.document
    if document is None:
        return
    name = document.file_name or ""
    if not name.lower().endswith((".txt", ".zip")):
        raise Misused(context.texts.corpus_wanted)
    file = await _within_limit(document)
    if file is None:
        most = FileSizeLimit.FILESIZE_DOWNLOAD // 10**6
        raise Misused(context.texts.corpus_too_large.format(most=most))
    content = bytes(await file.download_as_bytearray())
    short = name[:-4][:MAX_NAME] + name[-4:]  # it is quoted where something is wrong
    given = await asyncio.to_thread(corpus_of, content, short)
    entry = await context.services.corpora.add(given)
    log.info("a corpus was added", sha256=entry.sha256)
    await message.reply_text(
        corpus_message(entry, given.encoding, context.texts), parse_mode=ParseMode.HTML
    )


async def _show(job: Job, message: Message, account: int, context: Context) -> None:
    bind_contextvars(job=job.id)
    workers = await context.services.workers.alive()
    sent = await message.reply_text(
        job_message(job, context.texts, waits_for_worker=not workers), parse_mode=ParseMode.HTML
    )
    if await context.services.watches.shown_in(sent.chat_id, job.id):
        return  # one message that moves is enough
    topic = sent.message_thread_id if sent.is_topic_message else None
    language = context.texts.language
    watch = Watch(sent.chat_id, sent.message_id, topic, job.id, account, language)
    await context.services.watches.add(watch)


def _options(text: str) -> dict[str, str]:
    """The NAME=VALUE words behind a command; what is none is an option of its own name."""
    words = text.split()[1:]
    return {name.lower(): value for name, _, value in (word.partition("=") for word in words)}


def _number(message: Message) -> int | None:
    found = re.search(r"\s#?(\d{1,9})\s*$", message.text or "")
    return int(found[1]) if found else None


async def _within_limit(document: Document) -> File | None:
    """The file, to be downloaded into memory; None if it is too large for that.

    A server of one's own hands out 2 GB, and what a message says of a size is only said.
    """
    if (document.file_size or 0) > FileSizeLimit.FILESIZE_DOWNLOAD:
        return None
    try:
        file = await document.get_file()
    except BadRequest as error:
        if "too big" in str(error).lower():
            return None
        raise
    return None if (file.file_size or 0) > FileSizeLimit.FILESIZE_DOWNLOAD else file
