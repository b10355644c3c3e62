"""Who is meant: the account that asks, and whether it may choose for a chat."""

from telegram import Chat, Update
from telegram.constants import ChatType
from telegram.error import TelegramError

from bot.context import Context


def account_of(update: Update) -> int | None:
    """Who asks: of those who write in the name of a chat, as anonymous admins do, that chat.

    From them all Telegram shows one and the same account.
    """
    message = update.message
    if message is not None and message.sender_chat is not None:
        return message.sender_chat.id
    return update.effective_user.id if update.effective_user else None


async def may_choose(account: int, chat: Chat, context: Context) -> bool:
    """Whether an account may choose for a chat: in a group its admins may, and itself."""
    if account == chat.id or context.is_admin(account):
        return True
    if chat.type == ChatType.PRIVATE:
        return False
    try:  # of its admins a group tells every bot, of others only a bot that is one of them
        admins = await context.bot.get_chat_administrators(chat.id)
    except TelegramError:
        return False
    return account in {admin.user.id for admin in admins}
