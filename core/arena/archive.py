"""The file that a backup is: a zip with JSON lines, a member a table, and with models and corpora.

Its last member says what it is and what all others hold, by their sha256. Knows no database.
"""

import hashlib
import io
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from core.arena.whole import whole
from core.errors import BackupError

KIND = "lyricbot backup"
FORMAT = 1
CONTENTS = "backup.json"
PRIVATE = 0o600  # it holds who voted what
Row = Mapping[str, Any]  # a column's name and what JSON can say
# What reading a zip raises where it is damaged.
DAMAGED = (
    *(BadZipFile, zlib.error, EOFError, ValueError, KeyError, TypeError),
    *(OverflowError, RuntimeError),  # NotImplementedError is one
)


@dataclass(frozen=True)
class Contents:
    """What a backup says that it holds."""

    revision: str  # of the schema that its tables have
    made_at: datetime
    rows: Mapping[str, int]  # a table's name and how many
    files: Mapping[str, str]  # a file's name and its sha256
    tables: Mapping[str, str] = field(repr=False)  # a table's name and its member's sha256

    @property
    def num_rows(self) -> int:
        """Of all tables."""
        return sum(self.rows.values())


# Written


class ArchiveWriter:
    """A backup that is being written."""

    def __init__(self, archive: ZipFile) -> None:
        self._archive = archive
        self._rows: dict[str, int] = {}
        self._tables: dict[str, str] = {}
        self._files: dict[str, str] = {}

    def add_table(self, name: str, pages: Iterable[Sequence[Row]]) -> None:
        """Put the rows of a table, a page in memory at a time."""
        digest, num_rows = hashlib.sha256(), 0
        with self._archive.open(_member(_of_table(name)), "w", force_zip64=True) as member:
            for page in pages:
                lines = "".join(f"{_dumped(row)}\n" for row in page).encode()
                digest.update(lines)
                member.write(lines)
                num_rows += len(page)
        self._rows[name], self._tables[name] = num_rows, digest.hexdigest()

    def add_file(self, name: str, content: bytes) -> None:
        """Put a file."""
        self._archive.writestr(_member(name, ZIP_STORED), content)  # weights do not get smaller
        self._files[name] = hashlib.sha256(content).hexdigest()

    def finish(self, revision: str, made_at: datetime) -> Contents:
        """Say what it holds; nothing may be put after."""
        contents = Contents(revision, made_at, self._rows, self._files, self._tables)
        said = {
            "kind": KIND,
            "format": FORMAT,
            "revision": revision,
            "made_at": made_at.isoformat(),
            "rows": self._rows,
            "files": self._files,
            "tables": self._tables,
        }
        self._archive.writestr(_member(CONTENTS), json.dumps(said, indent=1))
        return contents


@contextmanager
def writing(file: Path, *, force: bool = False) -> Iterator[ArchiveWriter]:
    """A new backup, which only its owner may read; it has its name once it is whole.

    Raises:
        BackupError: if the file is there already, unless `force`.
        LyricbotError: if nothing can be written there, or not all of it.
    """
    _check_free(file, force)
    with whole(file, mode=PRIVATE) as path:
        with ZipFile(path, "w", ZIP_DEFLATED) as archive:
            yield ArchiveWriter(archive)
        _check_free(file, force)


def _check_free(file: Path, force: bool) -> None:
    if file.is_file() and not force:
        raise BackupError(f"{file} is there already. Name another, or replace it with --force.")


def _member(name: str, compression: int = ZIP_DEFLATED) -> ZipInfo:
    member = ZipInfo(name, datetime.now(UTC).timetuple()[:6])
    member.compress_type = compression
    member.external_attr = PRIVATE << 16
    return member


def _of_table(name: str) -> str:
    return f"tables/{name}.jsonl"


def _dumped(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"))


# Read


class ArchiveReader:
    """A backup that is being read. What is read is checked."""

    def __init__(self, file: Path, archive: ZipFile, contents: Contents) -> None:
        self._file = file
        self._archive = archive
        self.contents = contents

    def rows(self, table: str) -> Iterator[Row]:
        """The rows of a table, one in memory at a time. What is wrong may show at the end only.

        Raises:
            One of DAMAGED.
        """
        digest, num_rows = hashlib.sha256(), 0
        with io.BufferedReader(self._archive.open(_of_table(table))) as member:  # type: ignore[type-var]
            for line in member:
                digest.update(line)
                num_rows += 1
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise ValueError(f"table {table} has a row without columns")
                yield row
        if (num_rows, digest.hexdigest()) != (
            self.contents.rows[table],
            self.contents.tables[table],
        ):
            raise BadZipFile(f"table {table} is not as it was")

    def file(self, name: str) -> bytes:
        """What lies under a name.

        Raises:
            One of DAMAGED.
        """
        content = self._archive.read(name)
        if hashlib.sha256(content).hexdigest() != self.contents.files[name]:
            raise BadZipFile(f"{name} is not as it was")
        return content

    @contextmanager
    def told(self) -> Iterator[None]:
        """Whatever of DAMAGED is raised within is a BackupError."""
        with _told(self._file):
            yield


@contextmanager
def reading(file: Path) -> Iterator[ArchiveReader]:
    """A backup that was made before.

    Raises:
        BackupError: if the file is none, is damaged, or was made by a newer version.
    """
    if not file.is_file():
        raise BackupError(f"{file} is not there, or no file. Name one that lyricbot backup made.")
    with _told(file):
        archive = ZipFile(file)
    with archive:
        with _told(file):
            contents = _contents(file, archive)
        yield ArchiveReader(file, archive, contents)


@contextmanager
def _told(file: Path) -> Iterator[None]:
    try:
        yield
    except DAMAGED as error:
        if not _begins_as_zip(file):
            raise _foreign(file) from error
        raise BackupError(
            f"{file} is damaged ({error}): it cannot be restored. Take another backup."
        ) from error


def _contents(file: Path, archive: ZipFile) -> Contents:
    names = archive.namelist()
    if CONTENTS not in names:
        raise _foreign(file)
    said = json.loads(archive.read(CONTENTS))
    if not isinstance(said, dict) or said.get("kind") != KIND:
        raise _foreign(file)
    if said["format"] != FORMAT:
        raise too_new(file)
    contents = Contents(
        str(said["revision"]),
        datetime.fromisoformat(said["made_at"]),
        dict(said["rows"]),
        dict(said["files"]),
        dict(said["tables"]),
    )
    told = [CONTENTS, *map(_of_table, contents.tables), *contents.files]
    if sorted(names) != sorted(told) or contents.rows.keys() != contents.tables.keys():
        raise BadZipFile("it holds other than it says")
    return contents


def too_new(file: Path) -> BackupError:
    """What to say of a backup that this version cannot read."""
    return BackupError(f"{file} was made by a newer version of lyricbot. Install that version.")


def _foreign(file: Path) -> BackupError:
    return BackupError(f"{file} is no backup of lyricbot. Name one that lyricbot backup made.")


def _begins_as_zip(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(4) == b"PK\x03\x04"
