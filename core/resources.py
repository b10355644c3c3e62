"""Finds the files that ship with the code: beside it in a checkout, inside it once installed."""

from pathlib import Path

_CORE = Path(__file__).parent


def resource(name: str) -> Path:
    """The folder `name` ("data/lyrics", "migrations") of this installation."""
    bundled = _CORE / "_bundled" / name
    return bundled if bundled.exists() else _CORE.parent / name
