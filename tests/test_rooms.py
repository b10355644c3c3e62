"""Rooms: what each has chosen, how long it is remembered, and a room under another number."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Table, event, insert, select

from core.arena import rooms as module
from core.arena import schema
from core.arena.rooms import KEPT_FOR, Rooms, RoomSettings
from core.arena.schema import (
    announcements,
    boards,
    deliveries,
    duels,
    lyrics,
    models,
    pairs,
    people,
    releases,
    showings,
)
from core.arena.store import Store

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
GROUP, SUPERGROUP = -100, -(10**12)


class Seconds:
    """A clock that counts seconds."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def rooms(store: Store, seconds: Seconds) -> Rooms:
    return Rooms(store, seconds)


@pytest.fixture
def other(store: Store, seconds: Seconds) -> Rooms:
    """What another bot has."""
    return Rooms(store, seconds)


class Asked:
    """Counts the statements that reach a database."""

    def __init__(self, store: Store) -> None:
        self.times = 0
        event.listen(store._direct, "before_cursor_execute", self._count)

    def _count(self, *_: object) -> None:
        self.times += 1


async def put(store: Store, table: Table, *rows: dict[str, Any]) -> None:
    async with store.write() as connection:
        await connection.execute(insert(table), list(rows))


async def rows(store: Store, table: Table) -> list[Any]:
    async with store.read() as connection:
        return list(await connection.execute(select(table).order_by(*table.primary_key)))


async def test_a_room_has_chosen_nothing_until_it_does(rooms: Rooms) -> None:
    assert await rooms.get(7) == RoomSettings(None, None, False)


async def test_what_was_chosen_is_there_at_once_and_for_this_room_only(
    rooms: Rooms, other: Rooms
) -> None:
    for room in (7, 8):
        await rooms.get(room)
    await rooms.set_language(7, "zh", traditional=True)
    assert await rooms.get(7) == RoomSettings("zh", True)
    await rooms.set_news(7, True)
    assert await rooms.get(7) == RoomSettings("zh", True, True)
    await rooms.set_traditional(7, False)
    assert await rooms.get(7) == RoomSettings("zh", False, True)
    await rooms.set_language(7, "en")  # says nothing of the characters
    assert await rooms.get(7) == RoomSettings("en", False, True)
    await rooms.set_language(7, None)
    await rooms.set_news(7, False)
    assert await rooms.get(7) == RoomSettings(None, False, False)
    assert await other.get(7) == RoomSettings(None, False, False)
    assert await rooms.get(8) == RoomSettings()


async def test_asked_for_again_it_costs_no_query(store: Store, rooms: Rooms) -> None:
    await rooms.set_language(7, "zh")
    await rooms.get(7)
    await rooms.get(8)
    asked = Asked(store)
    for _ in range(5):
        assert await rooms.get(7) == RoomSettings("zh")
        assert await rooms.get(8) == RoomSettings()
    assert asked.times == 0


async def test_what_another_bot_changed_is_known_some_seconds_later(
    rooms: Rooms, other: Rooms, seconds: Seconds
) -> None:
    await rooms.get(7)
    await other.set_language(7, "en")
    seconds.time += KEPT_FOR - 0.1
    assert await rooms.get(7) == RoomSettings()
    seconds.time += 0.2
    assert await rooms.get(7) == RoomSettings("en")


async def test_of_many_rooms_the_oldest_are_forgotten(
    store: Store, rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 3)
    for room in range(5):
        await rooms.get(room)
    assert len(rooms._kept) == 3
    asked = Asked(store)
    for room in (2, 3, 4):
        await rooms.get(room)
    assert asked.times == 0
    await rooms.get(0)
    assert asked.times > 0
    assert len(rooms._kept) == 3


async def test_changed_and_asked_for_at_once_the_change_is_what_is_remembered(
    rooms: Rooms, other: Rooms
) -> None:
    for turn in range(10):
        language = f"l{turn}"
        await asyncio.gather(
            *(rooms.get(7) for _ in range(8)),
            rooms.set_language(7, language),
            rooms.set_news(7, turn % 2 == 0),
            *(rooms.get(7) for _ in range(8)),
        )
        assert await rooms.get(7) == RoomSettings(language, None, turn % 2 == 0)


async def test_what_was_read_before_a_change_is_not_remembered_after_it(
    store: Store, rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = store.look

    async def slowly(work: Callable[[Connection], Any]) -> Any:
        read = await look(work)
        await rooms.set_language(7, "zh")
        return read

    with monkeypatch.context() as patch:
        patch.setattr(store, "look", slowly)
        await rooms.get(7)
    assert await rooms.get(7) == RoomSettings("zh")


async def test_rooms_that_want_news_are_counted(rooms: Rooms) -> None:
    assert await rooms.wanting_news() == 0
    for room in (1, -2, 3):
        await rooms.set_news(room, True)
    await rooms.set_news(3, False)
    await rooms.set_language(4, "zh")
    assert await rooms.wanting_news() == 2


# A room under another number


async def test_what_a_room_chose_follows_it(rooms: Rooms) -> None:
    await rooms.set_language(GROUP, "zh", traditional=True)
    await rooms.set_news(GROUP, True)
    await rooms.get(SUPERGROUP)
    for _ in range(2):  # both rooms tell of it
        await rooms.move(GROUP, SUPERGROUP)
        assert await rooms.get(SUPERGROUP) == RoomSettings("zh", True, True)
        assert await rooms.get(GROUP) == RoomSettings()
    assert await rooms.wanting_news() == 1


async def test_what_was_chosen_under_the_new_number_stands(rooms: Rooms) -> None:
    await rooms.set_language(GROUP, "zh", traditional=True)
    await rooms.set_language(SUPERGROUP, "en")
    await rooms.move(GROUP, SUPERGROUP)
    assert await rooms.get(SUPERGROUP) == RoomSettings("en", True, False)


async def test_moved_by_many_at_once_it_is_moved_once(store: Store, rooms: Rooms) -> None:
    await rooms.set_language(GROUP, "zh")
    await asyncio.gather(*(rooms.move(GROUP, SUPERGROUP) for _ in range(8)))
    assert [(row.room, row.language) for row in await rows(store, schema.rooms)] == [
        (SUPERGROUP, "zh")
    ]


async def test_open_deliveries_follow_and_those_that_are_over_stay(
    store: Store, rooms: Rooms
) -> None:
    told = {"text": "hello", "written_by": 1, "at": NOON}
    await put(store, announcements, *({"id": n, **told} for n in (1, 2, 3)))
    later = NOON + timedelta(seconds=9)
    await put(
        store,
        deliveries,
        {"announcement_id": 1, "room": GROUP, "due_at": None, "arrived": True},
        {"announcement_id": 2, "room": GROUP, "due_at": later, "arrived": False},
        {"announcement_id": 3, "room": GROUP, "due_at": later, "arrived": False},
        {"announcement_id": 3, "room": SUPERGROUP, "due_at": None, "arrived": True},
    )
    await rooms.move(GROUP, SUPERGROUP)
    assert [tuple(row) for row in await rows(store, deliveries)] == [
        (1, GROUP, None, True),
        (2, SUPERGROUP, later, False),
        (3, SUPERGROUP, None, True),
    ]


async def test_posts_do_not_follow_and_duels_do(store: Store, rooms: Rooms) -> None:
    await put(store, people, {"id": 1, "account": 10, "first_seen": NOON})
    await put(
        store,
        releases,
        {
            **{"number": 1, "corpus_name": "small", "corpus_sha256": "0", "recipe_name": "r"},
            **{"recipe_hash": "0", "published_at": NOON},
        },
    )
    await put(store, pairs, {"id": 1, "release": 1, "number": 1, "seed": 0, "updates": 1})
    await put(
        store,
        models,
        {"id": 1, "pair_id": 1, "sampler": "random", "file_sha256": "0", "perplexity": 5.0},
    )
    lyric = {"model_id": 1, "prefix": "分开", "text": "分开", "seed": 1, "decoding": {}}
    await put(store, lyrics, *({"id": n, **lyric, "written_at": NOON} for n in (1, 2)))
    duel = {"pair_id": 1, "asker_id": 1, "lyric_1_id": 1, "lyric_2_id": 2, "sampler_1": "random"}
    times = {"opened_at": NOON, "closes_at": NOON + timedelta(hours=1)}
    where = [GROUP, -7, None]
    await put(
        store, duels, *({"id": n, "room": r, **duel, **times} for n, r in enumerate(where, 1))
    )
    seen = {"duel_id": 1, "post": 5}
    await put(store, showings, *({"room": r, "shown_at": NOON, **seen} for r in (GROUP, -7)))
    board = {"language": "zh", "free_at": NOON, **seen}
    await put(store, boards, *({"room": r, **board} for r in (GROUP, -7)))

    await rooms.move(GROUP, SUPERGROUP)
    assert [row.room for row in await rows(store, duels)] == [SUPERGROUP, -7, None]
    assert [row.room for row in await rows(store, showings)] == [-7]
    assert [row.room for row in await rows(store, boards)] == [-7]
