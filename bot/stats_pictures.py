"""Keeps the pictures of /stats: each is drawn anew at most once a minute, and uploaded once."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bot.texts import Texts
from core.arena.standings import Standings, past
from core.arena.store import Store

AT_MOST_EVERY = 60.0  # seconds
POINTS = 60  # in time: more are not seen on a phone


@dataclass
class Picture:
    """A picture as it was drawn, and what Telegram calls it once it was sent."""

    of: Standings
    number: int  # of the release
    drawn_at: float
    content: bytes
    file_id: str | None = None

    @property
    def to_send(self) -> Sequence[bytes | str]:
        """What to send, and what else if Telegram does not take that."""
        return [self.content] if self.file_id is None else [self.file_id, self.content]


class StatsPictures:
    """One picture a language."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` counts seconds."""
        self._store = store
        self._clock = clock
        self._kept: dict[str, Picture] = {}
        self._drawing = asyncio.Lock()

    async def of(self, standings: Standings, texts: Texts) -> Picture | None:
        """The picture of standings, or of those of a minute ago; None before the first vote."""
        if standings.release is None or not standings.current.votes:
            return None
        async with self._drawing:
            kept, number = self._kept.get(texts.language), standings.release.number
            if kept is None or not (
                kept.of == standings or (kept.number == number and self._is_new(kept))
            ):
                *of_past, (hour, _) = await past(self._store, number, POINTS)
                of_past.append((hour, standings.sums))  # some may have been settled since
                kept = Picture(
                    standings,
                    number,
                    self._clock(),
                    await asyncio.to_thread(_draw, number, of_past, standings.by_release, texts),
                )
                self._kept[texts.language] = kept
            return kept

    def _is_new(self, picture: Picture) -> bool:
        return self._clock() - picture.drawn_at < AT_MOST_EVERY


def _draw(*what: Any) -> bytes:
    from bot.pictures import standings_picture  # slow to import

    return standings_picture(*what)
