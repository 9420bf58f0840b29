"""HS256 JSON Web Tokens (RFC 7515, RFC 7519): nothing else is accepted, so nothing else has to be handled.

Every buyer of a flash sale comes with a token that was never seen before; a general library takes as long to check
it as the door takes to store the order. The tests hold this one against such a library.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time

import msgspec

_HEADER = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=").decode()


class Claims(msgspec.Struct, omit_defaults=True):
    """What we read of a token; times are seconds since 1970."""

    sub: str
    scope: str = ""
    exp: float | None = None
    nbf: float | None = None
    iat: float | None = None


class _Header(msgspec.Struct):
    alg: str
    crit: list[str] | None = None


class InvalidToken(ValueError):
    """It is no token, is signed by somebody else, or its time is over or has not come."""


def sign(claims: Claims, secret: str) -> str:
    """The compact form."""
    signed = f"{_HEADER}.{_encode(msgspec.json.encode(claims))}"
    return f"{signed}.{_encode(_mac(signed, secret))}"


def verify(token: str, secret: str) -> Claims:
    """The claims of a token that holds now. Raises InvalidToken."""
    signed, _, signature = token.rpartition(".")
    header, _, payload = signed.partition(".")
    try:
        if not hmac.compare_digest(_decode(signature), _mac(signed, secret)):
            raise InvalidToken("signature")
        said = msgspec.json.decode(_decode(header), type=_Header)
        claims = msgspec.json.decode(_decode(payload), type=Claims)
    except (binascii.Error, UnicodeEncodeError, msgspec.DecodeError) as error:
        raise InvalidToken("no token") from error
    now = time.time()
    if said.alg != "HS256" or said.crit is not None:
        raise InvalidToken("algorithm")
    if (claims.exp is not None and claims.exp <= now) or (claims.nbf is not None and claims.nbf > now):
        raise InvalidToken("time")
    return claims


def _mac(signed: str, secret: str) -> bytes:
    return hmac.digest(secret.encode(), signed.encode("ascii"), hashlib.sha256)


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
