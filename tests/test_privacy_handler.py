"""/privacy and /delete_me, as a person meets them."""

from pathlib import Path

from conversation import Conversation, conversation
from telegram import BotCommandScopeChat


async def test_privacy_says_what_is_kept_and_how_to_be_forgotten(talk: Conversation) -> None:
    await talk.say("/privacy")
    assert all(word in talk.last()["text"] for word in ("数字 id", "/delete_me", "/top"))


async def test_delete_me_asks_first_and_a_no_changes_nothing(talk: Conversation) -> None:
    await talk.press("1", await talk.duel())
    await talk.say("/delete_me")
    assert talk.rows("SELECT account FROM people") == [(1,)]
    await talk.click("d:no", talk.last())
    assert talk.last()["text"] == "好，什么都没动。"
    assert talk.rows("SELECT account FROM people") == [(1,)]


async def test_a_yes_forgets_the_person_and_keeps_the_votes(talk: Conversation) -> None:
    await talk.press("1", await talk.duel())
    await talk.say("/language")
    await talk.click("l:en", talk.last())
    await talk.say("/delete_me")
    await talk.click("d:yes", talk.last())
    assert "random number" in talk.last()["text"]
    ((account,),) = talk.rows("SELECT account FROM people")
    assert account < -(2**60)
    assert talk.rows("SELECT count(*) FROM votes") == [(1,)]
    assert "哪一首更好？" in (await talk.duel())["text"]
    assert await talk.app.bot.get_my_commands(BotCommandScopeChat(1)) == ()
    assert not talk.rows("SELECT * FROM rooms")


async def test_another_persons_press_on_it_does_nothing(talk: Conversation) -> None:
    await talk.press("1", await talk.duel())
    await talk.press("1", await talk.duel(talk.ben), talk.ben)
    await talk.say("/delete_me")
    asked = talk.last()
    await talk.forge("d:yes", asked, talk.ben, talk.private)
    await talk.forge("d:yes", asked, talk.ben, talk.group)
    assert talk.rows("SELECT account FROM people ORDER BY account") == [(1,), (2,)]
    assert talk.last() == asked


async def test_in_a_group_it_is_sent_to_the_private_chat(talk: Conversation) -> None:
    await talk.say("/delete_me", talk.ben, talk.group)
    said = talk.last(talk.group)
    assert "https://t.me/lyricbot_demo_bot" in said["text"]
    assert "reply_markup" not in said


async def test_under_a_message_that_is_gone_a_yes_is_a_yes(talk: Conversation) -> None:
    await talk.press("1", await talk.duel())
    await talk.say("/delete_me")
    asked = talk.last()
    talk.api.delete(talk.private, asked["message_id"])
    await talk.forge("d:yes", asked)
    assert talk.rows("SELECT account FROM people WHERE account = 1") == []
    assert await talk.services.limits.counted("errors") == 0


async def forgets(talk: Conversation) -> None:
    await talk.say("/delete_me")
    await talk.click("d:yes", talk.last())


async def test_who_was_forgotten_answers_no_second_time_in_what_was_open(
    talk: Conversation,
) -> None:
    duel = await talk.duel()
    await talk.press("0", duel)  # and sees who wrote which
    ((number, key),) = talk.rows("SELECT id, key FROM duels")
    for _ in range(3):
        await forgets(talk)
        for answer in ("1", "3", "like"):
            await talk.forge(f"v:{number}:{answer}:{key}", duel)
    assert talk.rows("SELECT choice FROM votes") == [(0,)]
    assert talk.rows("SELECT count(*) FROM encores") == [(0,)]
    assert talk.rows("SELECT count(*) FROM likes") == [(0,)]


async def test_in_what_is_opened_afterwards_they_answer_like_anybody(talk: Conversation) -> None:
    await talk.press("1", await talk.duel())
    await forgets(talk)
    await talk.press("2", await talk.duel())
    assert talk.rows("SELECT choice FROM votes ORDER BY id") == [(1,), (2,)]


async def test_being_forgotten_gives_no_more_duels_than_before(tmp_path: Path) -> None:
    async with conversation(tmp_path, person_minute=2, person_day=3) as talk:
        for _ in range(3):
            for _ in range(3):
                await talk.say("/write 分开")
            await forgets(talk)
        assert talk.rows("SELECT count(*) FROM duels") <= [(3,)]
        assert not talk.rows("SELECT * FROM tallies WHERE who = 1")
