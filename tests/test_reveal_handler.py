"""/reveal: whoever asked for a duel ends it."""

from conversation import Conversation, data_of


async def test_whoever_asked_reveals_and_the_board_shows_the_result(talk: Conversation) -> None:
    duel = await talk.duel(talk.ben, talk.group)
    await talk.click("v:1:1", duel, talk.anna, talk.group)
    await talk.say("/reveal", talk.ben, talk.group, reply_to=duel["message_id"])
    assert "Revealed" in talk.last(talk.group)["text"]
    await talk.edit_boards(after=4)
    assert "📢 Result" not in talk.said(talk.group)[0]["text"]  # one edit in 5 seconds
    await talk.edit_boards(after=6)
    assert "📢 Result" in talk.said(talk.group)[0]["text"]


async def test_nobody_else_does(talk: Conversation) -> None:
    duel = await talk.duel(talk.ben, talk.group)
    await talk.say("/reveal", talk.anna, talk.group, reply_to=duel["message_id"])
    assert "只有发起这场对决的人" in talk.last(talk.group)["text"]
    await talk.say("/reveal", talk.anna, talk.group)
    assert "还没有对决可以揭晓" in talk.last(talk.group)["text"]
    await talk.edit_boards()
    assert "Result" not in talk.said(talk.group)[0]["text"]


async def test_without_a_reply_it_is_the_latest_one_asked_for_here(talk: Conversation) -> None:
    await talk.duel(talk.ben, talk.group)
    await talk.duel(talk.ben, talk.group)
    await talk.duel(talk.anna, talk.group)
    await talk.duel(talk.ben)
    await talk.say("/reveal", talk.ben, talk.group)
    await talk.edit_boards(after=6)
    shown = ["📢" in message["text"] for message in talk.said(talk.group)]
    assert shown == [False, True, False, False]


async def test_a_vote_after_it_reveals_and_does_not_count(talk: Conversation) -> None:
    duel = await talk.duel(talk.ben, talk.group)
    await talk.say("/reveal", talk.ben, talk.group)
    answer = await talk.forge(data_of("v:1:1", duel), duel, talk.anna, talk.group)
    assert "这一票不算数" in answer["text"]
    await talk.say("2", talk.anna, talk.group, reply_to=duel["message_id"])
    assert talk.rows("SELECT count(*) FROM votes") == [(0,)]


async def test_in_private_the_duel_itself_shows_the_result(talk: Conversation) -> None:
    duel = await talk.duel()
    await talk.press("1", duel)
    for _ in range(2):  # a second time changes nothing
        await talk.say("/reveal")
    shown = talk.said()[0]
    assert shown["message_id"] == duel["message_id"]
    assert "📢 结果" in shown["text"]
    assert "1 票" in shown["text"]
    assert await talk.services.limits.counted("errors") == 0


async def test_a_late_press_in_private_leaves_no_vote_buttons(talk: Conversation) -> None:
    duel = await talk.duel()
    await talk.say("/reveal")
    await talk.forge(data_of("v:1:1", duel), duel)
    assert "v:1:1" not in f"{talk.said()[0]['reply_markup']}"


async def test_a_reply_to_a_result_closes_no_other_duel(talk: Conversation) -> None:
    await talk.duel()
    await talk.say("/reveal")
    ((key,),) = talk.rows("SELECT key FROM duels")
    await talk.duel()
    await talk.say(f"/start duel_1_{key}")
    await talk.say("/reveal", reply_to=talk.last()["message_id"])
    assert talk.rows("SELECT closes_at > datetime('now', '1 hour') FROM duels ORDER BY id") == [
        (0,),
        (1,),
    ]
