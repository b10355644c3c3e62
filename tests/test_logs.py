"""What reaches a log, in a process of its own: logging is set up once a process."""

import subprocess
import sys

TOKEN = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0"


def logged(statement: str) -> str:
    program = (
        "import logging, httpx, structlog\n"
        "from bot.logs import set_up_logging\n"
        "set_up_logging()\n"
        f"token = {TOKEN!r}\n{statement}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return done.stdout + done.stderr


def test_a_token_is_taken_out_of_messages() -> None:
    said = logged("logging.getLogger('x').warning('url https://t/bot%s/getMe', token)")
    assert "[token]" in said
    assert TOKEN not in said


def test_a_token_is_taken_out_of_structured_fields_and_tracebacks() -> None:
    said = logged(
        "try:\n    raise ValueError(f'bot{token}')\n"
        "except ValueError:\n    structlog.get_logger().exception('failed', url=token)"
    )
    assert "failed" in said
    assert "ValueError" in said
    assert TOKEN not in said


def test_requests_are_not_logged() -> None:
    assert logged("logging.getLogger('httpx').info('HTTP Request: POST')") == ""
