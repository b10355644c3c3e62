"""Whatever people do, in whatever order: nothing fails, and the tables say what they answered."""

import asyncio
import shutil
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from conversation import Conversation, Json
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from telegram.ext import CommandHandler

from bot.botapi import Chat, Person
from bot.handlers import inline
from faults import FULL
from faults.hostile import (
    BOT,
    INVISIBLE,
    KNOWN,
    LONG_NAMES,
    ODD,
    PREFIXES,
    Scene,
    data_under,
    fitting,
    make_template,
)

RUNS, STEPS = (150, 40) if FULL else (5, 40)
WHICH = st.integers(0, 10**6)  # the one of those there are, counted from the last
SELDOM = st.integers(0, 3).map(lambda one: one == 3)
LANGUAGES = st.sampled_from(["zh-hans", "zh-hant", "zh-TW", "en", "pt-br", "xx", "", None])
ADMINS_DO = ("ban", "unban", "use", "cancel", "announce", "retrain")
MEMORY = Path("/dev/shm")  # noqa: S108 - where no commit waits for a disk
THE_ADMIN = 2  # of the people below
TOPIC = 500_000


class AnyConversation(RuleBasedStateMachine):
    """Five people, their private chats, four groups, and the bot."""

    def __init__(self, template: Path) -> None:
        super().__init__()
        self.runner, self.stack = asyncio.Runner(), AsyncExitStack()
        self.folder = Path(
            tempfile.mkdtemp(prefix="any-", dir=MEMORY if MEMORY.is_dir() else None)
        )
        self.scene: Scene = self.run(Scene.open(template, self.folder, self.stack))
        talk, api = self.scene.talk, self.scene.api
        self.talk: Conversation = talk
        cem, dora = api.person(4, "Cem", language_code="zh-hant"), api.person(5, "Дора <b>")
        self.people: list[Person] = [talk.anna, talk.ben, talk.admin, cem, dora]
        self.open = api.group(-1003, "<i>群</i>", privacy=False)
        self.forum = api.group(-1002, "论坛", forum=True)
        self.basic = api.group(-5, "小群", kind="group")
        api.appoint(None, self.open)
        for group in (self.open, self.forum, self.basic, talk.group):
            api.appoint(talk.ben, group)
        self.groups = [talk.group, self.open, self.forum, self.basic]
        self.scene.chats = [*(talk.home(one) for one in self.people), *self.groups]
        self.inline: list[Json] = []
        self.commands = sorted(
            name
            for handler in talk.app.handlers[0]
            if isinstance(handler, CommandHandler)
            for name in handler.commands
        )

    @initialize()
    def there_are_duels_and_people_who_want_news(self) -> None:
        for who, text in enumerate(["/news", "/help", "/help", "/write 分开", "/start"]):
            self.writes(who, 0, text, None, False, None)
        for where in (2, 3):
            self.writes(1, where, "/write 雨", None, False, None)

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    def deliver(self) -> None:
        self.run(self.scene.deliver())

    def person(self, which: int) -> Person:
        return self.people[which % len(self.people)]

    def where(self, person: Person, which: int) -> Chat | None:
        """A chat that the person may write in, and the bot too."""
        private = self.talk.home(person)
        chat = [private, private, *self.groups][which % (2 + len(self.groups))]
        return None if chat.id in self.scene.closed else chat

    def buttons(self) -> list[tuple[Chat, int, str]]:
        """All there are under messages now."""
        return [
            (chat, message["message_id"], data)
            for chat in self.scene.chats
            for message in self.scene.api.messages(chat)
            if "via_bot" not in message
            for data in data_under(message)
        ]

    @rule(
        who=WHICH,
        where=WHICH,
        text=ODD,
        replies=st.one_of(st.none(), WHICH),
        anonymous=SELDOM,
        topic=st.sampled_from([None, None, TOPIC]),
    )
    def writes(
        self, who: int, where: int, text: str, replies: int | None, anonymous: bool, topic: Any
    ) -> None:
        person = self.person(who)
        if (chat := self.where(person, where)) is None:
            return
        there = self.scene.api.messages(chat)
        reply_to = None
        if there and replies is not None:
            reply_to = there[-1 - replies % len(there)]["message_id"]
        if chat is not self.forum:
            topic = None
        try:
            self.scene.api.send(
                *(person, chat, fitting(text)),
                reply_to=reply_to,
                thread=topic,
                anonymous=anonymous,
            )
        except ValueError:  # no client would send it
            return
        self.deliver()

    @rule(
        who=WHICH,
        where=WHICH,
        text=st.sampled_from(["1", "2", "3", "0", "２", " 1 ", "👍", "11"]),
        replies=st.one_of(st.none(), WHICH),
        anonymous=SELDOM,
    )
    def types_an_answer(
        self, who: int, where: int, text: str, replies: int | None, anonymous: bool
    ) -> None:
        self.writes(who, where, text, replies and replies % 4, anonymous, None)

    @rule(
        who=WHICH,
        where=WHICH,
        prefix=PREFIXES,
        command=st.sampled_from(["/write", "/write", "/acrostic"]),
    )
    def asks_for_a_duel(self, who: int, where: int, prefix: str, command: str) -> None:
        self.writes(who, where, f"{command} {prefix}", None, False, None)

    @rule(
        who=WHICH,
        where=WHICH,
        what=WHICH,
        name=st.sampled_from(["", "", f"@{BOT}", "@another_bot"]),
        behind=st.one_of(st.just(""), PREFIXES, st.integers(-9, 9).map(str)),
        replies=st.one_of(st.none(), WHICH),
        anonymous=SELDOM,
    )
    def commands_anything(
        self,
        who: int,
        where: int,
        what: int,
        name: str,
        behind: str,
        replies: int | None,
        anonymous: bool,
    ) -> None:
        command = self.commands[what % len(self.commands)]
        self.writes(who, where, f"/{command}{name} {behind}", replies, anonymous, None)

    @rule(
        where=WHICH,
        command=st.sampled_from(ADMINS_DO),
        behind=st.one_of(
            st.integers(-6, 9).map(str), st.just("pairs=2"), LONG_NAMES, INVISIBLE, ODD
        ),
        replies=st.one_of(st.none(), WHICH),
    )
    def commands_as_admin(
        self, where: int, command: str, behind: str, replies: int | None
    ) -> None:
        self.writes(THE_ADMIN, where, f"/{command} {behind}", replies, False, None)

    @rule(who=WHICH, where=WHICH, replies=WHICH)
    def reveals(self, who: int, where: int, replies: int) -> None:
        self.writes(who, where, "/reveal", replies % 5 or None, False, None)

    @rule(who=WHICH, which=WHICH, times=st.integers(1, 2), together=st.booleans())
    def presses_a_button(self, who: int, which: int, times: int, together: bool) -> None:
        buttons = self.buttons()
        if not buttons:
            return
        chat, post, data = buttons[-1 - which % len(buttons)]
        there = self.people if chat.id < 0 else [p for p in self.people if p.id == chat.id]
        person = there[who % len(there)]
        for _ in range(times):
            self.scene.api.press(person, chat, post, data, forged=True)
        self.run(self.scene.at_once() if together else self.scene.deliver())

    @rule(which=WHICH, answers=st.lists(st.tuples(WHICH, st.integers(0, 4)), max_size=8))
    def many_answer_at_once(self, which: int, answers: list[tuple[int, int]]) -> None:
        standing = [
            (chat, message, answered)
            for chat in self.groups
            for message in self.scene.api.messages(chat)
            if "via_bot" not in message
            and (answered := [d for d in data_under(message) if d.startswith("v:")])
        ]
        if not standing:
            return
        chat, message, answered = standing[-1 - which % len(standing)]
        for who, answer in answers:
            data, post = answered[answer % len(answered)], message["message_id"]
            self.scene.api.press(self.person(who), chat, post, data, forged=True)
        self.run(self.scene.at_once())

    @rule(
        who=WHICH,
        where=WHICH,
        post=st.integers(1, 60),
        which=WHICH,
        how=st.sampled_from(["as it is", "other duel", "other key", "cut", "no key", "junk"]),
        junk=ODD,
    )
    def forges_a_press(
        self, who: int, where: int, post: int, which: int, how: str, junk: str
    ) -> None:
        person, data = self.person(who), ""
        if (chat := self.where(person, where)) is None:
            return
        if buttons := [one for _, _, one in self.buttons() if one[0] in "vw"]:
            data = buttons[-1 - which % len(buttons)]
        parts = data.split(":")
        data = {
            "as it is": data,
            "other duel": ":".join([parts[0], str(1 + which % 9), *parts[2:]]),
            "other key": ":".join([*parts[:3], "abcd2345"]),
            "cut": data[: which % 20],
            "no key": ":".join(parts[:3]),
            "junk": (data + junk).encode(errors="ignore")[:64].decode(errors="ignore"),
        }[how]
        standing = {message["message_id"]: message for message in self.scene.api.messages(chat)}
        if "via_bot" in standing.get(post, {}) or not data:
            return
        self.scene.api.press(person, chat, post, data, forged=True)
        self.deliver()

    @rule(
        who=WHICH,
        query=PREFIXES,
        taken=st.one_of(st.none(), st.integers(0, 2)),
        where=st.one_of(st.none(), WHICH),
    )
    def asks_inline(self, who: int, query: str, taken: int | None, where: int | None) -> None:
        person, api = self.person(who), self.scene.api
        chat = None if where is None else self.where(person, where)
        update = api.ask_inline(person, query[:256])
        self.deliver()
        answer = api.answer_to(update)
        if taken is None or answer is None or not answer["results"]:
            return
        message = api.choose_inline(person, update, answer["results"][taken]["id"], chat)
        if "inline_message_id" in message:
            self.inline.append(message)
        self.deliver()

    @precondition(lambda self: self.inline)
    @rule(who=WHICH, which=WHICH, answer=WHICH, forged=st.one_of(st.none(), ODD))
    def presses_inline(self, who: int, which: int, answer: int, forged: str | None) -> None:
        message = self.inline[-1 - which % len(self.inline)]
        data = data_under(message)
        pressed = data[answer % len(data)]
        if forged is not None:
            pressed = (pressed[: answer % 30] + forged).encode()[:64].decode(errors="ignore")
        inline_id = message["inline_message_id"]
        self.scene.api.press_inline(self.person(who), inline_id, pressed, forged=True)
        self.deliver()

    @rule(which=WHICH, text=st.one_of(ODD, st.sampled_from(["1", "2", "/write 分开", "/reveal"])))
    def edits_a_message(self, which: int, text: str) -> None:
        mine = [
            (person, message["message_id"], chat)
            for chat in self.scene.chats
            for message in self.scene.api.messages(chat)
            for person in self.people
            if "text" in message and message["from"]["id"] == person.id
        ]
        if not mine:
            return
        try:
            person, post, chat = mine[-1 - which % len(mine)]
            self.scene.api.edit(person, post, chat, fitting(text))
        except ValueError:
            return
        self.deliver()

    @rule(which=WHICH, where=WHICH)
    def deletes_a_message(self, which: int, where: int) -> None:
        chat = self.scene.chats[where % len(self.scene.chats)]
        if there := self.scene.api.messages(chat):
            self.scene.api.delete(chat, there[-1 - which % len(there)]["message_id"])

    @rule(
        who=WHICH,
        name=st.one_of(
            st.sampled_from(["歌.txt", "a.zip", ".txt", "../../x.txt", "bundled.txt", "x.pdf"]),
            ODD.map(lambda name: f"{name}.txt".replace("\0", "")),
        ),
        content=st.one_of(
            st.binary(min_size=1, max_size=60),
            ODD.map(lambda text: text.encode()),
            st.text(KNOWN + "\n", min_size=1).map(lambda text: text.encode("gb18030")),
            st.just(b"PK\5\6" + bytes(18)),
        ),
        size=st.sampled_from([None, None, 21 << 20]),
    )
    def sends_a_document(self, who: int, name: str, content: bytes, size: int | None) -> None:
        person = self.people[THE_ADMIN] if who % 2 else self.person(who)
        if (chat := self.where(person, 0)) is not None:
            self.scene.api.send_document(person, chat, name, content, size=size)
            self.deliver()

    @rule(who=WHICH, code=LANGUAGES)
    def speaks_another_language(self, who: int, code: str | None) -> None:
        person = self.person(who)
        self.people[self.people.index(person)] = self.scene.api.person(
            person.id, person.first_name, language_code=code
        )

    @rule(who=WHICH, let_in=st.booleans(), presses=WHICH)
    def is_banned_or_let_in_again(self, who: int, let_in: bool, presses: int) -> None:
        command = "unban" if let_in else "ban"
        self.writes(THE_ADMIN, 0, f"/{command} {self.person(who).id}", None, False, None)
        self.presses_a_button(who, presses, 1, False)

    @rule(who=WHICH, where=WHICH, role=st.sampled_from(["creator", "administrator", "member"]))
    def gets_another_role(self, who: int, where: int, role: str) -> None:
        self.scene.api.appoint(self.person(who), self.groups[where % len(self.groups)], role)

    @rule(who=WHICH)
    def wants_to_be_forgotten(self, who: int) -> None:
        person = self.person(who)
        if person.id in self.scene.closed:
            return
        self.writes(who, 0, "/delete_me", None, False, None)
        for chat, post, data in self.buttons():
            if chat.id == person.id and data == "d:yes":
                self.scene.api.press(person, chat, post, data)
        self.deliver()

    @rule(who=WHICH, really=SELDOM)
    def blocks_the_bot_or_lets_it_write_again(self, who: int, really: bool) -> None:
        person = self.person(who)
        blocked = person.id in self.scene.closed
        if not blocked and not really:
            return
        (self.scene.api.unblock if blocked else self.scene.api.block)(person)
        self.scene.closed ^= {person.id}
        self.deliver()

    @rule(where=WHICH, really=SELDOM)
    def puts_the_bot_out_or_takes_it_in(self, where: int, really: bool) -> None:
        group = self.groups[where % len(self.groups)]
        gone = group.id in self.scene.closed
        if not gone and not really:
            return
        (self.scene.api.add_bot if gone else self.scene.api.remove_bot)(self.talk.ben, group)
        self.scene.closed ^= {group.id}
        self.deliver()

    @precondition(lambda self: self.basic in self.groups)
    @rule()
    def a_group_grows(self) -> None:
        if self.basic.id not in self.scene.closed:
            moved = self.scene.api.migrate(self.basic, -1005)
            self.scene.closed.add(self.basic.id)
            self.groups[self.groups.index(self.basic)] = moved
            self.scene.chats.append(moved)
            self.deliver()

    @precondition(lambda self: self.scene.expected.duels)
    @rule(which=WHICH)
    def a_duel_ends(self, which: int) -> None:
        numbers = sorted(self.scene.expected.duels)
        number = numbers[-1 - which % len(numbers)]
        self.talk.rows(f"UPDATE duels SET closes_at = '2020-01-01' WHERE id = {number}")
        self.scene.expected.duels[number].open = False

    @precondition(lambda self: self.scene.expected.duels)
    @rule(
        who=WHICH,
        which=WHICH,
        cut=st.sampled_from([99, 99, 99, 12, 7]),
        replies=st.sampled_from([None, "1", "2", "/reveal"]),
    )
    def follows_a_link(self, who: int, which: int, cut: int, replies: str | None) -> None:
        numbers = sorted(self.scene.expected.duels)
        number = numbers[-1 - which % len(numbers)]
        link = f"duel_{number}_{self.scene.expected.duels[number].key}"[:cut]
        person = self.person(who)
        if person.id not in self.scene.closed:
            self.scene.api.start(person, link)
            self.deliver()
            if replies is not None:
                self.writes(who, 0, replies, 0, False, None)

    @precondition(lambda self: self.scene.updates)
    @rule(which=WHICH)
    def an_update_comes_twice(self, which: int) -> None:
        updates = self.scene.updates
        self.run(self.scene.again(updates[-1 - which % len(updates)]))

    @rule()
    def time_goes_on(self) -> None:
        self.run(self.scene.time_goes_on())

    def teardown(self) -> None:
        try:
            self.run(self.scene.rows_are_as_expected())
        finally:
            self.run(self.stack.aclose())
            self.runner.close()
            shutil.rmtree(self.folder)


def test_whatever_people_do_nothing_fails_and_the_rows_say_what_they_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inline, "PAUSE", 0.0)
    template = make_template(tmp_path / "template")
    run_state_machine_as_test(
        lambda: AnyConversation(template),  # type: ignore[arg-type]  # whatever makes one will do
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=not FULL,
            suppress_health_check=list(HealthCheck),
        ),
    )
