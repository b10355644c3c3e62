"""What an attempt does with models that are trained, apart from processes."""

import pytest
from factories import make_pair
from structlog.testing import capture_logs

from core.retrain import attempt


def test_models_that_cannot_be_measured_are_published_all_the_same_and_the_log_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError

    assert attempt._measured([make_pair()]) is not None
    monkeypatch.setattr(attempt, "measure", fail)
    with capture_logs() as logs:
        assert attempt._measured([make_pair()]) is None
    (line,) = logs
    assert (line["log_level"], line["exc_info"]) == ("error", True)
