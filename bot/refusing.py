"""One line in the log for whatever a person wanted and did not get."""

import structlog

from core.errors import LyricbotError
from core.explaining import explain

log = structlog.get_logger(__name__)
FORGED = "no button of this bot says so"
UNKNOWN = "there is no such duel, or its key is another"


def note(what: str, why: str | LyricbotError) -> None:
    """Log what was refused and why; who wanted it is bound by the gate, and the duel or job
    where it is known. Never what they wrote.
    """
    log.info("refused", what=what, why=explain(why) if isinstance(why, LyricbotError) else why)
