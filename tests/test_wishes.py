"""What may be wished of a duel: another one, a lyric alone, a link that leads to it."""

from urllib.parse import parse_qs, urlsplit

import pytest
from conversation import Conversation, buttons, data_of


async def test_another_one_has_the_same_prefix(talk: Conversation) -> None:
    duel = await talk.duel()
    assert await talk.click(":again", duel) == {"text": "", "show_alert": False}
    another = talk.last()
    assert another["message_id"] != duel["message_id"]
    assert another["text"].startswith("🎤 分开")
    assert talk.rows("SELECT count(*) FROM duels") == [(2,)]


async def test_one_duel_is_one_message(talk: Conversation) -> None:
    await talk.duel()
    assert len(talk.said()) == 1


async def test_in_a_group_whoever_presses_asks(talk: Conversation) -> None:
    duel = await talk.duel(talk.ben, talk.group)
    await talk.click(":again", duel, talk.anna, talk.group)
    await talk.say("/reveal", talk.anna, talk.group)
    assert "揭晓了" in talk.last(talk.group)["text"]


@pytest.mark.parametrize("side", ["1", "2"])
async def test_a_lyric_is_taken_alone(talk: Conversation, side: str) -> None:
    duel = await talk.duel()
    await talk.click(f"w:1:{side}", duel)
    taken = talk.last()
    ((text,),) = talk.rows(
        f"SELECT text FROM lyrics JOIN duels ON lyrics.id = lyric_{side}_id WHERE duels.id = 1"
    )
    assert taken["text"] == text.strip()
    assert "reply_markup" not in taken
    answer = await talk.click(f"w:1:{side}", duel)
    assert "已经发过了" in answer["text"]
    assert talk.last() == taken


async def test_a_duel_whose_message_is_gone_still_gives_another(talk: Conversation) -> None:
    duel = await talk.duel(talk.ben, talk.group)
    talk.api.delete(talk.group, duel["message_id"])
    await talk.forge(data_of(":again", duel), duel, talk.ben, talk.group)
    assert "Which one is better?" in talk.last(talk.group)["text"]


async def test_a_press_from_long_ago_brings_no_duel(talk: Conversation) -> None:
    duel = await talk.duel()
    talk.api.fail_next("answerCallbackQuery", 400, "Bad Request: query is too old")
    update = talk.api.press(talk.anna, talk.private, duel["message_id"], data_of(":again", duel))
    await talk.handle(update)
    assert len(talk.said()) == 1


async def test_the_shared_link_opens_that_duel_for_a_friend(talk: Conversation) -> None:
    duel = await talk.duel()
    (share,) = [b["url"] for b in buttons(duel) if "url" in b]
    link = parse_qs(urlsplit(share).query)["url"][0]
    payload = parse_qs(urlsplit(link).query)["start"][0]
    await talk.handle(talk.api.start(talk.ben, payload))
    shown = talk.last(talk.home(talk.ben))
    assert shown["text"].startswith("Somebody asks for your verdict")
    await talk.press("1", shown, talk.ben)
    assert talk.rows("SELECT duel_id FROM votes") == [(1,)]


@pytest.mark.parametrize(
    "payload", ["duel_1_aaaaaaaa", "duel_1", "duel_1_", "duel_2_aaaaaaaa", f"duel_{'9' * 18}"]
)
async def test_a_link_with_a_wrong_key_opens_nothing(talk: Conversation, payload: str) -> None:
    await talk.duel()
    await talk.handle(talk.api.start(talk.ben, payload))
    assert "cannot find that duel" in talk.last(talk.home(talk.ben))["text"]


@pytest.mark.parametrize("payload", ["help", "duel_x", f"duel_{'9' * 30}"])
async def test_any_other_link_begins_as_usual(talk: Conversation, payload: str) -> None:
    await talk.handle(talk.api.start(talk.ben, payload))
    assert "/write 分开" in talk.last(talk.home(talk.ben))["text"]


async def test_a_prefix_that_a_new_model_does_not_know_is_refused_in_plain_words(
    talk: Conversation,
) -> None:
    duel = await talk.duel()
    talk.rows("UPDATE lyrics SET prefix = '<&>'")
    answer = await talk.click(":again", duel)
    assert answer["show_alert"]
    assert "<、&、>" in answer["text"]
