"""What a handler has at hand: the services, and the texts in the languages of who is to read."""

from typing import Any

from telegram import Update
from telegram.ext import Application, CallbackContext, ExtBot

from bot.metrics import Metrics
from bot.services import Services
from bot.texts import Texts, texts_for
from core.arena.contest import Contest

SERVICES = "services"
METRICS = "metrics"


class Context(CallbackContext[ExtBot[Any], dict[Any, Any], dict[Any, Any], dict[Any, Any]]):
    """A CallbackContext that knows our services and the languages of who is to read."""

    texts: Texts = texts_for(None)  # for the person alone
    room_texts: Texts = texts_for(None)  # for all who are in the room
    traditional = False  # the characters of lyrics in the room

    @classmethod
    def from_update(
        cls, update: object, application: "Application[Any, Any, Any, Any, Any, Any]"
    ) -> "Context":
        """As PTB makes it, with texts by Telegram's language; the gate knows what was chosen."""
        context = super().from_update(update, application)
        user = update.effective_user if isinstance(update, Update) else None
        context.texts = context.room_texts = texts_for(user.language_code if user else None)
        return context

    @property
    def services(self) -> Services:
        """All that there is to work with."""
        services: Services = self.application.bot_data[SERVICES]
        return services

    @property
    def metrics(self) -> Metrics:
        """What is counted."""
        metrics: Metrics = self.application.bot_data[METRICS]
        return metrics

    @property
    def contest(self) -> Contest:
        """What a person can do."""
        return self.services.contest

    def is_admin(self, account: int) -> bool:
        """Whether the operator named this account."""
        return account in self.services.settings.admins
