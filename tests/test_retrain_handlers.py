"""What admins do in the chat, and what others are told who try."""

import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from conversation import Conversation, conversation
from factories import TEXT, make_corpus, make_pair

from bot.botapi import Chat
from core.errors import JobOver
from core.lyrics.corpus import read_bundled

COMMANDS = ["/retrain", "/jobs", "/cancel", "/releases", "/use 1", "/rollback"]


def private(talk: Conversation) -> Chat:
    return talk.api.private_chat(talk.admin)


async def told(talk: Conversation, text: str) -> str:
    """What the admin is told last upon sending `text`."""
    await talk.say(text, talk.admin, private(talk))
    return str(talk.last(private(talk))["text"])


@pytest.mark.parametrize("command", COMMANDS)
async def test_others_get_a_friendly_no_that_names_their_id(
    talk: Conversation, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await talk.say(command, talk.ben, talk.api.private_chat(talk.ben))
    assert "your id: 2" in talk.last(talk.api.private_chat(talk.ben))["text"]
    assert await talk.services.retrains.jobs.list() == ()
    assert "account=2" in capsys.readouterr().out


async def test_nor_does_a_file_of_theirs_become_a_corpus(talk: Conversation) -> None:
    update = talk.api.send_document(talk.anna, talk.private, "mine.txt", TEXT.encode())
    await talk.handle(update)
    assert "1" in talk.last()["text"]
    assert len(await talk.services.corpora.list()) == 1


async def test_retrain_is_queued_and_its_message_is_watched(talk: Conversation) -> None:
    said = await told(talk, "/retrain recipe=article pairs=2")
    (job,) = await talk.services.retrains.jobs.active()
    assert (job.recipe_name, job.num_pairs, job.asked_by) == ("article", 2, talk.admin.id)
    assert f"Job {job.id}" in said
    assert "as soon as a worker runs" in said
    assert await talk.services.engine.states([job.id]) == {job.id: "ENQUEUED"}
    (watch,) = await talk.services.watches.mine()
    assert (watch.job_id, watch.room) == (job.id, private(talk).id)
    assert watch.post == talk.last(private(talk))["message_id"]


async def test_a_second_request_is_shown_the_job_that_runs(talk: Conversation) -> None:
    await told(talk, "/retrain")
    await told(talk, "/retrain pairs=3")
    first, second, third = talk.said(private(talk))
    assert "this is job 1" in second["text"]
    assert third["text"] == first["text"]
    assert len(await talk.services.watches.mine()) == 1


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("/retrain corpus=nothing", "There is no corpus “nothing”"),
        ("/retrain recipe=nothing", "There is no recipe “nothing”"),
        ("/retrain pairs=0", "pairs of models, from 1 to 16"),
        ("/retrain pairs=x", "pairs of models, from 1 to 16"),
        ("/retrain pairs=²", "pairs of models, from 1 to 16"),
        ("/retrain pairs=17", "pairs of models, from 1 to 16"),
        ("/retrain now", "Like this"),
        ("/retrain epochs=3", "Like this"),
        ("/cancel", "There is no job"),
        ("/cancel 9", "There is no job 9"),
        ("/cancel it please", "/cancel 3"),
        ("/use", "/use 3"),
        ("/use 9", "9"),
        ("/rollback", "That did not work"),
    ],
)
async def test_what_cannot_be_done_is_said_and_changes_nothing(
    talk: Conversation, command: str, said: str
) -> None:
    assert said in await told(talk, command)
    assert await talk.services.retrains.jobs.list() == ()
    release = await talk.services.releases.current()
    assert release is not None
    assert release.number == 1


@pytest.mark.parametrize("what", ["corpus", "recipe"])
async def test_a_name_as_long_as_a_message_is_unknown_and_told_in_short(
    talk: Conversation, what: str
) -> None:
    longest = 4096 - len(f"/retrain {what}=")
    assert f"There is no {what} “字" in await told(talk, f"/retrain {what}={'字' * longest}")


async def test_however_many_corpora_there_are_an_unknown_one_is_told_some(
    talk: Conversation,
) -> None:
    for number in range(70):
        await talk.services.corpora.add(make_corpus(f"{number:02}{'长' * 62}"))
    assert (await told(talk, "/retrain corpus=nothing")).count("长长") > 5 * 31
    assert "…" in talk.last(private(talk))["text"]


async def test_a_corpus_too_short_for_a_minibatch_is_refused_when_it_is_asked_for(
    talk: Conversation,
) -> None:
    update = talk.api.send_document(talk.admin, private(talk), "tiny.txt", "分开\n".encode())
    await talk.handle(update)
    assert "tiny” is too short: it leaves 3 characters" in await told(talk, "/retrain corpus=tiny")


async def test_cancel_ends_the_job_and_jobs_lists_it(talk: Conversation) -> None:
    await told(talk, "/retrain")
    assert "Job 1 is cancelled" in await told(talk, "/cancel")
    assert "cancelled" in await told(talk, "/jobs")
    assert await talk.services.engine.states([1]) == {1: "CANCELLED"}
    with pytest.raises(JobOver):
        await talk.services.retrains.cancel(1)


async def test_releases_are_listed_used_and_rolled_back(talk: Conversation) -> None:
    await talk.services.releases.publish([make_pair(seed=1)])
    assert "▶ 2" in await told(talk, "/releases")
    assert "Release 1 writes" in await told(talk, "/use 1")
    assert "▶ 1" in await told(talk, "/releases")
    assert "Release 2 writes" in await told(talk, "/rollback")
    assert "Release 1 writes" in await told(talk, "/rollback")


def zipped() -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("songs.txt", TEXT)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [("songs.txt", TEXT.encode()), ("songs.txt", TEXT.encode("gb18030")), ("songs.zip", zipped())],
)
async def test_a_text_or_a_zip_becomes_a_corpus(
    talk: Conversation, name: str, content: bytes
) -> None:
    await talk.handle(talk.api.send_document(talk.admin, private(talk), name, content))
    said = talk.last(private(talk))["text"]
    assert "songs" in said
    assert "/retrain corpus=songs" in said
    assert "400" in said  # lines
    assert (await talk.services.corpora.get("songs")).text == TEXT
    assert "Queued" in await told(talk, "/retrain corpus=songs")


@pytest.mark.parametrize("character", ["长", "😀"])
async def test_a_file_may_have_a_name_longer_than_a_disk_takes(
    talk: Conversation, character: str
) -> None:
    name = f"{character * 4000}.txt"
    await talk.handle(talk.api.send_document(talk.admin, private(talk), name, b"\x00"))
    assert "That did not work" in talk.last(private(talk))["text"]
    await talk.handle(talk.api.send_document(talk.admin, private(talk), name, TEXT.encode()))
    assert f"Corpus {character}" in talk.last(private(talk))["text"]
    assert len(await talk.services.corpora.list()) == 2


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("songs.pdf", b"%PDF", "a .txt, or a .zip"),
        ("songs.txt", b"\n \n", "no text"),
        ("songs.txt", bytes(range(256)) * 9, "did not work"),
        ("songs.zip", b"PK\x03\x04 no zip", "did not work"),
        ("bundled.txt", TEXT.encode(), "cannot be a corpus's name"),
    ],
)
async def test_a_file_that_cannot_be_one_is_refused_with_the_reason(
    talk: Conversation, name: str, content: bytes, said: str
) -> None:
    await talk.handle(talk.api.send_document(talk.admin, private(talk), name, content))
    assert said in talk.last(private(talk))["text"]
    assert len(await talk.services.corpora.list()) == 1


async def test_a_file_larger_than_telegram_hands_over_is_refused(talk: Conversation) -> None:
    update = talk.api.send_document(talk.admin, private(talk), "big.txt", b"x", size=21 * 2**20)
    await talk.handle(update)
    assert "up to 20 MB" in talk.last(private(talk))["text"]


async def test_admins_see_their_commands_in_the_help_and_others_do_not(tmp_path: Path) -> None:
    async with conversation(tmp_path) as talk:
        assert "/retrain" in await told(talk, "/help")
        await talk.say("/help")
        assert "/retrain" not in talk.last()["text"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("/use 77", "没有第 77 版。现有：1。"),
        ("/rollback", "没有更早的版本可以退回。"),
        ("/cancel", "没有可以取消的任务。"),
        ("/cancel 55", "没有任务 55。"),
        ("/retrain corpus=nope", "没有语料“nope”。现有：bundled"),
        ("/retrain recipe=nope", "没有配方“nope”。现有：article、default。"),
    ],
)
async def test_an_admin_is_refused_in_their_language(
    talk: Conversation, text: str, why: str
) -> None:
    await talk.services.rooms.set_language(talk.admin.id, "zh-hans")
    assert f"没办成：{why}" in await told(talk, text)


async def test_of_several_jobs_it_must_be_said_which_and_none_twice(talk: Conversation) -> None:
    text = read_bundled().text.encode()
    await talk.handle(talk.api.send_document(talk.admin, private(talk), "long.txt", text))
    await told(talk, "/retrain")
    await told(talk, "/retrain corpus=long")
    assert "several jobs; say which: 1, 2" in await told(talk, "/cancel")
    assert "Job 1 is cancelled" in await told(talk, "/cancel 1")
    assert "Job 1 is over already (cancelled)" in await told(talk, "/cancel 1")
