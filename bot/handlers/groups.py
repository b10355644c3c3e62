"""What happens to the bot in groups: it is added, and a group becomes a supergroup."""

import structlog
from telegram import ChatMember, ChatMemberRestricted, Update
from telegram.constants import ChatMemberStatus, ChatType
from telegram.error import TelegramError

from bot.context import Context
from core.explaining import explain

log = structlog.get_logger(__name__)
THERE = (ChatMemberStatus.MEMBER, ChatMemberStatus.ADMINISTRATOR)


async def membership(update: Update, context: Context) -> None:
    """Added to a group, say in one message what the bot does; put out, send it no more news."""
    change = update.my_chat_member
    if change is None:
        return
    was, is_ = _is_there(change.old_chat_member), _is_there(change.new_chat_member)
    rooms = context.services.rooms
    if was and not is_:
        if (await rooms.get(change.chat.id)).news:
            await rooms.set_news(change.chat.id, False)
    elif is_ and not was and change.chat.type in (ChatType.GROUP, ChatType.SUPERGROUP):
        hours = f"{context.services.settings.duel_hours:g}"
        said = context.room_texts.group_hello
        try:
            await context.bot.send_message(
                change.chat.id,
                said.format(
                    bot=context.bot.username, opening=context.room_texts.opening, hours=hours
                ),
            )
        except TelegramError as error:  # it may have been added without leave to write
            log.info("nothing can be said in a group", why=explain(error))


async def migrated(update: Update, context: Context) -> None:
    """A group has become a supergroup, under another id: what it chose follows."""
    message, rooms = update.message, context.services.rooms
    if message is None:
        return
    # Both chats are told, and either may be missed; a second time does nothing.
    if message.migrate_to_chat_id is not None:
        await rooms.move(message.chat_id, message.migrate_to_chat_id)
    elif message.migrate_from_chat_id is not None:
        await rooms.move(message.migrate_from_chat_id, message.chat_id)


def _is_there(member: ChatMember) -> bool:
    muted = isinstance(member, ChatMemberRestricted) and member.is_member
    return muted or member.status in THERE
