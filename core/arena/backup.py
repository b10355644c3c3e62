"""Backs up all that cannot be made again: every row, of one moment, and the files they refer to.

Rows are written as they stand, in the schema that the database has, whichever that is: of a
database that waits for its upgrade too. The engine's own tables are not ours, and are left out.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import JSON, Connection, DateTime, MetaData, Table, create_engine, event, select
from sqlalchemy.exc import DBAPIError

from core.arena.archive import ArchiveWriter, Contents, Row, writing
from core.arena.corpora import corpus_file
from core.arena.files import Files
from core.arena.migrate import revision_of, upgrade_to
from core.arena.releases import model_file
from core.arena.schema import UtcDateTime
from core.arena.store import Store
from core.errors import DatabaseError

PAGE = 1000  # rows in memory at a time
# Where rows name files by their sha256.
NAMED = (
    *(("models", "file_sha256"), ("corpora", "sha256")),
    *(("releases", "corpus_sha256"), ("jobs", "corpus_sha256")),
)


@dataclass(frozen=True)
class Backup:
    """What was backed up; rows refer to files that are `missing`: gone, or damaged."""

    contents: Contents
    missing: Sequence[str]


async def back_up(
    store: Store, files: Files | None, file: Path, now: datetime, *, force: bool = False
) -> Backup:
    """Write a backup; without `files` models and corpora are left out.

    Others go on writing: what they commit after it has begun is not in it.

    Raises:
        BackupError: if the file is there already, unless `force`.
        DatabaseTooNew, DatabaseError: if the database is newer, empty, or cannot be used.
        StoreError: if the files cannot be reached.
        LyricbotError: if nothing can be written there, or not all of it.
    """

    def work(connection: Connection) -> Backup:
        with writing(file, force=force) as archive:
            revision, shas = _write_tables(connection, archive, store.address)
            connection.rollback()  # the files are not the database's, and may take long
            missing = [] if files is None else _write_files(files, archive, shas)
            contents = archive.finish(revision, now)
            if contents.num_rows == 0:
                raise _empty(store.address)
            return Backup(contents, missing)

    try:
        return await store.snapshot(work)
    except DBAPIError as error:
        reason = str(error.orig).strip()
        raise DatabaseError(f"{store.address} cannot be read to the end ({reason}).") from error


def schema_at(folder: Path, revision: str) -> tuple[str, MetaData]:
    """An empty SQLite database in a folder, in the schema of a revision: its URL and its tables.

    The tables fit every database, and every value but a moment is one that JSON can say.
    """
    url = f"sqlite:///{folder / 'rows.sqlite'}"
    upgrade_to(url, revision)
    tables = MetaData()

    @event.listens_for(tables, "column_reflect")
    def as_everywhere(_inspector: object, _table: Table, column: Any) -> None:
        kind = column["type"].as_generic()
        if isinstance(kind, JSON):
            kind = JSON(none_as_null=True)
        column["type"] = UtcDateTime() if isinstance(kind, DateTime) else kind

    engine = create_engine(url)
    tables.reflect(engine)
    engine.dispose()
    tables.remove(tables.tables["alembic_version"])
    return url, tables


def moments(table: Table) -> list[str]:
    """The columns of a table that hold moments."""
    return [column.name for column in table.columns if isinstance(column.type, UtcDateTime)]


def _write_tables(
    connection: Connection, archive: ArchiveWriter, address: str
) -> tuple[str, Mapping[tuple[str, str], set[str]]]:
    """All rows; the schema's revision, and the sha256 of files by the columns that name them."""
    revision = revision_of(connection)
    if revision is None:
        raise _empty(address)
    with TemporaryDirectory() as folder:
        tables = schema_at(Path(folder), revision)[1].sorted_tables
    if connection.dialect.name == "postgresql":
        # A restore, which empties tables for all to see, waits.
        connection.rollback()
        names = ", ".join(f'"{table.name}"' for table in tables)
        connection.exec_driver_sql(f"LOCK TABLE {names} IN ACCESS SHARE MODE")
        if revision_of(connection) != revision:
            raise DatabaseError(f"{address} is being upgraded. Try again.")
    shas: dict[tuple[str, str], set[str]] = {place: set() for place in NAMED}
    for table in tables:
        archive.add_table(table.name, _pages(connection, table, shas))
    return revision, shas


def _empty(address: str) -> DatabaseError:
    return DatabaseError(f"{address} holds nothing yet. Check LYRICBOT_DATABASE_URL.")


def _pages(
    connection: Connection, table: Table, shas: Mapping[tuple[str, str], set[str]]
) -> Iterator[Sequence[Row]]:
    named = [name for (of, name) in NAMED if of == table.name]
    of_time = moments(table)
    all_rows = select(table).order_by(*table.primary_key)
    found = connection.execution_options(yield_per=PAGE).execute(all_rows).mappings()
    for page in found.partitions(PAGE):
        rows = [dict(row) for row in page]
        for row in rows:
            for name in of_time:
                row[name] = row[name] and row[name].isoformat()
            for name in named:
                shas[table.name, name].add(row[name])
        yield rows


def _write_files(
    files: Files, archive: ArchiveWriter, shas: Mapping[tuple[str, str], set[str]]
) -> list[str]:
    """The files that rows name, as far as they are sound; where the others should lie."""
    of_models, of_corpora = shas["models", "file_sha256"], shas["corpora", "sha256"]
    others = shas["releases", "corpus_sha256"] | shas["jobs", "corpus_sha256"]
    # A card has no sha256; the corpus of a release or a job may be one that was never kept.
    wanted: dict[str, tuple[str | None, bool]] = {
        **{corpus_file(sha): (sha, False) for sha in others},
        **{corpus_file(sha): (sha, True) for sha in of_corpora},
        **{model_file(sha, "md"): (None, False) for sha in of_models},
        **{model_file(sha): (sha, True) for sha in of_models},
    }
    there = {*files.names("models"), *files.names("corpora")}
    missing = []
    for name, (sha256, is_needed) in sorted(wanted.items()):
        content = files.get(name) if name in there else None
        if content is not None and sha256 in (None, hashlib.sha256(content).hexdigest()):
            archive.add_file(name, content)
        elif is_needed:
            missing.append(files.where(name))
    return missing
