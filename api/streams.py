"""Short-lived tokens that open one order's event stream: a browser's EventSource sends no header."""

from __future__ import annotations

import hmac
import time
from hashlib import blake2b

STREAM_SECONDS = 600


def url(order_id: int, token: str) -> str:
    return f"/v1/orders/{order_id}/events?token={token}"


class Streams:
    """Makes and checks them, with a key that is drawn from the service's secret."""

    def __init__(self, secret: str) -> None:
        self._key = blake2b(secret.encode(), digest_size=32, person=b"stream").digest()

    def token(self, order_id: int) -> str:
        """Good for ten to twenty minutes, and the same for a while, so that the order's body does not change."""
        expires = (int(time.time()) // STREAM_SECONDS + 2) * STREAM_SECONDS
        return f"{expires}.{self._mark(order_id, expires)}"

    def url(self, order_id: int) -> str:
        """The path of the order's stream, with a fresh token."""
        return url(order_id, self.token(order_id))

    def opens(self, order_id: int, token: str) -> bool:
        """Whether the token is that order's, and its time not over."""
        expires, _, mark = token.partition(".")
        if not (expires.isascii() and expires.isdigit() and len(expires) <= 12 and int(expires) > time.time()):
            return False
        return hmac.compare_digest(mark.encode(), self._mark(order_id, int(expires)).encode())

    def _mark(self, order_id: int, expires: int) -> str:
        return blake2b(f"{order_id}/{expires}".encode(), digest_size=16, key=self._key).hexdigest()
