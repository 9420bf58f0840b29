"""Tokens of an identity provider: its keys come as a set (RFC 7517), from a file or an address, and they change."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from api import keys
from api.keys import SetUnreadable
from checkout import settings
from checkout.errors import SettingsError
from tests.conftest import SECRET
from tests.shared.client import Client, problem, serving
from tests.shared.command import in_a_process
from tests.shared.tokens import jws, unpadded

RSA = rsa.generate_private_key(65537, 2048)
ANOTHER_RSA = rsa.generate_private_key(65537, 2048)
SHORT_RSA = rsa.generate_private_key(65537, 1024)
P256 = ec.generate_private_key(ec.SECP256R1())
P384 = ec.generate_private_key(ec.SECP384R1())
OLD_SECRET = b"the secret before this one, 32 bytes and more"
CLAIMS: dict[str, Any] = {"sub": "1", "exp": int(time.time()) + 86_400}


def of_rsa(key: rsa.RSAPrivateKey, kid: str | None, **members: Any) -> dict[str, Any]:
    named = {} if kid is None else {"kid": kid}
    return RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) | named | members


def of_ec(key: ec.EllipticCurvePrivateKey, kid: str) -> dict[str, Any]:
    return ECAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": kid}


def of_secret(secret: bytes, kid: str) -> dict[str, Any]:
    return {"kty": "oct", "k": unpadded(secret), "kid": kid}


USUAL = [of_rsa(RSA, "one"), of_ec(P256, "two"), of_secret(OLD_SECRET, "three")]


def text(listed: list[dict[str, Any]]) -> str:
    return json.dumps({"keys": listed})


def token(key: Any, algorithm: str, kid: str | None = None, claims: dict[str, Any] = CLAIMS) -> str:
    return jwt.encode(claims, key, algorithm, headers={} if kid is None else {"kid": kid})


def status(client: Client, bearer: str) -> int:
    return client.get("/v1/orders", user=None, headers={"Authorization": f"Bearer {bearer}"}).status_code


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("provider") / "keys.json"
    path.write_text(
        text([*USUAL, of_rsa(ANOTHER_RSA, "enc", use="enc"), of_ec(P384, "long"), {"kty": "OKP"}]), encoding="utf-8"
    )
    return path


@pytest.fixture
def trusting(environment: dict[str, str], file: Path) -> Iterator[Client]:
    with serving(settings.parse(environment | {"CHECKOUT_JWKS": str(file)})) as client:
        yield client


@pytest.mark.parametrize(
    ("key", "algorithm", "kid"),
    [
        (RSA, "RS256", "one"),
        (RSA, "RS256", None),
        (P256, "ES256", "two"),
        (OLD_SECRET, "HS256", "three"),
        (OLD_SECRET, "HS256", None),
        (SECRET, "HS256", None),
        (SECRET, "HS256", "whatever"),
    ],
)
def test_the_keys_of_the_set_and_our_own_secret_hold(trusting: Client, key: Any, algorithm: str, kid: str) -> None:
    assert status(trusting, token(key, algorithm, kid)) == 200


PUBLIC = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    "bearer",
    [
        token(ANOTHER_RSA, "RS256", "one"),
        token(ANOTHER_RSA, "RS256", "enc"),  # A key to encrypt with.
        token(RSA, "RS256", "two"),
        token(RSA, "RS384", "one"),
        token(RSA, "PS256", "one"),
        token(P384, "ES384", "long"),
        token(OLD_SECRET, "HS256", "one"),
        jws(b'{"alg":"HS256","kid":"one"}', json.dumps(CLAIMS).encode(), PUBLIC),  # RFC 8725, 2.1.
        token(RSA, "RS256", "one", {"sub": "1"}),
        token(RSA, "RS256", "one", CLAIMS | {"exp": CLAIMS["exp"] - 2 * 86_400}),
    ],
)
def test_no_other_key_holds_nor_a_key_for_another_algorithm(trusting: Client, bearer: str) -> None:
    assert status(trusting, bearer) == 401


@pytest.mark.parametrize(
    ("key", "named", "expected"),
    [
        (RSA, {"aud": "checkout", "iss": "https://id.example"}, 200),
        (RSA, {"aud": ["mail", "checkout"], "iss": "https://id.example"}, 200),
        (RSA, {"aud": "mail", "iss": "https://id.example"}, 401),
        (RSA, {"iss": "https://id.example"}, 401),
        (RSA, {"aud": "checkout", "iss": "https://other.example"}, 401),
        (RSA, {"aud": "checkout"}, 401),
        (SECRET, {}, 200),  # Our own secret is for nobody else, so its tokens need not say so.
        (SECRET, {"aud": "checkout"}, 200),
        (SECRET, {"aud": "mail"}, 401),
        (SECRET, {"iss": "https://other.example"}, 401),
    ],
)
def test_a_token_is_meant_for_us(
    environment: dict[str, str], file: Path, key: Any, named: dict[str, Any], expected: int
) -> None:
    meant = {"JWKS": str(file), "JWT_AUDIENCE": "checkout", "JWT_ISSUER": "https://id.example"}
    told = settings.parse(environment | {settings.PREFIX + name: value for name, value in meant.items()})
    with serving(told) as client:
        kind = "HS256" if key == SECRET else "RS256"
        assert status(client, token(key, kind, None if key == SECRET else "one", CLAIMS | named)) == expected


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        '{"keys": {}}',
        '{"keys": []}',
        "[" * 100_000,
        text([of_rsa(SHORT_RSA, "short")]),
        text([of_secret(b"short", "short")]),
        text([of_rsa(RSA, "same"), of_rsa(ANOTHER_RSA, "same")]),
        text([of_rsa(RSA, None), of_ec(P256, "x") | {"kid": None}]),
        text([of_rsa(RSA, str(number)) for number in range(51)]),
        text([{"kty": "RSA", "n": 5, "e": "AQAB", "kid": "odd"}, {"kty": ["RSA"], "kid": "x"}]),
    ],
)
def test_a_file_that_is_of_no_use_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError, match="CHECKOUT_JWKS is wrong: "):
        keys.Keys(SECRET, str(path))


def test_the_api_does_not_start_with_it(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text(text([of_rsa(SHORT_RSA, "short")]), encoding="utf-8")
    done = in_a_process(environment=environment | {"CHECKOUT_JWKS": str(tmp_path / "keys.json")}, module="api")
    assert done.returncode == 1
    assert "CHECKOUT_JWKS is wrong: no key there is usable" in done.stderr


@pytest.mark.parametrize("value", ["http://id.example/keys", "https://", "ftp://id.example/keys", "/no/such/file"])
def test_an_address_that_anybody_could_speak_for_is_refused(environment: dict[str, str], value: str) -> None:
    with pytest.raises(SettingsError, match="CHECKOUT_JWKS is wrong"):
        settings.parse(environment | {"CHECKOUT_JWKS": value})


class Provider:
    """A provider's key address; `content` may change, None is a server in trouble."""

    def __init__(self) -> None:
        self.content: bytes | None = text(USUAL).encode()
        self.asked = 0
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # The library calls it so.
                provider.asked += 1
                provider.may_answer.wait(60)
                self.send_response(503 if provider.content is None else 200)
                self.end_headers()
                self.wfile.write(provider.content or b"")

            def log_message(self, *_: object) -> None: ...

        return Handler


@pytest.fixture
def provider() -> Iterator[Provider]:
    running = Provider()
    yield running
    running.may_answer.set()
    running.server.shutdown()
    running.server.server_close()


@pytest.fixture
def by_address(environment: dict[str, str], provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setattr(keys, "PAUSE_SECONDS", 0.0)
    with serving(settings.parse(environment | {"CHECKOUT_JWKS": provider.url})) as client:
        yield client


def test_secrets_do_not_come_from_an_address(by_address: Client) -> None:
    assert status(by_address, token(RSA, "RS256", "one")) == 200
    assert status(by_address, token(OLD_SECRET, "HS256", "three")) == 401


def test_a_new_key_is_asked_for_and_a_withdrawn_one_takes_its_tokens_with_it(
    by_address: Client, provider: Provider
) -> None:
    before, after = token(RSA, "RS256", "one"), token(ANOTHER_RSA, "RS256", "next")
    assert status(by_address, before) == 200
    provider.content = text([of_rsa(ANOTHER_RSA, "next")]).encode()
    assert status(by_address, after) == 200
    assert status(by_address, before) == 401


def test_a_provider_in_trouble_costs_nobody_whose_key_is_known(by_address: Client, provider: Provider) -> None:
    assert status(by_address, token(RSA, "RS256", "one")) == 200
    provider.content = None
    assert status(by_address, token(ANOTHER_RSA, "RS256", "next")) == 503
    assert status(by_address, token(RSA, "RS256", "one", CLAIMS | {"jti": "2"})) == 200
    assert status(by_address, token(SECRET, "HS256")) == 200


def test_without_the_providers_keys_its_tokens_are_asked_back_later(
    environment: dict[str, str], provider: Provider
) -> None:
    provider.content = None
    with serving(settings.parse(environment | {"CHECKOUT_JWKS": provider.url})) as client:
        headers = {"Authorization": "Bearer " + token(RSA, "RS256", "one")}
        answer = client.get("/v1/orders", user=None, headers=headers)
        assert problem(answer) == (503, "unavailable")
        assert answer.headers["retry-after"]
        assert status(client, token(SECRET, "HS256")) == 200


def test_keys_that_nobody_knows_are_not_asked_for_without_end(environment: dict[str, str], provider: Provider) -> None:
    with serving(settings.parse(environment | {"CHECKOUT_JWKS": provider.url})) as client:
        for number in range(50):
            assert status(client, token(ANOTHER_RSA, "RS256", f"forged {number}")) == 401
    assert provider.asked <= 2


def test_a_provider_that_says_nothing_holds_up_nobody_else(
    by_address: Client, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "FETCH_SECONDS", 60.0)
    assert status(by_address, token(RSA, "RS256", "one")) == 200
    provider.may_answer.clear()
    asked = provider.asked
    headers = {"Authorization": "Bearer " + token(ANOTHER_RSA, "RS256", "next")}
    waiting = [by_address.begin(by_address.call("GET", "/v1/orders", user=None, headers=headers)) for _ in range(20)]
    assert status(by_address, token(RSA, "RS256", "one", CLAIMS | {"jti": "3"})) == 200
    provider.content = None
    provider.may_answer.set()
    assert [one.result(60).status_code for one in waiting] == [503] * 20
    assert provider.asked < asked + 20


def test_what_cannot_be_renewed_for_a_day_ends(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    held = keys.Keys(SECRET, provider.url)
    held.renew()
    provider.content = None
    with pytest.raises(SetUnreadable):
        held.renew()
    assert held.fitting({"alg": "RS256", "kid": "one"})
    monkeypatch.setattr(keys, "LONGEST_TRUSTED_SECONDS", -1.0)
    with pytest.raises(SetUnreadable):
        held.renew()
    assert not held.fitting({"alg": "RS256", "kid": "one"})


@pytest.mark.parametrize("content", [b"x" * (keys.LARGEST_SET + 1), b"<html>", text([]).encode()])
def test_an_address_that_answers_something_else(provider: Provider, content: bytes) -> None:
    provider.content = content
    with pytest.raises(SetUnreadable):
        keys.read(provider.url)
