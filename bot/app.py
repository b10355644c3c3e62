"""The Application: its handlers in their order."""

from typing import Any

from telegram import Update
from telegram.ext import (
    Application,
    ApplicationBuilder,
    CallbackQueryHandler,
    ChatMemberHandler,
    CommandHandler,
    ContextTypes,
    Defaults,
    InlineQueryHandler,
    MessageHandler,
    TypeHandler,
    filters,
)
from telegram.request import BaseRequest, HTTPXRequest

from bot.context import METRICS, SERVICES, Context
from bot.handlers import admin, groups, language, privacy, retrain
from bot.handlers.errors import failed
from bot.handlers.gate import gate
from bot.handlers.inline import inline
from bot.handlers.reveal import reveal
from bot.handlers.start import help_, hint, start, unknown_command
from bot.handlers.stats import stats
from bot.handlers.top import news, top
from bot.handlers.vote import TYPED, pressed, typed
from bot.handlers.write import acrostic, wished, write
from bot.limiter import Limiter
from bot.metrics import Metrics
from bot.ordering import PersonByPerson
from bot.polling import PollingBot
from bot.services import Services

App = Application[Any, Context, Any, Any, Any, Any]
ALLOWED_UPDATES = [
    Update.MESSAGE,
    Update.CALLBACK_QUERY,
    Update.INLINE_QUERY,
    Update.MY_CHAT_MEMBER,
]
AT_ONCE = 1024  # updates
CONNECTIONS = 256


def build_application(
    token: str,
    api_url: str,
    services: Services,
    request: BaseRequest | None = None,
    *,
    proxy: str | None = None,
    metrics: Metrics | None = None,
    limiter: Limiter | None = None,
) -> App:
    """The Application with every handler; `request` plays Telegram where there is no network."""
    metrics = metrics or Metrics()
    bot = PollingBot(
        token,
        base_url=f"{api_url}/bot",
        base_file_url=f"{api_url}/file/bot",
        request=request or HTTPXRequest(connection_pool_size=CONNECTIONS, proxy=proxy),
        get_updates_request=request or HTTPXRequest(connection_pool_size=1, proxy=proxy),
        defaults=Defaults(allow_sending_without_reply=True),
        rate_limiter=limiter or Limiter(metrics),
    )
    application: App = (
        ApplicationBuilder()
        .bot(bot)
        .updater(None)  # updates are polled for or posted: bot/serving.py
        .context_types(ContextTypes(context=Context))
        .concurrent_updates(PersonByPerson(AT_ONCE, metrics))
        .build()
    )
    application.bot_data |= {SERVICES: services, METRICS: metrics}
    _add_handlers(application)
    return application


def _add_handlers(application: App) -> None:
    # New messages only: an edited one never runs a command again. The first that matches is taken.
    new = filters.UpdateType.MESSAGE
    privately = new & filters.ChatType.PRIVATE
    commands = {
        "start": start,
        "help": help_,
        "write": write,
        "acrostic": acrostic,
        "reveal": reveal,
        "stats": stats,
        "top": top,
        "language": language.language,
        "news": news,
        "privacy": privacy.privacy,
        "delete_me": privacy.delete_me,
        "retrain": retrain.retrain,
        "jobs": retrain.jobs,
        "cancel": retrain.cancel,
        "releases": retrain.releases,
        "use": retrain.use,
        "rollback": retrain.rollback,
        "admin": admin.admin,
        "ban": admin.ban,
        "unban": admin.unban,
        "announce": admin.announce,
    }
    application.add_handler(TypeHandler(Update, gate), group=-1)
    application.add_handlers(
        [
            *(CommandHandler(name, handler, new) for name, handler in commands.items()),
            CallbackQueryHandler(wished, r"^w:"),
            CallbackQueryHandler(language.chosen, language.CHOSEN),
            CallbackQueryHandler(privacy.decided, privacy.DECIDED),
            CallbackQueryHandler(admin.announce_decided, admin.DECIDED),
            CallbackQueryHandler(pressed),  # and whatever is none of these
            InlineQueryHandler(inline),
            ChatMemberHandler(groups.membership, ChatMemberHandler.MY_CHAT_MEMBER),
            MessageHandler(new & filters.StatusUpdate.MIGRATE, groups.migrated),
            MessageHandler(new & filters.Regex(TYPED), typed),
            MessageHandler(privately & filters.Document.ALL, retrain.corpus),
            MessageHandler(privately & filters.COMMAND, unknown_command),
            MessageHandler(privately & ~filters.StatusUpdate.ALL, hint),
        ]
    )
    application.add_error_handler(failed)
