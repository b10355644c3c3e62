"""A real Application in a chat with people, Telegram played in process."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from factories import make_pair
from sqlalchemy import create_engine, text
from telegram import Update

from bot.app import App, build_application
from bot.boards import BoardsKept
from bot.botapi import BotApi, Chat, Person
from bot.keyboards import Press
from bot.limiter import Limiter
from bot.metrics import Metrics
from bot.services import Services, open_services
from core.arena.boards import Boards
from core.arena.releases import TrainedPair
from core.settings import Settings

TOKEN = "123456:test-token"
ADMIN = 99
Json = dict[str, Any]


class Conversation:
    """Anna in private, and a group that she and Ben are in."""

    def __init__(
        self,
        api: BotApi,
        app: App,
        services: Services,
        database_url: str,
        group: Chat | None = None,
    ) -> None:
        """`group`: where there is one already."""
        self.api, self.app, self.services = api, app, services
        self.database_url = database_url
        self.anna = api.person(1, "Anna", language_code="zh-hans")
        self.ben = api.person(2, "Ben", language_code="en")
        self.admin = api.person(ADMIN, "Admin", language_code="en")
        self.private = api.private_chat(self.anna)
        self.group = group or api.group(-1001, "歌词群")

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

    async def click(
        self, wanted: str, message: Json, person: Person | None = None, chat: Chat | None = None
    ) -> Json:
        """Press the button whose label or data holds `wanted`; what the bot answered."""
        return await self.forge(data_of(wanted, message), message, person, chat)

    async def forge(
        self,
        data: str,
        message: Json | int,
        person: Person | None = None,
        chat: Chat | None = None,
    ) -> Json:
        """Press a button that need not be there, under a message that need not either."""
        person = person or self.anna
        chat = chat or self.home(person)
        post = message if isinstance(message, int) else message["message_id"]
        update = self.api.press(person, chat, post, data, forged=True)
        await self.handle(update)
        answer = self.api.answer_to(update)
        assert answer is not None, "a press is always answered"
        return answer

    def home(self, person: Person | None = None) -> Chat:
        """A person's private chat with the bot."""
        return self.api.private_chat(person or self.anna)

    async def edit_boards(self, after: float = 6) -> None:
        """Bring the boards up to date as it would be done so many seconds from now."""
        boards = Boards(self.services.store, lambda: datetime.now(UTC) + timedelta(seconds=after))
        await BoardsKept(boards, self.app.bot).edit_due()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the database holds, read (or put there) beside the bot."""
        engine = create_engine(self.database_url.replace("+aiosqlite", ""))
        try:
            with engine.begin() as connection:
                result = connection.execute(text(query))
                return [tuple(row) for row in result] if result.returns_rows else []
        finally:
            engine.dispose()

    def called(self, method: str) -> list[Json]:
        """The parameters of each call of a method so far."""
        return [dict(call.parameters) for call in self.api.calls if call.method == method]

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


def buttons(message: Json) -> list[Json]:
    """The buttons under a message."""
    return [b for row in message["reply_markup"]["inline_keyboard"] for b in row]


def data_of(wanted: str, message: Json) -> str:
    """The data of the one button whose label or data holds `wanted`."""
    found = [
        b["callback_data"]
        for b in buttons(message)
        if wanted in b["text"] or wanted in b.get("callback_data", "")
    ]
    (data,) = found
    return str(data)


@asynccontextmanager
async def conversation(
    tmp_path: Path,
    release: Sequence[TrainedPair] | None = None,
    api: BotApi | None = None,
    limiter: Limiter | None = None,
    **settings: Any,
) -> AsyncIterator[Conversation]:
    """Open one on a fresh SQLite database with a small release; an empty sequence for none."""
    usual = {
        "database_url": f"sqlite:///{tmp_path}/app.sqlite",
        "checkpoints": str(tmp_path / "checkpoints"),
        "admins": frozenset({ADMIN}),
        "person_minute": 0,
        "chat_minute": 0,
    }
    configured = Settings.model_validate(usual | settings)
    api = api or BotApi(TOKEN)
    async with open_services(configured) as services:
        release = [make_pair()] if release is None else release
        if release:
            await services.releases.publish(release)
        # What fails is seen to fail, at once.
        limiter = limiter or Limiter(Metrics(), pauses=())
        app = build_application(TOKEN, "https://api.telegram.org", services, api, limiter=limiter)
        async with app:
            yield Conversation(api, app, services, configured.database_url)
