"""The keys that bearer tokens are checked with: the service's own secret, and an identity provider's set (RFC 7517)."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import urllib3
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK, PyJWTError
from jwt.algorithms import HMACAlgorithm
from urllib3.exceptions import HTTPError

from checkout.errors import CheckoutError, SettingsError

# The algorithm belongs to the key, never to the token: a public key is no secret for HS256 (RFC 8725, 3.1).
ALGORITHMS = ("HS256", "RS256", "ES256")
SHORTEST_RSA_BITS = 2048
SHORTEST_SECRET_BYTES = 32
MOST_KEYS = 50
LARGEST_SET = 256 * 1024
FETCH_SECONDS = 5.0
# A provider names its next key before it signs with it; one that is not known yet is asked for so often at most.
RENEWED_SECONDS = 300.0
PAUSE_SECONDS = 10.0
# A provider that cannot be asked cannot withdraw a key either.
LONGEST_TRUSTED_SECONDS = 86_400.0


class SetUnreadable(CheckoutError):
    """The set cannot be had, or holds no key of ours to use."""

    code = "unavailable"


class _Prepared(HMACAlgorithm):
    """PyJWT looks for each token whether a secret is not a public key in disguise; ours are looked at once."""

    def prepare_key(self, key: str | bytes) -> bytes:
        return key if isinstance(key, bytes) else super().prepare_key(key)


class Key(NamedTuple):
    """One key; `is_own` says that it is the secret of this service alone."""

    jwk: PyJWK
    is_own: bool


class Keys:
    """Those that hold now; `renew` asks the source again."""

    def __init__(self, secret: str, source: str) -> None:
        """Raises SettingsError for a secret or a file that is of no use; a URL is asked later."""
        try:
            self.own = Key(_of_secret({"kty": "oct", "k": _unpadded(secret.encode())}), is_own=True)
        except PyJWTError as error:
            raise SettingsError(f"CHECKOUT_JWT_SECRET is wrong: {error}") from error
        self._source = source
        self._given: tuple[Key, ...] = ()
        self._asked_at = self._had_at = float("-inf")
        self.are_given = self.are_away = bool(source)
        if source and not is_url(source):
            try:
                self.renew()
            except SetUnreadable as error:
                raise SettingsError(f"CHECKOUT_JWKS is wrong: {error}") from error

    def fitting(self, header: Mapping[str, Any]) -> list[Key]:
        """Those that a token with this header may be signed with."""
        algorithm, kid = header.get("alg"), header.get("kid")
        of_kind = [key for key in self._given if key.jwk.algorithm_name == algorithm]
        named = [key for key in of_kind if kid is not None and key.jwk.key_id == kid]
        if kid is None and len(of_kind) == 1:
            named = of_kind
        return [*named, self.own] if algorithm == "HS256" and (kid is None or not named) else named

    @property
    def may_be_renewed(self) -> bool:
        return bool(self._source) and time.monotonic() >= self._asked_at + PAUSE_SECONDS

    def renew(self) -> bool:
        """Whether other keys hold now; blocks for some seconds. Raises SetUnreadable."""
        before, self._asked_at = self._given, time.monotonic()
        try:
            self._given, self._had_at, self.are_away = read(self._source), time.monotonic(), False
        except SetUnreadable:
            self.are_away = True
            if time.monotonic() > self._had_at + LONGEST_TRUSTED_SECONDS:
                self._given = ()
            raise
        finally:
            has_changed = _marks(before) != _marks(self._given)
        return has_changed


def is_url(source: str) -> bool:
    return source.startswith(("https://", "http://"))


def read(source: str) -> tuple[Key, ...]:
    """The set's usable keys. Raises SetUnreadable."""
    try:
        content = _fetch(source) if is_url(source) else Path(source).read_bytes()
        listed = json.loads(content[:LARGEST_SET])["keys"]
    except (OSError, HTTPError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise SetUnreadable(f"no key set (RFC 7517) can be read there: {type(error).__name__}") from error
    found = [key for one in _bounded(listed) if (key := _usable(one, may_be_secret=not is_url(source)))]
    kids = [key.jwk.key_id for key in found]
    if not found:
        raise SetUnreadable("no key there is usable: RSA of 2048 bits, P-256, or in a file a secret of 32 bytes")
    if len(set(kids)) < len(kids):
        raise SetUnreadable("two keys there have the same kid, or none")
    return tuple(found)


def _fetch(url: str) -> bytes:
    """Raises HTTPError, also for another status than 200. Redirects lead away from what was configured."""
    timeout = urllib3.Timeout(connect=FETCH_SECONDS, read=FETCH_SECONDS, total=FETCH_SECONDS)
    with urllib3.PoolManager(retries=False) as pool:
        answer = pool.request("GET", url, timeout=timeout, redirect=False, preload_content=False)
        try:
            if answer.status != 200:
                raise HTTPError(f"status {answer.status}")
            return _within(answer, time.monotonic() + FETCH_SECONDS)
        finally:
            answer.close()


def _within(answer: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    content = b""
    while piece := answer.read1(LARGEST_SET):
        content += piece
        if len(content) > LARGEST_SET or time.monotonic() > deadline:
            raise HTTPError("too long")
    return content


def _bounded(listed: Any) -> Sequence[Any]:
    if not isinstance(listed, list) or len(listed) > MOST_KEYS:
        raise SetUnreadable(f"a key set lists its keys, {MOST_KEYS} at most")
    return listed


def _usable(told: Any, *, may_be_secret: bool) -> Key | None:
    """Other kinds of keys, and those to encrypt with, stand in a provider's set by right; they are left out."""
    if not isinstance(told, dict) or told.get("use", "sig") != "sig":
        return None
    if "verify" not in told.get("key_ops", ["verify"]):
        return None
    try:
        jwk = _of_secret(told) if told.get("kty") == "oct" else PyJWK(told)
    except (PyJWTError, TypeError, ValueError, AttributeError):
        return None
    is_secret = jwk.algorithm_name == "HS256"
    is_fit = jwk.algorithm_name in ALGORITHMS and (may_be_secret or not is_secret) and _is_long(jwk)
    return Key(jwk, is_own=is_secret) if is_fit else None


def _of_secret(told: dict[str, Any]) -> PyJWK:
    """Raises PyJWTError for what is no secret."""
    jwk = PyJWK(told)
    if jwk.algorithm_name == "HS256":
        jwk.Algorithm.prepare_key(jwk.key)
        jwk.Algorithm = _Prepared(HMACAlgorithm.SHA256)
    return jwk


def _is_long(jwk: PyJWK) -> bool:
    if isinstance(jwk.key, bytes):
        return len(jwk.key) >= SHORTEST_SECRET_BYTES
    return not isinstance(jwk.key, RSAPublicKey) or jwk.key.key_size >= SHORTEST_RSA_BITS


def _marks(keys: Sequence[Key]) -> list[str]:
    return sorted(json.dumps(key.jwk._jwk_data, sort_keys=True) for key in keys)


def _unpadded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
