"""How often a person, and everybody in a room, may ask: within a minute, and within a day.

Windows are fixed: a minute of the clock, a day from midnight UTC. Many asks are decided at once,
in a few statements. What else is counted of a day stands in the same table.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, case, delete, select

from core.arena.marks import Marks
from core.arena.schema import tallies
from core.arena.store import Store, insert
from core.errors import ContestError

Whose = Literal["person", "room"]
Window = Literal["minute", "day"]
Key = tuple[str, int, int]  # kind, who, when its window begins

SECONDS: Mapping[Window, int] = {"minute": 60, "day": 24 * 60 * 60}
KINDS = (
    *("person-minute", "person-day", "room-minute", "room-day"),
    *("inline-minute", "inline-day"),
)
FORGOTTEN = "forgotten"  # when, and `times` its microseconds, by mark: core/arena/privacy.py
INLINE = 5  # times as many: each pause in what a person types asks anew
KEPT_FOR = timedelta(days=2)


@dataclass(frozen=True)
class Ask:
    """A person asks for something, in a room or in none; `inline`, while they type."""

    account: int
    room: int | None
    inline: bool = False


class LimitReached(ContestError):
    """A person, or everybody in a room, has asked `limit` times within this minute or day."""

    def __init__(self, whose: Whose, limit: int, window: Window, seconds: int) -> None:
        super().__init__(
            f"That was {limit} times within a {window}, the most for a {whose}. "
            f"Try again in {seconds} s."
        )
        self.whose: Whose = whose
        self.limit = limit
        self.window: Window = window
        self.seconds = seconds  # until it may be tried again


@dataclass(frozen=True)
class _Limit:
    whose: Whose
    window: Window
    times: int

    def key(self, ask: Ask, now: float, marks: Marks) -> Key | None:
        """What it counts the ask under; None: it has no say there."""
        who = ask.account if self.whose == "person" else ask.room
        # A person's own room has their number; so does a group that speaks for itself.
        own = self.whose == "room" and who == ask.account and ask.account > 0
        if who is None or own or (self.whose == "room" and ask.inline):
            return None
        kind = "inline" if ask.inline else self.whose
        if self.whose == "person":
            who = marks.of(who)  # whoever is forgotten has asked as often as before
        return (f"{kind}-{self.window}", who, _begins(self.window, now))

    def most(self, ask: Ask) -> int:
        """How often it may be asked."""
        return self.times * INLINE if ask.inline else self.times

    def reached(self, ask: Ask, now: float) -> LimitReached:
        ends = _begins(self.window, now) + SECONDS[self.window]
        return LimitReached(self.whose, self.most(ask), self.window, math.ceil(ends - now))


class Limits:
    """The limits of one database; 0: no limit."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        per_person_minute: int,
        per_person_day: int,
        per_room_minute: int,
        per_room_day: int,
        marks: Marks | None = None,
    ) -> None:
        self._store = store
        self._marks = marks or Marks()
        self._clock = clock
        limits = (
            _Limit("person", "minute", per_person_minute),
            _Limit("person", "day", per_person_day),
            _Limit("room", "minute", per_room_minute),
            _Limit("room", "day", per_room_day),
        )
        self._limits = [limit for limit in limits if limit.times > 0]

    async def admit(self, asks: Sequence[Ask]) -> list[LimitReached | None]:
        """Say of each ask, in order, what refuses it, if anything; what is refused counts nowhere.

        Of several limits it is the one that holds longest.
        """
        now = self._clock().timestamp()
        counting = [
            [
                (limit, key)
                for limit in self._limits
                if (key := limit.key(ask, now, self._marks)) is not None
            ]
            for ask in asks
        ]
        keys = {key for of_ask in counting for _, key in of_ask}
        if not keys:
            return [None for _ in asks]
        answers: list[LimitReached | None] = []

        def admit(connection: Connection) -> None:
            if connection.dialect.name != "sqlite":  # where whoever writes is alone anyway
                # Bots that share a database decide one after the other: each waits for this row.
                _add(connection, {_of_day("turn", now): 1})
            counts = _read(connection, keys)
            admitted: Counter[Key] = Counter()
            for ask, of_ask in zip(asks, counting, strict=True):
                reached = [
                    limit.reached(ask, now)
                    for limit, key in of_ask
                    if counts[key] + admitted[key] >= limit.most(ask)
                ]
                if not reached:
                    admitted.update(key for _, key in of_ask)
                answers.append(max(reached, key=lambda one: one.seconds, default=None))
            _add(connection, admitted)

        await self._store.run(admit)
        return answers

    async def count(self, kind: str, times: int = 1) -> None:
        """Something happened so many times today."""
        counts = {_of_day(kind, self._clock().timestamp()): times}
        await self._store.run(lambda connection: _add(connection, counts))

    async def counted(self, kind: str) -> int:
        """How many times it has happened today."""
        key = _of_day(kind, self._clock().timestamp())
        return (await self._store.look(lambda connection: _read(connection, [key])))[key]

    async def prune(self, duels_last: timedelta = timedelta(0)) -> None:
        """Delete what counts no more: of who was forgotten, once no duel from before is open."""
        oldest = int((self._clock() - KEPT_FOR).timestamp())
        forgotten = oldest - int(duels_last.total_seconds())
        old = delete(tallies).where(
            tallies.c.begins < case((tallies.c.kind == FORGOTTEN, forgotten), else_=oldest)
        )
        await self._store.run(lambda connection: connection.execute(old))


def _begins(window: Window, now: float) -> int:
    return int(now // SECONDS[window]) * SECONDS[window]


def _of_day(kind: str, now: float) -> Key:
    return (kind, 0, _begins("day", now))


def _read(connection: Connection, keys: Collection[Key]) -> Counter[Key]:
    """The counts of these keys, and of others that are made of their parts."""
    kinds, whos, begins = (sorted(set(parts)) for parts in zip(*keys, strict=True))
    rows = connection.execute(
        select(tallies).where(
            tallies.c.kind.in_(kinds), tallies.c.who.in_(whos), tallies.c.begins.in_(begins)
        )
    )
    return Counter({(row.kind, row.who, row.begins): row.times for row in rows})


def _add(connection: Connection, counts: Mapping[Key, int]) -> None:
    if not counts:
        return
    row = insert(connection, tallies)
    adding = row.on_conflict_do_update(
        index_elements=[*tallies.primary_key],
        set_={"times": tallies.c.times + row.excluded.times},
    )
    connection.execute(
        adding.returning(tallies.c.times),  # which makes of many rows one statement
        [
            {"kind": kind, "who": who, "begins": begins, "times": times}
            for (kind, who, begins), times in counts.items()
        ],
    )
