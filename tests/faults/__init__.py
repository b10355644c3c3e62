"""What is broken on purpose: processes killed, Telegram refusing, everybody at once, any input.

A little of it runs in `make test`, all of it in `make faults`, which sets FAULTS.
"""

import os

FULL = bool(os.environ.get("FAULTS"))
