"""The contest: duels that tell nothing, first answers that count, and what they add up to."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from factories import SMALL, make_pair
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, delete, func, select
from sqlalchemy.exc import OperationalError

from core.arena.contest import Contest
from core.arena.duel import Choice
from core.arena.files import Files
from core.arena.releases import Pair, Release, Releases
from core.arena.schema import (
    duels,
    encores,
    likes,
    lyrics,
    models,
    people,
    showings,
    vote_changes,
    votes,
)
from core.arena.standings import Standings, recount_all
from core.arena.store import Store
from core.arena.sums import Standing
from core.errors import (
    AlreadyWriting,
    CheckpointError,
    DuelUnknown,
    NoRelease,
    PrefixEmpty,
    PrefixTooLong,
    PrefixUnknown,
)
from core.lyrics.decoding import Decoding
from core.lyrics.recipe import SAMPLERS
from core.lyrics.writer import Prefix

LASTS = timedelta(hours=24)
ANNA, BEN = 10**12, -5  # accounts
QUICK = replace(SMALL, decoding=Decoding(temperature=0.8, characters=6))
AT_ONCE = 64


@dataclass
class Arena:
    """A contest with what it stands on."""

    contest: Contest
    releases: Releases
    store: Store
    clock: Clock

    async def publish(self, *seeds: int) -> Release:
        pairs = [make_pair(seed=seed, recipe=QUICK) for seed in seeds or (0,)]
        return await self.releases.publish(pairs)

    async def duel(self, account: int = ANNA) -> int:
        return (await self.contest.open_duel(account, "分开")).id

    async def rows(self, table: Table) -> list[Any]:
        async with self.store.read() as connection:
            return list(await connection.execute(select(table).order_by(*table.primary_key)))

    async def count(self, table: Table) -> int:
        return len(await self.rows(table))

    async def winner(self, duel: int, choice: Choice) -> str | None:
        """Who wrote that side, by the model of the lyric that stands there."""
        if choice == 0:
            return None
        side = duels.c.lyric_1_id if choice == 1 else duels.c.lyric_2_id
        wrote = (
            select(models.c.sampler)
            .join(lyrics, lyrics.c.model_id == models.c.id)
            .join(duels, lyrics.c.id == side)
            .where(duels.c.id == duel)
        )
        async with self.store.read() as connection:
            return await connection.scalar(wrote)


def make_contest(store: Store, releases: Releases, clock: Clock) -> Contest:
    return Contest(store, releases, duel_lasts=LASTS, chance=random.Random(20260102), clock=clock)


@pytest.fixture
async def bare(store: Store, tmp_path: Path, clock: Clock) -> Arena:
    """A contest before its first release."""
    releases = Releases(store, Files(tmp_path / "checkpoints"), clock)
    return Arena(make_contest(store, releases, clock), releases, store, clock)


@pytest.fixture
async def arena(bare: Arena) -> Arena:
    """A contest with a release of one pair."""
    await bare.publish()
    return bare


# Asking for a duel


async def test_without_a_release_there_is_no_duel(bare: Arena) -> None:
    with pytest.raises(NoRelease, match="lyricbot train"):
        await bare.contest.open_duel(ANNA, "分开")
    for table in (people, lyrics, duels):
        assert await bare.count(table) == 0
    await bare.publish()
    assert (await bare.contest.open_duel(ANNA, "分开")).id == 1


async def test_a_prefix_that_cannot_be_is_refused_and_nothing_is_kept(arena: Arena) -> None:
    for prefix, error in {
        "": PrefixEmpty,
        " \n\t　": PrefixEmpty,
        "分" * 51: PrefixTooLong,
        "xyz": PrefixUnknown,
    }.items():
        with pytest.raises(error):
            await arena.contest.open_duel(ANNA, prefix)
    for table in (people, lyrics, duels):
        assert await arena.count(table) == 0
    assert await arena.duel() == 1  # and the same person may try again


async def test_a_model_that_is_gone_is_named_and_nothing_is_kept(
    arena: Arena, tmp_path: Path
) -> None:
    for path in (tmp_path / "checkpoints").rglob("*.safetensors"):
        path.unlink()
    with pytest.raises(CheckpointError, match="safetensors"):
        await arena.contest.open_duel(ANNA, "分开")
    for table in (people, lyrics, duels):
        assert await arena.count(table) == 0


async def test_a_duel_is_what_was_asked_for(arena: Arena) -> None:
    duel = await arena.contest.open_duel(ANNA, " 分x开y ")
    assert (duel.prefix, duel.skipped) == ("分开", "xy")
    for text in (duel.text_1, duel.text_2):
        assert text.startswith("分开")
        assert len(text) > len("分开")
    assert duel.text_1 != duel.text_2
    assert await arena.contest.duel(duel.id) == replace(duel, skipped="")


async def test_a_prefix_of_fifty_characters_is_kept_whole(arena: Arena) -> None:
    duel = await arena.contest.open_duel(ANNA, "分" * 50)
    assert (await arena.contest.duel(duel.id)).prefix == "分" * 50


async def test_everything_that_made_a_duel_is_stored(arena: Arena, tmp_path: Path) -> None:
    release = await arena.publish(4, 5)
    opened = [await arena.contest.open_duel(ANNA, "分开") for _ in range(6)]
    by_id = {row.id: row for row in await arena.rows(lyrics)}
    wrote = {row.id: row for row in await arena.rows(models)}
    (person,) = await arena.rows(people)
    assert (person.account, person.first_seen) == (ANNA, arena.clock.time)
    fresh = Releases(arena.store, Files(tmp_path / "checkpoints"), arena.clock)
    found: dict[int, Pair] = {pair.id: pair for pair in release.pairs}
    for duel, row in zip(opened, await arena.rows(duels), strict=True):
        assert row.id == duel.id
        assert row.asker_id == person.id
        assert (row.opened_at, row.closes_at) == (arena.clock.time, arena.clock.time + LASTS)
        sides = [by_id[row.lyric_1_id], by_id[row.lyric_2_id]]
        samplers = [wrote[lyric.model_id].sampler for lyric in sides]
        assert samplers[0] == row.sampler_1
        assert set(samplers) == set(SAMPLERS)
        assert {wrote[lyric.model_id].pair_id for lyric in sides} == {row.pair_id}
        for lyric, text in zip(sides, (duel.text_1, duel.text_2), strict=True):
            assert (lyric.prefix, lyric.text) == ("分开", text)
            assert lyric.written_at == arena.clock.time
            decoding = Decoding(**lyric.decoding)
            assert replace(decoding, candidates=1) == QUICK.decoding
            writer = await fresh.writer(found[row.pair_id].model(wrote[lyric.model_id].sampler))
            again = writer.write(Prefix(lyric.prefix), seed=lyric.seed, decoding=decoding)
            assert again.text == text


async def test_sides_pairs_and_seeds_are_drawn_by_chance(arena: Arena) -> None:
    await arena.publish(1, 2)
    for _ in range(40):
        await arena.duel()
    rows = await arena.rows(duels)
    seen = Counter((row.pair_id, row.sampler_1) for row in rows)
    assert len(seen) == 4  # either pair with either sampler on side 1
    assert min(seen.values()) >= 3
    seeds = [row.seed for row in await arena.rows(lyrics)]
    assert len(set(seeds)) == 80
    assert max(seeds) > 2**62  # from all of 63 bits
    assert min(seeds) >= 0


async def test_duels_are_written_by_the_current_release_only(arena: Arena) -> None:
    await arena.duel()
    release = await arena.publish(1)
    await arena.duel()
    assert (await arena.rows(duels))[1].pair_id == release.pairs[0].id


async def test_a_person_has_one_duel_written_at_a_time_and_another_has_theirs(
    arena: Arena,
) -> None:
    asked = (ANNA, ANNA, BEN, ANNA, BEN)
    answers = await asyncio.gather(
        *(arena.contest.open_duel(account, "分开") for account in asked),
        return_exceptions=True,
    )
    refused = [isinstance(answer, AlreadyWriting) for answer in answers]
    assert refused == [False, True, False, True, True]
    assert await arena.count(duels) == 2
    assert await arena.duel(ANNA) == 3  # once written, the next may be asked for


async def test_after_giving_up_the_next_duel_may_be_asked_for(arena: Arena) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await arena.contest.open_duel(ANNA, "分开")
    assert await arena.count(duels) == 0
    assert await arena.duel(ANNA) > 0


async def test_an_unknown_duel_is_not_found(arena: Arena) -> None:
    duel = await arena.duel()
    for unknown in (duel + 1, 0, -1):
        with pytest.raises(DuelUnknown, match=str(unknown)):
            await arena.contest.duel(unknown)


# Answering


async def test_the_first_answer_counts_and_reveals(arena: Arena) -> None:
    answers: list[Choice] = [0, 1, 2] * 8
    for choice in answers:
        duel = await arena.duel()
        vote = await arena.contest.vote(BEN, duel, choice)
        assert (vote.choice, vote.counted, vote.first) == (choice, choice, True)
        assert vote.reveal.sampler_1 == await arena.winner(duel, 1)
        assert vote.reveal.sampler_2 == await arena.winner(duel, 2)
        assert vote.reveal.winner(choice) == await arena.winner(duel, choice)
    sides = {(n % 3, row.sampler_1) for n, row in enumerate(await arena.rows(duels))}
    assert len(sides) == 6  # either sampler stood on side 1 for every answer
    ben = (await arena.rows(people))[1]
    assert ben.account == BEN
    assert [(row.duel_id, row.person_id, row.choice) for row in await arena.rows(votes)] == [
        (row.id, ben.id, choice)
        for row, choice in zip(await arena.rows(duels), answers, strict=True)
    ]


async def test_a_changed_answer_is_kept_beside_the_first_which_counts(arena: Arena) -> None:
    duel = await arena.duel()
    first_at = arena.clock.time
    answers: list[Choice] = [1, 1, 2, 2, 1, 0, 0, 1]
    given_back = []
    for answer in answers:
        given_back.append(await arena.contest.vote(ANNA, duel, answer))
        arena.clock.advance(timedelta(minutes=1))
    assert [vote.choice for vote in given_back] == answers
    assert {vote.counted for vote in given_back} == {1}
    assert [vote.first for vote in given_back] == [True] + [False] * 7
    assert len({vote.reveal for vote in given_back}) == 1
    (vote,) = await arena.rows(votes)
    assert (vote.choice, vote.cast_at) == (1, first_at)
    changes = await arena.rows(vote_changes)
    assert [change.choice for change in changes] == [2, 1, 0, 1]
    assert [(change.changed_at - first_at) / timedelta(minutes=1) for change in changes] == [
        2,
        4,
        5,
        7,
    ]
    assert {change.vote_id for change in changes} == {vote.id}


async def test_the_change_of_one_person_is_nobody_elses(arena: Arena) -> None:
    duel, other = await arena.duel(), await arena.duel()
    answers: list[tuple[int, int, Choice]] = [
        (ANNA, duel, 1),
        (BEN, duel, 2),
        (ANNA, other, 2),
        (BEN, duel, 1),
    ]
    for account, where, choice in answers:
        await arena.contest.vote(account, where, choice)
    assert sorted(row.choice for row in await arena.rows(votes)) == [1, 2, 2]
    (change,) = await arena.rows(vote_changes)
    by_id = {row.id: row for row in await arena.rows(votes)}
    assert (change.choice, by_id[change.vote_id].choice) == (1, 2)
    assert by_id[change.vote_id].duel_id == duel


async def test_a_duel_takes_votes_until_it_closes_and_then_only_reveals(arena: Arena) -> None:
    duel = await arena.duel()
    arena.clock.advance(LASTS - timedelta(microseconds=1))
    assert (await arena.contest.vote(ANNA, duel, 1)).first
    kept = [await arena.rows(table) for table in (people, votes, vote_changes)]
    arena.clock.advance(timedelta(microseconds=1))
    late: list[tuple[int, Choice]] = [(ANNA, 1), (ANNA, 2), (BEN, 2)]
    for account, choice in late:
        vote = await arena.contest.vote(account, duel, choice)
        assert (vote.choice, vote.counted, vote.first) == (choice, None, False)
        assert vote.reveal.sampler_1 == await arena.winner(duel, 1)
    assert [await arena.rows(table) for table in (people, votes, vote_changes)] == kept


async def test_an_answer_to_an_unknown_duel_is_refused_and_nothing_is_kept(
    arena: Arena,
) -> None:
    duel = await arena.duel()
    for answer in (
        arena.contest.vote(BEN, duel + 1, 1),
        arena.contest.encore(BEN, duel + 1),
        arena.contest.like(BEN, duel + 1),
    ):
        with pytest.raises(DuelUnknown, match=str(duel + 1)):
            await answer
    assert [row.account for row in await arena.rows(people)] == [ANNA]
    for table in (votes, encores, likes):
        assert await arena.count(table) == 0


async def test_an_encore_and_a_like_count_once_and_say_nothing_of_each_other(
    arena: Arena,
) -> None:
    duel, other = await arena.duel(), await arena.duel()
    for mark, table in ((arena.contest.encore, encores), (arena.contest.like, likes)):
        assert [await mark(ANNA, duel) for _ in range(3)] == [True, False, False]
        assert await mark(BEN, duel)
        assert await mark(ANNA, other)
        assert await arena.count(table) == 3
    assert await arena.count(votes) == 0


# Many at once


async def test_one_person_answering_64_times_at_once_has_one_vote(
    arena: Arena, database: str
) -> None:
    duel = await arena.duel(BEN)
    other = Store(database)  # as another process would have
    contests = [arena.contest, make_contest(other, arena.releases, arena.clock)]
    given_back = await asyncio.gather(
        *(contests[n % 2].vote(ANNA, duel, 1 if n % 3 else 2) for n in range(AT_ONCE))
    )
    await other.close()
    (vote,) = await arena.rows(votes)
    assert sum(one.first for one in given_back) == 1
    assert {one.counted for one in given_back} == {vote.choice}
    assert [one.choice for one in given_back if one.first] == [vote.choice]
    assert await arena.count(people) == 2


async def test_64_people_answering_at_once_have_64_votes(arena: Arena) -> None:
    duel = await arena.duel(0)
    given_back = await asyncio.gather(
        *(arena.contest.vote(n + 1, duel, 1 if n % 4 else 2) for n in range(AT_ONCE))
    )
    assert all(vote.first for vote in given_back)
    rows = await arena.rows(votes)
    assert Counter(row.choice for row in rows) == {1: 48, 2: 16}
    assert len({row.person_id for row in rows}) == AT_ONCE
    assert await arena.count(people) == AT_ONCE + 1


async def test_changes_at_once_are_kept_only_where_they_differ_from_the_latest(
    arena: Arena,
) -> None:
    duel = await arena.duel()
    turns: list[tuple[int, Choice, Choice]] = [(ANNA, 1, 2), (BEN, 2, 1)]
    for account, first, then in turns:
        await arena.contest.vote(account, duel, first)
        await asyncio.gather(*(arena.contest.vote(account, duel, then) for _ in range(32)))
    assert [row.choice for row in await arena.rows(votes)] == [1, 2]
    assert [row.choice for row in await arena.rows(vote_changes)] == [2, 1]


async def test_encores_and_likes_at_once_count_once_each(arena: Arena) -> None:
    duel = await arena.duel(BEN)
    for mark, table in ((arena.contest.encore, encores), (arena.contest.like, likes)):
        said = await asyncio.gather(*(mark(ANNA, duel) for _ in range(16)))
        assert sum(said) == 1
        assert await arena.count(table) == 1


async def test_a_person_is_one_row_whatever_they_do_at_once(arena: Arena) -> None:
    opened = [await arena.duel(BEN) for _ in range(4)]
    doings: list[Awaitable[object]] = [arena.contest.open_duel(ANNA, "分开")]
    for duel in opened:
        doings += [
            arena.contest.vote(ANNA, duel, 1),
            arena.contest.encore(ANNA, duel),
            arena.contest.like(ANNA, duel),
            arena.contest.vote(ANNA, duel, 2),
        ]
    await asyncio.gather(*doings)
    assert [row.account for row in await arena.rows(people)] == [BEN, ANNA]
    anna = (await arena.rows(people))[1].id
    for table in (votes, encores, likes):
        assert [row.person_id for row in await arena.rows(table)] == [anna] * 4
    assert (await arena.rows(duels))[-1].asker_id == anna


# Where duels stand


async def test_a_post_shows_a_duel_in_its_room_only(arena: Arena) -> None:
    duel, other = await arena.duel(), await arena.duel()
    await arena.contest.shown(duel, room=-100, post=7)
    await arena.contest.shown(other, room=5, post=7)
    assert await arena.contest.duel_at(room=-100, post=7) == duel
    assert await arena.contest.duel_at(room=5, post=7) == other
    assert await arena.contest.duel_at(room=-100, post=8) is None
    assert await arena.contest.duel_at(room=6, post=7) is None


async def test_a_post_that_is_shown_again_belongs_to_the_newer_duel(arena: Arena) -> None:
    duel, other = await arena.duel(), await arena.duel()
    await arena.contest.shown(duel, room=1, post=7)
    arena.clock.advance(timedelta(seconds=1))
    await arena.contest.shown(other, room=1, post=7)
    assert await arena.contest.duel_at(room=1, post=7) == other
    (row,) = await arena.rows(showings)
    assert (row.duel_id, row.shown_at) == (other, arena.clock.time)


async def test_the_latest_duel_of_a_room_is_the_one_shown_last_there(arena: Arena) -> None:
    first, second = await arena.duel(), await arena.duel()
    assert await arena.contest.latest_duel(room=1) is None
    await arena.contest.shown(second, room=1, post=50)
    arena.clock.advance(timedelta(seconds=1))
    await arena.contest.shown(first, room=1, post=9)  # an older duel in an older post
    arena.clock.advance(timedelta(seconds=1))
    await arena.contest.shown(second, room=2, post=99)
    assert await arena.contest.latest_duel(room=1) == (first, 9)
    assert await arena.contest.latest_duel(room=2) == (second, 99)
    assert await arena.contest.latest_duel(room=3) is None
    await arena.contest.shown(second, room=1, post=50)
    assert await arena.contest.latest_duel(room=1) == (second, 50)


async def test_of_posts_of_one_moment_the_later_post_is_the_latest(arena: Arena) -> None:
    first, second = await arena.duel(), await arena.duel()
    await arena.contest.shown(second, room=1, post=10)
    await arena.contest.shown(first, room=1, post=9)
    assert await arena.contest.latest_duel(room=1) == (second, 10)


# What it adds up to


async def test_without_a_release_the_standings_are_empty(bare: Arena) -> None:
    assert await bare.contest.standings() == Standings(None)


async def test_a_release_without_votes_stands_at_nothing(arena: Arena) -> None:
    await arena.duel()
    release = await arena.releases.current()
    assert await arena.contest.standings() == Standings(release)


async def test_neither_and_changes_stay_out_of_the_share(arena: Arena) -> None:
    duel = await arena.duel()
    await arena.contest.vote(1, duel, 1)
    await arena.contest.vote(1, duel, 2)
    for account in (2, 3, 4):
        await arena.contest.vote(account, duel, 0)
    await arena.contest.vote(4, duel, 2)
    standing = (await arena.contest.standings()).current
    winner = await arena.winner(duel, 1)
    assert (standing.votes, standing.neither, standing.people) == (1, 3, 4)
    assert standing.random == (winner == "random")
    assert standing.consecutive == (winner == "consecutive")


async def test_a_second_release_begins_at_nothing_and_all_time_goes_on(arena: Arena) -> None:
    old = await arena.duel()
    await arena.contest.vote(ANNA, old, 1)
    await arena.contest.vote(BEN, old, 0)
    await arena.contest.encore(ANNA, old)
    await arena.contest.like(BEN, old)
    before = await arena.contest.standings()
    assert before.current == before.all_time
    assert (before.current.votes, before.current.neither) == (1, 1)

    release = await arena.publish(1)
    begun = await arena.contest.standings()
    assert (begun.release, begun.current) == (release, Standing())
    assert begun.all_time == before.all_time

    await arena.contest.vote(ANNA, await arena.duel(), 1)
    await arena.contest.like(ANNA, old)  # of the old release, whenever it is said
    await arena.contest.vote(3, old, 2)
    after = await arena.contest.standings()
    assert (after.current.votes, after.current.people, after.current.likes) == (1, 1, 0)
    assert after.all_time.votes == 3
    assert (after.all_time.neither, after.all_time.people) == (1, 3)
    assert (after.all_time.encores, after.all_time.likes) == (1, 2)


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["vote", "vote", "vote", "encore", "like"]),
        st.integers(1, 4),  # person
        st.integers(0, 3),  # duel
        st.sampled_from([0, 1, 2]),
    ),
    max_size=24,
)


class Naive:
    """The rules once more, as plainly as can be."""

    def __init__(self) -> None:
        self.first: dict[tuple[int, int], Choice] = {}
        self.changes: dict[tuple[int, int], list[Choice]] = {}
        self.encores: set[tuple[int, int]] = set()
        self.likes: set[tuple[int, int]] = set()

    def vote(self, person: int, duel: int, choice: Choice) -> None:
        key = (person, duel)
        if key not in self.first:
            self.first[key] = choice
            self.changes[key] = []
        elif choice != [self.first[key], *self.changes[key]][-1]:
            self.changes[key].append(choice)

    def standing(self, winners: dict[tuple[int, Choice], str | None]) -> Standing:
        """Of the duels in `winners`, who maps a duel and a side to who wrote it."""
        within = {duel for duel, _ in winners}
        counted = {key: choice for key, choice in self.first.items() if key[1] in within}
        won = Counter(winners[duel, choice] for (_, duel), choice in counted.items())
        return Standing(
            random=won["random"],
            consecutive=won["consecutive"],
            neither=won[None],
            encores=sum(duel in within for _, duel in self.encores),
            likes=sum(duel in within for _, duel in self.likes),
            people=len({person for person, _ in counted}),
        )


@given(acts=ACTS)
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_the_standings_are_what_a_naive_count_of_the_answers_gives(
    arena: Arena, acts: list[tuple[str, int, int, Choice]]
) -> None:
    if not await arena.rows(duels):  # the same four duels for all examples
        opened = [await arena.duel(), await arena.duel()]
        await arena.publish(1, 2)
        opened += [await arena.duel(), await arena.duel()]
    opened = [row.id for row in await arena.rows(duels)]
    async with arena.store.write() as connection:
        for table in (vote_changes, votes, encores, likes):
            await connection.execute(delete(table))
    await recount_all(arena.store, arena.clock())

    naive = Naive()
    for act, person, index, choice in acts:
        duel = opened[index]
        if act == "vote":
            naive.vote(person, duel, choice)
            vote = await arena.contest.vote(person, duel, choice)
            assert vote.counted == naive.first[person, duel]
        elif act == "encore":
            assert await arena.contest.encore(person, duel) == (
                (person, duel) not in naive.encores
            )
            naive.encores.add((person, duel))
        else:
            assert await arena.contest.like(person, duel) == ((person, duel) not in naive.likes)
            naive.likes.add((person, duel))

    sides: tuple[Choice, ...] = (0, 1, 2)
    winners = {(d, side): await arena.winner(d, side) for d in opened for side in sides}
    standings = await arena.contest.standings()
    assert standings.all_time == naive.standing(winners)
    assert standings.current == naive.standing(
        {key: won for key, won in winners.items() if key[0] in opened[2:]}
    )
    async with arena.store.read() as connection:
        kept = await connection.execute(
            select(people.c.account, votes.c.duel_id, vote_changes.c.choice)
            .join(votes, votes.c.person_id == people.c.id)
            .join(vote_changes, vote_changes.c.vote_id == votes.c.id)
            .order_by(vote_changes.c.id)
        )
        changes: dict[tuple[int, int], list[Choice]] = {key: [] for key in naive.first}
        for account, duel, choice in kept:
            changes[account, duel].append(choice)
        assert await connection.scalar(select(func.count()).select_from(votes)) == len(naive.first)
    assert changes == naive.changes


async def test_answers_wait_for_a_database_that_is_away(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    duel = await arena.duel()
    run, failures = arena.store.run, [1, 2]

    async def failing(work: Any) -> Any:
        if failures:
            failures.pop()
            raise OperationalError("UPDATE", {}, Exception("database is locked"))
        return await run(work)

    monkeypatch.setattr(arena.store, "run", failing)
    assert (await arena.contest.vote(BEN, duel, 1)).first
    assert await arena.count(votes) == 1
