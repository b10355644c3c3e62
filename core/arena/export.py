"""Every answer there was, one a row, with all that the standings are made of.

No account, no room and no text leaves the database: a person is a pseudonym, the same in all rows
that were made with one salt.
"""

import csv
import hmac
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TextIO

from sqlalchemy import Column, ColumnElement, Select, Table, func, literal, null, select, tuple_
from sqlalchemy import Row as Found

from core.arena.duel import Reveal
from core.arena.schema import duels, encores, likes, pairs, releases, vote_changes, votes
from core.arena.store import Store
from core.arena.whole import whole
from core.errors import LyricbotError
from core.lyrics.recipe import Sampler

Kind = Literal["vote", "change", "encore", "like"]
Format = Literal["csv", "jsonl", "parquet"]
PAGE = 1000  # rows of one query
OF_RELEASE = ("corpus_name", "corpus_sha256", "recipe_name", "recipe_hash")
GROUP = 10_000  # rows of one group in a Parquet file


@dataclass(frozen=True)
class Row:
    """One answer."""

    kind: Kind
    at: datetime
    duel: int
    release: int
    pair: int  # from 1 within its release
    pair_seed: int
    corpus: str
    corpus_sha256: str
    recipe: str
    recipe_hash: str  # of all its settings
    asked_at: datetime
    closes_at: datetime
    sampler_1: Sampler
    sampler_2: Sampler
    choice: int | None  # None: an encore or a like
    chosen: str  # a sampler, or empty
    person: str  # a pseudonym
    left_out: bool  # of the verdict: was forgotten under another pseudonym not long before
    asker: str  # the duel's


Add = Callable[[Row], Any]
COLUMNS = tuple(field.name for field in fields(Row))


# Read


async def rows(store: Store, salt: bytes) -> AsyncIterator[Row]:
    """All votes in the order they came, then later answers, encores and likes.

    Whoever knows the salt can find out whose a pseudonym is.
    """
    async with store.read() as connection:
        last = await connection.scalar(select(func.max(votes.c.id))) or 0
    # A vote that comes meanwhile stays out, and its changes with it.
    voted = _answers(votes, votes.c.cast_at, votes.c.choice).where(votes.c.id <= last)
    changed = (
        _answers(votes, vote_changes.c.changed_at, vote_changes.c.choice)
        .join(vote_changes, vote_changes.c.vote_id == votes.c.id)
        .where(votes.c.id <= last)
    )
    parts: list[tuple[Kind, Select[Any], Sequence[Column[Any]]]] = [
        ("vote", voted, [votes.c.id]),
        ("change", changed, [vote_changes.c.id]),
        ("encore", _answers(encores, encores.c.at, null()), [*encores.primary_key]),
        ("like", _answers(likes, likes.c.at, null()), [*likes.primary_key]),
    ]
    for kind, wanted, key in parts:
        async for found in _pages(store, wanted, key):
            yield _row(kind, found, salt)


def _answers(table: Table, at: Column[Any], choice: ColumnElement[Any]) -> Select[Any]:
    return (
        select(
            at.label("at"),
            choice.label("choice"),
            table.c.person_id,
            (votes.c.left_out if table is votes else literal(False)).label("left_out"),
            *(duels.c[name] for name in ("id", "asker_id", "sampler_1", "opened_at", "closes_at")),
            *(pairs.c[name] for name in ("release", "number", "seed")),
            *(releases.c[name] for name in OF_RELEASE),
        )
        .select_from(table)
        .join(duels, duels.c.id == table.c.duel_id)
        .join(pairs, pairs.c.id == duels.c.pair_id)
        .join(releases, releases.c.number == pairs.c.release)
    )


async def _pages(
    store: Store, wanted: Select[Any], key: Sequence[Column[Any]]
) -> AsyncIterator[Found[Any]]:
    """All that is wanted, in the order of its key; a transaction is open for one page only."""
    keys = [column.label(f"key_{number}") for number, column in enumerate(key)]
    first = wanted.add_columns(*keys).order_by(*key).limit(PAGE)
    page = first
    while True:
        async with store.read() as connection:
            found = (await connection.execute(page)).all()
        for row in found:
            yield row
        if len(found) < PAGE:
            return
        page = first.where(tuple_(*key) > found[-1][-len(key) :])


def _row(kind: Kind, found: Found[Any], salt: bytes) -> Row:
    reveal = Reveal(found.sampler_1)
    return Row(
        kind=kind,
        at=found.at,
        duel=found.id,
        release=found.release,
        pair=found.number,
        pair_seed=found.seed,
        corpus=found.corpus_name,
        corpus_sha256=found.corpus_sha256,
        recipe=found.recipe_name,
        recipe_hash=found.recipe_hash,
        asked_at=found.opened_at,
        closes_at=found.closes_at,
        sampler_1=reveal.sampler_1,
        sampler_2=reveal.sampler_2,
        choice=found.choice,
        chosen=(reveal.winner(found.choice) or "") if found.choice else "",
        person=_pseudonym(found.person_id, salt),
        left_out=found.left_out,
        asker=_pseudonym(found.asker_id, salt),
    )


def _pseudonym(person: int, salt: bytes) -> str:
    return hmac.digest(salt, str(person).encode(), "sha256").hex()[:16]


# Written


async def write(rows: AsyncIterator[Row], format: Format, file: Path | None) -> int:
    """Write them to a file, or to the standard output; how many there were.

    A file that exists is replaced at the end, by a whole one.

    Raises:
        LyricbotError: if nothing can be written there, or pyarrow is wanted and not installed.
    """
    num_rows = 0
    with nullcontext() if file is None else whole(file) as path, WRITERS[format](path) as add:
        async for row in rows:
            add(row)
            num_rows += 1
    return num_rows


def _text(path: Path | None) -> AbstractContextManager[TextIO]:
    if path is None:
        return nullcontext(sys.stdout)
    return path.open("w", encoding="utf-8", newline="")


def _plain(row: Row) -> dict[str, Any]:
    """A moment as ISO 8601 in UTC, always as long."""
    return {
        name: value.isoformat(timespec="microseconds") if isinstance(value, datetime) else value
        for name, value in vars(row).items()
    }


@contextmanager
def _csv(path: Path | None) -> Iterator[Add]:
    with _text(path) as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        yield lambda row: writer.writerow(_plain(row))


@contextmanager
def _jsonl(path: Path | None) -> Iterator[Add]:
    with _text(path) as file:
        yield lambda row: file.write(json.dumps(_plain(row), ensure_ascii=False) + "\n")


@contextmanager
def _parquet(path: Path | None) -> Iterator[Add]:
    if path is None:
        raise LyricbotError("Parquet goes to a file only: name one with --out FILE.")
    try:
        import pyarrow  # type: ignore[import-untyped]
        from pyarrow import parquet
    except ImportError as error:
        raise LyricbotError("Parquet needs pyarrow: pip install 'lyricbot[parquet]'") from error
    types: dict[Any, Any] = {
        datetime: pyarrow.timestamp("us", tz="UTC"),
        int: pyarrow.int64(),
        int | None: pyarrow.int64(),
        bool: pyarrow.bool_(),
    }
    schema = pyarrow.schema(
        (field.name, types.get(field.type, pyarrow.string())) for field in fields(Row)
    )
    group: list[dict[str, Any]] = []

    def write_group() -> None:
        writer.write_table(pyarrow.Table.from_pylist(group, schema=schema))
        group.clear()

    def add(row: Row) -> None:
        group.append(vars(row))
        if len(group) == GROUP:
            write_group()

    with parquet.ParquetWriter(path, schema) as writer:
        yield add
        if group:
            write_group()


WRITERS: dict[Format, Callable[[Path | None], AbstractContextManager[Add]]] = {
    "csv": _csv,
    "jsonl": _jsonl,
    "parquet": _parquet,
}
