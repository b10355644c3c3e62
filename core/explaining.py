"""What a log says of an error: one short line, without anything that a person wrote.

Whoever reads a log sees ids, kinds and reasons. A message of the project's own is quoted unless it
repeats what somebody asked for; of libraries only those are quoted that speak of a database, a
file or a network; of anything else the kind is told, and where it was raised.
"""

import re
from os import sep
from pathlib import Path
from traceback import extract_tb

from core.errors import LyricbotError

SPEAKING = ("sqlalchemy", "psycopg", "sqlite3", "telegram", "httpx")  # first lines, that is
MOST = 200  # characters: it may be a server's whole page
FRAMES = 8
OURS = tuple(f"{Path(__file__).parents[1] / room}{sep}" for room in ("bot", "core"))
QUOTED = re.compile(r'"[^"]*"')


def explain(error: BaseException) -> str:
    """An error in one short line: its kind, and its words where nobody's text is in them."""
    kind = type(error).__name__
    said = _words(error)
    return f"{kind}: {said}" if said else kind


def raised_at(error: BaseException) -> str:
    """Where an error was raised, and by what code of ours, the innermost first.

    What it was raised from follows.
    """
    frames = extract_tb(error.__traceback__)[::-1]
    ours = [frame for frame in frames[1:] if frame.filename.startswith(OURS)]
    places = [
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
        for frame in (*frames[:1], *ours[:FRAMES])
    ]
    trace = " < ".join(places)
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        trace += f"; of {explain(cause)}, {raised_at(cause)}" if trace else explain(cause)
    return trace


def one_line(words: str) -> str:
    """Words without line ends, and not too many; what they quote in double quotes is left out.

    Telegram quotes the text that it cannot read, and PostgreSQL the value.
    """
    return QUOTED.sub('"…"', " ".join(words.split()))[:MOST]


def _words(error: BaseException) -> str:
    if isinstance(error, LyricbotError):
        return "" if error.repeats_people else " ".join(str(error).split())
    if isinstance(error, OSError):
        return " ".join(str(error).split())
    error = getattr(error, "orig", error) or error  # what the database itself said
    if type(error).__module__.split(".")[0] in SPEAKING:
        lines = str(error).splitlines()
        return one_line(lines[0]) if lines else ""
    return ""
