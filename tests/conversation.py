"""A real Application in a chat with people, Telegram played in process."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from factories import make_pair
from telegram import Update

from bot.app import App, build_application
from bot.botapi import BotApi, Chat, Person
from bot.keyboards import Press
from bot.limiter import Limiter
from bot.metrics import Metrics
from bot.services import Services, open_services
from core.arena.releases import TrainedPair
from core.settings import Settings

TOKEN = "123456:test-token"
ADMIN = 99
Json = dict[str, Any]


class Conversation:
    """Anna in private, and a group that she and Ben are in."""

    def __init__(self, api: BotApi, app: App, services: Services, database_url: str) -> None:
        self.api, self.app, self.services = api, app, services
        self.database_url = database_url
        self.anna = api.person(1, "Anna", language_code="zh-hans")
        self.ben = api.person(2, "Ben", language_code="en")
        self.admin = api.person(ADMIN, "Admin", language_code="en")
        self.private = api.private_chat(self.anna)
        self.group = api.group(-1001, "歌词群")

    async def say(
        self,
        text: str,
        person: Person | None = None,
        chat: Chat | None = None,
        reply_to: int | None = None,
    ) -> Json:
        """Send a message and wait until it is handled; the update, {} if privacy kept it away."""
        person = person or self.anna
        chat = chat or self.api.private_chat(person)
        update = self.api.send(person, chat, text, reply_to=reply_to)
        await self.handle(update)
        return update or {}

    async def press(
        self, answer: str, message: Json, person: Person | None = None, chat: Chat | None = None
    ) -> str:
        """Press a button of a message by its answer; what the bot answered to that person."""
        rows = message["reply_markup"]["inline_keyboard"]
        data = [b.get("callback_data", "") for row in rows for b in row]
        (wanted,) = [d for d in data if (press := Press.parse(d)) and press.answer == answer]
        person = person or self.anna
        update = self.api.press(
            person, chat or self.api.private_chat(person), message["message_id"], wanted
        )
        await self.handle(update)
        return str((self.api.answer_to(update) or {}).get("text", ""))

    async def handle(self, update: Json | None) -> None:
        """Let the bot handle an update."""
        if update is not None:
            await self.app.process_update(Update.de_json(update, self.app.bot))

    def said(self, chat: Chat | None = None) -> list[Json]:
        """The bot's messages that stand in a chat."""
        return [m for m in self.api.messages(chat or self.private) if m["from"]["is_bot"]]

    def last(self, chat: Chat | None = None) -> Json:
        """The bot's last message there."""
        return self.said(chat)[-1]

    async def duel(self, person: Person | None = None, chat: Chat | None = None) -> Json:
        """Ask for a duel; the message it stands in."""
        await self.say("/write 分开", person, chat)
        return self.last(chat or self.api.private_chat(person or self.anna))


@asynccontextmanager
async def conversation(
    tmp_path: Path, release: Sequence[TrainedPair] | None = None, **settings: Any
) -> AsyncIterator[Conversation]:
    """Open one on a fresh SQLite database with a small release; an empty sequence for none."""
    configured = Settings(
        database_url=f"sqlite:///{tmp_path}/app.sqlite",
        checkpoints=str(tmp_path / "checkpoints"),
        admins=frozenset({ADMIN}),
        **({"person_minute": 0, "chat_minute": 0} | settings),
    )
    api = BotApi(TOKEN)
    async with open_services(configured) as services:
        release = [make_pair()] if release is None else release
        if release:
            await services.releases.publish(release)
        limiter = Limiter(Metrics(), pauses=())  # what fails is seen to fail, at once
        app = build_application(TOKEN, "https://api.telegram.org", services, api, limiter=limiter)
        async with app:
            yield Conversation(api, app, services, configured.database_url)
