"""Who calls: bearer tokens (RFC 6750) that are HS256 JWTs (RFC 7519), and short-lived tokens for event streams."""

from __future__ import annotations

import hmac
import math
import time
from hashlib import blake2b
from typing import NamedTuple

from falcon.asgi import Request

from api import jws
from api.jws import Claims, InvalidToken
from api.problems import Forbidden, Unauthorized

LARGEST_USER_ID = 2**63 - 1
MOST_CACHED = 20_000
LONGEST_HEADER = 8192
STREAM_SECONDS = 600
REMEMBERED_SECONDS = 3600


class Caller(NamedTuple):
    """The token's user; an operator may touch what is not his."""

    user_id: int
    is_operator: bool


class Tokens:
    """Checks tokens; one that held is remembered until it expires, because checking costs more than the rest."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._stream_key = blake2b(secret.encode(), digest_size=32, person=b"stream").digest()
        self._held: dict[bytes, tuple[Caller, float]] = {}

    def caller(self, req: Request) -> Caller:
        """Raises Unauthorized."""
        header = req.get_header("Authorization") or ""
        scheme, _, token = header[:LONGEST_HEADER].partition(" ")
        token = token.strip(" ")
        if scheme.lower() != "bearer" or not token or len(header) > LONGEST_HEADER:
            raise Unauthorized("a bearer token is needed")
        # By a digest of what is checked: the header itself may be long, and the same token stand in it in many ways.
        mark = blake2b(token.encode(), digest_size=16).digest()
        held = self._held.get(mark)
        if held is not None and held[1] > time.time():
            return held[0]
        caller, expires = self._check(token)
        if len(self._held) >= MOST_CACHED:
            self._held.clear()
        self._held[mark] = (caller, expires)
        return caller

    def operator(self, req: Request) -> Caller:
        """Raises Unauthorized and Forbidden."""
        caller = self.caller(req)
        if not caller.is_operator:
            raise Forbidden("the scope operator is needed")
        return caller

    def _check(self, token: str) -> tuple[Caller, float]:
        try:
            claims = jws.verify(token, self._secret)
        except InvalidToken as error:
            raise Unauthorized("the bearer token does not hold") from error
        subject = claims.sub
        if not (subject.isascii() and subject.isdigit() and len(subject) < 20 and int(subject) <= LARGEST_USER_ID):
            raise Unauthorized("the token's sub is no user id")
        expires = min(claims.exp or math.inf, time.time() + REMEMBERED_SECONDS)
        return Caller(int(subject), "operator" in claims.scope.split(" ")), expires  # RFC 6749, 3.3: ASCII blanks.

    def stream_token(self, order_id: int) -> str:
        """Lets a browser's EventSource, which sends no header, follow one order for a while."""
        expires = (int(time.time()) // STREAM_SECONDS + 2) * STREAM_SECONDS
        return f"{expires}.{self._stream_mark(order_id, expires)}"

    def opens_stream(self, order_id: int, token: str) -> bool:
        expires, _, mark = token.partition(".")
        if not (expires.isascii() and expires.isdigit() and len(expires) <= 12 and int(expires) > time.time()):
            return False
        return hmac.compare_digest(mark.encode(), self._stream_mark(order_id, int(expires)).encode())

    def _stream_mark(self, order_id: int, expires: int) -> str:
        return blake2b(f"{order_id}/{expires}".encode(), digest_size=16, key=self._stream_key).hexdigest()


def issue(secret: str, user_id: int, *, is_operator: bool, ttl_seconds: int) -> str:
    """A token for `user_id`."""
    now = int(time.time())
    return jws.sign(Claims(str(user_id), "operator" if is_operator else "", exp=now + ttl_seconds, iat=now), secret)
