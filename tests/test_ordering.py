"""Who waits for whom."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from telegram import Update

from bot.metrics import Metrics
from bot.ordering import PersonByPerson, is_write, kind_of

Json = dict[str, Any]


def sender(person: int) -> Json:
    return {"id": person, "is_bot": False, "first_name": "P"}


def message(person: int, text: str = "hello") -> Update:
    content: Json = {
        **{"message_id": 1, "date": 0, "text": text, "from": sender(person)},
        "chat": {"id": person, "type": "private"},
    }
    if text.startswith("/"):
        length = len(text.split()[0])
        content["entities"] = [{"type": "bot_command", "offset": 0, "length": length}]
    return made({"message": content})


def anonymous(group: int) -> Update:
    chat = {"id": group, "type": "supergroup", "title": "G"}
    content = {"message_id": 1, "date": 0, "text": "hello", "from": sender(1087968824)}
    return made({"message": {**content, "chat": chat, "sender_chat": chat}})


def press(person: int) -> Update:
    return made({"callback_query": {"id": "1", "from": sender(person), "chat_instance": "1"}})


def inline(person: int) -> Update:
    content = {"id": "1", "from": sender(person), "query": "x", "offset": ""}
    return made({"inline_query": content})


def made(content: Json) -> Update:
    return Update.de_json({"update_id": 1, **content}, None)


class Handling:
    """Updates that a processor handles; each lasts until told to end."""

    def __init__(self, at_once: int = 100) -> None:
        self.metrics = Metrics()
        self.processor = PersonByPerson(at_once, self.metrics)
        self.begun: list[str] = []
        self.done: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}
        self.tasks: list[asyncio.Task[None]] = []

    def comes(self, name: str, update: object) -> None:
        self._ends[name] = asyncio.Event()
        working = self.processor.process_update(update, self._handle(name))
        self.tasks.append(asyncio.ensure_future(working))

    async def ends(self, *names: str) -> None:
        for name in names:
            self._ends[name].set()
        await turns()

    async def _handle(self, name: str) -> None:
        self.begun.append(name)
        await self._ends[name].wait()
        self.done.append(name)


async def turns() -> None:
    """Let everything go as far as it can."""
    for _ in range(50):
        await asyncio.sleep(0)


@asynccontextmanager
async def handling(at_once: int = 100) -> AsyncIterator[Handling]:
    one = Handling(at_once)
    yield one
    one.processor.cancel()
    await asyncio.gather(*one.tasks, return_exceptions=True)


async def test_a_persons_updates_are_handled_in_the_order_they_came() -> None:
    async with handling() as one:
        one.comes("a", message(1))
        one.comes("b", press(1))
        one.comes("c", message(1))
        await turns()
        assert one.begun == ["a"]
        await one.ends("c", "b")
        assert one.done == []
        await one.ends("a")
        assert one.done == ["a", "b", "c"]


async def test_nobody_waits_for_anybody_else() -> None:
    async with handling() as one:
        for person in range(1, 50):
            one.comes(f"{person}", message(person))
        await turns()
        assert len(one.begun) == 49


async def test_a_second_write_does_not_wait_for_the_first_and_all_else_does() -> None:
    async with handling() as one:
        one.comes("write", message(1, "/write 分开"))
        one.comes("press", press(1))
        one.comes("again", message(1, "/write 分开"))
        one.comes("help", message(1, "/help"))
        await turns()
        assert one.begun == ["write", "again"]
        await one.ends("again")
        assert one.begun == ["write", "again"]
        await one.ends("write")
        assert one.begun == ["write", "again", "press"]


async def test_whoever_asks_again_and_again_takes_two_places_and_no_more() -> None:
    async with handling(at_once=3) as one:
        for number in range(9):
            one.comes(f"{number}", message(1, "/write 分开"))
        one.comes("ben", message(2))
        await turns()
        assert one.begun == ["0", "1", "ben"]
        await one.ends("1")
        one.comes("again", message(1, "/write 分开"))
        await turns()
        assert one.begun == ["0", "1", "ben", "again"]


async def test_a_write_waits_for_what_is_no_write() -> None:
    async with handling() as one:
        one.comes("help", message(1, "/help"))
        one.comes("write", message(1, "/write 分开"))
        await turns()
        assert one.begun == ["help"]


async def test_an_inline_query_waits_for_nothing() -> None:
    async with handling() as one:
        one.comes("help", message(1, "/help"))
        one.comes("1", inline(1))
        one.comes("2", inline(1))
        await turns()
        assert one.begun == ["help", "1", "2"]


async def test_whoever_waits_for_a_turn_takes_nobodys_place() -> None:
    async with handling(at_once=2) as one:
        for number in range(50):
            one.comes(f"anna {number}", message(1))
        one.comes("ben", message(2))
        one.comes("cleo", message(3))
        await turns()
        assert one.begun == ["anna 0", "ben"]
        await one.ends("ben")
        assert one.begun == ["anna 0", "ben", "cleo"]


async def test_one_that_fails_lets_the_next_begin() -> None:
    async def fails() -> None:
        raise LookupError

    async with handling() as one:
        failing = one.processor.process_update(message(1, "/write 分开"), fails())
        with pytest.raises(LookupError):
            await failing
        one.comes("next", message(1))
        one.comes("write", message(2, "/write 分开"))
        await turns()
        assert one.begun == ["next", "write"]


async def test_what_is_given_up_ends_whether_it_has_begun_or_not() -> None:
    async with handling() as one:
        one.comes("a", message(1))
        one.comes("b", message(1))
        await turns()
        one.processor.cancel()
        await asyncio.wait(one.tasks, timeout=10)
        assert all(task.cancelled() for task in one.tasks)
        assert one.done == []


async def test_what_is_no_update_is_handled() -> None:
    async with handling() as one:
        one.comes("other", object())
        await turns()
        assert one.begun == ["other"]


async def test_it_counts_by_kind() -> None:
    async with handling() as one:
        for number, update in enumerate((message(1), press(2), inline(3), message(4))):
            one.comes(f"{number}", update)
        await turns()
        await one.ends("0", "1", "2")
        value = one.metrics.registry.get_sample_value
        kinds = ("message", "callback_query", "inline_query")
        assert [value("lyricbot_updates_total", {"kind": kind}) for kind in kinds] == [1, 1, 1]
        assert value("lyricbot_update_seconds_count", {"kind": "message"}) == 1
    assert kind_of(made({"dream": {}})) == "other"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/write 分开", True),
        ("/WRITE", True),
        ("/write@lyricbot_demo_bot 分开", True),
        ("/writer 分开", False),
        ("/help", False),
        ("write", False),
    ],
)
def test_a_write_is_known(text: str, expected: bool) -> None:
    assert is_write(message(1, text)) is expected


async def test_who_writes_as_one_group_waits_for_nobody_in_another() -> None:
    async with handling() as one:
        one.comes("a", anonymous(-1))
        one.comes("b", anonymous(-2))
        one.comes("c", anonymous(-1))
        await turns()
        assert one.begun == ["a", "b"]
