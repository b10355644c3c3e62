"""Whatever Telegram may post, with whatever text: answered or skipped, and nothing fails."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from conversation import Json
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.botapi.text import found_entities
from bot.botapi.world import member
from bot.handlers import inline
from bot.menus import commands
from bot.texts import texts_for
from faults import FULL
from faults.hostile import (
    BOT,
    INVISIBLE,
    LONG_NAMES,
    ODD,
    PREFIXES,
    SURROGATES,
    Scene,
    data_under,
    fitting,
    make_template,
)

EXAMPLES = 10_000 if FULL else 200
KEPT = 8  # messages in a chat: what is older is deleted
SOMEBODY = {"id": 3, "is_bot": False, "first_name": "\u202e<b>'; --"}
COMMANDS = st.sampled_from(
    ["start", "nothing", *(one.command for one in commands(texts_for("en"), is_admin=True))]
)
WILD = st.one_of(
    ODD, st.lists(st.sampled_from([*SURROGATES, "分开", " ", "1"]), max_size=5).map("".join)
)
TEXTS = st.one_of(
    st.builds("/{} {}".format, COMMANDS, st.one_of(PREFIXES, WILD)),
    st.builds("/{}@{}{}".format, COMMANDS, st.just(BOT), WILD),
    st.builds("/{} {}".format, st.sampled_from(["write", "acrostic"]), st.one_of(PREFIXES, WILD)),
    st.builds("/retrain {}".format, LONG_NAMES),
    st.builds("/announce {}".format, INVISIBLE),
    st.builds("/{} {}".format, st.sampled_from(["ban", "unban"]), st.sampled_from([1, 2, 3])),
    st.sampled_from(["0", "1", "2", "3", "３", "👍"]),
    WILD,
)
LANGUAGES = st.sampled_from(["zh-hans", "zh-hant", "en", "", "x" * 99, "\ud800", None])
PICTURE = {"file_id": "p", "file_unique_id": "p", "width": 1, "height": 1}
# What a message may be in place of a text.
OTHERWISE = st.sampled_from(
    [
        {"sticker": PICTURE | {"type": "regular", "is_animated": False, "is_video": False}},
        {"dice": {"emoji": "🎲", "value": 6}},
        {"location": {"longitude": 0.0, "latitude": -0.0}},
        {"contact": {"phone_number": "0", "first_name": ""}},
        {"new_chat_title": "<b>"},
        {"delete_chat_photo": True},
        {"new_chat_members": [SOMEBODY]},
        {"left_chat_member": SOMEBODY},
        {"group_chat_created": True},
        {"photo": [PICTURE], "caption": "/write 分开"},
        {"caption": "1", "voice": {"file_id": "v", "file_unique_id": "v", "duration": 1}},
        {"document": {"file_id": "d", "file_unique_id": "d", "file_size": 2**40}},
        {"document": {"file_id": "d", "file_unique_id": "d", "file_name": "\ud800.txt"}
         | {"file_size": 21 << 20}},
        {"web_app_data": {"data": "v:1:1", "button_text": "1"}},
        {"a_field_of_the_future": {"of": ["any", "kind", None]}},
        {},
    ]
)  # fmt: skip
KINDS = st.sampled_from(
    ["message"] * 6
    + ["edited_message", "channel_post", "edited_channel_post", "business_message"]
    + ["message_reaction", "poll_answer", "a_kind_of_the_future"]
)
DUELS = st.one_of(st.integers(-1, 20), st.sampled_from([10**18 - 1, 2**63, 10**30]))
KEYS = st.one_of(st.from_regex(r"[a-z2-7]{8}", fullmatch=True), WILD)
DATA = st.one_of(
    st.builds("v:{}:{}:{}".format, DUELS, st.sampled_from(["0", "1", "2", "3", "like"]), KEYS),
    st.builds("w:{}:{}:{}".format, DUELS, st.sampled_from(["again", "1", "2", "3"]), KEYS),
    st.sampled_from(["l:en", "l:zh-hant", "l:xx", "s:hant", "d:yes", "d:no", "a:send", "a:no"]),
    st.sampled_from(["v:1:1", "v:1:1:", "v:01:1:", "v:١:1", "v:1:1\n", "v:1:1:--:ent", "v" * 64]),
    WILD,
)


WHICH = st.integers(0, 10**6)
MESSAGES = st.fixed_dictionaries(
    {
        "kind": KINDS,
        "replies": st.one_of(st.none(), WHICH),
        "language": LANGUAGES,
        "anonymous": st.integers(0, 9).map(lambda one: one == 9),
        "text": TEXTS,
        "otherwise": st.one_of(st.none(), st.none(), st.none(), OTHERWISE),
    }
)
PRESSES = st.fixed_dictionaries(
    {
        "post": WHICH,
        "data": st.one_of(DATA, WHICH),  # or that of a button,
        "forged": st.sampled_from([None, None, "key", "duel"]),  # and something else in it
        "where": st.sampled_from([*["chat"] * 9, "game", "nowhere", "AQ", "x" * 64]),
    }
)
QUERIES = st.fixed_dictionaries({"query": st.one_of(PREFIXES, WILD)})
STATUSES = st.sampled_from(["member", "left", "kicked", "administrator"])
CHANGES = st.fixed_dictionaries({"was": STATUSES, "is": STATUSES})


class Telegram:
    """Makes updates in places that there are, so that an answer finds its way."""

    def __init__(self, scene: Scene) -> None:
        self.scene, talk, api = scene, scene.talk, scene.api
        others = [api.person(3, "某人"), api.person(2**52 - 1, "最后一个")]
        self.people = [talk.anna, talk.ben, talk.admin, *others]
        self.groups = [
            api.group(-1003, "群", privacy=False),
            api.group(-1004, "论坛", privacy=False, forum=True),
        ]
        scene.chats = [*map(talk.home, self.people), *self.groups]

    def update(self, who: int, where: int, what: Json) -> Json:
        """Something that somebody does in a chat."""
        # Twice as often an admin: there is more to be said to a bot.
        person = [*self.people, self.scene.talk.admin][who % (1 + len(self.people))]
        chat = [self.scene.talk.home(person), *self.groups][where % 3]
        standing = self.scene.api.messages(chat)
        for old in standing[:-KEPT]:
            self.scene.api.delete(chat, old["message_id"])
        if "text" in what:
            return self.message(person, chat, standing[-KEPT:], what)
        if "data" in what:
            return self.press(person, chat, standing[-KEPT:], what)
        if "query" in what:
            return self.scene.api.ask_inline(person, what["query"][:256])
        return self.changed(person, chat, what)

    def message(self, person: Any, chat: Any, standing: list[Json], what: Json) -> Json:
        """A message, whatever it says, or something that has to do with one."""
        replied = None
        if standing and what["replies"] is not None:
            replied = standing[what["replies"] % len(standing)]["message_id"]
        update = self.scene.api.send(person, chat, "…", reply_to=replied)
        assert update is not None
        kind, message = what["kind"], update.pop("message")
        message["from"] |= {"language_code": what["language"]}
        if what["anonymous"] and chat.id < 0:
            message["sender_chat"] = message["chat"]
        message["text"] = text = fitting(what["text"])
        message["entities"] = found_entities(text)
        if what["otherwise"] is not None:
            del message["text"], message["entities"]
            message |= what["otherwise"]
        if kind == "message_reaction":
            message |= {"user": message["from"], "old_reaction": [], "new_reaction": []}
        if kind == "poll_answer":
            message = {"poll_id": "1", "user": message["from"], "option_ids": []}
            message |= {"option_persistent_ids": []}
        if "channel" in kind:
            message["sender_chat"] = message["chat"]
            del message["from"]
        return update | {kind: message}

    def press(self, person: Any, chat: Any, standing: list[Json], what: Json) -> Json:
        """A press of a button that need not be there."""
        posts = [*(one["message_id"] for one in standing), 10**6]
        post, data = posts[what["post"] % len(posts)], what["data"]
        if isinstance(data, int):
            known = [one for message in standing for one in data_under(message)]
            parts = (known[data % len(known)] if known else "?").split(":")
            if what["forged"] == "key":
                parts[3:4] = ["abcd2345"]
            elif what["forged"] == "duel":
                parts[1:2] = [str(1 + what["post"] % 9)]
            data = ":".join(parts)
        while len(data.encode(errors="surrogatepass")) > 64:
            data = data[:-1]
        update = self.scene.api.press(person, chat, post, "?", forged=True)
        query = update["callback_query"]
        query["data"] = data
        if what["where"] == "game":
            del query["data"]
            query["game_short_name"] = "?"
        elif what["where"] != "chat":
            del query["message"]
        if what["where"] not in ("game", "chat", "nowhere"):
            query["inline_message_id"] = what["where"]
        return update

    def changed(self, person: Any, chat: Any, what: Json) -> Json:
        """The bot has become something else in a chat."""
        update = self.scene.api.block(person)
        self.scene.api.unblock(person)
        change = update["my_chat_member"]
        change["chat"] = {"id": chat.id, "type": chat.type, "title": "群"}
        for name, status in (("old_chat_member", what["was"]), ("new_chat_member", what["is"])):
            change[name] = member(change[name]["user"], status)
        return update


def test_whatever_is_posted_is_answered_or_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inline, "PAUSE", 0.0)
    template = make_template(tmp_path / "template")
    stack = AsyncExitStack()
    with asyncio.Runner() as runner:
        scene = runner.run(Scene.open(template, tmp_path / "scene", stack))
        telegram = Telegram(scene)

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=not FULL,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(WHICH, WHICH, st.one_of(MESSAGES, MESSAGES, PRESSES, PRESSES, QUERIES, CHANGES))
        def is_met(who: int, where: int, what: Json) -> None:
            runner.run(scene.take(telegram.update(who, where, what)))

        try:
            for person in telegram.people:
                for text in ("/news", "/write 分开"):
                    scene.api.send(person, scene.talk.home(person), text)
            runner.run(scene.deliver())
            is_met()
            runner.run(scene.time_goes_on())
            runner.run(scene.rows_are_as_expected())
        finally:
            runner.run(stack.aclose())
