"""What a handler has at hand: the contest, and the texts in the language of whoever it answers."""

from typing import Any

from telegram import Update
from telegram.ext import Application, CallbackContext, ExtBot

from bot.services import Services
from bot.texts import Texts, texts_for
from core.arena.contest import Contest

SERVICES = "services"


class Context(CallbackContext[ExtBot[None], dict[Any, Any], dict[Any, Any], dict[Any, Any]]):
    """A CallbackContext that knows our services and the person's language."""

    texts: Texts = texts_for(None)

    @classmethod
    def from_update(
        cls, update: object, application: "Application[Any, Any, Any, Any, Any, Any]"
    ) -> "Context":
        """As PTB makes it, with the texts chosen."""
        context = super().from_update(update, application)
        user = update.effective_user if isinstance(update, Update) else None
        context.texts = texts_for(user.language_code if user else None)
        return context

    @property
    def services(self) -> Services:
        """All that there is to work with."""
        services: Services = self.application.bot_data[SERVICES]
        return services

    @property
    def contest(self) -> Contest:
        """What a person can do."""
        return self.services.contest

    def is_admin(self, account: int) -> bool:
        """Whether the operator named this account."""
        return account in self.services.settings.admins
