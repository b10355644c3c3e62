"""Whoever may not, tries: in the chat, with files, over the network. Each time in vain."""

import re
import struct
import tracemalloc
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from conversation import ADMIN, Conversation
from factories import TEXT
from test_retrain_handlers import zipped

from core.errors import CorpusUnreadable
from core.lyrics.corpus import MAX_BYTES, read_corpus

Json = dict[str, Any]
COMMANDS = (
    *("/retrain", "/jobs", "/cancel", "/releases", "/use 1", "/rollback"),
    *("/admin", "/ban 5", "/unban 5", "/announce hello"),
)
GROUP_ANONYMOUS, CHANNEL = 1087968824, 136817688  # whom Telegram shows for all such
HELLO = {"type": "user", "date": 0, "sender_user": {"id": 5, "is_bot": False, "first_name": "E"}}
number = iter(range(10_000, 20_000))


async def post(talk: Conversation, chat: Json | None = None, **message: Any) -> None:
    """Hand the bot a message as it might come, whatever is in it; by the admin unless told."""
    room = chat or {"id": ADMIN, "type": "private", "first_name": "Admin"}
    text = message.get("text", "")
    command = {"type": "bot_command", "offset": 0, "length": len(text.split()[0])} if text else {}
    whole: Json = {"message_id": next(number), "date": 2_000_000_000, "chat": room}
    whole |= {"from": talk.admin.shown(), "entities": [command] if command else []} | message
    kind = whole.pop("kind", "message")
    await talk.handle({"update_id": next(number), kind: whole})


async def nothing_happened(talk: Conversation) -> bool:
    """Whether all is as it was: no job, no ban, no announcement, no corpus, release 1."""
    current = await talk.services.releases.current()
    assert current is not None
    return (
        await talk.services.retrains.jobs.list() == ()
        and await talk.services.access.banned() == ()
        and talk.rows("SELECT count(*) FROM announcements") == [(0,)]
        and talk.rows("SELECT count(*) FROM corpora") == [(0,)]
        and current.number == 1
    )


each_command = pytest.mark.parametrize("command", COMMANDS)
SUPERGROUP = {"id": -1001, "type": "supergroup", "title": "x"}


@each_command
async def test_a_name_makes_no_admin(talk: Conversation, command: str) -> None:
    named = {**talk.anna.shown(), "first_name": "Admin", "username": "admin"}
    talk.api.send(talk.anna, talk.private, "hello")
    home = {"id": talk.anna.id, "type": "private", "first_name": "Admin"}
    await post(talk, home, text=command, **{"from": named})
    assert "只有管理员" in talk.last()["text"]
    assert await nothing_happened(talk)


@each_command
async def test_who_forwards_a_command_has_not_given_it(talk: Conversation, command: str) -> None:
    talk.api.send(talk.admin, talk.home(talk.admin), "hello")
    await post(talk, text=command, forward_origin=HELLO, forward_date=0)
    assert "forwarded" in talk.last(talk.home(talk.admin))["text"]
    other = {"id": 7, "is_bot": True, "first_name": "Other", "username": "other_bot"}
    await post(talk, text=command, via_bot=other)
    assert len(talk.said(talk.home(talk.admin))) == 2
    assert await nothing_happened(talk)


@each_command
@pytest.mark.parametrize("shown", [GROUP_ANONYMOUS, CHANNEL, ADMIN])
async def test_nor_does_who_writes_in_the_name_of_a_chat_count_as_anybody(
    talk: Conversation, command: str, shown: int
) -> None:
    # Telegram shows one account for all of them; were it an admin's, it would not count either.
    user = {"id": shown, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}
    for sender in (-1001, -1005):
        chat = {"id": sender, "type": "supergroup", "title": "x"}
        await post(talk, SUPERGROUP, text=command, sender_chat=chat, **{"from": user})
        assert "匿名" in talk.last(talk.group)["text"] or "anonym" in talk.last(talk.group)["text"]
    assert await nothing_happened(talk)


@each_command
@pytest.mark.parametrize(
    "kind", ["edited_message", "channel_post", "edited_channel_post", "business_message"]
)
async def test_a_command_is_a_new_message_and_nothing_else(
    talk: Conversation, command: str, kind: str
) -> None:
    await post(talk, text=command, kind=kind)
    assert talk.api.calls == talk.api.calls[:1]  # getMe
    assert await nothing_happened(talk)


async def test_a_message_by_nobody_is_not_answered(talk: Conversation) -> None:
    calls = len(talk.api.calls)
    for text in ("/help", "/start", "/privacy", "/top", "hello"):
        await post(talk, SUPERGROUP, text=text, **{"from": None})
    assert len(talk.api.calls) == calls


@pytest.mark.parametrize("data", ["a:send", "d:yes", "l:en", "s:hant"])
async def test_no_button_does_for_others_what_it_does_for_whom_it_was_made(
    talk: Conversation, data: str
) -> None:
    await talk.services.rooms.set_news(talk.anna.id, True)
    await talk.say("/announce hello", talk.admin)
    question = talk.last(talk.home(talk.admin))
    chosen = talk.rows("SELECT * FROM rooms ORDER BY 1")
    await talk.forge(data, question, talk.ben, talk.home(talk.admin))
    assert await nothing_happened(talk)
    assert talk.rows("SELECT * FROM rooms ORDER BY 1") == chosen


@pytest.mark.parametrize(
    "data",
    [
        *(
            "",
            "x",
            "v:",
            "v:1",
            "v:1:9:aaaaaaaa",
            "v:-1:1",
            "v:1:1:AAAAAAAA",
            "v:999999:1:aaaaaaaa",
        ),
        *("v:1:1", "v:1:1:aaaaaaaa", "v:1:1\n", "v:1:1:' OR 1=1", "v:٣:1:aaaaaaaa"),
        *("w:1:1", "w:1:1:aaaaaaaa", "w:1:again:aaaaaaaa", "a:send:1", "l:xx", f"v:{2**63}:1"),
    ],
)
async def test_what_a_button_says_is_looked_up_and_never_believed(
    talk: Conversation, data: str
) -> None:
    duel = await talk.duel()
    sent = len(talk.said(talk.home(talk.ben)))
    if data:
        await talk.forge(data, duel["message_id"], talk.ben, talk.private)
    for table in ("votes", "likes", "encores"):
        assert talk.rows(f"SELECT count(*) FROM {table}") == [(0,)]
    assert len(talk.said(talk.home(talk.ben))) == sent


@pytest.mark.parametrize(
    "payload", ["duel_1", "duel_1_", "duel_1_aaaaaaaa", "duel_-1_x", "duel_1_%27", "admin"]
)
async def test_a_link_to_a_duel_needs_its_key(talk: Conversation, payload: str) -> None:
    text = (await talk.duel())["text"]
    await talk.say(f"/start {payload}", talk.ben)
    (answer,) = talk.said(talk.home(talk.ben))
    assert not any(line in answer["text"] for line in text.splitlines()[2:] if len(line) > 4)


# Files


@pytest.mark.parametrize(
    "name",
    [
        *("../../../etc/cron.d/x.txt", "..\\..\\x.txt", "/etc/passwd.txt", "..txt", ".txt"),
        *(
            "a\0b.txt",
            "\u202etxt.exe.txt",
            "a\nb.txt",
            "\x1b[2J.txt",
            "x" * 300 + ".txt",
            "%2e%2e.zip",
        ),
    ],
)
async def test_a_files_name_is_only_a_name(talk: Conversation, name: str, tmp_path: Path) -> None:
    before = {path for path in tmp_path.rglob("*") if "sqlite" not in path.name}
    content = zipped() if name.endswith(".zip") else TEXT.encode()
    await talk.handle(talk.api.send_document(talk.admin, talk.home(talk.admin), name, content))
    added = {path for path in tmp_path.rglob("*") if "sqlite" not in path.name} - before
    corpora = tmp_path / "checkpoints" / "corpora"
    assert all(path == corpora or path.parent == corpora for path in added)
    assert await talk.services.limits.counted("errors") == 0
    for (kept,) in talk.rows("SELECT name FROM corpora"):
        assert kept.isprintable()
        assert "/" not in kept


@pytest.mark.parametrize("names", [("../../x.txt",), ("/etc/x.txt",), ("a/../../x.txt",)])
def test_a_name_within_a_zip_leads_nowhere(tmp_path: Path, names: tuple[str]) -> None:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, TEXT)
    folder = tmp_path / "one" / "two"
    folder.mkdir(parents=True)
    (folder / "songs.zip").write_bytes(buffer.getvalue())
    assert read_corpus(folder / "songs.zip").text == TEXT
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["songs.zip"]


async def refused(talk: Conversation, name: str, content: bytes, **more: Any) -> str:
    await talk.handle(
        talk.api.send_document(talk.admin, talk.home(talk.admin), name, content, **more)
    )
    assert talk.rows("SELECT count(*) FROM corpora") == [(0,)]
    assert await talk.services.limits.counted("errors") == 0
    return str(talk.last(talk.home(talk.admin))["text"])


async def test_two_gigabytes_are_never_fetched(talk: Conversation) -> None:
    assert "up to 20 MB" in await refused(talk, "big.txt", b"x", size=2 * 10**9)
    assert talk.called("getFile") == []


@pytest.mark.parametrize("claimed", [10, None])
@pytest.mark.parametrize("serves", ["refuses", "hands out"])
async def test_nor_where_a_message_lies_about_its_size(
    talk: Conversation, claimed: int | None, serves: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = talk.api.send_document(
        *(talk.admin, talk.home(talk.admin), "big.txt", b"x"), size=2 * 10**9
    )
    assert update is not None
    document = update["message"]["document"]
    document |= {"file_size": claimed} if claimed else {}
    if claimed is None:
        del document["file_size"]
    if serves == "hands out":  # as a server of one's own does
        monkeypatch.setattr("bot.botapi.world._DOWNLOAD_BYTES", 2 * 10**9)
    await talk.handle(update)
    assert "up to 20 MB" in talk.last(talk.home(talk.admin))["text"]
    assert talk.rows("SELECT count(*) FROM corpora") == [(0,)]
    assert not any("file/bot" in call.method for call in talk.api.calls)


def bomb() -> bytes:
    """Some hundred kilobytes that unpack to more than may be."""
    buffer = BytesIO()
    deflated = zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED)
    with deflated as archive, archive.open("a.txt", "w") as member:
        for _ in range(MAX_BYTES // 2**20 + 1):
            member.write(b"la " * (2**20 // 3) + b"\n\n")
    return buffer.getvalue()


async def test_a_zip_bomb_is_refused_in_the_chat(talk: Conversation) -> None:
    content = bomb()
    assert len(content) < 2**20
    assert "larger than 64 MiB" in await refused(talk, "bomb.zip", content)


async def test_what_is_zipped_twice_is_unpacked_once(talk: Conversation) -> None:
    outer = BytesIO()
    with zipfile.ZipFile(outer, "w") as archive:
        archive.writestr("inner.zip", bomb())
    assert "holds 0 .txt files" in await refused(talk, "nested.zip", outer.getvalue())
    outer = BytesIO()
    with zipfile.ZipFile(outer, "w") as archive:
        archive.writestr("inner.txt", bomb())
    assert "neither UTF-8 nor GB18030" in await refused(talk, "nested.zip", outer.getvalue())


def test_a_header_that_wants_four_gigabytes_gets_them_not(tmp_path: Path) -> None:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.txt", TEXT)
    raw = bytearray(buffer.getvalue())
    properties = 30 + len("a.txt")  # behind the local header and the name; 2 + 2 bytes, then these
    assert raw[properties + 2] == 5
    struct.pack_into("<I", raw, properties + 5, 2**32 - 1)
    path = tmp_path / "songs.zip"
    path.write_bytes(raw)
    tracemalloc.start()
    with pytest.raises(CorpusUnreadable):
        read_corpus(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**24


def test_a_file_of_two_gigabytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    for name in ("big.txt", "big.zip"):
        path = tmp_path / name
        with path.open("wb") as file:
            file.truncate(2 * 10**9)  # of which the disk keeps nothing
        tracemalloc.start()
        with pytest.raises(CorpusUnreadable, match="larger than 64 MiB"):
            read_corpus(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2**20


def test_the_threat_model_names_tests_that_there_are() -> None:
    root = Path(__file__).parents[1]
    rows = [
        line.split("|")[4]
        for line in (root / "SECURITY.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| ") and not line.startswith("| who |")
    ]
    assert len(rows) > 10
    for row in rows:
        named = re.findall(r"`([^`]+)`", row)
        assert named
        assert [name for name in named if not (root / name).is_file()] == []
