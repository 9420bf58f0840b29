"""Who calls: bearer tokens (RFC 6750) that are JWTs (RFC 7519)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

import jwt
from falcon.asgi import Request
from jwt import InvalidTokenError
from structlog import get_logger

from api.keys import Key, Keys, SetUnreadable
from api.problems import Forbidden, Unauthorized
from checkout.errors import Unavailable
from checkout.settings import Settings

log = get_logger(__name__)

LARGEST_USER_ID = 2**63 - 1
MOST_CACHED = 20_000
LONGEST_HEADER = 8192
REMEMBERED_SECONDS = 3600
# Two machines' clocks differ by less.
LEEWAY_SECONDS = 10


class Caller(NamedTuple):
    """The token's user; an operator may touch what is not his."""

    user_id: int
    is_operator: bool


class Tokens:
    """Checks tokens; one that held is remembered until it expires, because checking costs more than the rest."""

    def __init__(self, settings: Settings) -> None:
        """Raises SettingsError for a key set that is of no use."""
        self._keys = Keys(settings.jwt_secret, settings.jwks)
        self._meant = {"aud": settings.jwt_audience or None, "iss": settings.jwt_issuer or None}
        self._held: dict[bytes, tuple[Caller, float]] = {}
        self._renewal: asyncio.Task[None] | None = None

    async def caller(self, req: Request) -> Caller:
        """Raises Unauthorized, and Unavailable while the keys that could tell are not there."""
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
        caller, expires = _meaning(await self._verified(token))
        if len(self._held) >= MOST_CACHED:
            self._held.clear()
        self._held[mark] = (caller, expires)
        return caller

    async def operator(self, req: Request) -> Caller:
        """Raises Unauthorized, Unavailable and Forbidden."""
        caller = await self.caller(req)
        if not caller.is_operator:
            raise Forbidden("the scope operator is needed")
        return caller

    async def _verified(self, token: str) -> Mapping[str, Any]:
        if not self._keys.are_given:  # Its header is not read twice then, which is a quarter of the cost.
            return self._claims(token, [self._keys.own])
        try:
            header = jwt.get_unverified_header(token)
            fitting = self._keys.fitting(header)
            if not fitting and (self._keys.may_be_renewed or self._is_renewing):
                await self.renew()
                fitting = self._keys.fitting(header)
        # PyJWT lets the latter two through for text that is no ASCII and numbers without end.
        except (InvalidTokenError, ValueError, OverflowError) as error:
            raise Unauthorized("the bearer token does not hold") from error
        if not fitting and self._keys.are_away:
            raise Unavailable("the identity provider's keys cannot be had; ask again")
        return self._claims(token, fitting)

    def _claims(self, token: str, fitting: list[Key]) -> Mapping[str, Any]:
        fault: Exception | None = None
        for key in fitting:
            try:
                return self._checked(token, key)
            except (InvalidTokenError, ValueError, OverflowError) as error:
                fault = error
        raise Unauthorized("the bearer token does not hold") from fault

    def _checked(self, token: str, key: Key) -> Mapping[str, Any]:
        """A provider serves many, so its tokens say whom they are for. A secret of our own is ours alone."""
        meant = {} if key.is_own else self._meant
        claims = _decode(token, key, meant)
        if key.is_own and (named := {name: meant for name, meant in self._meant.items() if meant and name in claims}):
            claims = _decode(token, key, named)
        return claims

    @property
    def _is_renewing(self) -> bool:
        return self._renewal is not None and not self._renewal.done()

    async def renew(self) -> None:
        """Asks for the keys again, once for all who wait; what went wrong is logged."""
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._renew())
        await asyncio.shield(self._renewal)

    async def _renew(self) -> None:
        try:
            if await asyncio.to_thread(self._keys.renew):
                self._held.clear()  # A key that was withdrawn takes its tokens with it.
        except SetUnreadable as error:
            log.warning("keys_unavailable", error=str(error))


def _decode(token: str, key: Key, meant: Mapping[str, Any]) -> Mapping[str, Any]:
    """Raises InvalidTokenError."""
    audience, issuer = meant.get("aud"), meant.get("iss")
    return jwt.decode(
        token,
        key.jwk,
        algorithms=[key.jwk.algorithm_name],
        audience=audience,
        issuer=issuer,
        leeway=LEEWAY_SECONDS,
        options={"require": ["exp", "sub"], "verify_aud": bool(audience), "verify_iss": bool(issuer)},
    )


def _meaning(claims: Mapping[str, Any]) -> tuple[Caller, float]:
    """Who that is, and until when he is remembered."""
    subject, scope = claims["sub"], claims.get("scope", "")
    if not (subject.isascii() and subject.isdigit() and len(subject) < 20 and int(subject) <= LARGEST_USER_ID):
        raise Unauthorized("the token's sub is no user id")
    if not isinstance(scope, str):
        raise Unauthorized("the token's scope is no text")
    expires = min(int(claims["exp"]), time.time() + REMEMBERED_SECONDS)
    return Caller(int(subject), "operator" in scope.split(" ")), expires  # RFC 6749, 3.3: ASCII blanks.


def issue(secret: str, user_id: int, *, is_operator: bool, ttl_seconds: int) -> str:
    """A token for `user_id`."""
    now = int(time.time())
    claims: dict[str, Any] = {"sub": str(user_id), "exp": now + ttl_seconds, "iat": now}
    return jwt.encode(claims | ({"scope": "operator"} if is_operator else {}), secret, algorithm="HS256")
