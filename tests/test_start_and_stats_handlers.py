"""The first words, the standing, and what is said when something goes wrong."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conversation import Conversation, conversation
from factories import make_pair
from telegram.constants import MessageLimit

from bot import stats_pictures
from bot.rendering import standings_message, without_markup
from bot.stats_pictures import AT_MOST_EVERY
from bot.texts import LANGUAGES, texts_for
from core.arena.bets import Call, Ledger, Score
from core.arena.releases import Release
from core.arena.standings import Standings
from core.arena.sums import Spread, Sums
from core.arena.verdict import PairsVerdict
from core.lyrics.corpus import MAX_NAME


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_start_says_what_this_is_and_gives_one_thing_to_try(talk: Conversation) -> None:
    await talk.say("/start")
    assert "/write 分开" in talk.last()["text"]


async def test_help_names_every_way_to_answer(talk: Conversation) -> None:
    await talk.say("/help")
    assert all(word in talk.last()["text"] for word in ("1", "2", "0", "3", "👍", "/stats", "50"))


async def test_plain_words_in_private_are_answered_with_a_hint(talk: Conversation) -> None:
    await talk.say("你好")
    assert "/write" in talk.last()["text"]


async def test_an_unknown_command_in_private_points_to_help(talk: Conversation) -> None:
    await talk.say("/sing")
    assert "/help" in talk.last()["text"]


async def test_an_unknown_command_in_a_group_is_left_to_other_bots(talk: Conversation) -> None:
    await talk.say("/sing", talk.ben, talk.group)
    assert talk.said(talk.group) == []


async def test_stats_before_the_first_vote_asks_for_one(talk: Conversation) -> None:
    await talk.say("/stats")
    assert "还没有人投票" in talk.last()["text"]


async def test_stats_after_one_vote_says_that_it_is_too_early(talk: Conversation) -> None:
    await talk.press("1", await talk.duel())
    await talk.say("/stats")
    said = talk.last()["caption"]
    assert "第 1 版" in said
    assert "还没有结论" in said
    assert "100%（95% 区间 21–100%）" in said
    assert "至少还要 10 对、309 票" in said


async def votes_for(talk: Conversation, sampler: str, people: int, each: int = 5) -> None:
    """So many people vote for one sampler, each in duels of their own."""
    contest = talk.services.contest
    for account in range(10, 10 + people):
        for _ in range(each):
            duel = (await contest.open_duel(account, "分开", limited=False)).id
            ((first,),) = talk.rows(f"SELECT sampler_1 FROM duels WHERE id = {duel}")
            await contest.vote(account, duel, 1 if first == sampler else 2)


async def test_stats_names_a_winner_once_one_is_called(talk: Conversation) -> None:
    await votes_for(talk, "consecutive", 9)
    await talk.say("/stats")
    assert "还没有结论。相邻采样暂时领先：计入的 45 票（9 人）里占 100%" in talk.last()["caption"]
    await votes_for(talk, "consecutive", 11)  # nine of them are known, and settled
    await talk.say("/stats")
    said = talk.last()["caption"]
    assert "相邻采样写得更好。10 人之后下的结论" in said
    assert "去掉 2 个账号的票就不成立了" in said


async def test_the_picture_is_uploaded_once_and_drawn_anew_once_a_minute(
    talk: Conversation,
) -> None:
    clock = Seconds()
    talk.services.stats_pictures._clock = clock
    await votes_for(talk, "random", 1, 1)
    await talk.say("/stats")
    first = talk.last()["photo"][-1]["file_id"]
    assert talk.api.uploaded(first).startswith(b"\x89PNG")
    await votes_for(talk, "random", 2, 2)
    await talk.say("/stats")
    assert talk.last()["photo"][-1]["file_id"] == first
    assert "5 票" in talk.last()["caption"]  # the words are of now
    clock.now += AT_MOST_EVERY
    await talk.say("/stats")
    second = talk.last()["photo"][-1]["file_id"]
    assert second != first
    clock.now += AT_MOST_EVERY
    await talk.say("/stats")  # nobody has voted since
    assert talk.last()["photo"][-1]["file_id"] == second


async def test_a_new_release_has_a_new_picture_at_once(talk: Conversation) -> None:
    talk.services.stats_pictures._clock = Seconds()
    await votes_for(talk, "random", 1, 1)
    await talk.say("/stats")
    first = talk.last()["photo"][-1]["file_id"]
    await talk.services.releases.publish([make_pair(seed=9)])
    await votes_for(talk, "random", 2, 2)
    await talk.say("/stats")
    assert "第 2 版" in talk.last()["caption"]
    assert talk.last()["photo"][-1]["file_id"] != first


async def test_a_picture_that_telegram_has_forgotten_is_uploaded_again(
    talk: Conversation,
) -> None:
    await votes_for(talk, "random", 1, 1)
    await talk.say("/stats")
    for wanted in (False, True):
        if wanted:
            no = "Bad Request: wrong file identifier/HTTP URL specified"
            talk.api.fail_next("sendPhoto", 400, no)
        await talk.say("/stats")
        assert talk.last()["caption"]
        sent = [call for call in talk.api.calls if call.method == "sendPhoto"][-1]
        assert ("photo" not in sent.parameters) == wanted  # else it is what Telegram calls it


async def test_each_language_has_a_picture_of_its_own(talk: Conversation) -> None:
    await votes_for(talk, "random", 1, 1)
    pictures = set()
    for person in (talk.anna, talk.ben):  # 中文, English
        await talk.say("/stats", person)
        pictures.add(talk.last(talk.home(person))["photo"][-1]["file_id"])
    assert len(pictures) == 2


async def test_where_no_picture_may_be_sent_there_are_words(talk: Conversation) -> None:
    await votes_for(talk, "random", 1, 1)
    await talk.say("/stats", talk.ben)  # it is uploaded
    no = "Bad Request: not enough rights to send photos to the chat"
    talk.api.fail_next("sendPhoto", 400, no)
    await talk.say("/stats", talk.ben, talk.group)
    assert "Release 1" in talk.last(talk.group)["text"]
    await talk.say("/stats", talk.ben, talk.group)
    assert "Release 1" in talk.last(talk.group)["caption"]


async def test_where_none_can_be_drawn_there_are_words(
    talk: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> bytes:
        raise ModuleNotFoundError("zhplot is not installed")

    await votes_for(talk, "random", 1, 1)
    monkeypatch.setattr(stats_pictures, "_draw", fails)
    await talk.say("/stats")
    assert "第 1 版" in talk.last()["text"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_that_can_be_said_fits_under_a_picture(language: str) -> None:
    many = 10**6
    sums = Sums(
        *(many,) * 7,
        by_duel=Spread(many, many, many),
        lefts=many,
        random_left=many,
        random_left_wins=many // 3,
        fast=many,
        one_sided=many,
        crowds=many,
        waiting=many,
        ledger=Ledger(a=Call(many, many), scores={Score(5, 5): many, Score(5, 1): many}),
    )
    release = Release(
        number=many,
        corpus_name="🎤" * MAX_NAME,
        recipe_name="article",
        recipe_hash="0" * 12,
        published_at=datetime(2026, 1, 1, tzinfo=UTC),
        pairs=(),
        is_current=True,
    )
    pairs = PairsVerdict(None, {"random": many, "consecutive": many}, many, many)
    for called in (sums, replace(sums, ledger=Ledger(scores=sums.ledger.scores))):
        both = {many: called, 1: called}
        message = standings_message(Standings(release, both, pairs), texts_for(language))
        units = len(without_markup(message).encode("utf-16-le")) // 2
        assert units <= MessageLimit.CAPTION_LENGTH


async def test_a_failing_handler_apologises_in_the_chat(
    talk: Conversation, tmp_path: Path
) -> None:
    for file in (tmp_path / "checkpoints" / "models").iterdir():
        file.unlink()
    await talk.say("/write 分开", talk.ben)
    (apology,) = talk.said(talk.api.private_chat(talk.ben))
    assert "I cannot keep or read anything just now" in apology["text"]
    assert await talk.services.limits.counted("errors") == 1


@pytest.mark.parametrize("status", [403, 500])
async def test_a_chat_that_cannot_be_written_to_brings_nothing_down(
    talk: Conversation, status: int
) -> None:
    talk.api.fail_next("sendMessage", status, "Forbidden: bot was blocked by the user", times=9)
    await talk.say("/write 分开")


async def test_every_message_keeps_to_telegrams_limits(tmp_path: Path) -> None:
    async with conversation(tmp_path) as talk:
        for text in ("/start", "/help", "/stats", f"/write {'月' * 50}", "1", "/stats"):
            await talk.say(text)
        said = [m["text"] for m in talk.said() if "text" in m]
        assert all(len(text) <= MessageLimit.MAX_TEXT_LENGTH for text in said)
        captions = [m["caption"] for m in talk.said() if "caption" in m]
        assert captions
        assert all(len(text) <= MessageLimit.CAPTION_LENGTH for text in captions)
