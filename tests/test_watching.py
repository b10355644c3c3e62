"""A job's message: edited when it is time and it has changed; the end told whole, and once."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conversation import Conversation, conversation
from factories import make_corpus, make_pair

from bot.botapi import Chat
from bot.watching import EDIT_EVERY, Watching
from core.lyrics.measure import Mean, measure
from core.lyrics.recipe import recipe_named
from core.lyrics.writer import Writer
from core.retrain.jobs import Job
from core.retrain.progress import Progress

HALF = Progress(
    stage="training",
    device="cpu",
    epoch=3,
    num_epochs=6,
    perplexity={"random": 12.5, "consecutive": 11.25},
    held_out={"random": 20.0, "consecutive": 21.0},
    seconds_left=65,
    samples={"random": "分开<b>", "consecutive": "分开&"},
)


class Time:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def watching(talk: Conversation, time: Time) -> Watching:
    return Watching(talk.services, talk.app.bot, clock=time)


async def asked(talk: Conversation, chat: Chat | None = None) -> Job:
    """A job that the admin has asked for and a worker has taken up."""
    await talk.say("/retrain", talk.admin, chat or talk.api.private_chat(talk.admin))
    (job,) = await talk.services.retrains.jobs.active()
    return await talk.services.retrains.jobs.claim(job.id, "gpu-0")


async def published(talk: Conversation, job: Job) -> None:
    within = talk.services.retrains.jobs.publishing(job.id, job.attempt)
    pair = make_pair(seed=7)
    found = replace(measure(Writer(pair[0]), 2), in_6=Mean(0.04, 0.01))
    await talk.services.releases.publish([pair], within=within, measures=[(found, found)])


def edits(talk: Conversation) -> list[Any]:
    return [call for call in talk.api.calls if call.method == "editMessageText"]


async def test_it_shows_bar_epoch_figures_time_left_and_samples(
    talk: Conversation, watching: Watching
) -> None:
    job = await asked(talk)
    await talk.services.retrains.jobs.tell(job.id, job.attempt, HALF)
    await watching.show()
    text = talk.last(talk.api.private_chat(talk.admin))["text"]
    assert "▓▓▓▓▓▓░░░░░░ 50%" in text
    assert "epoch 3 of at most 6, on cpu" in text
    assert "held-out perplexity: random sampling 20, consecutive sampling 21" in text
    assert "at most 1:05 left" in text
    assert "分开<b>" in text
    assert "分开&" in text


async def test_it_is_edited_only_when_it_has_changed_and_time_has_passed(
    talk: Conversation, watching: Watching, time: Time
) -> None:
    job = await asked(talk)
    jobs = talk.services.retrains.jobs
    await watching.show()
    before = len(edits(talk))
    for _ in range(3):
        time.now += EDIT_EVERY + 1
        await watching.show()
    assert len(edits(talk)) == before
    await jobs.tell(job.id, job.attempt, HALF)
    await watching.show()
    assert len(edits(talk)) == before + 1
    for epoch in (4, 5, 6):
        await jobs.tell(job.id, job.attempt, Progress("training", "cpu", epoch, 6))
        await watching.show()
    assert len(edits(talk)) == before + 1
    time.now += EDIT_EVERY
    await watching.show()
    assert len(edits(talk)) == before + 2


async def test_the_end_is_a_picture_with_a_table_and_a_duel_and_is_told_once(
    talk: Conversation, watching: Watching, time: Time
) -> None:
    job = await asked(talk)
    await published(talk, job)
    time.now += EDIT_EVERY
    for _ in range(3):
        await watching.show()
    progress, photo, duel = talk.said(talk.api.private_chat(talk.admin))
    assert "Published as release 2" in progress["text"]
    assert "release 1" in photo["caption"]
    assert "release 2" in photo["caption"]
    assert "original, random sampling" in photo["caption"]
    assert "96%" in photo["caption"]
    assert talk.api.uploaded(photo["photo"][-1]["file_id"]).startswith(b"\x89PNG")
    assert "first duel" in duel["text"]
    said = await talk.press("1", duel, talk.admin)
    assert "You chose 1" in said
    assert await talk.services.watches.mine() == ()


async def test_another_bot_goes_on_with_the_end_where_the_first_stopped(
    talk: Conversation, watching: Watching, time: Time
) -> None:
    job = await asked(talk)
    await published(talk, job)
    talk.api.fail_next("sendPhoto", 502, "Bad Gateway")
    await watching.show()
    assert [m for m in talk.said(talk.api.private_chat(talk.admin)) if "photo" in m] == []
    await Watching(talk.services, talk.app.bot, clock=time).show()
    kinds = ["photo" in m for m in talk.said(talk.api.private_chat(talk.admin))]
    assert kinds == [False, True, False]


@pytest.mark.parametrize("reason", ["disk is full", "<b>& it broke"])
async def test_a_failure_says_why_and_that_all_else_goes_on(
    talk: Conversation, watching: Watching, reason: str
) -> None:
    job = await asked(talk)
    await talk.services.retrains.jobs.fail(job.id, job.attempt, reason)
    await watching.show()
    text = talk.last(talk.api.private_chat(talk.admin))["text"]
    assert f"Failed: {reason}" in text
    assert "Nothing else has changed" in text
    assert await talk.services.watches.mine() == ()


async def test_a_message_that_was_deleted_is_watched_no_more(
    talk: Conversation, watching: Watching
) -> None:
    await asked(talk)
    chat = talk.api.private_chat(talk.admin)
    talk.api.delete(chat, talk.last(chat)["message_id"])
    await watching.show()
    assert await talk.services.watches.mine() == ()


async def test_in_a_topic_the_end_stays_in_the_topic(
    talk: Conversation, watching: Watching, tmp_path: Path
) -> None:
    forum = talk.api.group(-1002, "论坛", forum=True)
    await talk.handle(talk.api.send(talk.admin, forum, "/retrain", thread=5))
    (job,) = await talk.services.retrains.jobs.active()
    job = await talk.services.retrains.jobs.claim(job.id, "gpu-0")
    await published(talk, job)
    await watching.show()
    said = talk.said(forum)
    assert len(said) == 3
    assert {m.get("message_thread_id") for m in said} == {5}


async def test_a_job_of_no_message_troubles_nobody(talk: Conversation, watching: Watching) -> None:
    recipe = recipe_named("default")
    await talk.services.retrains.jobs.add(make_corpus(), recipe, num_pairs=1, seed=0, by=None)
    await watching.show()
    assert edits(talk) == []


async def test_in_a_group_the_first_duel_is_a_board(
    talk: Conversation, watching: Watching
) -> None:
    await published(talk, await asked(talk, talk.group))
    await watching.show()
    duel = talk.last(talk.group)
    await talk.press("1", duel, talk.anna, talk.group)
    await talk.edit_boards()
    assert "Voted so far: 1" in talk.last(talk.group)["text"]
    await talk.say("/reveal", talk.admin, talk.group)
    await talk.edit_boards(after=20)
    assert "📢 Result" in talk.said(talk.group)[-2]["text"]


async def test_where_its_prefix_is_banned_there_is_no_first_duel(
    tmp_path: Path,
) -> None:
    words = tmp_path / "words.txt"
    words.write_text("分开", encoding="utf-8")
    async with conversation(tmp_path, banned_words=words) as talk:
        await published(talk, await asked(talk))
        await Watching(talk.services, talk.app.bot).show()
        assert "photo" in talk.last(talk.home(talk.admin))
        assert await talk.services.watches.mine() == ()
