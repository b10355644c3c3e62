"""The verdict redone from the exported votes alone, by code that is slow and knows no other."""

import csv
import math
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from conftest import Clock
from factories import make_pair

from core.arena.contest import Contest
from core.arena.duel import Choice
from core.arena.export import rows, write
from core.arena.files import Files
from core.arena.releases import Releases
from core.arena.store import Store
from core.arena.verdict import Z_95

Votes = list[dict[str, str]]
BETS = ((0.05, 0.05), (0.10, 0.15), (0.20, 0.35), (0.40, 0.30), (0.80, 0.15))


def scores(votes: Votes) -> list[tuple[int, int]]:
    """What each person gives, in their order: votes that count, and wins of random."""
    taken: set[str] = set()
    found: dict[str, list[tuple[datetime, bool]]] = {}
    for row in votes:
        if row["choice"] == "0" or row["duel"] in taken or row["left_out"] == "True":
            continue
        at = datetime.fromisoformat(row["at"])
        mine = found.setdefault(row["person"], [])
        if not mine or (len(mine) < 5 and at - mine[0][0] < timedelta(hours=1)):
            taken.add(row["duel"])
            mine.append((at, row["chosen"] == "random"))
    return [(len(one), sum(win for _, win in one)) for one in found.values()]


def wealth(given: Sequence[tuple[int, int]], mean: float, cap: int = 5) -> float:
    """What betting on random has become."""
    return sum(
        part * math.prod(1 + bet * (wins - mean * votes) / (mean * cap) for votes, wins in given)
        for bet, part in BETS
    )


def called_after(given: Sequence[tuple[int, int]], cap: int = 5) -> int | None:
    """How many people it took until random was called."""
    for people in range(1, len(given) + 1):
        if wealth(given[:people], 0.5, cap) >= 40:
            return people
    return None


def accounts(given: Sequence[tuple[int, int]]) -> int:
    """How many must be left out to undo the call, at its best moment."""
    best = 0
    for people in range(1, len(given) + 1):
        by_help = sorted(given[:people], key=lambda one: one[0] / 2 - one[1])
        helping = sum(2 * wins > votes for votes, wins in by_help)
        for out in range(people + 1):
            if wealth(by_help[min(out, helping) :], 0.5) < 40:
                best = max(best, out)
                break
    return best


def least(given: Sequence[tuple[int, int]]) -> float:
    """The smallest share of random that is not refuted."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if wealth(given, middle) >= 40 else (low, middle)
    return low


def other(given: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    return [(votes, votes - wins) for votes, wins in given]


def plain_interval(votes: Votes) -> tuple[float, float]:
    """Wilson's, for as many votes as they are worth."""
    cast = [row for row in votes if row["choice"] != "0"]
    n, wins = len(cast), sum(row["chosen"] == "random" for row in cast)
    centre = (wins + Z_95**2 / 2) / (n + Z_95**2)

    def spread(*columns: str) -> float:
        sums: dict[tuple[str, ...], float] = {}
        for row in cast:
            group = tuple(row[name] for name in columns)
            sums[group] = sums.get(group, 0.0) + (row["chosen"] == "random") - centre
        return sum(one * one for one in sums.values())

    alone = spread("duel", "person")
    many = n / max(1.0, (spread("duel") + spread("person") - alone) / alone)
    share, z2 = wins / n, Z_95**2
    middle = (share + z2 / (2 * many)) / (1 + z2 / many)
    half = Z_95 * math.sqrt(share * (1 - share) / many + z2 / (4 * many * many)) / (1 + z2 / many)
    return middle - half, middle + half


@pytest.fixture
async def contest(store: Store, tmp_path: Path, clock: Clock) -> Contest:
    """A release of two pairs, and a crowd of 60 that likes random's lyrics better."""
    chance = random.Random(3)
    releases = Releases(store, Files(str(tmp_path / "checkpoints")), clock=clock)
    await releases.publish([make_pair(seed=1), make_pair(seed=2)])
    lasts = timedelta(days=99)
    contest = Contest(store, releases, duel_lasts=lasts, chance=chance, clock=clock)
    opened = []
    for number in range(260):
        clock.advance(timedelta(minutes=chance.choice([0, 2, 9])))
        if number % 10 < 9:
            opened.append((await contest.open_duel(1, "分开")).id)
        duel, person = chance.choice(opened[-12:]), 10 + min(number // 4 + chance.randrange(6), 59)
        async with store.read() as connection:
            found = await connection.exec_driver_sql(
                f"SELECT sampler_1 FROM duels WHERE id = {duel}"
            )
            random_is_1 = found.scalar_one() == "random"
        likes_random = chance.random() < 0.85
        better: Choice = 1 if likes_random == random_is_1 else 2
        await contest.vote(person, duel, 0 if chance.random() < 0.05 else better)
    clock.advance(timedelta(hours=2))
    return contest


async def test_the_verdict_can_be_redone_from_the_csv_alone(
    contest: Contest, store: Store, tmp_path: Path
) -> None:
    await write(rows(store, b"salt"), "csv", tmp_path / "votes.csv")
    with (tmp_path / "votes.csv").open(encoding="utf-8", newline="") as file:
        votes = [row for row in csv.DictReader(file) if row["kind"] == "vote"]
    given = scores(votes)
    verdict = (await contest.standings()).verdict
    assert verdict.counted is not None
    assert verdict.plain is not None

    assert verdict.people == len(given) > 20
    assert verdict.counted.votes == sum(votes for votes, _ in given)
    assert verdict.counted.wins == sum(wins for _, wins in given)
    logs = [math.log(wealth(of, 0.5)) for of in (given, other(given))]
    assert [*verdict.log_wealth.values()] == pytest.approx(logs)
    assert verdict.winner == "random"
    assert verdict.people_at_call == called_after(given)
    assert called_after(other(given)) is None
    assert verdict.fewest == accounts(given)
    assert verdict.counted.interval.low == pytest.approx(least(given))
    assert verdict.counted.interval.high == pytest.approx(1 - least(other(given)))
    low, high = plain_interval(votes)
    assert (verdict.plain.interval.low, verdict.plain.interval.high) == pytest.approx((low, high))


async def test_so_can_what_is_said_of_the_sampler(
    contest: Contest, store: Store, tmp_path: Path
) -> None:
    await write(rows(store, b"salt"), "csv", tmp_path / "votes.csv")
    with (tmp_path / "votes.csv").open(encoding="utf-8", newline="") as file:
        votes = [row for row in csv.DictReader(file) if row["kind"] == "vote"]
    counted: dict[tuple[str, ...], list[bool]] = {}
    taken: set[str] = set()
    found: dict[str, list[datetime]] = {}
    for row in votes:
        if row["choice"] == "0" or row["duel"] in taken:
            continue
        at = datetime.fromisoformat(row["at"])
        mine = found.setdefault(row["person"], [])
        if not mine or (len(mine) < 5 and at - mine[0] < timedelta(hours=1)):
            taken.add(row["duel"])
            mine.append(at)
            place = (row["corpus_sha256"], row["recipe_hash"], row["pair_seed"])
            counted.setdefault(place, []).append(row["chosen"] == "random")
    leads = [sum(one[:31]) > 15 for one in counted.values() if len(one) >= 31]
    pairs = (await contest.standings()).pairs
    assert leads
    assert pairs.leads == {"random": sum(leads), "consecutive": len(leads) - sum(leads)}
    assert pairs.winner is None
    needed = next(
        more for more in range(99) if wealth([(1, 1)] * (sum(leads) + more), 0.5, cap=1) >= 40
    )
    assert pairs.pairs_needed == needed
