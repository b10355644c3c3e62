"""The simulations: their quick way of betting is the service's, and a small run of them holds."""

import math

import numpy as np
import pytest
from bench import verdict
from bench.verdict import People, exact, log_wealths, looks_until, rows, strangers, tastes

from core.arena.bets import Ledger, Score, log_wealth
from core.arena.bets import mirrored as bets_mirrored


@pytest.mark.parametrize("without", [0, 3])
@pytest.mark.parametrize("mean", [0.5, 0.7])
def test_the_bets_on_many_arenas_are_the_services_own(mean: float, without: int) -> None:
    people = tastes(np.random.default_rng(1), 0.7, 0.2, arenas=3, cast=200)
    found = log_wealths(people, mean, without=without)
    for arena in range(3):
        scores: dict[Score, int] = {}
        for number, (votes, wins) in enumerate(
            zip(people.votes[arena], people.wins[arena], strict=True)
        ):
            score = Score(int(votes), int(wins))
            scores[score] = scores.get(score, 0) + 1
            slow = log_wealth(scores, mean, without=without)
            assert found[arena, number] == pytest.approx(slow)


def test_calls_come_after_the_same_person() -> None:
    people = strangers(np.random.default_rng(2), 0.65, arenas=5, many=400)
    for arena, called in enumerate(verdict.calls(people)):
        ledger = Ledger.of(Score(1, int(win)) for win in people.wins[arena])
        people_at = [one.people for one in (ledger.a, ledger.b) if one.people is not None]
        assert called + 1 == min(people_at)


def test_what_is_called_by_a_look_is_what_all_streams_of_votes_add_up_to() -> None:
    by_look = exact(0.5, cap=1, looks=12)
    for looks in (9, 10, 12):
        hit = 0
        for stream in range(2**looks):
            ledger = Ledger.of((Score(1, stream >> n & 1) for n in range(looks)), cap=1)
            hit += ledger.a.is_called or ledger.b.is_called
        assert by_look[looks - 1] == pytest.approx(hit / 2**looks)
    assert looks_until(by_look, 0.9) == math.inf


def test_a_tie_moves_nothing() -> None:
    people = strangers(np.random.default_rng(3), 0.9, arenas=4, many=300)
    assert max(verdict.calls(people)) < 300
    parts = (people.votes, people.wins, people.cast)
    twice = People(*(np.repeat(one, 2, axis=1) for one in parts))
    twice.votes[:, 1::2], twice.wins[:, 1::2] = 4, 2
    assert (verdict.calls(twice) // 2 == verdict.calls(people)).all()
    assert bets_mirrored({Score(4, 2): 1}) == {Score(4, 2): 1}


def test_a_small_run_holds() -> None:
    found = {row.what: row for row in rows(60, 400, 60)}
    assert len(found) > 15
    assert [row for row in found.values() if not row.holds] == []


def test_a_figure_that_does_not_hold_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "CALLED", 3.0)  # a call for the asking
    assert [row.what for row in rows(60, 400, 60) if not row.holds]
