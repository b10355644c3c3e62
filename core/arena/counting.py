"""Keeps the sums of each release in the transaction of the votes; makes them anew of the votes.

Votes of one release are counted one after the other, whichever bot took them: the release's row,
and the people's, are locked before they are numbered, so that the order of their numbers is the
order they are taken in. Whoever is settled stays so, should an older vote be committed afterwards:
where a clock was put back, or the database away. Only then may sums made anew be others.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from functools import cache
from itertools import groupby
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, Table, delete, func, select, tuple_

from core.arena.schema import (
    duel_sums,
    duels,
    encores,
    likes,
    pair_sums,
    pairs,
    past_sums,
    person_sums,
    release_sums,
    releases,
    votes,
)
from core.arena.store import insert, insert_of
from core.arena.sums import Cast, OfDuel, OfPair, OfPerson, Sums, add

Of = TypeVar("Of", OfDuel, OfPair, OfPerson)
EARLIER = votes.alias("earlier")
FIRST = select(func.min(EARLIER.c.id)).where(EARLIER.c.person_id == votes.c.person_id)
CAST: Select[Any] = (  # votes with all that counts of them
    select(
        *(votes.c[name] for name in ("id", "duel_id", "person_id", "choice", "cast_at")),
        *(duels.c.pair_id, duels.c.sampler_1, duels.c.opened_at, pairs.c.release),
        FIRST.scalar_subquery().label("persons_first"),
        votes.c.left_out,
    )
    .join(duels, duels.c.id == votes.c.duel_id)
    .join(pairs, pairs.c.id == duels.c.pair_id)
    .order_by(votes.c.id)
)
PAGE = 100  # people looked at together
CHUNK = 1000  # rows written together


def lock(connection: Connection, numbers: Iterable[int]) -> dict[int, Sums]:
    """The sums of those releases, which nobody else may change before this transaction ends."""
    return {row.release: Sums.from_json(row.sums) for row in _locked(connection, numbers)}


def _locked(connection: Connection, numbers: Iterable[int]) -> Sequence[Any]:
    wanted = sorted(set(numbers))
    new = [{"release": number, "sums": Sums().to_json()} for number in wanted]
    if new:
        connection.execute(insert(connection, release_sums).on_conflict_do_nothing(), new)
    locked = (
        select(release_sums)
        .where(release_sums.c.release.in_(wanted))
        .order_by(release_sums.c.release)
        .with_for_update()
    )
    return connection.execute(locked).all()


def count(
    connection: Connection, sums: Mapping[int, Sums], numbers: Sequence[int], now: datetime
) -> None:
    """Take votes, which were stored just `now`, into the locked sums of their releases."""
    counting = _Counting(sums)
    cast = connection.execute(CAST.where(votes.c.id.in_(numbers))).all()
    counting.load(connection, cast)
    counting.take(cast)
    counting.put(connection)
    for release, one in sums.items():
        settle(connection, release, one, now)
    keep(connection, sums)
    # How they stood after the last vote of the hour, as yet.
    voted = sorted({row.release for row in cast})
    _put(connection, past_sums, [_past(one, _hour(now), sums[one]) for one in voted])


def is_due(connection: Connection, release: int, now: datetime) -> bool:
    """Whether it is somebody's turn to be settled."""
    first = connection.execute(_waiting(release, 1)).one_or_none()
    return first is not None and _read(OfPerson, first).is_done(now)


def settle(connection: Connection, release: int, sums: Sums, now: datetime) -> None:
    """Let the bets go on by all whose turn it is."""
    waiting = _waiting(release, PAGE)
    while sums.waiting:
        done: list[dict[str, Any]] = []
        for row in connection.execute(waiting).all():
            person = _read(OfPerson, row)
            if not person.is_done(now):
                break
            sums.settle(person)
            done.append({"release": release, "person_id": row.person_id, **vars(person)})
        if not done:
            break
        _put(connection, person_sums, done)


def keep(connection: Connection, sums: Mapping[int, Sums]) -> None:
    """Store the sums of releases."""
    rows = [{"release": number, "sums": one.to_json()} for number, one in sums.items()]
    _put(connection, release_sums, rows)


def recount(connection: Connection, release: int, now: datetime) -> None:
    """Make the sums of a release anew of its votes, encores and likes, whatever they were.

    Votes on it wait meanwhile; on SQLite all who want to write do.
    """
    if connection.dialect.name == "postgresql":  # another may be at it, for minutes
        connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
    _locked(connection, [release])
    of_release = select(pairs.c.id).where(pairs.c.release == release)
    of_pairs = select(duels.c.id).where(duels.c.pair_id.in_(of_release))
    for old in (
        delete(person_sums).where(person_sums.c.release == release),
        delete(duel_sums).where(duel_sums.c.duel_id.in_(of_pairs)),
        delete(pair_sums).where(pair_sums.c.pair_id.in_(of_release)),
        delete(past_sums).where(past_sums.c.release == release),
    ):
        connection.execute(old)
    sums = Sums()
    counting = _Counting({release: sums})
    stored = CAST.where(pairs.c.release == release)
    cast = connection.execute(stored, execution_options={"yield_per": CHUNK})
    past: list[dict[str, Any]] = []
    for hour, of_hour in groupby(cast, key=lambda row: _hour(row.cast_at)):
        for row in of_hour:
            counting.take([row])
            counting.settle(release, row.cast_at)
        past.append(_past(release, hour, sums))
    _put(connection, past_sums, past)
    for table, name in ((encores, "encores"), (likes, "likes")):
        marks = select(func.count()).select_from(table).where(table.c.duel_id.in_(of_pairs))
        setattr(sums, name, connection.scalar(marks) or 0)
    counting.settle(release, now)
    counting.put(connection)
    keep(connection, {release: sums})


def uncounted(connection: Connection) -> Sequence[int]:
    """The releases that have no sums yet: their votes came before there were any."""
    counted = select(release_sums.c.release)
    missing = select(releases.c.number).where(releases.c.number.not_in(counted))
    return connection.scalars(missing.order_by(releases.c.number)).all()


def _waiting(release: int, most: int) -> Select[Any]:
    """The people whose turn comes first."""
    return (
        select(person_sums)
        .where(person_sums.c.release == release, ~person_sums.c.settled)
        .where(person_sums.c.first_counted.is_not(None))
        .order_by(person_sums.c.first_counted)
        .limit(most)
    )


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _past(release: int, hour: datetime, sums: Sums) -> dict[str, Any]:
    return {"release": release, "hour": hour, "sums": sums.of_votes.to_json()}


class _Counting:
    """The rows that some votes change."""

    def __init__(self, sums: Mapping[int, Sums]) -> None:
        self._sums = sums
        self._duels: dict[tuple[int, ...], OfDuel] = {}
        self._pairs: dict[tuple[int, ...], OfPair] = {}
        self._people: dict[tuple[int, ...], OfPerson] = {}
        self._waiting: dict[int, deque[OfPerson]] = defaultdict(deque)  # by release, in order

    def load(self, connection: Connection, cast: Sequence[Any]) -> None:
        """Read the rows that votes will change, as far as there are any."""
        self._duels = _found(connection, duel_sums, OfDuel, [(row.duel_id,) for row in cast])
        self._pairs = _found(connection, pair_sums, OfPair, [(row.pair_id,) for row in cast])
        places = [(row.release, row.person_id) for row in cast]
        self._people = _found(connection, person_sums, OfPerson, places)

    def take(self, cast: Iterable[Any]) -> None:
        """Take votes in, rows of CAST, in their order."""
        for row in cast:
            place = (row.release, row.person_id)
            new = place not in self._people
            person = self._people.setdefault(place, OfPerson())
            waited = person.first_counted is not None
            add(
                Cast(
                    *(row.id, row.choice, row.cast_at, row.sampler_1, row.opened_at),
                    is_persons_first=row.id == row.persons_first,
                    left_out=row.left_out,
                ),
                self._sums[row.release],
                self._duels.setdefault((row.duel_id,), OfDuel()),
                person,
                self._pairs.setdefault((row.pair_id,), OfPair()),
                new=new,
            )
            if not waited and person.first_counted is not None:
                self._waiting[row.release].append(person)

    def settle(self, release: int, now: datetime) -> None:
        """Let the bets go on by those whose turn it is, of those who were taken in here."""
        self._sums[release].settle_due(self._waiting[release], now)

    def put(self, connection: Connection) -> None:
        """Store the rows."""
        _put(connection, duel_sums, _rows(duel_sums, self._duels))
        _put(connection, pair_sums, _rows(pair_sums, self._pairs))
        _put(connection, person_sums, _rows(person_sums, self._people))


def _found(
    connection: Connection, table: Table, of: type[Of], keys: Iterable[tuple[int, ...]]
) -> dict[tuple[int, ...], Of]:
    primary = [*table.primary_key]
    wanted = select(table).where(tuple_(*primary).in_(sorted(set(keys))))
    return {
        tuple(row._mapping[column] for column in primary): _read(of, row)
        for row in connection.execute(wanted)
    }


def _read(of: type[Of], row: Any) -> Of:
    return of(**{field.name: row._mapping[field.name] for field in fields(of)})


def _rows(table: Table, found: Mapping[tuple[int, ...], Any]) -> Iterator[dict[str, Any]]:
    names = [column.name for column in table.primary_key]
    for key, one in found.items():
        yield dict(zip(names, key, strict=True)) | vars(one)


@cache  # it takes as long to say as to do
def _putting(dialect: str, table: Table) -> Any:
    statement = insert_of(dialect, table)
    key = [column.name for column in table.primary_key]
    values = {c.name: statement.excluded[c.name] for c in table.c if c.name not in key}
    return statement.on_conflict_do_update(index_elements=key, set_=values)


def _put(connection: Connection, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    """Insert rows, or overwrite them."""
    put = _putting(connection.dialect.name, table)
    some: list[dict[str, Any]] = []
    for row in rows:
        some.append(row)
        if len(some) == CHUNK:
            connection.execute(put, some)
            some = []
    if some:
        connection.execute(put, some)
