"""That the bot is writing is shown where it takes long enough to be noticed."""

import asyncio

from conversation import Conversation

from bot.botapi import Chat, Person


async def slowly(
    talk: Conversation, text: str, person: Person, chat: Chat, thread: int | None = None
) -> None:
    """Say something while the database is busy for 0.4 s."""
    update = talk.api.send(person, chat, text, thread=thread)
    async with asyncio.TaskGroup() as both, talk.services.store.write():
        both.create_task(talk.handle(update))
        await asyncio.sleep(0.4)


async def test_typing_is_shown_when_it_takes_over_300_ms(talk: Conversation) -> None:
    await slowly(talk, "/write 分开", talk.anna, talk.private)
    assert talk.called("sendChatAction") == [{"chat_id": "1", "action": "typing"}]
    assert len(talk.said()) == 1


async def test_and_in_a_topic_there(talk: Conversation) -> None:
    forum = talk.api.group(-1002, "论坛", forum=True)
    await slowly(talk, "/write 分开", talk.anna, forum, thread=100)
    (call,) = talk.called("sendChatAction")
    assert call["message_thread_id"] == "100"


async def test_where_it_cannot_be_shown_the_duel_comes_all_the_same(talk: Conversation) -> None:
    talk.api.fail_next("sendChatAction", 400, "Bad Request: not enough rights")
    await slowly(talk, "/write 分开", talk.anna, talk.private)
    assert len(talk.said()) == 1


async def test_what_is_quick_shows_nothing(talk: Conversation) -> None:
    await talk.duel()
    await talk.duel()  # the first has the model read from its file
    assert len(talk.called("sendChatAction")) <= 1
