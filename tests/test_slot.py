"""A worker's slot: the system itself sees to it that no two processes have one."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from core.errors import SettingsError
from core.retrain import slot
from core.retrain.slot import hold_slot

ROOT = Path(__file__).parents[1]
HOLD = """
import sys
from pathlib import Path
from core.retrain import slot
slot.PATIENCE = float(sys.argv[1])
with slot.hold_slot(Path("state"), "box") as name:
    print(name, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slot, "PATIENCE", 0.0)


@contextmanager
def holder(patience: float = 0.0) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(patience)],
        env={"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def name_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_two_processes_get_two_slots_and_a_killed_ones_is_free_at_once() -> None:
    with holder() as first:
        assert name_of(first) == "box-0"
        with holder() as second:
            assert name_of(second) == "box-1"
            first.send_signal(signal.SIGKILL)
            first.wait()
            with hold_slot(Path("state"), "box") as name:
                assert name == "box-0"
                with hold_slot(Path("state"), "box") as other:
                    assert other == "box-2"


def test_the_first_slot_is_waited_for_a_little() -> None:
    with holder() as first:
        name_of(first)
        with holder(patience=30) as second:
            time.sleep(0.5)
            first.kill()
            assert name_of(second) == "box-0"


def test_a_slot_is_given_back_at_the_end() -> None:
    for _ in range(2):
        with hold_slot(Path("some/state"), "box") as name:
            assert name == "box-0"


def test_where_all_are_taken_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slot, "MAX_SLOTS", 3)
    with ExitStack() as taken:
        names = [taken.enter_context(hold_slot(Path("state"), "box")) for _ in range(3)]
        assert names == ["box-0", "box-1", "box-2"]
        with (
            pytest.raises(SettingsError, match=r"3 workers run in .*state"),
            hold_slot(Path("state"), "box"),
        ):
            pass
