"""Boards: the messages in which many people see a duel. Each shows how many voted, never how, and
once its duel is closed the result.

A board has a time at which it is due to be edited. Claiming one moves that time on, so no two bots
edit the same one, and one that was claimed by a bot that is gone comes up again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select, update

from core.arena.answers import duel_of, find_duels
from core.arena.duel import Choice, Duel, Reveal
from core.arena.schema import boards, duels, encores, likes, votes
from core.arena.store import Store, insert

EVERY = timedelta(seconds=5)  # from one edit of a board to the next, at least
LEASE = timedelta(seconds=60)


@dataclass(frozen=True)
class Place:
    """Where a board stands: as a post in a room, or as a message sent in inline mode."""

    room: int | None = None
    post: int | None = None
    inline: str | None = None


@dataclass(frozen=True)
class Tally:
    """How many people said what in a duel."""

    one: int = 0
    two: int = 0
    neither: int = 0
    encores: int = 0
    likes: int = 0

    @property
    def voters(self) -> int:
        """How many voted."""
        return self.one + self.two + self.neither


@dataclass(frozen=True)
class Board:
    """A board that is due, and what it is to show."""

    id: int
    place: Place
    language: str
    traditional: bool
    shown: int  # voters, as it stands
    duel: Duel
    tally: Tally
    reveal: Reveal | None  # None until the duel is closed


class Boards:
    """The boards of one database."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    async def put(
        self, duel_id: int, place: Place, *, language: str, traditional: bool = False
    ) -> None:
        """A duel stands there from now on; nothing changes if it did before."""
        free_at = self._clock() + EVERY
        row = {"duel_id": duel_id, "room": place.room, "post": place.post, "inline": place.inline}
        row |= {"language": language, "traditional": traditional}

        def put(connection: Connection) -> None:
            # Due soon, since somebody may have voted before this is committed.
            values = insert(connection, boards).values(**row, free_at=free_at, due_at=free_at)
            connection.execute(values.on_conflict_do_nothing())

        await self._store.run(put)

    async def claim(self, limit: int = 20) -> Sequence[Board]:
        """Take boards that are due, to be edited by nobody else for a minute."""
        now = self._clock()
        due = select(boards.c.id).where(boards.c.due_at <= now)
        if await self._store.look(lambda connection: connection.scalar(due.limit(1))) is None:
            return ()

        def claim(connection: Connection) -> Sequence[Board]:
            first = due.order_by(boards.c.due_at).limit(limit)
            claimed = connection.execute(
                update(boards)
                .where(boards.c.id.in_(first), boards.c.due_at <= now)
                .values(due_at=now + LEASE, free_at=now + LEASE)  # nor will a vote call it up
                .returning(boards)
            )
            rows = claimed.all()
            found = find_duels(connection, {row.duel_id for row in rows})
            tallies = {id_: tally_of(connection, id_) for id_ in found}
            return [
                Board(
                    row.id,
                    Place(row.room, row.post, row.inline),
                    row.language,
                    row.traditional,
                    row.voters,
                    duel_of(duel := found[row.duel_id]),
                    tallies[row.duel_id],
                    Reveal(duel.sampler_1) if duel.closes_at <= now else None,
                )
                for row in rows
            ]

        return await self._store.run(claim)

    async def shows(self, board: Board) -> None:
        """A claimed board shows its tally now: it is due again when there is more to show."""
        now = self._clock()
        free_at = now + EVERY

        def shows(connection: Connection) -> None:
            closes_at = connection.scalar(
                select(duels.c.closes_at).where(duels.c.id == board.duel.id)
            )
            counted = _voters(connection, board.duel.id)
            due_at = free_at if counted != board.tally.voters else max(closes_at or now, free_at)
            connection.execute(
                update(boards)
                .where(boards.c.id == board.id)
                .values(
                    voters=board.tally.voters,
                    free_at=free_at,
                    due_at=due_at if board.reveal is None else None,
                )
            )

        await self._store.run(shows)

    async def later(self, board: Board, seconds: float) -> None:
        """A claimed board could not be edited; it is due again after a while."""
        due_at = self._clock() + timedelta(seconds=seconds)
        await self._set(board, due_at=due_at, free_at=due_at)

    async def drop(self, board: Board) -> None:
        """A claimed board is gone: nothing is shown there any more."""
        await self._set(board, due_at=None)

    async def _set(self, board: Board, **when: datetime | None) -> None:
        setting = update(boards).where(boards.c.id == board.id).values(when)
        await self._store.run(lambda connection: connection.execute(setting))


def tally_of(connection: Connection, duel_id: int) -> Tally:
    """How many people said what in a duel."""
    by_choice = select(votes.c.choice, func.count()).where(votes.c.duel_id == duel_id)
    chosen: dict[Choice, int] = {
        row[0]: row[1] for row in connection.execute(by_choice.group_by(votes.c.choice))
    }
    marks = [
        connection.scalar(
            select(func.count()).select_from(table).where(table.c.duel_id == duel_id)
        )
        for table in (encores, likes)
    ]
    return Tally(chosen.get(1, 0), chosen.get(2, 0), chosen.get(0, 0), *(n or 0 for n in marks))


def _voters(connection: Connection, duel_id: int) -> int:
    wanted = select(func.count()).select_from(votes).where(votes.c.duel_id == duel_id)
    return connection.scalar(wanted) or 0
