"""One line in the log for each thing refused or failed: what, who and why, and nobody's words.

What people type, their names, chats and lyrics are unmistakable here, and looked for in every line
that this project or a library logs.
"""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botapi_http import HttpBotApi
from conversation import ADMIN, Conversation, conversation
from factories import TEXT, make_corpus, make_pair
from processes import TOKEN, bot_process, until
from receiving import handling
from sqlalchemy.exc import OperationalError, StatementError
from structlog.contextvars import clear_contextvars, merge_contextvars
from structlog.testing import capture_logs
from structlog.typing import EventDict

from bot.botapi import BotApi, Person
from bot.logs import in_one_line
from bot.services import open_services
from core.arena.store import Store, persistently
from core.errors import CorpusUnknown, PrefixUnknown, StoreError
from core.explaining import explain, raised_at
from core.settings import load_settings
from core.together import Together

MARK = "QZX"  # in whatever a person types, and in every name
LYRIC = "雨落下来"  # of what the models learned
NAMES = (MARK, MARK.lower(), LYRIC, "分开", "Anna", "Ben", "歌词群")
Act = Callable[[Conversation], Awaitable[object]]


class Lines(list[EventDict]):
    """What was logged, a line each."""

    def about(self) -> EventDict:
        """The one line there is."""
        assert len(self) == 1, list(self)
        return self[0]


@contextmanager
def logged() -> Iterator[Lines]:
    """What this project and the libraries log meanwhile; nobody's words are in it."""
    lines, others = Lines(), _Others()
    root = logging.getLogger()
    root.addHandler(others)
    try:
        with capture_logs([merge_contextvars, in_one_line]) as captured:
            yield lines
    finally:
        root.removeHandler(others)
        clear_contextvars()
    lines += [*(one for one in captured if one["log_level"] != "debug"), *others.events]
    for word in NAMES:
        assert word not in str(lines), (word, lines)


class _Others(logging.Handler):
    """What libraries log, as the project's own logging shows it."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.events: list[EventDict] = []

    def emit(self, record: logging.LogRecord) -> None:
        event: EventDict = {"event": record.getMessage()}
        if record.exc_info:
            event["exc_info"] = record.exc_info
        self.events.append(dict(in_one_line(None, "", event)))


@asynccontextmanager
async def talking(tmp_path: Path, **settings: Any) -> AsyncIterator[Conversation]:
    """With a bot that is open to Anna and the group, and allows two duels a person and minute."""
    words = tmp_path / "words.txt"
    words.write_text(f"{MARK}脏\n", encoding="utf-8")
    wanted = {"banned_words": words} | settings
    async with conversation(tmp_path, **wanted) as talk:
        yield talk


def as_a_chat(text: str) -> Act:
    """Anna, an anonymous admin of the group, says so there."""

    async def act(talk: Conversation) -> None:
        talk.api.appoint(talk.anna, talk.group)
        duel = await talk.duel(talk.ben, talk.group)
        await talk.handle(
            talk.api.send(
                *(talk.anna, talk.group, text), anonymous=True, reply_to=duel["message_id"]
            )
        )

    return act


def says(text: str, *, who: str = "anna", where: str | None = None) -> Act:
    async def act(talk: Conversation) -> None:
        await talk.say(text, getattr(talk, who), getattr(talk, where) if where else None)

    return act


def forges(data: str, *, who: str = "anna", where: str | None = None) -> Act:
    async def act(talk: Conversation) -> None:
        place = getattr(talk, where) if where else None
        await talk.forge(data, 1, getattr(talk, who), place)

    return act


def types(query: str) -> Act:
    async def act(talk: Conversation) -> None:
        await talk.handle(talk.api.ask_inline(talk.anna, query))

    return act


def after_a_duel(act: Callable[[Conversation, dict[str, Any]], Awaitable[object]]) -> Act:
    async def acts(talk: Conversation) -> None:
        await act(talk, await talk.duel(talk.ben, talk.group))

    return acts


async def takes_twice(talk: Conversation, duel: dict[str, Any]) -> None:
    for _ in range(2):
        await talk.click("w:1:1", duel, talk.ben, talk.group)


async def votes_late(talk: Conversation, duel: dict[str, Any]) -> None:
    await talk.say("/reveal", talk.ben, talk.group, reply_to=duel["message_id"])
    await talk.click("v:1:1", duel, talk.ben, talk.group)


async def reveals_anothers(talk: Conversation, duel: dict[str, Any]) -> None:
    await talk.say("/reveal", talk.anna, talk.group, reply_to=duel["message_id"])


async def wishes_of_another_key(talk: Conversation, duel: dict[str, Any]) -> None:
    await talk.forge("w:1:again:00000000", duel, talk.ben, talk.group)


async def sends_a_picture_as_a_corpus(talk: Conversation) -> None:
    await talk.handle(
        talk.api.send_document(talk.admin, talk.home(talk.admin), f"{MARK}.png", b"\x00")
    )


async def sends_what_is_no_text(talk: Conversation) -> None:
    await talk.handle(
        talk.api.send_document(talk.admin, talk.home(talk.admin), f"{MARK}.zip", b"\x00")
    )


async def sends_a_name_that_cannot_be_seen(talk: Conversation) -> None:
    name = f"{MARK}\u200b.txt"
    await talk.handle(
        talk.api.send_document(talk.admin, talk.home(talk.admin), name, TEXT.encode())
    )


async def asks_twice(talk: Conversation) -> None:
    await talk.services.corpora.add(make_corpus(MARK, TEXT * 12))
    await talk.services.retrains.ask(corpus=MARK)
    await talk.say(f"/retrain corpus={MARK}", talk.admin)


async def asks_for_too_much(talk: Conversation) -> None:
    await talk.services.corpora.add(make_corpus(MARK, "天地"))
    await talk.say(f"/retrain corpus={MARK}", talk.admin)


async def goes_on_asking(talk: Conversation) -> None:
    await asyncio.gather(talk.say("/write 分开"), talk.say("/write 分开", chat=talk.group))


async def is_banned(talk: Conversation) -> None:
    await talk.services.access.ban(talk.anna.id, ADMIN)
    await talk.say(f"/write {MARK}")


async def sends_an_old_write(talk: Conversation) -> None:
    update = talk.api.send(talk.anna, talk.private, f"/write {MARK}")
    assert update
    update["message"]["date"] -= 3600
    await talk.handle(update)


FORGED = "no button of this bot says so"
UNKNOWN = "there is no such duel, or its key is another"
REFUSALS: dict[str, tuple[Act, str, str]] = {
    "an unknown prefix": (says(f"/write {MARK}"), "duel", "PrefixUnknown"),
    "a long prefix": (says(f"/write {MARK * 30}"), "duel", "PrefixTooLong: A prefix has at most"),
    "no prefix": (says("/write"), "duel", "PrefixEmpty"),
    "a banned prefix": (says(f"/write {MARK}脏"), "duel", "PrefixBanned"),
    "a form without lines": (says(f"/write {MARK} 99x7"), "duel", "FormImpossible: A lyric has"),
    "an acrostic": (says("/acrostic 分魑"), "duel", "AcrosticImpossible"),
    "an empty acrostic": (says("/acrostic"), "acrostic", "no characters were given"),
    "two at once": (goes_on_asking, "duel", "AlreadyWriting"),
    "an unknown prefix, inline": (types(f"{MARK}"), "duel", "PrefixUnknown"),
    "a banned prefix, inline": (types(f"{MARK}脏"), "duel", "PrefixBanned"),
    "whoever is banned": (is_banned, "entry", "banned"),
    "an old /write": (sends_an_old_write, "write", "it was sent more than 10 minutes ago, unless"),
    "an unknown duel": (forges("v:999:1:abcdefgh"), "answer", UNKNOWN),
    "an unknown duel's lyric": (forges("w:999:1:abcdefgh"), "wish", UNKNOWN),
    "a wrong key": (after_a_duel(wishes_of_another_key), "wish", UNKNOWN),
    "a forged answer": (forges(f"v:{MARK}"), "answer", FORGED),
    "a forged wish": (forges(f"w:{MARK}"), "wish", FORGED),
    "another's forgetting": (forges("d:yes", where="group"), "delete_me", FORGED),
    "an announcement": (forges("a:send"), "announce", "not an admin"),
    "the group's language": (
        *(forges("l:en", where="group"), "language"),
        "only the group's admins choose for it",
    ),
    "the group's news": (
        *(says("/news", where="group"), "news"),
        "only the group's admins choose for it",
    ),
    "a link to nothing": (says("/start duel_999_abcdefgh"), "link", UNKNOWN),
    "a vote on nothing": (says("1"), "answer", "no duel stands in this chat"),
    "a vote as a chat": (as_a_chat("1"), "answer", "it came in the name of a chat"),
    "a vote after the close": (after_a_duel(votes_late), "answer", "the duel was closed before"),
    "a reveal of nothing": (says("/reveal"), "reveal", "no duel of theirs stands in this chat"),
    "another's reveal": (after_a_duel(reveals_anothers), "reveal", "NotTheirDuel"),
    "a lyric taken twice": (after_a_duel(takes_twice), "wish", "the lyric was taken before"),
    "a command there is not": (says(f"/{MARK}"), "command", "there is no such command"),
    "a forgetting in a group": (
        *(says("/delete_me", where="group"), "delete_me", "it is asked for in private"),
    ),
    "no admin": (says("/retrain"), "retrain", "not an admin"),
    "an admin as a chat": (as_a_chat("/jobs"), "jobs", "it came in the name of a chat"),
    "a misused command": (says(f"/use {MARK}", who="admin"), "use", "it cannot be meant so"),
    "an unknown release": (says("/use 9", who="admin"), "use", "ReleaseUnknown: There is no"),
    "an unknown corpus": (
        *(says(f"/retrain corpus={MARK}", who="admin"), "retrain", "CorpusUnknown"),
    ),
    "an unknown recipe": (
        *(says(f"/retrain recipe={MARK}", who="admin"), "retrain", "RecipeUnknown"),
    ),
    "a picture as a corpus": (sends_a_picture_as_a_corpus, "corpus", "it cannot be meant so"),
    "a broken archive": (sends_what_is_no_text, "corpus", "CorpusUnreadable"),
    "a corpus of a hidden name": (sends_a_name_that_cannot_be_seen, "corpus", "CorpusError"),
    "a short corpus": (asks_for_too_much, "retrain", "CorpusTooShort"),
    "a job that runs": (asks_twice, "retrain", "JobRunning"),
    "a ban of nobody": (says(f"/ban @{MARK}", who="admin"), "ban", "it cannot be meant so"),
}


@pytest.mark.parametrize("case", REFUSALS)
async def test_what_is_refused_is_one_line_with_ids_and_without_words(
    tmp_path: Path, case: str
) -> None:
    act, what, why = REFUSALS[case]
    async with talking(tmp_path) as talk:
        with logged() as lines:
            await act(talk)
    refused = [one for one in lines if one["event"] == "refused"]
    assert [one for one in lines if one not in refused and one["log_level"] != "info"] == []
    line = Lines(refused).about()
    assert line["what"] == what
    assert str(line["why"]).startswith(why)
    assert isinstance(line["update"], int)
    assert line["account"] in (1, 2, ADMIN, talk.group.id)
    if "inline" not in case:
        assert line["chat"] in (1, 2, ADMIN, talk.group.id)
    if why == UNKNOWN:
        assert line["duel"] in (1, 999)


async def test_who_reaches_a_limit_is_one_line(tmp_path: Path) -> None:
    async with talking(tmp_path, person_day=1) as talk:
        await talk.duel()
        with logged() as lines:
            await talk.say("/write 分开")
    line = lines.about()
    assert line["why"].startswith("LimitReached: That was 1 times within a day")
    assert (line["account"], line["chat"]) == (1, 1)


async def test_whom_it_is_not_open_to_is_one_line(tmp_path: Path) -> None:
    async with talking(tmp_path, allow=frozenset({2})) as talk:
        with logged() as lines:
            await talk.say(f"/write {MARK}")
    line = lines.about()
    assert (line["account"], line["why"]) == (1, "it is open to others only")


async def test_without_a_release_it_is_one_line(tmp_path: Path) -> None:
    async with conversation(tmp_path, []) as talk:
        with logged() as lines:
            await talk.say("/write 分开")
    assert lines.about()["why"].startswith("NoRelease: ")


async def test_what_telegram_refuses_is_one_line(talk: Conversation) -> None:
    said = f'Bad Request: can\'t parse entities: unsupported start tag "{MARK}"'
    talk.api.fail_next("sendMessage", 400, said)
    with logged() as lines:
        await talk.say("/write 分开")
    line = lines.about()
    assert (line["account"], line["chat"], line["duel"]) == (1, 1, 1)
    assert line["error"].startswith("BadRequest: Can't parse entities")
    assert "dealing.py" in line["at"]


async def test_who_has_blocked_the_bot_is_one_line(talk: Conversation) -> None:
    talk.api.fail_next("sendMessage", 403, "Forbidden: bot was blocked by the user")
    with logged() as lines:
        await talk.say("/help")
    line = lines.about()
    assert line["event"] == "a chat is closed to the bot"
    assert line["account"] == 1


async def test_an_answer_that_came_too_late_is_one_line(talk: Conversation) -> None:
    duel = await talk.duel(talk.ben, talk.group)
    talk.api.fail_next("answerCallbackQuery", 400, "Bad Request: query is too old")
    update = talk.api.press(
        *(talk.anna, talk.group, duel["message_id"]),
        duel["reply_markup"]["inline_keyboard"][0][0]["callback_data"],
    )
    with logged() as lines:
        await talk.handle(update)
    line = lines.about()
    assert (line["account"], line["chat"], line["duel"]) == (1, talk.group.id, 1)


async def test_models_that_are_damaged_are_one_line(tmp_path: Path) -> None:
    async with talking(tmp_path) as talk:
        for file in (tmp_path / "checkpoints/models").glob("*.safetensors"):
            file.write_bytes(b"damaged")
        with logged() as lines:
            await talk.say("/write 分开")
    line = lines.about()
    assert line["error"].startswith("CheckpointError: ")
    assert "not the file that was released" in line["error"]
    assert line["account"] == 1


async def test_a_database_that_is_away_is_one_line(
    talk: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> object:
        raise OperationalError(
            f"SELECT {MARK}", {}, sqlite3.OperationalError(f"no route\nDETAIL: {MARK}")
        )

    monkeypatch.setattr(Store, "run", away)
    monkeypatch.setattr(Store, "look", away)
    with logged() as lines:
        await talk.say(f"/write {MARK}")
    line = lines.about()
    assert line["error"] == "OperationalError: no route"
    assert line["account"] == 1


async def test_a_database_that_is_tried_again_and_again_is_told_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("core.arena.store.asyncio.sleep", lambda _: _nothing())
    left = 5

    async def work() -> str:
        nonlocal left
        left -= 1
        if left:
            raise OperationalError(f"INSERT {MARK}", {}, Exception("locked"))
        return "done"

    with logged() as lines:
        assert await persistently(work) == "done"
    assert [one["event"] for one in lines] == [
        "the database cannot be used; it is tried again",
        "the database can be used again",
    ]


async def _nothing() -> None: ...


async def test_an_update_that_cannot_be_read_is_one_line(talk: Conversation) -> None:
    async with handling(talk) as intake:
        with logged() as lines:
            await intake.take([{"update_id": 7, "message": {"text": MARK}}])
    line = lines.about()
    assert (line["update"], line["why"]) == (7, "KeyError")


async def test_a_job_that_fails_is_one_line_with_its_number(talk: Conversation) -> None:
    from core.retrain.attempt import Attempt, Means

    job = await talk.services.retrains.ask()
    services = talk.services
    means = Means(
        *(services.settings, services.store, services.retrains.jobs),
        *(services.corpora, services.releases, services.files),
    )
    attempt = await Attempt.claim(means, job.id, "worker")
    with logged() as lines:
        await attempt.fail(StoreError("The place is full. Make room."))
    line = lines.about()
    assert (line["event"], line["job"]) == ("the job has failed", job.id)
    assert line["why"] == "StoreError: The place is full. Make room."


async def test_one_update_does_not_have_anothers_ids(talk: Conversation) -> None:
    with logged() as lines:
        await talk.duel()
        await talk.say(f"/{MARK}")
    assert "duel" not in lines.about()


async def test_what_is_done_for_many_has_nobodys_ids() -> None:
    from structlog import get_logger
    from structlog.contextvars import bind_contextvars

    async def work(items: Any) -> Any:
        get_logger().warning("a batch")
        return items

    with logged() as lines:
        bind_contextvars(account=1)
        await Together(work)("item")
    assert "account" not in lines.about()


async def test_who_was_forgotten_is_not_in_the_log(talk: Conversation) -> None:
    await talk.say("/delete_me")
    with logged() as lines:
        await talk.click("d:yes", talk.last())
    line = lines.about()
    assert line["event"] == "a person was forgotten"
    assert not {"account", "chat"} & set(line)


def test_an_error_is_explained_without_what_somebody_wrote() -> None:
    assert explain(KeyError(MARK)) == "KeyError"
    assert explain(StatementError("bad value", "SELECT", {}, ValueError(MARK))) == "StatementError"
    assert explain(PrefixUnknown(MARK, ())) == "PrefixUnknown"
    assert explain(CorpusUnknown(MARK, ())) == "CorpusUnknown"
    assert explain(OSError(28, "No space left on device")).endswith("No space left on device")
    assert explain(TimeoutError()) == "TimeoutError"
    try:
        try:
            raise KeyError(MARK)
        except KeyError as error:
            raise StoreError("It is gone.") from error
    except StoreError as error:
        at = raised_at(error)
    assert at.startswith("test_log_lines.py:")
    assert "; of KeyError, test_log_lines.py:" in at
    assert MARK not in at


async def test_a_bots_log_is_lines_of_keys_and_values_without_words() -> None:
    async with open_services(load_settings()) as services:
        await services.releases.publish([make_pair()])
    api = BotApi(TOKEN)
    anna: Person = api.person(7654321, f"Anna{MARK}", language_code="zh", username=f"{MARK}name")
    chat = api.private_chat(anna)
    failing = (  # a fault of ours, whose message holds what was typed
        "from core.arena.contest import Contest\n"
        "async def fails(self, account, prefix, **_):\n    raise ValueError(prefix)\n"
        "Contest.open_duel = fails\n"
    )
    async with HttpBotApi(api) as url, bot_process(url, before=failing) as bot:
        began = datetime.now(UTC)
        api.send(anna, chat, f"/write 分开{MARK}")
        api.send(anna, chat, f"/{MARK}")
        await until(lambda: sum(m["from"]["is_bot"] for m in api.messages(chat)) == 2)
        assert await bot.stop() == 0
    lines = bot.logged.splitlines()
    assert all(line.startswith("timestamp=") and " level=" in line for line in lines)
    of_anna = [line for line in lines if "account=7654321" in line]
    assert len(of_anna) == 2
    assert 'event="an update failed"' in of_anna[0]
    assert "error=ValueError" in of_anna[0]
    assert "write.py:" in of_anna[0]
    assert 'why="there is no such command"' in of_anna[1]
    assert all("chat=7654321" in line and "update=" in line for line in of_anna)
    assert not any(word in bot.logged for word in (*NAMES, "Traceback"))
    assert datetime.now(UTC) - began < timedelta(days=1)
