"""The texts that can be learned from: the bundled one, and those that were added."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from core.arena.files import Files
from core.arena.schema import corpora
from core.arena.store import Store, insert
from core.errors import CorpusError, CorpusUnknown, FileMissing
from core.lyrics.corpus import BUNDLED, MAX_NAME, Corpus, Dropped, read_bundled


@dataclass(frozen=True)
class CorpusEntry:
    """A line of the list of corpora."""

    name: str
    sha256: str
    lines: int
    characters: int
    distinct: int
    most_frequent: str  # characters, one after the other
    dropped: Dropped


class Corpora:
    """The corpora of one database, with their files in one place, under their sha256."""

    def __init__(self, store: Store, files: Files, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._files = files
        self._clock = clock

    async def add(self, corpus: Corpus) -> CorpusEntry:
        """Keep `corpus` under its name; another text under the same name replaces it.

        Raises:
            CorpusError: for a name that cannot be one.
            StoreError: if the text cannot be kept.
        """
        sized, plain = len(corpus.name) <= MAX_NAME, corpus.name.isprintable()
        # Neither empty or blank, nor, in a cell of a table, a formula; nor a path.
        named = re.fullmatch(r"[^\s=+@/-][^/]*", corpus.name) and corpus.name != BUNDLED
        if not (sized and plain and named):
            raise CorpusError(
                f"{corpus.name!r} cannot be a corpus's name. Give another with --name: up to "
                f"{MAX_NAME} characters, all of which can be seen, without a slash, with none of "
                f"= + - @ at its beginning, and not {BUNDLED!r}."
            )
        await self.keep(corpus)
        entry = _entry(corpus)
        values = {
            "sha256": entry.sha256,
            "lines": entry.lines,
            "characters": entry.characters,
            "distinct_characters": entry.distinct,
            "most_frequent": entry.most_frequent,
            "dropped_comments": entry.dropped.comments,
            "dropped_controls": entry.dropped.controls,
            "added_at": self._clock(),
        }
        async with self._store.write() as connection:
            row = insert(connection, corpora).values(name=corpus.name, **values)
            await connection.execute(
                row.on_conflict_do_update(index_elements=[corpora.c.name], set_=values)
            )
        return entry

    async def keep(self, corpus: Corpus) -> None:
        """Put the text under its sha256, and no name: for whoever is to `read` it elsewhere.

        Raises:
            StoreError: if it cannot be put.
        """
        name, content = corpus_file(corpus.sha256), corpus.text.encode()
        await asyncio.to_thread(self._files.put, name, content)

    async def list(self) -> tuple[CorpusEntry, ...]:
        """All there are, the bundled one first."""
        async with self._store.read() as connection:
            rows = await connection.execute(select(corpora).order_by(corpora.c.name))
            added = [
                CorpusEntry(
                    r.name,
                    r.sha256,
                    r.lines,
                    r.characters,
                    r.distinct_characters,
                    r.most_frequent,
                    Dropped(r.dropped_comments, r.dropped_controls),
                )
                for r in rows
            ]
        return (_entry(await asyncio.to_thread(read_bundled)), *added)

    async def get(self, name: str) -> Corpus:
        """The corpus of that name.

        Raises:
            CorpusUnknown: naming those there are.
            CorpusError, StoreError: as `read`.
        """
        if name == BUNDLED:
            return await asyncio.to_thread(read_bundled)
        async with self._store.read() as connection:
            sha256 = await connection.scalar(
                select(corpora.c.sha256).where(corpora.c.name == name)
            )
        if sha256 is None:
            raise CorpusUnknown(name, [entry.name for entry in await self.list()])
        return await self.read(name, sha256)

    async def read(self, name: str, sha256: str) -> Corpus:
        """The text kept under `sha256`, as the corpus `name`.

        Raises:
            CorpusError: naming the file, if it is gone or damaged.
            StoreError: if the files cannot be reached.
        """
        file = corpus_file(sha256)
        where = self._files.where(file)
        try:
            # It was cleaned when it was added: what is kept is taken as it stands.
            corpus = Corpus(name, (await asyncio.to_thread(self._files.get, file)).decode())
        except (FileMissing, UnicodeDecodeError) as error:
            raise CorpusError(f"{where}: {error}. Add corpus {name} again.") from error
        if corpus.sha256 != sha256:
            raise CorpusError(f"{where}: damaged. Add corpus {name} again.")
        return corpus


def corpus_file(sha256: str) -> str:
    """The name that a corpus's text lies under."""
    return f"corpora/{sha256}.txt"


def _entry(corpus: Corpus) -> CorpusEntry:
    counts = corpus.counts()
    return CorpusEntry(
        corpus.name,
        corpus.sha256,
        counts.lines,
        counts.characters,
        counts.distinct,
        "".join(character for character, _ in counts.most_frequent),
        corpus.dropped,
    )
