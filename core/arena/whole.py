"""Writes a file aside and renames it at the end: nobody ever finds a part of it."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from core.errors import LyricbotError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def whole(file: Path, *, mode: int = 0o666) -> Iterator[Path]:
    """Where to write what is to become the file at the end, unless something is raised.

    Raises:
        LyricbotError: if nothing can be written there, or not all of it.
    """
    if not file.name or file.is_dir():
        raise LyricbotError(f"{file} cannot be written: it is a folder. Name a file.")
    aside = file.with_name(f".{file.name}.{uuid4().hex}.part")
    try:
        os.close(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
    except OSError as error:
        raise LyricbotError(
            f"{file} cannot be written: {error.strerror}. Make its folder, or name another."
        ) from error
    try:
        yield aside
        with aside.open("rb") as written:
            os.fsync(written.fileno())
        aside.replace(file)
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise LyricbotError(
            f"{file} cannot be written: {error.strerror}. Make room, or name another. What was "
            f"there before is there still."
        ) from error
    finally:
        aside.unlink(missing_ok=True)
