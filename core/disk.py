"""Whether there is room left where this host keeps things."""

import os
from collections.abc import Iterable
from pathlib import Path

from core.errors import StoreError

LEAST = 200 * 2**20  # bytes: some models, and a database that grows by a little every day
LEAST_FILES = 1000


def check_room(places: Iterable[Path]) -> None:
    """Make sure that each of these folders can take some more.

    Raises:
        StoreError: naming one that cannot.
    """
    for place in places:
        folder = next(one for one in (place.absolute(), *place.absolute().parents) if one.exists())
        found = os.statvfs(folder)
        left = found.f_bavail * found.f_frsize
        if left < LEAST:
            raise StoreError(
                f"{place}: {left / 2**20:.0f} MiB are left on its disk, less than "
                f"{LEAST / 2**20:.0f}. Make room."
            )
        if found.f_files > 0 and found.f_favail < LEAST_FILES:
            raise StoreError(f"{place}: its disk takes {found.f_favail} more files. Make room.")
