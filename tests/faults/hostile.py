"""People who send whatever comes to mind, and beside the bot a plain count of what may come of it.

`Expected` reads the same updates as the bot and keeps, in dictionaries, whose answer counts in
which duel: at the end the tables must say the same. `Scene` hands updates to the real intake and
meanwhile listens for what must not happen: an error in a log, a handler's exception, a call that
Telegram refuses.
"""

import asyncio
import logging
import re
import shutil
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from conversation import ADMIN, TOKEN, Conversation, Json, conversation
from factories import make_pair
from hypothesis import strategies as st
from receiving import handling
from structlog.testing import capture_logs
from telegram.error import TelegramError

from bot.announcing import Announcing
from bot.botapi import BotApi, Chat, Upload
from bot.intake import Intake
from bot.limiter import Limiter
from bot.metrics import Metrics
from bot.watching import Watching
from core.arena.sums import Standing

BOT = "lyricbot_demo_bot"
ANSWERS = ("0", "1", "2", "3", "like")
LOOKS = ("zh-hansh", "zh-hanst", "zh-hanth", "zh-hantt", "enh", "ent")
NOBODY = -(2**61)  # who was forgotten has a number at most this


def fitting(text: str) -> str:
    """As much of a text as a message has room for."""
    return text.encode("utf-16-le", "surrogatepass")[: 2 * 4096].decode("utf-16-le", "ignore")


KNOWN = "分开的雨落下来不人等着月光照进旧车站我把歌唱给你听"
PIECES = (
    *("\u200b", "\u200d\ufeff", "\u2060", "\u00ad", "\u3164", "\u2800"),  # nothing to be seen
    *("\u202e", "\u2066", "\u200f\u200f", "\u061c"),  # right to left
    *("<b>", "</b>", "<b", "&", "&lt;", "&#x0;", "<a href='tg://user?id=1'>x</a>", "<!--"),
    *("'; DROP TABLE votes; --", '" OR 1=1', "\\", "%s", "%00", "{0}", "{prefix}", "{", "}}"),
    *("\0", "\x1b[31m", "\x7f", "\t", "\r\n", "\n", " ", "\u3000", "\u2028", "\u00a0"),
    *("😀", "👍", "🏳️‍🌈", "e\u0301", "\u0301" * 40, "𠮷", "ﷺ", "\U0010ffff", "\ufffe"),
    *("0", "1", "2", "3", "１", "²", "٣", "-1", "9" * 15, "9" * 40, "1e9", "4x7", "99x99"),
    *("押韵", "abab", "一韵到底", "rhyme", "@", f"@{BOT}", "/write", "https://t.me/x?start=1"),
    *("corpus=", "recipe=", "pairs=", "corpus=bundled", "recipe=article", "pairs=٣"),
    *("分开", "分開", "雨", "月光", "wish", "Ünïcode", "مرحبا", "עברית"),
)
SURROGATES = ("\ud800", "\udfff", "\ude00\ud83d", "分\udc80开")
LONG = st.one_of(
    st.sampled_from(["分开", "a", "<b>", "{", "1", "\u200b1", "文字", "😀"]).map(
        lambda s: s * 4096
    ),
    st.sampled_from(["\u0301", " "]).map(lambda s: "分开" + s * 4000 + "x"),
    st.just("字" * 51),
).map(fitting)
LONG_NAMES = st.builds("{}={}".format, st.sampled_from(["corpus", "recipe", "pairs", "x"]), LONG)
WORDS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join)
CHARACTERS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)
INVISIBLE = st.text("\u200b\u200d\u2060\ufeff\u3164 ", min_size=1, max_size=3)
ODD = st.one_of(WORDS, WORDS, CHARACTERS, LONG, LONG_NAMES, INVISIBLE)
PREFIXES = st.one_of(
    st.text(KNOWN, min_size=1, max_size=6),
    st.sampled_from(["分开", "分开 押韵", "雨 4x7", "月光 abab", "我 8x5 押韵", "雨落下来", ""]),
    ODD,
)


class Strict(BotApi):
    """A Bot API that remembers what it refused, and what the bot put where."""

    def __init__(self) -> None:
        super().__init__(TOKEN)
        self.refused: list[tuple[str, Mapping[str, str], str]] = []

    async def handle(
        self,
        token: str,
        method: str,
        parameters: Mapping[str, str],
        files: Mapping[str, Upload] | None = None,
    ) -> tuple[int, Json]:
        status, body = await super().handle(token, method, parameters, files)
        if status != 200:
            self.refused.append((method, parameters, body["description"]))
        return status, body


@dataclass
class Asked:
    """A duel, as those see it who are shown it."""

    key: str
    asker: int  # a person's number here, which another follows once they are forgotten
    open: bool = True


@dataclass
class Expected:
    """Whose answers count, by what Telegram says has happened."""

    admins: frozenset[int] = frozenset({ADMIN})
    people: dict[int, int] = field(default_factory=dict)  # by account
    duels: dict[int, Asked] = field(default_factory=dict)
    votes: dict[tuple[int, int], list[int]] = field(default_factory=dict)  # the first counts
    marks: set[tuple[str, int, int]] = field(default_factory=set)
    banned: set[int] = field(default_factory=set)
    shown: dict[tuple[int, int], int] = field(default_factory=dict)  # by chat and message
    forgotten: list[int] = field(default_factory=list)
    closed_to: dict[int, frozenset[int]] = field(default_factory=dict)  # duels, by account
    acting: int = 0  # account

    def keeps_out(self, update: Json) -> bool:
        """Whether an update is by somebody who is banned."""
        happened: Json = next((one for name, one in update.items() if name != "update_id"), {})
        who = happened.get("sender_chat") or happened.get("from") or {}
        return who.get("id") in self.banned

    def person(self, account: int) -> int:
        """Who somebody is until they are forgotten."""
        return self.people.setdefault(account, len(self.people) + len(self.forgotten))

    def meets(self, update: Json) -> None:
        """Something has happened."""
        if query := update.get("callback_query"):
            self.acting = query["from"]["id"]
            if self.acting not in self.banned:
                self._press(query)
        elif message := update.get("message"):
            for old in (message.get("migrate_from_chat_id"), message["chat"]["id"]):
                if "migrate_to_chat_id" in message or "migrate_from_chat_id" in message:
                    self.leaves(old)
            self.acting = (message.get("sender_chat") or message["from"])["id"]
            if self.acting not in self.banned:
                self._message(message)
        elif query := update.get("inline_query"):
            self.acting = query["from"]["id"]

    def sees(self, message: Json) -> None:
        """The bot has sent a message: perhaps a duel."""
        if (duel := self._duel_under(message)) is None:
            return
        if any(re.match(r"v:\d+:1:", one) for one in data_under(message)):  # it can be voted in
            self.shown[message["chat"]["id"], message["message_id"]] = duel

    def _duel_under(self, message: Json) -> int | None:
        for data in data_under(message):
            parts = data.split(":")
            if parts[0] == "v":
                duel = int(parts[1])
                if duel not in self.duels:
                    self.duels[duel] = Asked(parts[3], self.person(self.acting))
                assert self.duels[duel].key == parts[3]
                return duel
        return None

    def sees_results(self, results: Sequence[Json]) -> None:
        """The bot has answered an inline query."""
        for result in results:
            self._duel_under(result)

    def leaves(self, room: int) -> None:
        """What stands in a chat is known no more."""
        self.shown = {place: duel for place, duel in self.shown.items() if place[0] != room}

    def _press(self, query: Json) -> None:
        data, message = query.get("data", ""), query.get("message")
        if data == "d:yes" and message and message["chat"]["id"] == self.acting:
            if self.acting in self.people:
                self.forgotten.append(self.people.pop(self.acting))
                self.closed_to[self.acting] = frozenset(self.duels)
            self.leaves(self.acting)
        parts = data.split(":")
        if not 4 <= len(parts) <= 5 or parts[0] != "v" or not re.fullmatch("[0-9]+", parts[1]):
            return
        duel = self.duels.get(int(parts[1]))
        looks = len(parts) == 4 or parts[4] in LOOKS
        if duel is not None and parts[2] in ANSWERS and parts[3] == duel.key and looks:
            self.answer(int(parts[1]), parts[2])

    def answer(self, duel: int, answer: str) -> None:
        """Somebody says something in a duel."""
        if duel in self.closed_to.get(self.acting, ()):
            return  # they may have answered in it before
        if answer in ("3", "like"):
            self.marks.add((answer, duel, self.person(self.acting)))
        elif self.duels[duel].open:
            said = self.votes.setdefault((duel, self.person(self.acting)), [])
            if not said or said[-1] != int(answer):
                said.append(int(answer))

    def _message(self, message: Json) -> None:
        text = message.get("text", "")
        first = (message.get("entities") or [{"type": "", "offset": 1}])[0]
        if first["type"] == "bot_command" and first["offset"] == 0:
            command, _, bot = text[1 : first["length"]].lower().partition("@")
            if bot in ("", BOT):
                self._command(command, message)
            return
        answer, duel = text.strip(), self._meant(message)
        if (
            re.fullmatch("[0-3０-３]", answer)
            and duel is not None
            and "sender_chat" not in message
        ):
            self.answer(duel, unicodedata.normalize("NFKC", answer))

    def _meant(self, message: Json) -> int | None:
        room = message["chat"]
        duel = self._replied(message)
        if duel is None and room["type"] == "private":
            return next((d for (r, _), d in reversed(self.shown.items()) if r == room["id"]), None)
        return duel

    def _replied(self, message: Json) -> int | None:
        replied = message.get("reply_to_message")
        if replied is None:
            return None
        there = self.shown.get((message["chat"]["id"], replied["message_id"]))
        ours = BOT in (replied["from"].get("username"), replied.get("via_bot", {}).get("username"))
        return self._duel_under(replied) if there is None and ours else there

    def _command(self, command: str, message: Json) -> None:
        if command == "reveal":
            duel, person = self._replied(message), self.people.get(self.acting)
            if duel is None:
                here = [d for (r, _), d in self.shown.items() if r == message["chat"]["id"]]
                mine = [d for d in here if self.duels[d].asker == person]
                duel = mine[-1] if mine else None
            if duel is not None and self.duels[duel].asker == person:
                self.duels[duel].open = False
        elif command in ("ban", "unban") and self.acting in self.admins:
            whom = self._whom(message)
            if command == "unban":
                self.banned.discard(whom or 0)
            elif whom is not None and whom not in self.admins:
                self.banned.add(whom)

    def _whom(self, message: Json) -> int | None:
        *before, last = message["text"].split()
        if before and re.fullmatch(r"-?\d{1,15}", last):
            return int(last)
        replied = message.get("reply_to_message", {})
        if not replied or "forum_topic_created" in replied:
            return None
        if "sender_chat" in replied:
            return int(replied["sender_chat"]["id"])
        return None if replied["from"]["is_bot"] else int(replied["from"]["id"])


def buttons_of(message: Json) -> list[Json]:
    """The buttons under a message that may have none."""
    return [b for row in message.get("reply_markup", {}).get("inline_keyboard", []) for b in row]


def data_under(message: Json) -> list[str]:
    """What its buttons say when they are pressed."""
    return [b["callback_data"] for b in buttons_of(message) if "callback_data" in b]


class Errors(logging.Handler):
    """What libraries log as errors."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


@contextmanager
def listening() -> Iterator[list[str]]:
    """What libraries log as errors until the context is left."""
    handler = Errors()
    logging.getLogger().addHandler(handler)
    try:
        yield handler.said
    finally:
        logging.getLogger().removeHandler(handler)


def make_template(folder: Path) -> Path:
    """A database with two releases, to be copied."""

    async def publish() -> None:
        async with conversation(folder) as talk:
            await talk.services.releases.publish([make_pair(seed=1), make_pair(seed=2)])

    asyncio.run(publish())
    return folder


class Scene:
    """A bot on a database of its own, what is expected of it, and what must not happen to it."""

    def __init__(self, talk: Conversation, api: Strict, intake: Intake) -> None:
        self.talk, self.api, self._take = talk, api, intake.take
        self.expected = Expected()
        self.updates: list[Json] = []  # all there were
        self.failures: list[BaseException] = []
        self.chats: list[Chat] = []
        self.closed: set[int] = set()  # chats that the bot cannot write to
        self._offset = 0
        self._errors: list[str] = []
        self._logs: list[Any] = []

    @classmethod
    async def open(cls, template: Path, folder: Path, stack: AsyncExitStack) -> Self:
        """Open one until `stack` is closed."""
        shutil.copytree(template, folder, dirs_exist_ok=True)
        api = Strict()
        limiter = Limiter(Metrics(), pauses=(), overall_max_rate=0, group_max_rate=0)
        opened = conversation(folder, [], api, limiter, state=folder)
        talk = await stack.enter_async_context(opened)
        intake = await stack.enter_async_context(handling(talk))
        scene = cls(talk, api, intake)
        scene._errors = stack.enter_context(listening())
        scene._logs = stack.enter_context(capture_logs())

        async def failed(update: object, context: Any) -> None:
            scene.failures.append(context.error)

        talk.app.add_error_handler(failed)
        api.on_call = scene._called
        return scene

    def _called(self, call: Any, result: Any) -> None:
        if call.method == "sendMessage":
            self.expected.sees(result)

    async def deliver(self) -> list[Json]:
        """Let the bot handle what has happened, one after the other."""
        _, body = await self.api.handle(TOKEN, "getUpdates", self._wanted())
        for update in body["result"]:
            await self.take(update)
        return list(body["result"])

    async def at_once(self) -> None:
        """The same, all of it together."""
        _, body = await self.api.handle(TOKEN, "getUpdates", self._wanted())
        await self.take(*body["result"])

    def _wanted(self) -> Mapping[str, str]:
        kinds = "message edited_message callback_query inline_query my_chat_member"
        listed = '["' + '","'.join([*kinds.split(), "chosen_inline_result"]) + '"]'
        return {"offset": str(self._offset), "allowed_updates": listed}

    async def take(self, *updates: Json) -> None:
        """Let the bot handle updates; it must do so without an error."""
        silent = len(updates) == 1 and self.expected.keeps_out(updates[0])
        before = len(self.api.calls)
        for update in updates:
            self._offset = max(self._offset, update["update_id"] + 1)
            self.updates.append(update)
            self.expected.meets(update)
        await self._take(updates)
        await self.talk.app.update_queue.join()
        for update in updates:
            self._answered(update)
        self.check()
        called = {call.method for call in self.api.calls[before:]}
        assert not silent or called <= {"answerCallbackQuery"}, called

    def _answered(self, update: Json) -> None:
        for kind in ("callback_query", "inline_query"):
            if kind not in update:
                continue
            answer = self.api.answer_to(update)
            if kind == "callback_query":
                assert answer is not None, "a press is always answered"
            elif answer is not None:
                self.expected.sees_results(answer["results"])

    async def again(self, update: Json) -> None:
        """An update is delivered a second time: nothing comes of it."""
        before = len(self.api.calls)
        await self._take([update])
        await self.talk.app.update_queue.join()
        assert len(self.api.calls) == before
        self.check()

    async def time_goes_on(self) -> None:
        """What the bot does beside answering."""
        services, bot = self.talk.services, self.talk.app.bot
        await self.talk.edit_boards()
        await Announcing(services.announcements, bot, pause=0).deliver()
        await Watching(services, bot, every=0).show()
        self.check()

    def check(self) -> None:
        """Nothing has happened that must not."""
        told = [*self._errors]
        told += [repr(one) for one in self._logs if one["log_level"] in ("error", "critical")]
        refused, self.api.refused = self.api.refused, []
        failures, self.failures = self.failures, []
        self._errors.clear()
        self._logs.clear()
        assert not told, told
        for method, parameters, why in refused:
            assert self._provoked(parameters, why), (method, parameters, why)
        for failure in failures:
            assert refused, failure
            assert isinstance(failure, TelegramError), failure

    def _provoked(self, parameters: Mapping[str, str], why: str) -> bool:
        """Whether people, rather than the bot, are to blame for a refusal."""
        chat = int(parameters.get("chat_id", 0))
        if chat in self.closed:
            return any(one in why for one in ("blocked", "kicked", "not found", "upgraded"))
        if "message to edit not found" in why or "message can't be edited" in why:
            (room,) = (one for one in self.chats if one.id == chat)
            ours = [m for m in self.api.messages(room) if m["from"].get("username") == BOT]
            return int(parameters["message_id"]) not in {m["message_id"] for m in ours}
        if "text must be non-empty" in why:  # only Telegram knows what can be seen
            return "/announce" in str(self.updates[-1])
        return "message is not modified" in why or "MESSAGE_ID_INVALID" in why

    async def rows_are_as_expected(self) -> None:
        """The tables hold what counts, and nothing else; the standing is a recount of it."""
        expected = self.expected
        accounts = {person: account for account, person in expected.people.items()}
        kept = Counter(
            (duel, accounts.get(person), tuple(said))
            for (duel, person), said in expected.votes.items()
        )
        assert self._votes() == kept
        for mark, table in (("3", "encores"), ("like", "likes")):
            found = self.talk.rows(
                f"SELECT m.duel_id, p.account FROM {table} m JOIN people p ON p.id = m.person_id"
            )
            assert Counter((duel, _known(account)) for duel, account in found) == Counter(
                (d, accounts.get(person)) for m, d, person in expected.marks if m == mark
            )
        asked = self.talk.rows(
            "SELECT d.id, d.key, p.account FROM duels d JOIN people p ON p.id = d.asker_id"
        )
        seen = {(d, one.key, accounts.get(one.asker)) for d, one in expected.duels.items()}
        assert seen <= {(duel, key, _known(account)) for duel, key, account in asked}
        await self._standings_are_a_recount()
        assert self.talk.rows("SELECT * FROM inbox") == []
        (taken,) = self.talk.rows("SELECT count(*) FROM handled")[0]
        assert taken == len({update["update_id"] for update in self.updates})

    def _votes(self) -> Counter[tuple[int, int | None, tuple[int, ...]]]:
        changes: dict[int, list[int]] = {}
        for vote, choice in self.talk.rows("SELECT vote_id, choice FROM vote_changes ORDER BY id"):
            changes.setdefault(vote, []).append(choice)
        return Counter(
            (duel, _known(account), (choice, *changes.get(vote, [])))
            for vote, duel, account, choice in self.talk.rows(
                "SELECT v.id, v.duel_id, p.account, v.choice FROM votes v"
                " JOIN people p ON p.id = v.person_id"
            )
        )

    async def _standings_are_a_recount(self) -> None:
        sides = {
            duel: (sampler_1, release)
            for duel, sampler_1, release in self.talk.rows(
                "SELECT d.id, d.sampler_1, p.release FROM duels d JOIN pairs p ON p.id = d.pair_id"
            )
        }
        standings = await self.talk.services.contest.standings()
        assert standings.all_time == self._counted(sides, None)
        if standings.release is not None:
            assert standings.current == self._counted(sides, standings.release.number)

    def _counted(self, sides: Mapping[int, tuple[str, int]], release: int | None) -> Standing:
        def within(duel: int) -> bool:
            return release in (None, sides[duel][1])

        wins: Counter[str] = Counter()
        for (duel, _), (choice, *_) in self.expected.votes.items():
            if within(duel):
                random_won = (choice == 1) == (sides[duel][0] == "random")
                wins["neither" if choice == 0 else "random" if random_won else "consecutive"] += 1
        marks = Counter(mark for mark, duel, _ in self.expected.marks if within(duel))
        people = {person for duel, person in self.expected.votes if within(duel)}
        return Standing(
            **{name: wins[name] for name in ("random", "consecutive", "neither")},
            encores=marks["3"],
            likes=marks["like"],
            people=len(people),
        )


def _known(account: int) -> int | None:
    return None if account <= NOBODY else account
