"""Updates on their way in: polled for, kept, handled once, whatever fails meanwhile."""

import asyncio
import json
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from conversation import TOKEN, Conversation, data_of
from processes import until, until_awaited
from receiving import handling, polling
from structlog.testing import capture_logs
from telegram import Update

from bot import intake as intakes
from bot import polling as polls
from bot.intake import Closing
from core.arena.inbox import LEASE, Inbox, Taken


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polls, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(polls, "LONGEST_PAUSE", 0.02)
    monkeypatch.setenv("PTB_TIMEDELTA", "true")


async def nothing_waits(talk: Conversation) -> bool:
    return (await talk.services.inbox.waiting()).number == 0


async def test_what_was_polled_is_answered_and_leaves_the_inbox(talk: Conversation) -> None:
    async with polling(talk):
        talk.api.send(talk.anna, talk.private, "/help")
        await until(talk.said)
        await until_awaited(lambda: nothing_waits(talk))


@pytest.mark.parametrize(
    ("status", "description"),
    [
        (401, "Unauthorized"),
        (404, "Not Found"),
        (409, "Conflict: terminated by other getUpdates request"),
        (500, "Internal Server Error"),
        (502, "Bad Gateway"),
    ],
)
async def test_polling_outlives_what_telegram_answers(
    talk: Conversation, status: int, description: str
) -> None:
    talk.api.fail_next("getUpdates", status, description, times=5)
    talk.api.send(talk.anna, talk.private, "/help")
    with capture_logs() as logs:
        async with polling(talk):
            await until(talk.said)
    events = [one["event"] for one in logs]
    assert events.count("no updates arrive; it is tried again and again") == 1
    assert events.count("updates are arriving again") == 1
    assert TOKEN not in str(logs)


async def test_polling_waits_as_long_as_telegram_asks(talk: Conversation) -> None:
    talk.api.fail_next("getUpdates", 429, "Too Many Requests", retry_after=1)
    talk.api.send(talk.anna, talk.private, "/help")
    async with polling(talk):
        await until(talk.said)


async def test_polling_goes_on_when_another_poller_has_gone(talk: Conversation) -> None:
    async def poll_as_well() -> None:
        while True:
            with suppress(Exception):
                await talk.api.handle(TOKEN, "getUpdates", {"timeout": "10"})
            await asyncio.sleep(0)

    with capture_logs() as logs:
        async with polling(talk):
            other = asyncio.ensure_future(poll_as_well())
            await until(lambda: "Conflict" in str(logs))
            other.cancel()
            talk.api.send(talk.anna, talk.private, "/help")
            await until(talk.said)
    assert sum("Conflict" in str(one) for one in logs) == 1


async def test_a_batch_whose_answer_was_lost_comes_again(talk: Conversation) -> None:
    talk.api.drop_next("getUpdates", times=3)
    talk.api.send(talk.anna, talk.private, "/help")
    async with polling(talk):
        await until(talk.said)
        await until_awaited(lambda: nothing_waits(talk))
    assert len(talk.said()) == 1


async def test_updates_wait_for_a_database_that_is_away(
    talk: Conversation, tmp_path: Path
) -> None:
    with capture_logs() as logs, closing(sqlite3.connect(tmp_path / "app.sqlite", 30)) as database:
        database.execute("ALTER TABLE inbox RENAME TO elsewhere")
        async with polling(talk):
            talk.api.send(talk.anna, talk.private, "/write 分开吧")
            await until(lambda: "the database cannot be used" in str(logs))
            assert talk.said() == []
            database.execute("ALTER TABLE elsewhere RENAME TO inbox")
            await until(talk.said)
            await until_awaited(lambda: nothing_waits(talk))
    assert "分开吧" not in str(logs)


async def test_an_update_that_comes_twice_is_handled_once(talk: Conversation) -> None:
    update = talk.api.send(talk.anna, talk.private, "/help")
    assert update
    async with handling(talk) as intake:
        await asyncio.gather(*(intake.take([update, update]) for _ in range(5)))
        await until_awaited(lambda: nothing_waits(talk))
        await intake.take([update])
        await intake.claim()
    assert len(talk.said()) == 1


async def test_what_a_dead_bot_left_is_taken_up_once(talk: Conversation) -> None:
    update = talk.api.send(talk.anna, talk.private, "/help")
    assert update
    services = talk.services
    await Inbox(services.store, lambda: services.now() - 2 * LEASE, "dead").take(
        [Taken(update["update_id"], json.dumps(update))]
    )
    async with handling(talk) as intake:
        await intake.take([update])  # Telegram had not been told that it arrived
        assert talk.said() == []
        await asyncio.gather(*(intake.claim() for _ in range(3)))
        await until(talk.said)
        await until_awaited(lambda: nothing_waits(talk))
    assert len(talk.said()) == 1


async def test_another_duel_that_a_dead_bot_answered_and_did_not_show_is_shown(
    talk: Conversation,
) -> None:
    duel = await talk.duel()
    update = talk.api.press(talk.anna, talk.private, duel["message_id"], data_of(":again", duel))
    await talk.app.bot.answer_callback_query(update["callback_query"]["id"])
    await Inbox(talk.services.store, lambda: talk.services.now() - 2 * LEASE, "dead").take(
        [Taken(update["update_id"], json.dumps(update))]
    )
    async with handling(talk) as intake:
        await intake.claim()
        await until_awaited(lambda: nothing_waits(talk))
    assert len(talk.said()) == 2


UNREADABLE: list[dict[str, Any]] = [
    {"update_id": 900, "message": {"text": "秘密"}},
    {"update_id": 901, "message": "秘密"},
    {"update_id": 902, "callback_query": {"id": "1", "from": []}},
]


async def test_what_cannot_be_read_is_skipped_and_the_rest_of_its_batch_answered(
    talk: Conversation,
) -> None:
    update = talk.api.send(talk.anna, talk.private, "/help")
    assert update
    await Inbox(talk.services.store, lambda: talk.services.now() - 2 * LEASE, "dead").take(
        [Taken(one["update_id"] + 10, json.dumps(one)) for one in UNREADABLE[:1]]
    )
    with capture_logs() as logs:
        async with handling(talk) as intake:
            await intake.take([*UNREADABLE, update])
            await intake.claim()
            await until(talk.said)
            await until_awaited(lambda: nothing_waits(talk))
    assert sum("cannot be read" in one["event"] for one in logs) == 4
    assert "秘密" not in str(logs)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/write \ud800", "没学过的字：?"),
        ("/write 分开\udfff", "?"),
        ("/start \ude00\ud83d", "/write"),
        ("\ud800", "/write"),
    ],
)
async def test_half_a_character_harms_nobody(talk: Conversation, text: str, said: str) -> None:
    update = talk.api.send(talk.anna, talk.private, "/help")
    assert update
    entity = {"type": "bot_command", "offset": 0, "length": len(text.split()[0])}
    update["message"] |= {"text": text, "entities": [entity] if text[0] == "/" else []}
    with capture_logs() as logs:
        async with handling(talk) as intake:
            await intake.take([json.loads(json.dumps(update))])  # as it comes: "\\ud800"
            await until(talk.said)
            await until_awaited(lambda: nothing_waits(talk))
    assert said in talk.last()["text"]
    assert [one for one in logs if one["log_level"] == "error"] == []


async def test_what_is_of_an_unknown_kind_or_has_unknown_fields_is_done_with(
    talk: Conversation,
) -> None:
    update = talk.api.send(talk.anna, talk.private, "/help")
    assert update
    update["message"]["from"]["taste"] = "good"
    async with handling(talk) as intake:
        await intake.take([{"update_id": 900, "dream": {"of": "sheep"}}, update | {"more": 1}])
        await until(talk.said)
        await until_awaited(lambda: nothing_waits(talk))


async def test_an_update_whose_handling_fails_is_not_redone(talk: Conversation) -> None:
    talk.api.fail_next("sendMessage", 500, "Internal Server Error", times=2)
    talk.api.send(talk.anna, talk.private, "/help")
    async with polling(talk) as intake:
        await until_awaited(lambda: nothing_waits(talk))
        await intake.claim()
    assert talk.said() == []


async def test_before_it_is_open_and_once_it_is_closed_nothing_is_taken(
    talk: Conversation,
) -> None:
    async with handling(talk) as intake:
        intake.close()
        with pytest.raises(Closing):
            await intake.take([{"update_id": 1}])
        await intake.claim()
        intake.open()
        await intake.take([{"update_id": 1}])
        await until_awaited(lambda: nothing_waits(talk))


async def test_with_too_much_in_hand_the_rest_is_left_with_telegram(
    talk: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intakes, "MOST", 3)
    slow = asyncio.Event()
    talk.api.delay = lambda call: 0 if slow.is_set() or call.method != "sendMessage" else 0.2
    for _ in range(150):  # more than one batch
        talk.api.send(talk.anna, talk.private, "/help")
    async with polling(talk) as intake:
        await until(lambda: intake.is_full)
        waiting = (await talk.services.inbox.waiting()).number
        assert 0 < waiting <= 100
        slow.set()


async def test_one_persons_flood_keeps_nobody_else_waiting(talk: Conversation) -> None:
    for _ in range(300):
        talk.api.send(talk.anna, talk.private, "/help")
    bens = talk.api.private_chat(talk.ben)
    talk.api.send(talk.ben, bens, "/help")
    async with polling(talk):
        await until(lambda: talk.said(bens))
        assert len(talk.said()) < 100
        assert not await nothing_waits(talk)


async def test_what_another_bot_has_taken_up_is_not_begun_here(talk: Conversation) -> None:
    intake = intakes.Intake(talk.services.inbox, asyncio.Queue(), talk.app.bot)
    intake.open()
    await intake.take([{"update_id": 7}, {"update_id": 8}])
    talk.rows("UPDATE inbox SET held_by = 'other' WHERE number = 7")
    await intake.renew()
    assert [intake.begin(Update(number)) for number in (7, 8)] == [False, True]
