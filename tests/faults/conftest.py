"""How much is broken."""

import pytest

from faults import FULL


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is marked `full` waits for `make faults`."""
    left_out = [] if FULL else [one for one in items if one.get_closest_marker("full")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [one for one in items if one not in left_out]
