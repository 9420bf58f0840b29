"""Who may call what: bearer tokens, their scope, and what needs none."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
from falcon.testing import create_asgi_req

from api import auth
from api.auth import Caller, Tokens
from api.problems import Unauthorized
from checkout.db import Engine
from checkout.settings import Settings
from tests.conftest import SECRET
from tests.shared.client import Client, problem
from tests.shared.factories import a_sku, an_order, paid, placed
from tests.shared.tokens import jws

NOW = int(time.time())
# Far enough from now that the slowest run of the suite does not reach either.
HOUR = 3600
CLAIMS: dict[str, Any] = {"sub": "1", "exp": NOW + 24 * HOUR}


def bearer(claims: dict[str, Any], secret: str = SECRET, algorithm: str | None = "HS256") -> dict[str, str]:
    return {"Authorization": "Bearer " + jwt.encode(claims, secret, algorithm=algorithm)}


def test_one_token_is_remembered_once_however_it_is_written(settings: Settings) -> None:
    tokens, [(_, value)] = Tokens(settings), bearer(CLAIMS).items()
    _, _, token = value.partition(" ")
    for blanks in range(300):
        assert calling(tokens, f"Bearer {' ' * blanks}{token}{' ' * blanks}").user_id == 1
    assert len(tokens._held) == 1
    assert all(len(mark) == 16 for mark in tokens._held)


def test_a_header_longer_than_any_token_is_not_looked_at(settings: Settings) -> None:
    tokens, [(_, value)] = Tokens(settings), bearer(CLAIMS).items()
    with pytest.raises(Unauthorized):
        calling(tokens, value.replace(" ", " " * auth.LONGEST_HEADER))
    assert tokens._held == {}


@pytest.mark.parametrize(
    ("scope", "is_operator"), [("a operator", True), ("a\u2003operator", False), ("a\toperator", False)]
)
def test_scopes_are_parted_by_ascii_blanks(settings: Settings, scope: str, is_operator: bool) -> None:
    [(_, value)] = bearer(CLAIMS | {"scope": scope}).items()
    assert calling(Tokens(settings), value).is_operator == is_operator


def calling(tokens: Tokens, authorization: str) -> Caller:
    """Who asks with that header."""
    return asyncio.run(tokens.caller(create_asgi_req(headers={"Authorization": authorization})))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer x.y.z"},
        {"Authorization": "Bearer \xe9"},
        {"Authorization": "Basic dXNlcjpwYXNz"},
        bearer(CLAIMS, "another secret, also longer than 32 bytes"),
        bearer(CLAIMS, "", "none"),
        bearer(CLAIMS, algorithm="HS512"),
        bearer({"sub": "1"}),
        bearer({"sub": "1", "iat": NOW}),
        bearer({"sub": "1", "exp": NOW - HOUR}),
        bearer({"sub": "1", "exp": NOW - auth.LEEWAY_SECONDS}),
        bearer(CLAIMS | {"iat": NOW + HOUR}),
        bearer({"sub": "1", "exp": NOW + 24 * HOUR, "nbf": NOW + 12 * HOUR}),
        bearer({"exp": NOW + 24 * HOUR}),
        bearer(CLAIMS | {"sub": 1}),
        bearer(CLAIMS | {"sub": "x"}),
        bearer(CLAIMS | {"sub": "-1"}),
        bearer(CLAIMS | {"sub": "1.0"}),
        bearer(CLAIMS | {"sub": "²"}),
        bearer(CLAIMS | {"sub": ""}),
        bearer(CLAIMS | {"sub": "9223372036854775808"}),
        bearer(CLAIMS | {"exp": "never"}),
        bearer(CLAIMS | {"exp": float("inf")}),
        bearer(CLAIMS | {"scope": ["operator"]}),
        bearer(CLAIMS | {"scope": None}),
        {"Authorization": "Bearer " + jws(b"[" * 3000, b"{}", SECRET.encode())},
        {
            "Authorization": "Bearer "
            + jws(b'{"alg":"HS256"}', b'{"sub":"1","exp":' + b"9" * 5000 + b"}", SECRET.encode())
        },
        {
            "Authorization": "Bearer "
            + jws(b'{"alg":"HS256","crit":["exp"]}', b'{"sub":"1","exp":9999999999}', SECRET.encode())
        },
        {"Authorization": "Bearer " + jws(b'{"alg":"HS256"}', b"[" * 2500, SECRET.encode())},
    ],
)
def test_a_token_that_does_not_hold(shared_client: Client, headers: dict[str, str]) -> None:
    for method, path in (("GET", "/v1/orders"), ("POST", "/v1/orders"), ("GET", "/v1/cart")):
        result = shared_client.wait(shared_client.call(method, path, user=None, headers=headers))
        assert problem(result) == (401, "unauthorized")
        assert result.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "claims",
    [
        CLAIMS,
        CLAIMS | {"sub": str(2**63 - 1)},
        CLAIMS | {"scope": "a b"},
        CLAIMS | {"sub": "0"},
        CLAIMS | {"exp": 10**400},
        CLAIMS | {"aud": "whoever", "iss": "whoever"},
    ],
)
def test_a_token_that_holds(shared_client: Client, claims: dict[str, Any]) -> None:
    assert shared_client.get("/v1/orders", user=None, headers=bearer(claims)).status_code == 200


def test_the_scheme_is_read_in_any_case(shared_client: Client) -> None:
    headers = {name: value.replace("Bearer", "bearer") for name, value in bearer(CLAIMS).items()}
    assert shared_client.get("/v1/orders", user=None, headers=headers).status_code == 200


def test_a_remembered_token_still_expires(shared_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = bearer({"sub": "1", "exp": int(time.time()) + 3600})
    assert shared_client.get("/v1/orders", user=None, headers=headers).status_code == 200
    later = time.time() + HOUR + auth.LEEWAY_SECONDS
    monkeypatch.setattr(auth, "time", SimpleNamespace(time=lambda: later))
    monkeypatch.setattr("jwt.api_jwt.datetime", SimpleNamespace(now=lambda tz: datetime.fromtimestamp(later, tz)))
    assert shared_client.get("/v1/orders", user=None, headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/orders/1/ship"), ("POST", "/v1/orders/1/refunds"), ("GET", "/v1/events")],
)
def test_operator_calls_need_the_scope(shared_client: Client, method: str, path: str) -> None:
    for scope in ("", "operators", "user", "OPERATOR"):
        headers = bearer(CLAIMS | {"scope": scope})
        result = shared_client.wait(shared_client.call(method, path, user=None, headers=headers))
        assert problem(result) == (403, "forbidden")


def test_the_operators_scope_may_stand_among_others(client: Client, engine: Engine) -> None:
    a_sku(engine)
    headers = bearer(CLAIMS | {"scope": "shop operator mail"})
    result = client.post(f"/v1/orders/{paid(engine)}/ship", user=None, headers=headers)
    assert (result.status_code, result.json["status"]) == (200, "shipped")


def test_an_operator_sees_everybodys_orders(client: Client, engine: Engine) -> None:
    order_id = an_order(engine, user_id=5)
    assert client.get(f"/v1/orders/{order_id}", user=1, is_operator=True).status_code == 200
    assert problem(client.get(f"/v1/orders/{order_id}", user=1)) == (404, "not_found")


@pytest.mark.parametrize("path", ["/v1/skus", "/health/live", "/health/ready", "/openapi.json", "/docs"])
def test_what_needs_no_token(shared_client: Client, path: str) -> None:
    assert shared_client.get(path, user=None).status_code == 200


def test_a_token_of_the_command_line_is_one_of_ours(shared_client: Client) -> None:
    token = auth.issue(SECRET, 7, is_operator=True, ttl_seconds=60)
    assert shared_client.get("/v1/events", user=None, headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_shipping_and_completing_go_forward_only(client: Client, engine: Engine) -> None:
    a_sku(engine)
    unpaid, order_id = placed(engine), paid(engine)
    assert problem(client.post(f"/v1/orders/{unpaid}/ship", is_operator=True)) == (409, "not_shippable")
    assert problem(client.post(f"/v1/orders/{order_id}/complete")) == (409, "not_completable")
    for _ in range(2):
        assert client.post(f"/v1/orders/{order_id}/ship", is_operator=True).json["status"] == "shipped"
    assert problem(client.post(f"/v1/orders/{order_id}/complete", user=2)) == (404, "not_found")
    for _ in range(2):
        assert client.post(f"/v1/orders/{order_id}/complete").json["status"] == "completed"
    assert problem(client.post(f"/v1/orders/{order_id}/ship", is_operator=True)) == (409, "not_shippable")
