"""What an operator does from the chat: see how today is going, keep people out, tell the news."""

import re
from html import escape

import structlog
from telegram import Message, Update
from telegram.error import BadRequest

from bot import refusing
from bot.answering import answer_query
from bot.context import Context
from bot.dealing import edit_pressed
from bot.handlers.retrain import Misused, for_admins
from bot.handlers.write import behind_command
from bot.job_messages import jobs_message
from bot.keyboards import asking
from core.arena.use import today

log = structlog.get_logger(__name__)
DECIDED = r"^a:(send|no)$"
LATEST_JOBS = 3


@for_admins
async def admin(message: Message, account: int, context: Context) -> None:
    """Show today's use, what waits, what failed, the current release, the jobs."""
    services, texts = context.services, context.texts
    use = await today(services.store, services.now())
    release = await services.releases.current()
    bans = await services.access.banned()
    lines = [
        texts.admin_today.format(
            duels=use.duels,
            votes=use.votes,
            encores=use.encores,
            likes=use.likes,
            people=use.people,
            rooms=use.rooms,
        ),
        texts.admin_queue.format(waiting=use.waiting, seconds=round(use.oldest_seconds)),
        texts.admin_errors.format(
            errors=await services.limits.counted("errors"),
            skipped=await services.limits.counted("skipped"),
        ),
        texts.admin_no_release
        if release is None
        else texts.admin_release.format(
            number=release.number,
            corpus=escape(release.corpus_name),
            recipe=escape(release.recipe_name),
            when=f"{release.published_at:%Y-%m-%d %H:%M}",
        ),
    ]
    if bans:
        lines.append(texts.admin_bans.format(ids=texts.comma.join(str(b.account) for b in bans)))
    jobs = await services.retrains.jobs.list(LATEST_JOBS)
    lines += ["", jobs_message(jobs, await services.workers.alive(), texts)]
    await message.reply_html("\n".join(lines))


@for_admins
async def ban(message: Message, account: int, context: Context) -> None:
    """Keep somebody out."""
    whom = _whom(message)
    if whom is None:
        raise Misused(context.texts.ban_usage.format(command="ban"))
    if context.is_admin(whom):
        raise Misused(context.texts.ban_admin)
    await context.services.access.ban(whom, account)
    log.info("banned", whom=whom)
    await message.reply_text(context.texts.banned.format(id=whom))


@for_admins
async def unban(message: Message, account: int, context: Context) -> None:
    """Let somebody in again."""
    whom = _whom(message)
    if whom is None:
        raise Misused(context.texts.ban_usage.format(command="unban"))
    was_banned = await context.services.access.unban(whom)
    log.info("unbanned", whom=whom)
    said = context.texts.unbanned if was_banned else context.texts.not_banned
    await message.reply_text(said.format(id=whom))


@for_admins
async def announce(message: Message, account: int, context: Context) -> None:
    """Show an announcement as it will look, and ask whether to send it."""
    texts, text = context.texts, behind_command(message).strip()
    if not text:
        raise Misused(texts.announce_usage)
    num_rooms = await context.services.rooms.wanting_news()
    if not num_rooms:
        raise Misused(texts.announce_nobody)
    try:
        preview = await message.reply_text(text)
    except BadRequest as error:
        if "text must be non-empty" not in str(error).lower():
            raise
        raise Misused(texts.announce_usage) from error  # nothing of it can be seen
    await preview.reply_text(
        texts.announce_ask.format(rooms=num_rooms),
        reply_markup=asking({"a:send": texts.button_send, "a:no": texts.button_do_not}),
        do_quote=True,
    )


async def announce_decided(update: Update, context: Context) -> None:
    """Send it, or not; what is sent is what the message above the buttons says."""
    query = update.callback_query
    if query is None:
        return
    if not context.is_admin(query.from_user.id):
        refusing.note("announce", "not an admin")
        await answer_query(
            query, context.texts.admins_only.format(id=query.from_user.id), alert=True
        )
        return
    asked = query.message if isinstance(query.message, Message) else None
    preview = asked.reply_to_message if asked else None
    said = context.texts.announce_dropped
    if asked is not None and preview is not None and preview.text and query.data == "a:send":
        # Of two presses, whichever bots get them, the second finds it announced.
        number, num_rooms = await context.services.announcements.announce(
            preview.text, query.from_user.id, asked=(asked.chat_id, asked.message_id)
        )
        log.info("an announcement is sent", announcement=number, rooms=num_rooms)
        said = context.texts.announce_sent.format(rooms=num_rooms)
    await answer_query(query)
    await edit_pressed(query, said, context)


def _whom(message: Message) -> int | None:
    """The account that a command means: the number behind it, or who wrote what it replies to.

    Those who write in the name of a chat are banned as that chat.
    """
    given = re.search(r"\s(-?\d{1,15})\s*$", message.text or "")
    if given:
        return int(given[1])
    replied = message.reply_to_message
    # What all else in a topic "replies" to: nobody is meant.
    if replied is None or replied.forum_topic_created:
        return None
    if replied.sender_chat is not None:
        return replied.sender_chat.id
    if replied.from_user is None or replied.from_user.is_bot:
        return None
    return replied.from_user.id
