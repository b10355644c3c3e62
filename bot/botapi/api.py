"""The transport that python-telegram-bot is given in place of HTTP, and its people's side."""

import asyncio
import inspect
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from telegram.error import TimedOut
from telegram.request import BaseRequest, RequestData

from bot.botapi.html import Json, copied, utf16_length
from bot.botapi.methods import METHODS, chosen_message
from bot.botapi.rules import Refusal, Request, Upload
from bot.botapi.text import CAPTION_LIMIT, TEXT_LIMIT, Formatted, cleaned, covered
from bot.botapi.updates import Updates
from bot.botapi.world import Chat, Person, Room, World, anonymously, member

_URL = re.compile(r"/bot(?P<token>[^/]+)/(?P<method>\w*)$")
_FILE_URL = re.compile(r"/file/bot(?P<token>[^/]+)/(?P<path>.+)$")
_TOKEN = re.compile(r"[1-9]\d*:[^/]+", re.ASCII)
_TOKEN_LENGTH = 80
_CALLBACK_DATA_BYTES = 64
# What people upload goes in 4000 parts of 512 KiB at most.
_DOCUMENT_BYTES = 4000 * (512 << 10)
_START_PAYLOAD = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ADMINISTRATORS = ("creator", "administrator")
_BY_LOWER = {name.lower(): name for name in METHODS}


@dataclass(frozen=True)
class Call:
    """A call of the bot that was answered: the method as documented, and its parameters."""

    method: str
    parameters: Mapping[str, str]


class AnswerLost(Exception):
    """A call was done, and whoever made it is not to hear of that."""


@dataclass
class _Failure:
    method: str | None
    refusal: Refusal
    times: int


class BotApi(BaseRequest):
    """A Bot API for one bot and the people it meets."""

    def __init__(
        self,
        token: str,
        *,
        username: str = "lyricbot_demo_bot",
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not _well_formed(token):
            raise ValueError("a bot's token looks like 123456:ABC-DEF")
        self._token = token
        bot: Json = {"id": int(token.split(":")[0]), "is_bot": True}
        bot |= {"first_name": username, "username": username}
        self._world = World(bot, clock, Updates(clock))
        self._failures: list[_Failure] = []
        self._drops: dict[str, int] = {}
        self.calls: list[Call] = []
        self.on_call: Callable[[Call, Any], None] | None = None
        # For how many seconds the answer to a call is held back.
        self.delay: Callable[[Call], float] | None = None
        # Whether the bot is told which result was chosen: as BotFather's /setinlinefeedback.
        self.inline_feedback = False

    @property
    def read_timeout(self) -> float | None:
        """None: nothing here is waited for but what a request itself asks to wait for."""
        return None

    async def initialize(self) -> None:
        """Nothing is to be opened."""

    async def shutdown(self) -> None:
        """Nothing is to be closed; what people wrote stays."""

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: object = BaseRequest.DEFAULT_NONE,
        write_timeout: object = BaseRequest.DEFAULT_NONE,
        connect_timeout: object = BaseRequest.DEFAULT_NONE,
        pool_timeout: object = BaseRequest.DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        """Answer a request of python-telegram-bot."""
        if file := _FILE_URL.search(url):
            return self.download(unquote(file["token"]), unquote(file["path"]))
        target = _URL.search(url)
        if target is None:
            body = Refusal(404, "Not Found").body()
            return 404, json.dumps(body).encode()
        parameters = request_data.json_parameters if request_data else {}
        files = _uploaded(request_data) if request_data else {}
        try:
            status, body = await self.handle(target["token"], target["method"], parameters, files)
        except AnswerLost:
            raise TimedOut from None
        return status, json.dumps(body).encode()

    async def handle(
        self,
        token: str,
        method: str,
        parameters: Mapping[str, str],
        files: Mapping[str, Upload] | None = None,
    ) -> tuple[int, Json]:
        """One call: the parameters as they come over HTTP, the files by the names of their parts.

        Returns the HTTP status and the JSON body.

        Raises:
            AnswerLost: where `drop_next` asked for it.
        """
        call = Call(_BY_LOWER.get(method.lower(), method), dict(parameters))
        try:
            self._admit(token, method)
            result = METHODS[call.method](self._world, Request(parameters, files or {}))
            if inspect.isawaitable(result):
                result = await result
        except Refusal as refusal:
            await self._hold(call)
            return refusal.status, refusal.body()
        result = copied(result)
        self.calls.append(call)
        if self.on_call:
            self.on_call(call, result)
        lost = self._drops.get(call.method, 0) > 0
        if lost:
            self._drops[call.method] -= 1
        await self._hold(call)
        if lost:
            raise AnswerLost
        return 200, {"ok": True, "result": result}

    def download(self, token: str, path: str) -> tuple[int, bytes]:
        """The HTTP status and the content of a file, or the JSON that says it is not there."""
        try:
            if token != self._token:
                raise Refusal(404, "Not Found")
            return 200, self._world.downloaded(path)
        except Refusal as refusal:
            return refusal.status, json.dumps(refusal.body()).encode()

    def fail_next(
        self,
        method: str | None,
        status: int,
        description: str,
        *,
        retry_after: int | None = None,
        times: int = 1,
    ) -> None:
        """Let the next calls of a method, or of any method at all, fail as Telegram may fail."""
        wanted = _known(method).lower() if method is not None else None
        refusal = Refusal(status, description, retry_after)
        self._failures.append(_Failure(wanted, refusal, times))

    def drop_next(self, method: str, times: int = 1) -> None:
        """Let the next calls of a method be done and their answers be lost on the way."""
        self._drops[_known(method)] = times

    @property
    def updates(self) -> Updates:
        """The queue of updates, for who posts them to the webhook."""
        return self._world.updates

    def person(
        self,
        id: int,
        first_name: str,
        *,
        language_code: str | None = None,
        username: str | None = None,
    ) -> Person:
        """Somebody with a Telegram account, who has not written to the bot yet."""
        if id <= 0:
            raise ValueError("a person's id is positive")
        person = Person(id, first_name, language_code, username)
        self._world.people[id] = person
        self._world.add_private(person)
        return person

    def private_chat(self, person: Person) -> Chat:
        """The chat of a person with the bot; the person opens it by writing."""
        return self._world.rooms[person.id].chat

    def group(
        self,
        id: int,
        title: str,
        *,
        kind: str = "supergroup",
        forum: bool = False,
        privacy: bool = True,
        joined: bool = True,
    ) -> Chat:
        """A supergroup or a basic group ("group") that the bot is in unless it has not joined.

        With privacy the bot hears only what is meant for it.
        """
        if id >= 0 or id in self._world.rooms:
            raise ValueError("a group's id is negative and its own")
        if kind not in ("group", "supergroup"):
            raise ValueError("a group is a group or a supergroup")
        if forum and kind != "supergroup":
            raise ValueError("only a supergroup has topics")
        chat = Chat(id, kind, title)
        room = self._world.add_group(chat, forum=forum, privacy=privacy)
        if not joined:
            room.statuses[self._bot_id] = "left"
        return chat

    def appoint(self, person: Person | None, chat: Chat, status: str = "administrator") -> None:
        """Make a person (None: the bot) an administrator, the creator or a member of a group."""
        user = person.id if person else self._bot_id
        self._world.rooms[chat.id].statuses[user] = status

    def add_bot(self, person: Person, chat: Chat, status: str = "member") -> Json:
        """A person brings the bot into a group, at once as an administrator perhaps."""
        room = self._enter(person, chat)
        if room.private or self._world.is_in(room):
            raise ValueError("the bot is there already")
        if status not in ("member", "administrator"):
            raise ValueError("the bot is made a member or an administrator")
        update = self._change_bot(person, room, status)
        self._serve(room, person.shown(), {"new_chat_members": [self._world.bot]})
        return update

    def remove_bot(self, person: Person, chat: Chat) -> Json:
        """A person throws the bot out of a group."""
        room = self._enter(person, chat)
        if room.private or not self._world.is_in(room):
            raise ValueError("the bot is not in this group")
        update = self._change_bot(person, room, "kicked")
        self._serve(room, person.shown(), {"left_chat_member": self._world.bot})
        return update

    def migrate(self, chat: Chat, new_id: int) -> Chat:
        """A basic group becomes a supergroup, which has another id and no messages yet."""
        old = self._world.rooms[chat.id]
        if chat.type != "group" or old.migrated_to is not None or not self._world.is_in(old):
            raise ValueError("only a basic group that the bot is in becomes a supergroup")
        moved = self.group(new_id, chat.title, privacy=old.privacy)
        new = self._world.rooms[new_id]
        new.statuses = dict(old.statuses)
        creators = [user for user, status in old.statuses.items() if status == "creator"]
        sender = self._world.people[creators[0]].shown() if creators else anonymously(old)["from"]
        self._serve(old, sender, {"migrate_to_chat_id": new_id})
        self._serve(new, sender, {"migrate_from_chat_id": chat.id} | anonymously(new))
        old.migrated_to = new_id
        return moved

    def send(
        self,
        person: Person,
        chat: Chat,
        text: str,
        *,
        reply_to: int | None = None,
        thread: int | None = None,
        anonymous: bool = False,
    ) -> Json | None:
        """A person writes; None where the message is kept from the bot.

        Its privacy keeps messages from it, and so does not being in the group. A thread is a topic
        of a forum and becomes known by being written in. An administrator may write anonymously.
        """
        content = _client_text(text)
        if anonymous:
            room = self._enter(person, chat)
            if chat.type != "supergroup" or room.statuses.get(person.id) not in _ADMINISTRATORS:
                raise ValueError("only administrators of a supergroup write anonymously")
            content |= anonymously(room)
        return self._write(person, chat, content, reply_to, thread)

    def start(self, person: Person, payload: str) -> Json:
        """A person follows a link t.me/<bot>?start=<payload> and presses the button there."""
        if not _START_PAYLOAD.fullmatch(payload):
            raise ValueError("the payload of a link is 1 to 64 of A-Z, a-z, 0-9, _ and -")
        update = self.send(person, self.private_chat(person), f"/start {payload}")
        assert update is not None  # noqa: S101 - in private a bot hears everything
        return update

    def send_document(
        self,
        person: Person,
        chat: Chat,
        file_name: str,
        content: bytes,
        *,
        caption: str | None = None,
        mime_type: str | None = None,
        reply_to: int | None = None,
        thread: int | None = None,
        size: int | None = None,
    ) -> Json | None:
        """A person sends a file; None where the message is kept from the bot.

        A size stands for a content that is not worth having in memory. Without a MIME type the
        file has the one that its name tells.
        """
        length = len(content) if size is None else size
        if not 1 <= length <= _DOCUMENT_BYTES:
            raise ValueError("a document has 1 byte at least and 2 GB at most")
        words = _client_words(caption or "", CAPTION_LIMIT).fields("caption", "caption_entities")
        self._enter(person, chat)
        file = self._world.keep_document(content, file_name, mime_type, size)
        return self._write(person, chat, {"document": file.shown} | words, reply_to, thread)

    def edit(self, person: Person, message_id: int, chat: Chat, text: str) -> Json | None:
        """A person rewrites a message; None where it is kept from the bot."""
        room = self._enter(person, chat)
        message = room.messages.get(message_id)
        if message is None or message["from"]["id"] != person.id or "text" not in message:
            raise ValueError(f"message {message_id} is not {person.first_name}'s to edit")
        content = _client_text(text)
        if content["text"] == message["text"]:
            raise ValueError("the text is the same as before")
        message.pop("entities", None)
        message |= content | {"edit_date": self._world.now}
        return self._show(room, message_id, "edited_message")

    def delete(self, chat: Chat, message_id: int) -> None:
        """A message goes away; Telegram tells bots nothing of it."""
        self._world.rooms[chat.id].forget(message_id)

    def press(
        self,
        person: Person,
        chat: Chat,
        message_id: int,
        data: str,
        *,
        forged: bool = False,
    ) -> Json:
        """A person presses a button; a forged press needs no such button, nor the message."""
        room = self._world.rooms[chat.id]
        message = room.messages.get(message_id)
        if message and "via_bot" in message:
            raise ValueError(f"message {message_id} came inline: press_inline")
        _check_press(message, data, forged=forged)
        seen = message and self._world.is_in(room)
        gone = {"chat": room.shown, "message_id": message_id, "date": 0}
        where = {"message": room.render(message_id) if seen else gone}
        return self._press(person, chat.id, data, where)

    def ask_inline(self, person: Person, query: str, *, offset: str = "") -> Json:
        """A person types the bot's name and some words in whatever chat they are in."""
        asked: Json = {"id": self._world.ask("inline_query"), "from": person.shown()}
        return self._world.updates.put("inline_query", asked | {"query": query, "offset": offset})

    def choose_inline(
        self, person: Person, update: Json, result_id: str, chat: Chat | None = None
    ) -> Json:
        """A person sends a result of their inline query: to one of these chats, or elsewhere.

        The message as shown, with its inline_message_id where it has a keyboard.
        """
        asked = update["inline_query"]
        answer = self.answer_to(update)
        if answer is None or asked["from"]["id"] != person.id:
            raise ValueError(f"{person.first_name} is shown no results")
        result = next((each for each in answer["results"] if str(each["id"]) == result_id), None)
        if result is None:
            raise ValueError(f"there is no result {result_id!r}")
        content = chosen_message(self._world, result)
        room = self._enter(person, chat) if chat else self._world.elsewhere
        room.opened = True
        room.statuses.setdefault(person.id, "member")
        message_id = self._world.post(room, person.shown(), content)
        chosen = {"from": person.shown(), "query": asked["query"], "result_id": result_id}
        known: Json = {}
        if "reply_markup" in content:
            known["inline_message_id"] = self._world.keep_inline(room, message_id)
        if self.inline_feedback:
            self._world.updates.put("chosen_inline_result", chosen | known)
        if chat:
            self._show(room, message_id, "message")
        return room.render(message_id) | known

    def press_inline(
        self, person: Person, inline_message_id: str, data: str, *, forged: bool = False
    ) -> Json:
        """A person presses a button of a message that was sent by way of the bot."""
        room, message_id = self._world.inline.get(inline_message_id, (self._world.elsewhere, 0))
        _check_press(room.messages.get(message_id), data, forged=forged)
        place = room.chat.id or message_id
        return self._press(person, place, data, {"inline_message_id": inline_message_id})

    def inline_message(self, inline_message_id: str) -> Json:
        """What stands now in a message that was sent by way of the bot."""
        room, message_id = self._world.inline[inline_message_id]
        return room.render(message_id) | {"inline_message_id": inline_message_id}

    def block(self, person: Person) -> Json:
        """A person stops the bot."""
        return self._bar(person, blocked=True)

    def unblock(self, person: Person) -> Json:
        """A person lets the bot write again."""
        return self._bar(person, blocked=False)

    def messages(self, chat: Chat) -> list[Json]:
        """The messages that stand in a chat now, the oldest first."""
        room = self._world.rooms[chat.id]
        return [room.render(message_id) for message_id in sorted(room.messages)]

    def answer_to(self, update: Json) -> Json | None:
        """What the bot answered to a press or an inline query; None while it did not."""
        query = update.get("callback_query") or update["inline_query"]
        answer: Json | None = copied(self._world.queries[query["id"]].answer)
        return answer

    def reactions(self, chat: Chat, message_id: int) -> list[str]:
        """The bot's reactions to a message."""
        return list(self._world.rooms[chat.id].reactions.get(message_id, []))

    def uploaded(self, file_id: str) -> bytes:
        """The content of a picture or a document that was sent."""
        return self._world.files[file_id].content

    @property
    def _bot_id(self) -> int:
        return int(self._world.bot["id"])

    async def _hold(self, call: Call) -> None:
        if self.delay:
            await asyncio.sleep(self.delay(call))

    def _admit(self, token: str, method: str) -> None:
        if not _well_formed(token):
            raise Refusal(401, "Unauthorized: invalid token specified")
        if token != self._token:
            raise Refusal(401, "Unauthorized")
        wanted = method.lower()
        for failure in self._failures:
            if failure.method in (None, wanted):
                failure.times -= 1
                self._failures = [left for left in self._failures if left.times > 0]
                raise failure.refusal
        if self._world.clock() < self._world.logged_out_until:
            raise Refusal(400, "Logged out")
        if wanted not in _BY_LOWER:
            raise Refusal(404, "Not Found: method not found")

    def _enter(self, person: Person, chat: Chat) -> Room:
        room = self._world.rooms[chat.id]
        if room.private and person.id != chat.id:
            raise ValueError(f"this chat with the bot is not {person.first_name}'s")
        if room.blocked:
            raise ValueError(f"{person.first_name} has blocked the bot")
        if room.migrated_to is not None:
            raise ValueError(f"this group is now {room.migrated_to}")
        return room

    def _write(
        self,
        person: Person,
        chat: Chat,
        content: Json,
        reply_to: int | None,
        thread: int | None,
    ) -> Json | None:
        room = self._enter(person, chat)
        if reply_to is not None and reply_to not in room.messages:
            raise ValueError(f"there is no message {reply_to} to reply to")
        if thread is not None and not room.forum:
            raise ValueError("only a forum has threads")
        if thread is not None:
            self._world.open_topic(room, person, thread)
        room.opened = True
        room.statuses.setdefault(person.id, "member")
        message_id = self._world.post(
            room, person.shown(), content, reply_to=reply_to or 0, thread=thread or 0
        )
        return self._show(room, message_id, "message")

    def _show(self, room: Room, message_id: int, kind: str) -> Json | None:
        message = room.render(message_id)
        if room.private or (
            self._world.is_in(room) and (not room.privacy or self._is_for_bot(message))
        ):
            return self._world.updates.put(kind, message)
        return None

    def _serve(self, room: Room, sender: Json, content: Json) -> None:
        """A service message: a bot is told of all of them, even of its own removal."""
        message_id = self._world.post(room, sender, content)
        self._world.updates.put("message", room.render(message_id))

    def _press(self, person: Person, place: int, data: str, where: Json) -> Json:
        query: Json = {
            "id": self._world.ask("callback_query"),
            "from": person.shown(),
            "chat_instance": str(7_000_000_000_000_000_000 + place % 1_000_000_007),
            "data": data,
        }
        return self._world.updates.put("callback_query", query | where)

    def _is_for_bot(self, message: Json) -> bool:
        if "via_bot" in message:
            return True
        if message.get("reply_to_message", {}).get("from", {}).get("id") == self._world.bot["id"]:
            return True
        name = f"@{self._world.bot['username']}".lower()
        text, entities = (
            ("text", "entities") if "text" in message else ("caption", "caption_entities")
        )
        for entity in message.get(entities, []):
            words = covered(message[text], entity).lower()
            commanded = entity["type"] == "bot_command" and entity["offset"] == 0
            if commanded and ("@" not in words or words.endswith(name)):
                return True
            if entity["type"] == "mention" and words == name:
                return True
        return False

    def _bar(self, person: Person, *, blocked: bool) -> Json:
        room = self._world.rooms[person.id]
        if room.blocked is blocked:
            raise ValueError(f"{person.first_name} has done so already")
        room.blocked = blocked
        statuses = ("member", "kicked") if blocked else ("kicked", "member")
        return self._tell_change(person, room, *statuses)

    def _change_bot(self, person: Person, room: Room, status: str) -> Json:
        room.statuses.setdefault(person.id, "member")
        before = self._world.status(room)
        room.statuses[self._bot_id] = status
        statuses = [before, status]
        if room.chat.type == "group":
            # Nobody is banned from a basic group: who was thrown out has left.
            statuses = [each.replace("kicked", "left") for each in statuses]
        return self._tell_change(person, room, *statuses)

    def _tell_change(self, person: Person, room: Room, before: str, after: str) -> Json:
        change: Json = {"chat": room.shown, "from": person.shown(), "date": self._world.now}
        change["old_chat_member"] = member(self._world.bot, before)
        change["new_chat_member"] = member(self._world.bot, after)
        return self._world.updates.put("my_chat_member", change)


def _known(method: str) -> str:
    if method.lower() not in _BY_LOWER:
        raise ValueError(f"there is no method {method}")
    return _BY_LOWER[method.lower()]


def _well_formed(token: str) -> bool:
    return len(token) <= _TOKEN_LENGTH and _TOKEN.fullmatch(token) is not None


def _check_press(message: Json | None, data: str, *, forged: bool) -> None:
    markup = message.get("reply_markup", {}) if message else {}
    buttons = [button for row in markup.get("inline_keyboard", []) for button in row]
    if not forged and data not in [button.get("callback_data") for button in buttons]:
        raise ValueError(f"the message has no button with {data!r}")
    if not 1 <= len(data.encode("utf-8", "surrogatepass")) <= _CALLBACK_DATA_BYTES:
        raise ValueError("the data of a button is 1 to 64 bytes")


def _client_text(text: str) -> Json:
    formatted = _client_words(text, TEXT_LIMIT)
    if not formatted.text:
        raise ValueError("a message says something")
    return formatted.fields("text", "entities")


def _client_words(text: str, limit: int) -> Formatted:
    formatted = cleaned(text)
    if utf16_length(formatted.text) > limit:
        raise ValueError(f"a message has {limit} characters at most")
    return formatted


def _uploaded(request_data: RequestData) -> dict[str, Upload]:
    parts = request_data.multipart_data.items() if request_data.contains_files else ()
    return {
        part: Upload(content if isinstance(content, bytes) else content.read(), name)
        for part, (name, content, _) in parts
    }
