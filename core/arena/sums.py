"""What is known of a release's votes without looking at them again: sums, kept vote by vote. Pure.

Towards the verdict a duel counts once, and a person with the first CAP votes for one of two sides
that they cast within an hour of the first, each in a duel of which no vote counts yet; a vote that
does not count takes no duel's place. People are settled in the order of their first vote that
counts, each once they have CAP or their hour is over: earlier ones are waited for.
"""

from collections import deque
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from core.arena.bets import CAP, Call, Ledger, Score
from core.arena.duel import Choice, other
from core.lyrics.recipe import SAMPLERS, Sampler

HOUR = timedelta(hours=1)
FAST = timedelta(seconds=4)  # from the duel to a vote: nobody has read two lyrics
ONE_SIDED = 10  # votes, all of them for the same side
CROWD = 10  # people on one duel whose first vote ever it is
DECIDED = 31  # votes of a pair; odd, so that one of the two leads
SPREADS = ("by_duel", "by_person", "lefts_by_duel", "lefts_by_person")


@dataclass
class Spread:
    """Votes by group (by duel, or by person): what the spread of their sums is made of."""

    votes_votes: int = 0  # sum of n * n over groups of n votes
    wins_votes: int = 0  # of w * n, where w of them are wins
    wins_wins: int = 0

    def add(self, votes: int, wins: int, win: bool) -> None:
        """One vote more in a group that had `votes`, of which `wins` were wins."""
        after = wins + win
        self.votes_votes += 2 * votes + 1
        self.wins_votes += after * (votes + 1) - wins * votes
        self.wins_wins += after * after - wins * wins

    def squares(self, share: float) -> float:
        """Sum over groups of (w - share n) squared."""
        return self.wins_wins - 2 * share * self.wins_votes + share * share * self.votes_votes


@dataclass
class OfDuel:
    """A duel's part in the sums."""

    votes: int = 0  # for one of the two
    wins: int = 0  # of these, for random
    counted: bool = False  # whether one counts towards the verdict
    newcomers: int = 0  # people whose first vote ever it is


@dataclass
class OfPerson:
    """A person's part in the sums of a release."""

    votes: int = 0
    wins: int = 0
    lefts: int = 0  # votes for side 1
    counted: int = 0  # towards the verdict
    counted_wins: int = 0
    first_counted: int | None = None  # the vote's number
    first_counted_at: datetime | None = None
    settled: bool = False

    def is_done(self, now: datetime) -> bool:
        """Whether no vote of theirs can count any more."""
        if self.first_counted_at is None:
            return False
        # Nobody is waited for until a moment that only a wrong clock told.
        return self.counted >= CAP or abs(now - self.first_counted_at) >= HOUR


@dataclass
class OfPair:
    """A pair's part: which of its two models leads."""

    votes: int = 0  # that count towards the verdict
    wins: int = 0
    leader: Sampler | None = None  # once there are DECIDED votes
    led_at: int | None = None  # the number of the vote that decided


@dataclass(frozen=True)
class Standing:
    """How often people said what. Only first answers are counted."""

    random: int = 0  # wins
    consecutive: int = 0
    neither: int = 0
    encores: int = 0
    likes: int = 0
    people: int = 0

    @property
    def votes(self) -> int:
        """Votes for one of the two."""
        return self.random + self.consecutive


@dataclass
class Sums:
    """Of a release. Shares are those of random."""

    random: int = 0  # wins
    consecutive: int = 0
    neither: int = 0
    encores: int = 0
    likes: int = 0
    people: int = 0
    newcomers: int = 0  # people who had voted on no release before
    by_duel: Spread = field(default_factory=Spread)
    by_person: Spread = field(default_factory=Spread)
    lefts: int = 0  # votes for side 1
    lefts_by_duel: Spread = field(default_factory=Spread)
    lefts_by_person: Spread = field(default_factory=Spread)
    random_left: int = 0  # votes where random stood on side 1
    random_left_wins: int = 0  # of these, for random
    fast: int = 0  # votes that came sooner than anybody reads
    one_sided: int = 0  # people who vote for one side only
    crowds: int = 0  # duels on which many vote for the first time ever
    counted: int = 0  # votes that count towards the verdict
    waiting: int = 0  # people not yet settled
    ledger: Ledger = field(default_factory=Ledger)

    @property
    def votes(self) -> int:
        """For one of the two."""
        return self.random + self.consecutive

    @property
    def standing(self) -> Standing:
        """What people said."""
        return Standing(**{one.name: getattr(self, one.name) for one in fields(Standing)})

    @property
    def of_votes(self) -> "Sums":
        """Without encores and likes, which may come between votes."""
        return replace(self, encores=0, likes=0)

    def add_mark(self, mark: Literal["encore", "like"]) -> None:
        """One encore or like more."""
        self.encores += mark == "encore"
        self.likes += mark == "like"

    def settle(self, person: OfPerson) -> None:
        """Let the bets go on by that person, whose turn it is."""
        person.settled = True
        self.waiting -= 1
        self.ledger.add(Score(person.counted, person.counted_wins))

    def settle_due(self, waiting: deque[OfPerson], now: datetime) -> None:
        """Settle people, who stand in the order of their turns, up to the first who may vote."""
        while waiting and waiting[0].is_done(now):
            self.settle(waiting.popleft())

    def to_json(self) -> dict[str, Any]:
        """As plain values; `from_json` reads them back."""
        scores = [[s.votes, s.wins, n] for s, n in sorted(self.ledger.scores.items())]
        ledger = {"scores": scores, "a": asdict(self.ledger.a), "b": asdict(self.ledger.b)}
        return asdict(replace(self, ledger=Ledger())) | {"ledger": ledger}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Sums":
        """Read what `to_json` gave."""
        told = values["ledger"]
        ledger = Ledger(
            CAP,
            {Score(votes, wins): people for votes, wins, people in told["scores"]},
            Call(**told["a"]),
            Call(**told["b"]),
        )
        spreads = {name: Spread(**values[name]) for name in SPREADS}
        return cls(**values | spreads | {"ledger": ledger})


@dataclass(frozen=True)
class Cast:
    """A vote that counts, as its person's first answer in a duel."""

    number: int  # in the order in which votes came
    choice: Choice
    at: datetime
    sampler_1: Sampler
    opened_at: datetime
    is_persons_first: bool  # in any release
    left_out: bool = False  # its person was forgotten not long before, and may have voted


def add(
    vote: Cast, sums: Sums, duel: OfDuel, person: OfPerson, pair: OfPair, *, new: bool
) -> None:
    """Take a vote into all sums; `new`: the person had no vote in this release."""
    if new:
        sums.people += 1
    if vote.is_persons_first:
        sums.newcomers += 1
        duel.newcomers += 1
        sums.crowds += duel.newcomers == CROWD
    sums.fast += vote.at - vote.opened_at < FAST
    if vote.choice == 0:
        sums.neither += 1
        return
    left = vote.choice == 1
    chosen = vote.sampler_1 if left else other(vote.sampler_1)
    win = chosen == SAMPLERS[0]
    _count(vote, sums, duel, person, pair, win)
    sums.by_duel.add(duel.votes, duel.wins, win)
    sums.by_person.add(person.votes, person.wins, win)
    duel_lefts = duel.wins if vote.sampler_1 == SAMPLERS[0] else duel.votes - duel.wins
    sums.lefts_by_duel.add(duel.votes, duel_lefts, left)
    sums.lefts_by_person.add(person.votes, person.lefts, left)
    was_one_sided = _is_one_sided(person)
    duel.votes, duel.wins = duel.votes + 1, duel.wins + win
    person.votes, person.wins = person.votes + 1, person.wins + win
    person.lefts += left
    sums.one_sided += _is_one_sided(person) - was_one_sided
    sums.random, sums.consecutive = sums.random + win, sums.consecutive + (not win)
    sums.lefts += left
    if vote.sampler_1 == SAMPLERS[0]:
        sums.random_left += 1
        sums.random_left_wins += win


def _count(
    vote: Cast, sums: Sums, duel: OfDuel, person: OfPerson, pair: OfPair, win: bool
) -> None:
    """Let a vote count towards the verdict, if it does."""
    if duel.counted or vote.left_out or person.settled or person.is_done(vote.at):
        return
    duel.counted = True
    if person.first_counted is None:
        person.first_counted, person.first_counted_at = vote.number, vote.at
        sums.waiting += 1
    person.counted, person.counted_wins = person.counted + 1, person.counted_wins + win
    sums.counted += 1
    pair.votes, pair.wins = pair.votes + 1, pair.wins + win
    if pair.votes == DECIDED:
        pair.leader = SAMPLERS[0] if 2 * pair.wins > DECIDED else SAMPLERS[1]
        pair.led_at = vote.number


def _is_one_sided(person: OfPerson) -> bool:
    return person.votes >= ONE_SIDED and person.lefts in (0, person.votes)
