"""Sets up logging, once, for a process: a line for each thing, of keys and values.

Ids are logged as they are: they are what /ban takes, and what explains a line. No text that a
person or a model wrote, no name and no secret ever reaches a log, whatever is logged.
"""

import logging
import re
import sys
from collections.abc import Iterable
from urllib.parse import quote

import structlog
from telegram.error import InvalidToken

from core.explaining import explain, raised_at

TOKEN = re.compile(r"\d{6,}(?::|%3A)[A-Za-z0-9_-]{30,}")
SHORTEST = 6  # characters of what is taken out: less would be found in many a word
_known: set[str] = set()  # this process's secrets, in all forms


def redacted(text: str) -> str:
    """A text without the secrets that `set_up_logging` was given, and without any token."""
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, "[secret]")
    return TOKEN.sub("[token]", text)


class _Redacting(logging.Formatter):
    """Formats as its structlog parent does, and then takes secrets out."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """The record as text, without secrets."""
        return redacted(self._inner.format(record))


def _is_news(record: logging.LogRecord) -> bool:
    """Not so a refused token's traceback: whoever started the bot is told in one line."""
    return not (record.exc_info and isinstance(record.exc_info[1], InvalidToken))


def in_one_line(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """An exception as what it is and where it was raised: a traceback would quote what it met."""
    event["event"] = " ".join(str(event["event"]).split())
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["error"], event["at"] = explain(error), raised_at(error)
    return event


def set_up_logging(secrets: Iterable[str] = (), *, level: int = logging.INFO) -> None:
    """Write structlog's and everybody else's records to stderr, one line each."""
    long = [secret for secret in secrets if len(secret) >= SHORTEST]
    _known.update(long, (quote(secret, safe="") for secret in long))
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        in_one_line,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        _Redacting(
            structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=shared,
                processors=[
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.dev.ConsoleRenderer()
                    if sys.stderr.isatty()
                    else structlog.processors.LogfmtRenderer(
                        key_order=["timestamp", "level", "event"], bool_as_flag=False
                    ),
                ],
            )
        )
    )
    handler.addFilter(_is_news)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # httpx writes every URL at INFO, and each holds the token.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # Both write a traceback each time, of what bot/limiter.py and bot/polling.py tell once.
    logging.getLogger("telegram.request").setLevel(logging.CRITICAL)
    logging.getLogger("telegram.ext.AIORateLimiter").setLevel(logging.CRITICAL)
