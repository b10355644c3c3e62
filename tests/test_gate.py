"""What passes and what does not: old messages, edited ones, forged presses; what fails quietly."""

import pytest
from conversation import Conversation, Json, data_of

OLD = 11 * 60
FORGED = [
    *("v:2:1", "v:1:1", "v:1:1:aaaaaaaa", "v:1:like:aaaaaaaa", "v:1:3", "w:1:again", "w:1:1"),
    *("w:1:1:aaaaaaaa", "w:", "w:x", "d:maybe", "l:klingon", "a:all", "s:cyrl", "\n", "x" * 64),
    *(f"v:{'9' * 18}:1", f"w:{'9' * 18}:again", f"v:{'9' * 60}:1", "v:-1:1", "v:1:9"),
    *("a:send", "v:1:1:aaaaaaaa:xx", "v:1:1::enh"),
]
COUNTED = ("votes", "likes", "encores", "duels", "announcements", "people")


def counts(talk: Conversation) -> list[tuple[int, ...]]:
    return [talk.rows(f"SELECT count(*) FROM {table}")[0] for table in COUNTED]


async def test_a_forged_press_is_answered_and_changes_nothing(talk: Conversation) -> None:
    duel = await talk.duel(talk.ben, talk.group)
    before, said = counts(talk), talk.said(talk.group)
    for data in (*FORGED, "d:yes"):
        await talk.forge(data, duel, talk.anna, talk.group)
        await talk.forge(data, 10_000, talk.anna, talk.group)
        assert (counts(talk), talk.said(talk.group)) == (before, said), data
    assert await talk.services.limits.counted("errors") == 0


async def test_nor_does_one_under_an_inline_message(talk: Conversation) -> None:
    await talk.duel()
    before = counts(talk)
    for data in (*FORGED, "d:yes", "l:en"):
        update = talk.api.press_inline(talk.ben, "AQAAA", data, forged=True)
        await talk.handle(update)
        assert talk.api.answer_to(update) is not None, data
        assert counts(talk) == before, data


async def test_another_duels_key_opens_nothing(talk: Conversation) -> None:
    mine, other = await talk.duel(), await talk.duel(talk.ben)
    key = data_of("v:2:1", other).rsplit(":", 1)[1]
    assert "找不到" in (await talk.forge(f"v:1:1:{key}", mine))["text"]
    assert talk.rows("SELECT count(*) FROM votes") == [(0,)]


async def test_a_duel_from_before_there_were_keys_still_takes_answers(talk: Conversation) -> None:
    duel = await talk.duel()
    talk.rows("UPDATE duels SET key = ''")
    assert "你选了 2" in (await talk.forge("v:1:2", duel))["text"]
    await talk.forge("v:1:like", duel)
    await talk.forge("w:1:again", duel)
    assert talk.rows("SELECT choice FROM votes") == [(2,)]
    assert talk.rows("SELECT count(*) FROM likes") == [(1,)]
    assert talk.rows("SELECT count(*) FROM duels") == [(2,)]
    await talk.handle(talk.api.start(talk.ben, "duel_1_"))
    assert "verdict" in talk.last(talk.home(talk.ben))["text"]


def sent_before(update: Json | None, seconds: int) -> Json:
    assert update is not None
    update["message"]["date"] -= seconds
    return update


async def test_a_write_from_over_10_minutes_ago_is_skipped(talk: Conversation) -> None:
    await talk.handle(sent_before(talk.api.send(talk.anna, talk.private, "/write 分开"), OLD))
    assert talk.said() == []
    assert await talk.services.limits.counted("skipped") == 1
    await talk.handle(sent_before(talk.api.send(talk.anna, talk.private, "/write 分开"), 540))
    assert len(talk.said()) == 1


async def test_an_old_vote_is_not(talk: Conversation) -> None:
    await talk.duel()
    await talk.handle(sent_before(talk.api.send(talk.anna, talk.private, "1"), OLD))
    assert talk.rows("SELECT count(*) FROM votes") == [(1,)]


async def test_an_edited_message_does_nothing(talk: Conversation) -> None:
    update = await talk.say("/write 分开")
    before = talk.said()
    for text in ("/stats", "/write 月光", "/delete_me", "1", "hello"):
        edited = talk.api.edit(talk.anna, update["message"]["message_id"], talk.private, text)
        await talk.handle(edited)
    assert talk.said() == before
    assert talk.rows("SELECT count(*) FROM votes") == [(0,)]


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (403, "Forbidden: bot was blocked by the user"),
        (403, "Forbidden: bot was kicked from the supergroup chat"),
        (400, "Bad Request: chat not found"),
        (400, "Bad Request: not enough rights to send text messages to the chat"),
        (400, "Bad Request: message thread not found"),
        (400, "Bad Request: TOPIC_CLOSED"),
    ],
)
async def test_a_chat_that_is_closed_to_the_bot_alarms_nobody(
    talk: Conversation, status: int, why: str
) -> None:
    for text in ("/write 分开", "/stats", "/language", "/help", "/reveal", "/news", "/top"):
        talk.api.fail_next("sendMessage", status, why)
        await talk.say(text, talk.ben, talk.group)
    assert talk.said(talk.group) == []
    assert await talk.services.limits.counted("errors") == 0


async def test_somebody_who_blocks_the_bot_gets_no_more_news(talk: Conversation) -> None:
    await talk.say("/news")
    await talk.handle(talk.api.block(talk.anna))
    assert not (await talk.services.rooms.get(talk.anna.id)).news
    await talk.handle(talk.api.unblock(talk.anna))
    assert len(talk.said()) == 1


async def test_where_choices_cannot_be_read_telegrams_language_is_spoken(
    talk: Conversation,
) -> None:
    talk.rows("ALTER TABLE rooms RENAME TO gone")
    assert "Which one is better?" in (await talk.duel(talk.ben))["text"]
    assert len(talk.said(talk.home(talk.ben))) == 1


async def test_a_late_answer_to_the_banned_lets_nobody_in(talk: Conversation) -> None:
    duel = await talk.duel()
    await talk.services.access.ban(talk.anna.id, talk.admin.id)
    talk.api.fail_next("answerCallbackQuery", 400, "Bad Request: query is too old")
    update = talk.api.press(talk.anna, talk.private, duel["message_id"], data_of("v:1:1", duel))
    await talk.handle(update)
    assert talk.rows("SELECT count(*) FROM votes") == [(0,)]
