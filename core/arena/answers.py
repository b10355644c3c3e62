"""What people answer in duels, committed together: many answers, one transaction."""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Table, select, tuple_, update

from core.arena import counting
from core.arena.duel import Choice, Duel, Reveal
from core.arena.marks import Marks
from core.arena.people import lock_people, people_of
from core.arena.privacy import forgotten
from core.arena.schema import boards, duels, encores, likes, lyrics, pairs, vote_changes, votes
from core.arena.store import insert
from core.errors import DuelUnknown
from core.lyrics.copies import Copied
from core.lyrics.decoding import Decoding
from core.lyrics.form import Form

Mark = Literal["encore", "like"]
MARKS: dict[Mark, Table] = {"encore": encores, "like": likes}


@dataclass(frozen=True)
class Answer:
    """What a person says in a duel."""

    account: int
    duel_id: int
    says: Choice | Mark
    key: str | None = None  # what shows that they saw the duel; None: the caller knows it


@dataclass(frozen=True)
class Vote:
    """What became of a person's 1, 2 or 0."""

    choice: Choice  # this answer
    counted: Choice | None  # their first one, the one that counts; None: came after the close
    first: bool  # whether this is it
    reveal: Reveal
    duel: Duel = field(compare=False)


@dataclass(frozen=True)
class Marked:
    """What became of a person's encore or like."""

    new: bool  # False: they had said so before


Outcome = Vote | Marked | DuelUnknown


def take_answers(
    connection: Connection, answers: Sequence[Answer], now: datetime, marks: Marks
) -> Sequence[Outcome]:
    """Commit answers, in their order; what became of each.

    Who was forgotten since a duel was opened may have answered in it before: it is closed to them.
    """
    found = find_duels(connection, {one.duel_id for one in answers})
    known = [a for a in answers if (row := found.get(a.duel_id)) and a.key in (None, row.key)]
    lock_people(connection, {one.account for one in known})
    marked = {one.account: marks.of(one.account) for one in known}
    gone = forgotten(connection, marked.values())

    def is_open(answer: Answer) -> bool:
        duel, at = found[answer.duel_id], gone.get(marked[answer.account])
        in_time = not isinstance(answer.says, int) or now < duel.closes_at
        return in_time and (at is None or at <= duel.opened_at)

    voting = [a for a in known if isinstance(a.says, int) and is_open(a)]
    marking = [a for a in known if not isinstance(a.says, int) and is_open(a)]
    people = people_of(connection, {a.account for a in (*voting, *marking)}, now)
    back = {people[a.account] for a in voting if marked[a.account] in gone}
    # Before a vote has a number: the order of the numbers is the order of counting.
    sums = counting.lock(connection, {found[a.duel_id].release for a in (*voting, *marking)})
    numbers, counted = _vote(connection, voting, people, now, back)
    new = _mark(connection, marking, people, now)
    for mark, duel, _ in new:
        sums[found[duel].release].add_mark(mark)
    if numbers:
        counting.count(connection, sums, numbers, now)
    elif new:
        counting.keep(connection, sums)
    outcomes: list[Outcome] = []
    for answer in answers:
        row = found.get(answer.duel_id)
        if row is None or answer.key not in (None, row.key):
            outcomes.append(DuelUnknown(answer.duel_id))
        elif not isinstance(answer.says, int):
            outcomes.append(Marked(new.pop((answer.says, answer.duel_id, answer.account), False)))
        else:
            first, choice = counted.pop(0) if is_open(answer) else (False, None)
            reveal = Reveal(row.sampler_1)
            outcomes.append(Vote(answer.says, choice, first, reveal, duel_of(row)))
    return outcomes


def find_duels(connection: Connection, ids: Iterable[int]) -> dict[int, Any]:
    """The duels of those ids that there are, with what they show."""
    one, two = lyrics.alias("lyric_1"), lyrics.alias("lyric_2")
    wanted = (
        select(
            *(duels.c.id, duels.c.key, duels.c.sampler_1, duels.c.closes_at, duels.c.asker_id),
            duels.c.opened_at,
            *(one.c.prefix, one.c.text.label("text_1"), two.c.text.label("text_2")),
            *(one.c.decoding, one.c.copied.label("copied_1"), two.c.copied.label("copied_2")),
            pairs.c.release,
        )
        .join(pairs, pairs.c.id == duels.c.pair_id)
        .join(one, one.c.id == duels.c.lyric_1_id)
        .join(two, two.c.id == duels.c.lyric_2_id)
        .where(duels.c.id.in_(sorted(ids)))
    )
    return {row.id: row for row in connection.execute(wanted)}


def duel_of(row: Any) -> Duel:
    """The duel of a row of `find_duels`."""
    one, two = (
        None if copied is None else Copied(**copied).originality
        for copied in (row.copied_1, row.copied_2)
    )
    return Duel(
        *(row.id, row.prefix, row.text_1, row.text_2),
        key=row.key,
        form=Form.of(Decoding(**row.decoding)),
        originality=(one, two),
    )


def _vote(
    connection: Connection,
    answers: Sequence[Answer],
    people: dict[int, int],
    now: datetime,
    left_out: Container[int],
) -> tuple[Sequence[int], list[tuple[bool, Choice]]]:
    """The numbers of the votes that are new; and each answer's part in the tally: whether it is
    its person's first, and what counts.
    """
    if not answers:
        return [], []
    of = [(answer.duel_id, people[answer.account]) for answer in answers]
    first: dict[tuple[int, int], Answer] = {}
    for place, answer in zip(of, answers, strict=True):
        first.setdefault(place, answer)
    rows = [
        {
            "duel_id": duel,
            "person_id": person,
            "choice": answer.says,
            "cast_at": now,
            "left_out": person in left_out,
        }
        for (duel, person), answer in first.items()  # in the order in which they came
    ]
    statement = insert(connection, votes).on_conflict_do_nothing()
    returned = statement.returning(votes.c.id, votes.c.duel_id, votes.c.person_id)
    inserted = connection.execute(returned, rows).all()
    fresh = {(row.duel_id, row.person_id) for row in inserted}
    if fresh:
        _show_voters(connection, {duel for duel, _ in fresh})
    later = [
        (place, answer)
        for place, answer in zip(of, answers, strict=True)
        if not (place in fresh and first[place] is answer)
    ]
    changed = _change(connection, later, now) if later else {}
    outcomes: list[tuple[bool, Choice]] = []
    for place, answer in zip(of, answers, strict=True):
        is_first = place in fresh and first[place] is answer
        choice: Choice = first[place].says if place in fresh else changed[place]  # type: ignore[assignment]
        outcomes.append((is_first, choice))
    return [row.id for row in inserted], outcomes


def _change(
    connection: Connection, later: Sequence[tuple[tuple[int, int], Answer]], now: datetime
) -> dict[tuple[int, int], Choice]:
    """Keep later answers beside the first, if they say something new; the first ones."""
    # Locked, so that a person's answers at once are taken one by one (SQLite does so by itself).
    of_people = (
        select(votes.c.id, votes.c.duel_id, votes.c.person_id, votes.c.choice)
        .where(tuple_(votes.c.duel_id, votes.c.person_id).in_({place for place, _ in later}))
        .order_by(votes.c.id)
        .with_for_update()
    )
    first = {(row.duel_id, row.person_id): row for row in connection.execute(of_people)}
    latest: dict[int, Choice] = {row.id: row.choice for row in first.values()}
    changes = select(vote_changes.c.vote_id, vote_changes.c.choice).order_by(vote_changes.c.id)
    for row in connection.execute(changes.where(vote_changes.c.vote_id.in_(latest))):
        latest[row.vote_id] = row.choice
    rows = []
    for place, answer in later:
        vote = first[place].id
        if answer.says != latest[vote]:
            latest[vote] = answer.says  # type: ignore[assignment]
            rows.append({"vote_id": vote, "choice": answer.says, "changed_at": now})
    if rows:
        connection.execute(vote_changes.insert(), rows)
    return {place: row.choice for place, row in first.items()}


def _mark(
    connection: Connection, answers: Sequence[Answer], people: dict[int, int], now: datetime
) -> dict[tuple[Mark, int, int], bool]:
    """Which encores and likes are new, by mark, duel and account."""
    account_of = {person: account for account, person in people.items()}
    new: dict[tuple[Mark, int, int], bool] = {}
    for mark, table in MARKS.items():
        places = {(a.duel_id, people[a.account]) for a in answers if a.says == mark}
        if places:
            rows = [{"duel_id": d, "person_id": p, "at": now} for d, p in sorted(places)]
            statement = insert(connection, table).on_conflict_do_nothing()
            returned = statement.returning(table.c.duel_id, table.c.person_id)
            for row in connection.execute(returned, rows):
                new[mark, row.duel_id, account_of[row.person_id]] = True
    return new


def _show_voters(connection: Connection, duel_ids: Iterable[int]) -> None:
    """The boards of those duels are due as soon as they may be edited again."""
    connection.execute(
        update(boards)
        .where(boards.c.duel_id.in_(sorted(duel_ids)), boards.c.due_at > boards.c.free_at)
        .values(due_at=boards.c.free_at)
    )
