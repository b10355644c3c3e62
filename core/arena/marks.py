"""Numbers that stand for accounts: the same each time, and nobody's without the secret."""

import hmac


class Marks:
    """Those of one secret."""

    def __init__(self, secret: str = "") -> None:
        self._secret = secret.encode()

    def of(self, account: int) -> int:
        """An account's number, of 62 bits."""
        digest = hmac.digest(self._secret, str(account).encode(), "sha256")
        return int.from_bytes(digest[:8]) >> 2
