"""What the votes say, in the terminal."""

import json
from io import StringIO
from pathlib import Path

import pytest
from conversation import Conversation, conversation
from rich.console import Console

from bot.stats_view import show_stats, told
from core.arena.schema import release_sums


async def shown(talk: Conversation, **options: bool) -> str:
    text = StringIO()
    console = Console(file=text, width=100, markup=False, highlight=False)
    usual = {"explain": False, "as_json": False, "anew": False}
    await show_stats(talk.services, console, **(usual | options))
    return text.getvalue()


async def votes(talk: Conversation, people: int) -> None:
    """So many people vote five times each for random, on duels of their own; one says neither."""
    contest = talk.services.contest
    for account in range(10, 10 + people):
        for _ in range(5):
            duel = (await contest.open_duel(account, "分开", limited=False)).id
            ((first,),) = talk.rows(f"SELECT sampler_1 FROM duels WHERE id = {duel}")
            await contest.vote(account, duel, 1 if first == "random" else 2)
    await contest.vote(9, duel, 0)


async def test_before_the_first_vote_there_is_a_hint(talk: Conversation) -> None:
    assert "Nobody has voted yet" in await shown(talk)
    assert "nothing is called" in await shown(talk, explain=True)
    assert json.loads(await shown(talk, as_json=True))["verdict"]["plain"] is None


async def test_every_step_is_explained_with_its_numbers(talk: Conversation) -> None:
    await votes(talk, 11)
    said = " ".join((await shown(talk, explain=True)).split())
    for step in (
        "55 votes are for one of the two; neither (1)",
        "60 minutes of the first: 55 votes",
        "settled in the order of their first one: 11 are, 0 may still vote",
        "reaches 40 with probability 1/40 at most",
        "The call. random, after 10 people",
        "left out to undo it, at its best moment: 2. So it would not stand without the votes",
        "Random's share is 100.0%",
        "Votes within 4 s of the duel: 56",
        "Still needed at least: 9 pairs that agree, 279 votes",
    ):
        assert step in said


async def test_machines_get_all_of_it(talk: Conversation) -> None:
    await votes(talk, 11)
    said = json.loads(await shown(talk, as_json=True))
    assert said == json.loads(json.dumps(told(await talk.services.contest.standings())))
    assert (said["release"], said["corpus"]) == (1, "small")
    verdict = said["verdict"]
    assert (verdict["winner"], verdict["people_at_call"], verdict["fewest"]) == ("random", 10, 2)
    assert verdict["holds"] is False
    assert (verdict["counted"]["wins"], verdict["counted"]["votes"]) == (55, 55)
    assert 0.5 < verdict["counted"]["interval"]["low"] < 1
    assert said["votes"]["neither"] == said["releases"]["1"]["votes"]["neither"] == 1
    assert said["pairs"]["leads"] == {"random": 1, "consecutive": 0}


async def test_sums_that_are_wrong_are_made_anew(tmp_path: Path) -> None:
    async with conversation(tmp_path) as talk:
        await votes(talk, 3)
        right = await shown(talk, as_json=True)
        async with talk.services.store.write() as connection:
            await connection.execute(release_sums.update().values(sums={"spoiled": True}))
        with pytest.raises(KeyError):
            await shown(talk)
        assert await shown(talk, as_json=True, anew=True) == right
