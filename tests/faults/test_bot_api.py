"""Telegram refuses, fails, is silent, says things twice, and everybody presses at once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from botapi_http import HttpBotApi, Trouble
from conversation import ADMIN, TOKEN, Conversation, Json, data_of
from factories import make_pair
from processes import until_awaited
from receiving import handling, polling
from structlog.testing import capture_logs
from telegram.request import HTTPXRequest

from bot import polling as polls
from bot.app import build_application
from bot.botapi import BotApi, Chat, Person
from bot.limiter import Limiter
from bot.metrics import Metrics
from bot.services import open_services
from core.settings import Settings

AT_ONCE = 64
ANSWERS_WITHIN = 0.5  # seconds; a call that takes longer has failed
METHODS = (
    *("getUpdates", "sendMessage", "answerCallbackQuery", "editMessageText"),
    *("setMessageReaction", "sendChatAction"),
)


class Telegram:
    """A Bot API over HTTP, and bots on one database that hardly pause between two tries."""

    def __init__(self, folder: Path, database: str, stack: AsyncExitStack) -> None:
        self._settings = Settings(
            database_url=database,
            checkpoints=str(folder / "checkpoints"),
            admins=frozenset({ADMIN}),
            person_minute=0,
            chat_minute=0,
        )
        self._stack = stack
        self.api = BotApi(TOKEN)
        self.http = HttpBotApi(self.api)
        self._group: Chat | None = None

    async def open(self) -> None:
        self._url = await self._stack.enter_async_context(self.http)
        async with open_services(self._settings) as services:
            await services.releases.publish([make_pair()])

    async def bot(self) -> Conversation:
        """One more bot, which receives nothing yet."""
        services = await self._stack.enter_async_context(open_services(self._settings))
        limiter = Limiter(Metrics(), pauses=(0.01,) * 4, overall_max_rate=0, group_max_rate=0)
        request = HTTPXRequest(connection_pool_size=256, read_timeout=ANSWERS_WITHIN)
        app = build_application(TOKEN, self._url, services, request, limiter=limiter)
        await self._stack.enter_async_context(app)
        talk = Conversation(self.api, app, services, self._settings.database_url, self._group)
        self._group = talk.group
        return talk

    def fail(self, how: str, methods: Sequence[str], times: int = 1) -> None:
        """Let the next calls of these methods fail."""
        troubles: dict[str, Trouble] = {
            name: name for name in ("page", "cut before", "cut midway", "silence")
        }
        for method in methods:
            if how in troubles:
                self.http.trouble_next(method, troubles[how], times)
            elif how == "answer lost":
                self.api.drop_next(method, times)
            elif how == "429":
                self.api.fail_next(method, 429, "Too Many Requests", retry_after=1, times=times)
            else:
                self.api.fail_next(method, int(how), "Internal Server Error", times=times)


@pytest.fixture
async def telegram(tmp_path: Path, database: str) -> AsyncIterator[Telegram]:
    async with AsyncExitStack() as stack:
        one = Telegram(tmp_path, database, stack)
        await one.open()
        yield one


@pytest.fixture
async def bot(telegram: Telegram) -> Conversation:
    return await telegram.bot()


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polls, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(polls, "LONGEST_PAUSE", 0.02)
    monkeypatch.setattr(polls, "WAITS", 1)
    monkeypatch.setattr(polls, "PATIENCE", 0.5)
    monkeypatch.setenv("PTB_TIMEDELTA", "true")


@asynccontextmanager
async def duels(bot: Conversation) -> AsyncIterator[tuple[Json, Json]]:
    """A bot that polls, with a duel of Anna's in private, and one of Ben's in the group."""
    async with polling(bot):
        for person, chat in ((bot.anna, bot.private), (bot.ben, bot.group)):
            bot.api.send(person, chat, "/write 分开")
            await all_is_handled(bot)
        yield bot.last(), bot.last(bot.group)


def press(bot: Conversation, wanted: str, duel: Json, person: Person, chat: Chat) -> Json:
    return bot.api.press(person, chat, duel["message_id"], data_of(wanted, duel))


async def all_is_handled(bot: Conversation) -> None:
    """Wait until Telegram has nothing more to hand over, and the inbox is empty."""

    async def is_quiet() -> bool:
        pending = bot.api.updates.webhook_info()["pending_update_count"]
        return not pending and (await bot.services.inbox.waiting()).number == 0

    await until_awaited(is_quiet)


def votes(bot: Conversation) -> list[tuple[int, ...]]:
    return sorted(
        bot.rows("SELECT account, duel_id, choice FROM votes JOIN people ON people.id = person_id")
    )


HARMLESS = ("429", "500", "page", "cut before")  # a call that failed so was not done
MAYBE_DONE = ("cut midway", "silence", "answer lost")


SHORT = ("page", "answer lost")


def ways(*names: str) -> list[ParameterSet]:
    """One of each kind in `make test`, all of them in `make faults`."""
    full = pytest.mark.full
    return [pytest.param(one, marks=() if one in SHORT else full) for one in names]


@pytest.mark.parametrize("how", ways(*HARMLESS, *MAYBE_DONE))
async def test_what_fails_once_is_answered_and_counted_once(
    telegram: Telegram, bot: Conversation, how: str
) -> None:
    api = telegram.api
    bens = api.private_chat(bot.ben)
    async with duels(bot) as (mine, theirs):
        telegram.fail(how, METHODS)
        typed = api.send(bot.ben, bot.group, "2", reply_to=theirs["message_id"])
        presses = [
            press(bot, "v:1:2", mine, bot.anna, bot.private),
            press(bot, "v:1:like", mine, bot.anna, bot.private),
            press(bot, "v:2:1", theirs, bot.anna, bot.group),
        ]
        api.send(bot.anna, bot.private, "/write 月光")
        api.send(bot.ben, bens, "/help")
        await all_is_handled(bot)
    assert votes(bot) == [(1, 1, 2), (1, 2, 1), (2, 2, 2)]
    assert bot.rows("SELECT count(*) FROM likes") == [(1,)]
    assert all(api.answer_to(one) for one in presses)
    first, *more = bot.said()
    assert "你选了 2" in first["text"]  # what the vote revealed
    most = 2 if how in MAYBE_DONE else 1
    assert 1 <= len(more) <= most
    assert all(one["text"].startswith("🎤 月光") for one in more)
    assert 1 <= len(bot.said(bens)) <= most
    assert len(more) + len(bot.said(bens)) <= most + 1, "one message alone met the failure"
    assert typed
    assert api.reactions(bot.group, typed["message"]["message_id"]) == ["✍"]
    assert await bot.services.limits.counted("errors") == 0


@pytest.mark.parametrize("how", ways("500", "page", "cut before", "silence"))
async def test_what_fails_on_and_on_is_given_up_and_votes_count_all_the_same(
    telegram: Telegram, bot: Conversation, how: str
) -> None:
    api = telegram.api
    failing = ("sendMessage", "answerCallbackQuery", "editMessageText")
    async with duels(bot) as (mine, theirs):
        telegram.fail(how, failing, times=10_000)
        press(bot, "v:1:2", mine, bot.anna, bot.private)
        press(bot, "v:2:1", theirs, bot.ben, bot.group)
        api.send(bot.admin, api.private_chat(bot.admin), "/write 分开")
        await all_is_handled(bot)
        assert votes(bot) == [(1, 1, 2), (2, 2, 1)]
        assert await bot.services.limits.counted("errors") == 1
        # The duel and the apology, each of them twice where nobody knows whether it arrived.
        assert len(bot.said(api.private_chat(bot.admin))) == (4 if how == "silence" else 0)
        heal(telegram)
        later = press(bot, "v:2:1", theirs, bot.anna, bot.group)
        await all_is_handled(bot)
        assert "你选了 1" in (api.answer_to(later) or {})["text"]


def heal(telegram: Telegram) -> None:
    """Nothing fails any more."""
    telegram.api._failures.clear()
    telegram.http._troubles.clear()


async def test_who_blocks_the_bot_is_counted_and_keeps_nobody_waiting(
    telegram: Telegram, bot: Conversation
) -> None:
    api = telegram.api
    bens = api.private_chat(bot.ben)
    async with duels(bot) as (mine, _):
        voted = press(bot, "v:1:2", mine, bot.anna, bot.private)
        api.send(bot.anna, bot.private, "/write 分开")
        api.send(bot.anna, bot.private, "1")
        api.send(bot.anna, bot.private, "/news")
        api.block(bot.anna)
        api.send(bot.ben, bens, "/help")
        await all_is_handled(bot)
        assert len(bot.said(bens)) == 1
        # The duel that could not be shown is not the latest there.
        assert votes(bot) == [(1, 1, 2)]
        assert api.answer_to(voted)
        assert not (await bot.services.rooms.get(bot.anna.id)).news
        api.unblock(bot.anna)
        api.send(bot.anna, bot.private, "/write 分开")
        await all_is_handled(bot)
    assert len(bot.said()) == 2
    assert await bot.services.limits.counted("errors") == 0


async def test_a_group_that_puts_the_bot_out_is_counted_and_keeps_nobody_waiting(
    telegram: Telegram, bot: Conversation
) -> None:
    api = telegram.api
    bens = api.private_chat(bot.ben)
    async with duels(bot) as (_, theirs):
        voted = press(bot, "v:2:1", theirs, bot.anna, bot.group)
        api.send(bot.anna, bot.group, "2", reply_to=theirs["message_id"])
        api.send(bot.anna, bot.group, "/write 分开")
        api.remove_bot(bot.ben, bot.group)
        api.send(bot.ben, bens, "/help")
        await all_is_handled(bot)
        assert len(bot.said(bens)) == 1
        assert votes(bot) == [(1, 2, 1)]
        assert "你选了 1" in (api.answer_to(voted) or {})["text"]
        await bot.edit_boards()
        assert bot.rows("SELECT count(*) FROM boards WHERE due_at IS NOT NULL") == [(0,)]
        api.add_bot(bot.ben, bot.group)
        api.send(bot.anna, bot.group, "/write 分开")
        await all_is_handled(bot)
    assert len(bot.said(bot.group)) == 3  # the duel from before, the hello, the duel
    assert await bot.services.limits.counted("errors") == 0


async def test_two_bots_that_poll_answer_everybody_once(
    telegram: Telegram, bot: Conversation
) -> None:
    other = await telegram.bot()
    people = crowd(telegram.api)
    with capture_logs() as logs:
        async with polling(bot), polling(other):
            for person, chat in people:
                telegram.api.send(person, chat, "/help")
                await asyncio.sleep(0.01)
            await all_is_handled(bot)
    assert Counter(len(bot.said(chat)) for _, chat in people) == {1: AT_ONCE}
    assert "Conflict" in str(logs)


async def test_updates_that_two_bots_are_told_of_again_and_again_are_handled_once(
    telegram: Telegram, bot: Conversation
) -> None:
    other, api = await telegram.bot(), telegram.api
    duel = await bot.duel(bot.ben, bot.group)
    people = crowd(api)[:24]
    updates = [
        update
        for person, chat in people
        for update in (
            press(bot, "v:1:1", duel, person, bot.group),
            api.send(person, chat, "/write 分开"),
        )
        if update
    ]
    async with handling(bot) as one, handling(other) as two:
        batches = [updates[n : n + 16] for n in range(0, len(updates), 16)]
        for _ in range(3):
            await asyncio.gather(
                *(intake.take(batch) for batch in batches for intake in (one, two))
            )
        async with asyncio.timeout(60):
            while (await bot.services.inbox.waiting()).number:
                await asyncio.sleep(0.05)
        await asyncio.gather(one.take(updates), two.take(updates))
    assert Counter(len(bot.said(chat)) for _, chat in people) == {1: len(people)}
    answered = Counter(
        call.parameters["callback_query_id"]
        for call in api.calls
        if call.method == "answerCallbackQuery"
    )
    assert set(answered.values()) == {1}
    assert len(answered) == len(people)
    assert len(votes(bot)) == len(people)
    assert bot.rows("SELECT count(*) FROM duels") == [(len(people) + 1,)]
    assert bot.rows("SELECT count(*) FROM vote_changes") == [(0,)]


@pytest.mark.parametrize("wanted", ["v:2:2", pytest.param("v:2:like", marks=pytest.mark.full)])
async def test_64_people_who_press_a_button_at_once_count_once_each(
    telegram: Telegram, bot: Conversation, wanted: str
) -> None:
    people = crowd(telegram.api)
    async with duels(bot) as (_, duel):
        presses = [
            press(bot, wanted, duel, person, bot.group) for _ in range(2) for person, _ in people
        ]
        await all_is_handled(bot)
    assert all(telegram.api.answer_to(one) for one in presses)
    table = "likes" if wanted.endswith("like") else "votes"
    rows = bot.rows(f"SELECT person_id, count(*) FROM {table} GROUP BY person_id")
    assert Counter(count for _, count in rows) == {1: AT_ONCE}
    if table == "votes":
        await bot.edit_boards()
        assert f"{AT_ONCE}" in bot.said(bot.group)[0]["text"].splitlines()[-1]
    assert await bot.services.limits.counted("errors") == 0


@pytest.mark.full
async def test_64_people_who_ask_at_once_have_a_duel_each(
    telegram: Telegram, bot: Conversation
) -> None:
    people = crowd(telegram.api)
    for person, chat in people:
        telegram.api.send(person, chat, "/write 分开")
    async with polling(bot):
        await all_is_handled(bot)
    shown = [bot.said(chat) for _, chat in people]
    assert Counter(len(messages) for messages in shown) == {1: AT_ONCE}
    assert len({data_of(":like", message) for (message,) in shown}) == AT_ONCE
    assert bot.rows("SELECT count(*) FROM lyrics") == [(2 * AT_ONCE,)]
    assert await bot.services.limits.counted("errors") == 0


def crowd(api: BotApi) -> list[tuple[Person, Chat]]:
    people = [api.person(number, f"P{number}", language_code="zh") for number in range(101, 165)]
    return [(person, api.private_chat(person)) for person in people]
