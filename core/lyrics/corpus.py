"""Reads a text of lyrics from a file and counts it. Knows nothing of vocabularies or training.

A corpus is kept as it stands: line ends become "\\n", and only what no song holds is dropped
(comment lines beginning with "# ", control and zero-width characters), and counted as dropped.
"""

import hashlib
import unicodedata
import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import Path

from charset_normalizer import from_bytes

from core.errors import CorpusUnreadable
from core.resources import resource

BUNDLED = "bundled"
MAX_BYTES = 64 * 2**20
ZIP_ADDS = 2**16  # to a text that cannot be made smaller
COMMENT = "# "
MAX_NAME = 64
# Not LZMA: its header says how much memory it wants, up to 4 GB.
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What zipfile lets through when bytes of an archive are wrong, or it is encrypted.
UNZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OSError,
    EOFError,
)


@dataclass(frozen=True)
class Dropped:
    """What a file held that is not part of its corpus."""

    comments: int = 0  # lines
    controls: int = 0  # characters


@dataclass(frozen=True)
class Counts:
    """A corpus in figures."""

    lines: int
    characters: int  # line ends included
    distinct: int
    most_frequent: tuple[tuple[str, int], ...]  # (character, times), no white space


@dataclass(frozen=True)
class Corpus:
    """A text of lyrics with a name and a sha256."""

    name: str
    text: str = field(repr=False)
    encoding: str = "utf_8"
    dropped: Dropped = Dropped()

    @cached_property
    def sha256(self) -> str:
        """The sha256 of the text in UTF-8, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def counts(self, most: int = 10) -> Counts:
        """Count lines, characters and distinct characters, with the `most` frequent ones."""
        times = Counter(self.text)
        frequent = [(c, n) for c, n in times.most_common() if not c.isspace()]
        lines = self.text.count("\n") + (not self.text.endswith("\n") and self.text != "")
        return Counts(lines, len(self.text), len(times), tuple(frequent[:most]))

    def openings(self, most: int = 12) -> tuple[str, ...]:
        """The `most` frequent two-character beginnings of lines: prefixes that suit it."""
        times = Counter(
            line[:2]
            for line in self.text.split("\n")
            if len(line) > 2 and all("\u4e00" <= c <= "\u9fff" for c in line[:2])
        )
        return tuple(opening for opening, _ in times.most_common(most))


def read_corpus(path: Path, name: str | None = None) -> Corpus:
    """Read a .txt file, or a .zip that holds one, in UTF-8 or GB18030.

    The name is the file's own without its endings, unless given.

    Raises:
        CorpusUnreadable: with the reason and what to do.
    """
    if not path.is_file():
        raise CorpusUnreadable(f"{path}: no such file.")
    if path.stat().st_size > MAX_BYTES + ZIP_ADDS:  # before any of it is read
        raise _too_large(path.name)
    return corpus_of(path.read_bytes(), path.name, name)


def corpus_of(content: bytes, file_name: str, name: str | None = None) -> Corpus:
    """Read what a file held. Nothing is ever opened or written by its name.

    Raises:
        CorpusUnreadable: with the reason and what to do.
    """
    zipped = zipfile.is_zipfile(BytesIO(content))
    if file_name.lower().endswith(".zip") and not zipped:
        raise CorpusUnreadable(f"{file_name}: cut short, or no zip at all. Zip the text again.")
    raw = _unzip(content, file_name) if zipped else content
    if len(raw) > MAX_BYTES:
        raise _too_large(file_name)
    text, encoding = decode(raw, file_name)
    clean, dropped = _clean(text)
    if not clean.strip():
        raise CorpusUnreadable(f"{file_name}: there is no text in it.")
    return Corpus(name or file_name.split(".")[0][:MAX_NAME], clean, encoding, dropped)


def read_bundled() -> Corpus:
    """The lyrics that ship with the project: a song a file, in the order of their names."""
    songs = [read_corpus(path) for path in sorted(resource("data/lyrics").glob("*.txt"))]
    text = "\n\n".join(song.text.strip("\n") for song in songs) + "\n"
    dropped = Dropped(
        sum(song.dropped.comments for song in songs), sum(song.dropped.controls for song in songs)
    )
    return Corpus(BUNDLED, text, "utf_8", dropped)


def _too_large(name: str) -> CorpusUnreadable:
    return CorpusUnreadable(f"{name}: larger than {MAX_BYTES // 2**20} MiB. Give a smaller text.")


def _unzip(content: bytes, name: str) -> bytes:
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            texts = [
                entry
                for entry in archive.infolist()
                if entry.filename.lower().endswith(".txt")
                and not entry.filename.startswith("__MACOSX/")
            ]
            if len(texts) != 1:
                raise CorpusUnreadable(
                    f"{name}: holds {len(texts)} .txt files. Give a .zip with just one."
                )
            if texts[0].compress_type not in COMPRESSIONS:
                raise NotImplementedError("of a kind of compression that is seldom used")
            with archive.open(texts[0]) as member:
                return member.read(MAX_BYTES + 1)  # the size in its header may lie
    except UNZIP_ERRORS as error:
        raise CorpusUnreadable(
            f"{name}: the .zip cannot be opened ({error}). Zip it again, or give the .txt."
        ) from error


def decode(raw: bytes, name: str) -> tuple[str, str]:
    """The text and its encoding: UTF-8 proves itself, anything else must look like text.

    Raises:
        CorpusUnreadable: naming the file.
    """
    unreadable = CorpusUnreadable(
        f"{name}: neither UTF-8 nor GB18030 text. Save it as UTF-8 and give it again."
    )
    if b"\0" in raw:
        raise unreadable
    try:
        return raw.decode("utf-8-sig"), "utf_8"
    except UnicodeDecodeError:
        # Verses with many spaces or quotes look odd to it: twice the tolerance it starts with.
        found = from_bytes(raw, cp_isolation=["gb18030"], threshold=0.4).best()
        if found is None:
            raise unreadable from None
        return str(found), found.encoding


def _clean(text: str) -> tuple[str, Dropped]:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    kept = [line for line in lines if not line.startswith(COMMENT)]
    joined = "\n".join(kept)
    clean = "".join(
        c for c in joined if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf")
    )
    return clean, Dropped(len(lines) - len(kept), len(joined) - len(clean))
