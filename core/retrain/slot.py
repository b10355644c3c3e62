"""A worker's name on its host: the first that no other worker there has.

The name is the same after a restart, so that a worker takes up what it was doing. No two processes
ever have one: a file is locked, and the system lets go of the lock with the process.
"""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from core.errors import SettingsError

MAX_SLOTS = 64
PATIENCE = 6.0  # seconds that the first is waited for: a predecessor may be about to end


@contextmanager
def hold_slot(state: Path, host: str) -> Iterator[str]:
    """Hold a slot of `host`, whose locks lie in `state`; its name, such as gpu-box-0.

    Raises:
        SettingsError: if all are taken.
    """
    state.mkdir(parents=True, exist_ok=True)
    number, lock = 0, _try(state / "worker-0.lock")
    patient_until = time.monotonic() + PATIENCE
    while lock is None and time.monotonic() < patient_until:
        time.sleep(0.1)
        lock = _try(state / "worker-0.lock")
    while lock is None:
        number += 1
        if number == MAX_SLOTS:
            raise SettingsError(f"{MAX_SLOTS} workers run in {state.resolve()} already.")
        lock = _try(state / f"worker-{number}.lock")
    with lock:
        yield f"{host}-{number}"


def _try(path: Path) -> IO[str] | None:
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
