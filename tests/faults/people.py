"""People who use a bot while it is killed again and again, and what has to hold in the end.

What they did is known here update by update, and what they see is read off their chats. They know
nothing of kills but this: what was in the inbox at one may be handled again, hence shown twice.
"""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from factories import TEXT

from bot.botapi import BotApi, Call, Chat, Person
from bot.handlers.vote import NOTED
from bot.keyboards import Press, Wish
from bot.texts import texts_for

Json = dict[str, Any]
TEXTS = texts_for("zh")
BUSY = TEXTS.already_writing
CHARACTERS = sorted(set(TEXT) - {"\n"})
PATIENCE = 2  # presses without an answer, before a person presses no more
TOO_OLD = 11 * 60  # seconds: a /write that waited so long is skipped
Kind = Literal["write", "late write", "again", "vote", "like", "3", "typed", "help"]
KINDS: Sequence[Kind] = ("write", "late write", "again", "vote", "like", "3", "typed", "help")
SHARES = (20, 1, 6, 40, 10, 8, 10, 5)


@dataclass(frozen=True)
class Did:
    """Something that a person did, and the update that told the bot."""

    kind: Kind
    person: int
    chat: Chat
    update: Json
    prefix: str = ""  # of the duel that is asked for; each /write has its own
    duel: int = 0
    answer: str = ""

    @property
    def number(self) -> int:
        return int(self.update["update_id"])


@dataclass
class Crowd:
    """So many people, each in private with the bot, and some groups that all of them are in."""

    api: BotApi
    chance: random.Random
    number: int = 12
    groups: list[Chat] = field(default_factory=list)
    did: list[Did] = field(default_factory=list)
    again: Counter[int] = field(default_factory=Counter)  # by update: how often it may come again

    def __post_init__(self) -> None:
        self._seen: dict[int, list[Json]] = defaultdict(list)  # duels, by chat
        self.groups = [self.api.group(-1000 - n, f"G{n}", privacy=False) for n in range(3)]
        self._prefixes: set[str] = set()

    def called(self, call: Call, result: Any) -> None:
        """The bot has done something: who looks sees it."""
        if call.method == "sendMessage" and "reply_markup" in result:
            self._seen[result["chat"]["id"]].append(result)

    async def live(self) -> None:
        """Use the bot until cancelled."""
        people = [
            self.api.person(n, f"P{n}", language_code="zh") for n in range(1, self.number + 1)
        ]
        async with asyncio.TaskGroup() as group:
            for person in people:
                group.create_task(self._live(person, random.Random(self.chance.random())))

    async def _live(self, person: Person, chance: random.Random) -> None:
        asked: Did | None = None
        pressed: list[Json] = []
        while True:
            await asyncio.sleep(chance.uniform(0.0, 1.0))
            pressed = [one for one in pressed if self.api.answer_to(one) is None]
            if len(pressed) > PATIENCE:
                continue
            kind = chance.choices(KINDS, SHARES)[0]
            chat = chance.choice([self.api.private_chat(person)] * 6 + self.groups)
            duels = self._seen[chat.id]
            if kind in ("write", "late write", "again"):
                if asked is not None and self._is_open(asked):
                    continue  # whoever waits for a duel asks for no other
                if kind == "again" and not duels:
                    continue
                asked = None
            elif kind != "help" and not duels:
                continue
            did = self._do(kind, person, chat, chance.choice(duels[-8:]) if duels else {}, chance)
            self.did.append(did)
            if "callback_query" in did.update:
                pressed.append(did.update)
            if kind in ("write", "again"):
                asked = did

    def _do(
        self, kind: Kind, person: Person, chat: Chat, duel: Json, chance: random.Random
    ) -> Did:
        api, post = self.api, duel.get("message_id", 0)
        if kind == "help":
            return Did(kind, person.id, chat, _known(api.send(person, chat, "/help")))
        if kind in ("write", "late write"):
            prefix = self._new_prefix(chance)
            update = _known(api.send(person, chat, f"/write {prefix}"))
            if kind == "late write":
                update["message"]["date"] -= TOO_OLD
            return Did(kind, person.id, chat, update, prefix)
        data = _data(duel)
        votes = [one for text in data if (one := Press.parse(text))]
        if kind == "again":
            wishes = [wish for text in data if (wish := Wish.parse(text))]
            (wish,) = (one for one in wishes if one.what == "again")
            update = api.press(person, chat, post, wish.data)
            return Did(kind, person.id, chat, update, prefix_of(duel))
        if kind == "typed":
            choice = chance.choice("012")
            update = _known(api.send(person, chat, choice, reply_to=post))
            return Did(kind, person.id, chat, update, "", votes[0].duel_id, choice)
        wanted = ("0", "1", "2") if kind == "vote" else (kind,)
        press = chance.choice([one for one in votes if one.answer in wanted])
        update = api.press(person, chat, post, press.data)
        return Did(kind, person.id, chat, update, "", press.duel_id, press.answer)

    def _new_prefix(self, chance: random.Random) -> str:
        while True:
            prefix = "".join(chance.choices(CHARACTERS, k=6))
            if prefix not in self._prefixes:
                self._prefixes.add(prefix)
                return prefix

    def duels(self, chat: Chat) -> list[Json]:
        """The messages in a chat in which a duel stands."""
        return [one for one in self.said(chat) if "reply_markup" in one]

    def said(self, chat: Chat) -> list[Json]:
        """The bot's messages in a chat."""
        return [one for one in self.api.messages(chat) if one["from"]["is_bot"]]

    def _is_open(self, did: Did) -> bool:
        if did.kind == "again" and self.api.answer_to(did.update) is None:
            return True
        begun = sum(one.prefix == did.prefix for one in self.did if one.kind in ("write", "again"))
        shown = sum(prefix_of(duel) == did.prefix for duel in self._seen[did.chat.id])
        return shown < begun

    # What has to hold

    def check_all_is_answered(self) -> None:
        """Whatever was done has been answered, and no oftener than kills explain."""
        self._check_duels()
        self._check_presses()
        self._check_typed()
        self._check_helps()

    def _check_duels(self) -> None:
        shown = Counter(prefix_of(duel) for chat in self._chats() for duel in self.duels(chat))
        asked: dict[str, list[Did]] = defaultdict(list)
        for did in self.did:
            if did.kind == "write" or (did.kind == "again" and self._said_to(did) != BUSY):
                asked[did.prefix].append(did)
        refused: Counter[int] = Counter()
        for prefix, dids in asked.items():
            most = len(dids) + sum(self.again[did.number] for did in dids)
            if shown[prefix]:
                assert len(dids) <= shown[prefix] <= most, self._about(shown[prefix], dids)
            else:
                refused[dids[0].chat.id] += 1
        # Whoever asks while a duel that they have seen is written once more is told to wait.
        for chat in self._chats():
            busy = sum(one["text"] == BUSY for one in self.said(chat))
            assert refused[chat.id] <= busy, f"{refused[chat.id]} without a duel, {busy} refused"
        late = [did.prefix for did in self.did if did.kind == "late write"]
        assert not any(shown[prefix] for prefix in late), "what is too old is skipped"
        assert set(shown) <= set(asked)

    def _check_presses(self) -> None:
        for did in self.did:
            if did.kind in ("again", "vote", "like", "3"):
                assert self.api.answer_to(did.update) is not None, f"not answered: {did}"
        new = Counter(
            (did.kind, did.person, did.duel)
            for did in self.did
            if did.kind in ("like", "3") and self._said_to(did) in (TEXTS.like, TEXTS.encore)
        )
        assert not [one for one in new.items() if one[1] > 1], "a mark is new once"
        voted = {
            (did.chat.id, did.update["callback_query"]["message"]["message_id"])
            for did in self.did
            if did.kind == "vote"
        }
        for chat in self._chats():
            for duel in self.duels(chat) if chat.id > 0 else ():
                revealed = TEXTS.reveal[:2] in duel["text"].rsplit("\n\n", 1)[1]
                assert revealed is ((chat.id, duel["message_id"]) in voted), duel["text"]

    def _check_typed(self) -> None:
        for did in self.did:
            if did.kind == "typed" and did.chat.id < 0:
                post = did.update["message"]["message_id"]
                assert self.api.reactions(did.chat, post) == [NOTED], f"not answered: {did}"
        self._check_messages(
            "typed", lambda text: text.startswith(("你选了", TEXTS.chose_neither))
        )

    def _check_helps(self) -> None:
        self._check_messages("help", lambda text: text.startswith(TEXTS.help[:8]))

    def _check_messages(self, kind: Kind, is_one: Any) -> None:
        for chat in self._chats():
            if kind == "typed" and chat.id < 0:
                continue  # by a reaction
            dids = [did for did in self.did if did.kind == kind and did.chat == chat]
            shown = sum(
                is_one(one["text"]) for one in self.said(chat) if "reply_markup" not in one
            )
            most = len(dids) + sum(self.again[did.number] for did in dids)
            assert len(dids) <= shown <= most, self._about(shown, dids)

    def votes(self) -> dict[tuple[int, int], list[Did]]:
        """What each person answered in each duel, by account and duel."""
        given: dict[tuple[int, int], list[Did]] = defaultdict(list)
        for did in self.did:
            if did.kind in ("vote", "typed"):
                given[did.person, did.duel].append(did)
        return given

    def marks(self, kind: Kind) -> set[tuple[int, int]]:
        """Whose encore or like a duel has, by account and duel."""
        return {(did.person, did.duel) for did in self.did if did.kind == kind}

    def check_votes(self, rows: Sequence[tuple[int, int, int]]) -> None:
        """Each vote that was acknowledged is a row, once, and what was said of it is so.

        `rows` are account, duel and choice.
        """
        given = self.votes()
        assert Counter((account, duel) for account, duel, _ in rows) == Counter(given.keys())
        for account, duel, choice in rows:
            dids = given[account, duel]
            assert str(choice) in {did.answer for did in dids}
            changed = TEXTS.changed.format(counted=choice or TEXTS.neither)
            for did in dids:
                if did.kind == "vote":
                    said = self._said_to(did)
                    chose = TEXTS.chose_neither if did.answer == "0" else f"你选了 {did.answer}："
                    assert said.startswith(chose), f"{said} for {did}"
                    assert (changed in said) is (did.answer != str(choice)), f"{said}, {choice}"

    def _about(self, shown: int, dids: Sequence[Did]) -> str:
        chat = dids[0].chat
        said = [
            (m["text"][:60], m.get("reply_to_message", {}).get("message_id"))
            for m in self.said(chat)
        ]
        return f"{shown} answers to {dids} in {said}"

    def _said_to(self, did: Did) -> str:
        return str((self.api.answer_to(did.update) or {}).get("text", ""))

    def _chats(self) -> list[Chat]:
        return list({did.chat.id: did.chat for did in self.did}.values())


def prefix_of(duel: Json) -> str:
    """What the lyrics in a duel's message begin with."""
    first: str = duel["text"].split("\n")[0]
    return first.split()[-1]


def _data(message: Json) -> list[str]:
    rows = message["reply_markup"]["inline_keyboard"]
    return [one.get("callback_data", "") for row in rows for one in row]


def _known(update: Json | None) -> Json:
    assert update is not None
    return update
