"""The people, chats and messages that the in-process Bot API has, and how Telegram shows them.

State and its rendering as Telegram JSON, nothing of how requests are read or refused beyond what a
chat itself forbids. It knows nothing of any bot's purpose.
"""

import hashlib
import itertools
import mimetypes
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePath

from bot.botapi.html import Json, copied
from bot.botapi.rules import Refusal, refused, whole
from bot.botapi.updates import Updates

_DAY = 24 * 3600
_QUERY_LIFETIME = 30
_DOWNLOAD_BYTES = 20 << 20
_GENERAL_TOPIC = 1
_TOPIC_COLOR = 0x6FB9F0
# Who an administrator is that nobody may recognise.
_ANONYMOUS = {
    "id": 1_087_968_824,
    "is_bot": True,
    "first_name": "Group",
    "username": "GroupAnonymousBot",
}


@dataclass(frozen=True)
class Person:
    """Somebody who has a Telegram account."""

    id: int
    first_name: str
    language_code: str | None = None
    username: str | None = None

    def shown(self) -> Json:
        """The person as a Telegram User."""
        user: Json = {"id": self.id, "is_bot": False, "first_name": self.first_name}
        if self.username:
            user["username"] = self.username
        if self.language_code:
            user["language_code"] = self.language_code
        return user


@dataclass(frozen=True)
class Chat:
    """A private chat with the bot, or a group that the bot is in."""

    id: int
    type: str
    title: str


@dataclass
class Room:
    """What is in a chat."""

    chat: Chat
    shown: Json
    numbers: Iterator[int]
    forum: bool = False
    privacy: bool = True
    opened: bool = True
    blocked: bool = False
    messages: dict[int, Json] = field(default_factory=dict)
    replies: dict[int, int] = field(default_factory=dict)
    migrated_to: int | None = None
    topics: set[int] = field(default_factory=set)
    statuses: dict[int, str] = field(default_factory=dict)
    reactions: dict[int, list[str]] = field(default_factory=dict)
    # Telegram never again lets a message be edited that came with a keyboard of the other kinds.
    uneditable: set[int] = field(default_factory=set)

    @property
    def private(self) -> bool:
        """Whether it is a chat of one person with the bot."""
        return self.chat.type == "private"

    def check_writable(self) -> None:
        """Refuse as Telegram does what the bot says to somebody who does not hear it."""
        if self.blocked:
            raise Refusal(403, "Forbidden: bot was blocked by the user")
        if not self.opened:
            raise Refusal(403, "Forbidden: bot can't initiate conversation with a user")

    def message(self, message_id: int, what: str) -> Json:
        """A message of the chat, or Telegram's refusal that `what` was not found."""
        if message_id not in self.messages:
            raise refused(f"{what} not found")
        return self.messages[message_id]

    def check_thread(self, thread: int) -> int:
        """The topic that a message of the bot goes to; 0 where the chat has none."""
        if thread <= 0 or (not self.private and not self.forum):
            return 0
        if thread == _GENERAL_TOPIC or thread not in self.topics:
            raise refused("Message thread not found")
        return thread

    def render(self, message_id: int) -> Json:
        """The message as Telegram shows it, the one that it replies to whole inside.

        Of a message in another topic there is only where it is and from whom.
        """
        message: Json = copied(self.messages[message_id])
        replied = self.replies.get(message_id, message.get("message_thread_id", 0))
        if replied not in self.messages or replied == message_id:
            return message
        original = self.messages[replied]
        if original.get("message_thread_id") == message.get("message_thread_id"):
            return message | {"reply_to_message": copied(original)}
        where = {"origin": origin_of(original), "chat": self.shown, "message_id": replied}
        return message | {"external_reply": copied(where)}

    def forget(self, message_id: int) -> None:
        """The message is deleted."""
        self.messages.pop(message_id)
        self.reactions.pop(message_id, None)


@dataclass
class StoredFile:
    """A file that Telegram keeps: what it shows of it, and the bytes."""

    kind: str
    shown: Json
    content: bytes
    extension: str
    path: str = ""


@dataclass
class Query:
    """A press of a button or an inline query, and the answer to it."""

    kind: str
    asked: float
    answer: Json | None = None


@dataclass
class World:
    """Everything that Telegram knows about one bot."""

    bot: Json
    clock: Callable[[], float]
    updates: Updates
    people: dict[int, Person] = field(default_factory=dict)
    rooms: dict[int, Room] = field(default_factory=dict)
    queries: dict[str, Query] = field(default_factory=dict)
    # Where the messages stand that the bot knows by an inline_message_id only.
    inline: dict[str, tuple[Room, int]] = field(default_factory=dict)
    elsewhere: Room = field(init=False)
    files: dict[str, StoredFile] = field(default_factory=dict)
    commands: dict[tuple[str, str], list[Json]] = field(default_factory=dict)
    descriptions: dict[tuple[str, str], str] = field(default_factory=dict)
    logged_out_until: float = 0.0
    started: float = field(init=False)
    _private_numbers: Iterator[int] = field(init=False, default_factory=lambda: itertools.count(1))
    _query_numbers: Iterator[int] = field(init=False, default_factory=lambda: itertools.count(1))
    _path_numbers: Iterator[int] = field(init=False, default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.started = self.clock()
        shown: Json = {"id": 0, "type": "private", "first_name": ""}
        self.elsewhere = Room(Chat(0, "private", ""), shown, itertools.count(1))

    @property
    def now(self) -> int:
        """The time as Telegram writes it."""
        return int(self.clock())

    def add_private(self, person: Person) -> Room:
        """The chat with a person, there but not opened by the person yet."""
        shown: Json = {"id": person.id, "type": "private", "first_name": person.first_name}
        if person.username:
            shown["username"] = person.username
        chat = Chat(person.id, "private", person.first_name)
        if room := self.rooms.get(person.id):
            room.chat, room.shown = chat, shown
        else:
            self.rooms[person.id] = Room(chat, shown, self._private_numbers, opened=False)
        return self.rooms[person.id]

    def add_group(self, chat: Chat, *, forum: bool, privacy: bool) -> Room:
        """A group that the bot has been added to."""
        shown: Json = {"id": chat.id, "type": chat.type, "title": chat.title}
        if forum:
            shown["is_forum"] = True
        room = Room(chat, shown, itertools.count(1), forum=forum, privacy=privacy)
        self.rooms[chat.id] = room
        return room

    def room(self, chat_id: str, *, reading: bool = False) -> Room:
        """The chat that a request names, or Telegram's refusal.

        A basic group is still read after the bot was removed, and after it became a supergroup.
        """
        if not chat_id:
            raise Refusal(400, "Bad Request: chat_id is empty")
        room = self.rooms.get(whole(chat_id))
        if room is None or self.status(room) == "left":
            raise refused("chat not found")
        if reading and room.chat.type == "group":
            return room
        if room.migrated_to is not None:
            raise Refusal(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                migrate_to=room.migrated_to,
            )
        if self.status(room) == "kicked":
            raise Refusal(403, f"Forbidden: bot was kicked from the {room.chat.type} chat")
        return room

    def status(self, room: Room) -> str:
        """What the bot itself is in a chat."""
        return room.statuses.get(self.bot["id"], "member")

    def is_in(self, room: Room) -> bool:
        """Whether the bot hears what is said in a chat."""
        return self.status(room) not in ("left", "kicked")

    def post(
        self,
        room: Room,
        sender: Json,
        content: Json,
        *,
        reply_to: int = 0,
        thread: int = 0,
    ) -> int:
        """Put a message into a chat and return its number there."""
        message_id = next(room.numbers)
        head = {
            "message_id": message_id,
            "from": sender,
            "chat": room.shown,
            "date": self.now,
        }
        message = head | content
        if reply_to:
            room.replies[message_id] = reply_to
            thread = thread or room.messages[reply_to].get("message_thread_id", 0)
        if thread:
            message |= {"message_thread_id": thread, "is_topic_message": True}
        room.messages[message_id] = message
        return message_id

    def open_topic(self, room: Room, person: Person, thread: int) -> None:
        """Make a topic known under a number that the chat has not used for anything else."""
        if thread in room.topics:
            return
        used = max(room.messages, default=0)
        if thread <= max(used, _GENERAL_TOPIC):
            raise ValueError(f"{thread} is not free for a topic: use a number above {used}")
        room.numbers = itertools.count(thread)
        room.topics.add(thread)
        created = {"name": f"Topic {thread}", "icon_color": _TOPIC_COLOR}
        self.post(room, person.shown(), {"forum_topic_created": created}, thread=thread)

    def too_old_to_delete(self, message: Json) -> bool:
        """Whether nobody but an administrator may delete it any more."""
        return self.clock() - float(message["date"]) > 2 * _DAY

    def ask(self, kind: str) -> str:
        """Open a query and return its id."""
        query_id = str(4_000_000_000_000_000_000 + next(self._query_numbers))
        self.queries[query_id] = Query(kind, self.clock())
        return query_id

    def answer(self, kind: str, query_id: str, answer: Json) -> None:
        """Answer a query once, while somebody still waits for it."""
        query = self.queries.get(str(whole(query_id)))
        late = query is not None and self.clock() - query.asked > _QUERY_LIFETIME
        if query is None or query.kind != kind or query.answer is not None or late:
            raise refused("query is too old and response timeout expired or query ID is invalid")
        query.answer = answer

    def keep_inline(self, room: Room, message_id: int) -> str:
        """Make a message known by an inline_message_id, and return that."""
        inline_id = f"AQAAA{len(self.inline):022x}"
        self.inline[inline_id] = room, message_id
        return inline_id

    def keep_photo(self, content: bytes, size: tuple[int, int]) -> StoredFile:
        """Store an uploaded picture; the same picture always has the same file_id."""
        unique = hashlib.sha256(content).hexdigest()[:16]
        file_id = f"AgACAgIAAxkDAAI{unique}"
        shown = {
            "file_id": file_id,
            "file_unique_id": f"AQAD{unique}",
            "width": size[0],
            "height": size[1],
            "file_size": len(content),
        }
        return self.files.setdefault(file_id, StoredFile("Photo", shown, content, ".jpg"))

    def keep_document(
        self, content: bytes, name: str, mime_type: str | None = None, size: int | None = None
    ) -> StoredFile:
        """Store a document; each time that one is sent from a disk it is a new file."""
        unique = f"{len(self.files):016x}"
        file_id = f"BQACAgIAAxkBAAI{unique}"
        shown: Json = {"file_name": name} if name else {}
        shown |= {
            "mime_type": mime_type or _mime_type(name),
            "file_id": file_id,
            "file_unique_id": f"AgAD{unique}",
            "file_size": len(content) if size is None else size,
        }
        self.files[file_id] = StoredFile("Document", shown, content, PurePath(name).suffix)
        return self.files[file_id]

    def make_downloadable(self, file_id: str) -> Json:
        """The file as getFile tells of it, from now on to be had at its path."""
        if not file_id:
            raise refused("file_id not specified")
        file = self.files.get(file_id)
        if file is None:
            raise refused("invalid file_id")
        if file.shown["file_size"] > _DOWNLOAD_BYTES:
            raise refused("file is too big")
        if not file.path:
            number = next(self._path_numbers)
            file.path = f"{file.kind.lower()}s/file_{number}{file.extension}"
        named = ("file_id", "file_unique_id", "file_size")
        return {name: file.shown[name] for name in named} | {"file_path": file.path}

    def downloaded(self, path: str) -> bytes:
        """The content of a file whose path getFile has told."""
        for file in self.files.values():
            if file.path == path:
                return file.content
        raise Refusal(404, "Not Found")

    def chat_member(self, room: Room, user: int) -> Json:
        """What somebody is in a chat, as Telegram shows it."""
        if user == self.bot["id"]:
            return member(self.bot, self.status(room))
        if room.private and user != room.chat.id:
            raise refused("Member not found")
        if user not in self.people:
            raise refused("PARTICIPANT_ID_INVALID")
        default = "member" if room.private else "left"
        return member(self.people[user].shown(), room.statuses.get(user, default))


def _mime_type(name: str) -> str:
    # Only the types built into Python: what the machine adds to them must not change an answer.
    return mimetypes.MimeTypes().guess_type(name)[0] or "application/octet-stream"


def member(user: Json, status: str) -> Json:
    """Somebody in a chat as a Telegram ChatMember."""
    shown: Json = {"user": user, "status": status}
    if status == "kicked":
        shown["until_date"] = 0
    if status == "creator":
        shown["is_anonymous"] = False
    if status == "administrator":
        shown |= {
            "can_be_edited": False,
            "is_anonymous": False,
            "can_promote_members": False,
            "can_manage_topics": False,
        }
        shown |= dict.fromkeys(_RIGHTS, True)
    return shown


def anonymously(room: Room) -> Json:
    """The sender's fields of a message that is from a group itself."""
    return {"from": _ANONYMOUS, "sender_chat": room.shown}


def origin_of(message: Json) -> Json:
    """Where a message first came from, as a Telegram MessageOrigin."""
    if "sender_chat" in message:
        return {"type": "chat", "sender_chat": message["sender_chat"], "date": message["date"]}
    return {"type": "user", "sender_user": message["from"], "date": message["date"]}


_RIGHTS = (
    "can_manage_chat",
    "can_change_info",
    "can_delete_messages",
    "can_invite_users",
    "can_restrict_members",
    "can_pin_messages",
    "can_manage_video_chats",
    "can_post_stories",
    "can_edit_stories",
    "can_delete_stories",
)
