"""The access matrix: each route for nobody, another user, the owner and an operator, as docs/security.md shows it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from api.app import TABLE
from checkout.db import Engine, transaction
from checkout.orders import shipping
from checkout.payments import refunds
from tests.shared.client import Client, an_order_body, token
from tests.shared.factories import a_sku, paid, placed
from tests.shared.processes import ROOT

OWNER, OTHER, OPERATOR = 1, 2, 3
CALLERS = ("nobody", "other", "owner", "operator")
ORDER, REFUND, WEBHOOK = "/v1/orders/{order_id}", "/v1/refunds/{refund_id}", "/v1/webhooks/{webhook_id}"
# The answers, in the order of the callers. Where nobody owns what is asked for, the other and the owner are users.
MATRIX: dict[tuple[str, str], tuple[int, int, int, int]] = {
    ("POST", "/v1/orders"): (401, 202, 202, 202),
    ("GET", "/v1/orders"): (401, 200, 200, 200),
    ("GET", ORDER): (401, 404, 200, 200),
    ("GET", f"{ORDER}/events"): (401, 404, 200, 200),
    ("POST", f"{ORDER}/cancel"): (401, 404, 200, 200),
    ("POST", f"{ORDER}/ship"): (401, 403, 403, 200),
    ("POST", f"{ORDER}/shipments"): (401, 403, 403, 201),
    ("PATCH", f"{ORDER}/shipments/{{n}}"): (401, 403, 403, 200),
    ("POST", f"{ORDER}/complete"): (401, 404, 200, 200),
    ("POST", f"{ORDER}/payments"): (401, 404, 201, 404),
    ("GET", f"{ORDER}/payments"): (401, 404, 200, 200),
    ("POST", f"{ORDER}/refunds"): (401, 403, 403, 202),
    ("GET", f"{ORDER}/refunds"): (401, 404, 200, 200),
    ("GET", REFUND): (401, 404, 200, 200),
    ("POST", "/v1/quotes"): (401, 200, 200, 200),
    ("GET", "/v1/cart"): (401, 200, 200, 200),
    ("PUT", "/v1/cart/items/{sku_id}"): (401, 200, 200, 200),
    ("DELETE", "/v1/cart/items/{sku_id}"): (401, 200, 200, 200),
    ("GET", "/v1/skus"): (200, 200, 200, 200),
    ("GET", "/v1/skus/{sku_id}"): (200, 200, 200, 200),
    ("PUT", "/v1/skus/{sku_id}"): (401, 403, 403, 200),
    ("GET", "/v1/skus/{sku_id}/stock"): (401, 403, 403, 200),
    ("POST", "/v1/skus/{sku_id}/stock"): (401, 403, 403, 200),
    ("GET", f"{ORDER}/timeline"): (401, 403, 403, 200),
    ("POST", f"{ORDER}/retry"): (401, 403, 403, 409),
    ("GET", "/v1/stuck"): (401, 403, 403, 200),
    ("POST", "/v1/stuck/{kind}/{subject}/resolve"): (401, 403, 403, 404),
    ("GET", "/v1/figures"): (401, 403, 403, 200),
    ("GET", "/v1/webhooks"): (401, 403, 403, 200),
    ("POST", "/v1/webhooks"): (401, 403, 403, 201),
    ("GET", WEBHOOK): (401, 403, 403, 404),
    ("PATCH", WEBHOOK): (401, 403, 403, 404),
    ("DELETE", WEBHOOK): (401, 403, 403, 404),
    ("POST", f"{WEBHOOK}/test"): (401, 403, 403, 404),
    ("POST", f"{WEBHOOK}/replay"): (401, 403, 403, 404),
    ("POST", f"{WEBHOOK}/rotate"): (401, 403, 403, 404),
    ("GET", "/v1/events"): (401, 403, 403, 200),
    ("POST", "/v1/alipay/notify"): (200, 200, 200, 200),
    ("GET", "/v1/alipay/return"): (302, 302, 302, 302),
    ("GET", "/asyncapi.json"): (200, 200, 200, 200),
    ("GET", "/console"): (200, 200, 200, 200),
    ("GET", "/console/{file}"): (200, 200, 200, 200),
    ("GET", "/health/live"): (200, 200, 200, 200),
    ("GET", "/health/ready"): (200, 200, 200, 200),
    ("GET", "/openapi.json"): (200, 200, 200, 200),
    ("GET", "/docs"): (200, 200, 200, 200),
    ("GET", "/docs/{file}"): (200, 200, 200, 200),
}
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/v1/orders"): an_order_body(),
    ("POST", f"{ORDER}/payments"): {"method": "page"},
    ("POST", f"{ORDER}/refunds"): {"amount": "1.00", "reason": "r"},
    ("POST", f"{ORDER}/shipments"): {"carrier": "c", "tracking_number": "t"},
    ("PATCH", f"{ORDER}/shipments/{{n}}"): {"carrier": "d"},
    ("POST", "/v1/quotes"): {"items": [{"sku_id": "1", "quantity": 1}]},
    ("PUT", "/v1/cart/items/{sku_id}"): {"quantity": 1},
    ("PUT", "/v1/skus/{sku_id}"): {"spu_id": "1", "title": "t", "price": "10.00"},
    ("POST", "/v1/skus/{sku_id}/stock"): {"add": 1},
    ("POST", "/v1/stuck/{kind}/{subject}/resolve"): {"note": "seen"},
    ("POST", "/v1/webhooks"): {"url": "https://93.184.215.14/hook", "topics": ["order.*"]},
    ("PATCH", WEBHOOK): {"topics": ["order.*"]},
}
# What does its work anew at each call needs an order that has come so far; the rest does with one that waits for money.
STATES: dict[tuple[str, str], Callable[[Engine], int]] = {
    ("POST", f"{ORDER}/ship"): paid,
    ("POST", f"{ORDER}/shipments"): paid,
    ("PATCH", f"{ORDER}/shipments/{{n}}"): lambda engine: shipped(engine),
    ("POST", f"{ORDER}/refunds"): paid,
    ("GET", REFUND): paid,
    ("POST", f"{ORDER}/complete"): lambda engine: shipped(engine),
}


def shipped(engine: Engine) -> int:
    order_id = paid(engine)
    with transaction(engine) as connection:
        shipping.ship(connection, order_id)
    return order_id


def a_refund(engine: Engine, order_id: int) -> int:
    with transaction(engine) as connection:
        return refunds.create(connection, order_id, 100, "", "key")[0].id


def address(engine: Engine, route: tuple[str, str]) -> str:
    """The route's path about something that the owner has."""
    order_id = STATES.get(route, placed)(engine) if "order_id" in route[1] or "refund_id" in route[1] else 0
    refund_id = a_refund(engine, order_id) if "refund_id" in route[1] else 0
    about = {"order_id": order_id, "refund_id": refund_id, "sku_id": "1", "n": 1, "webhook_id": 1, "file": "main.js"}
    return route[1].format(**about, kind="refund_failed", subject="1")


def ask(client: Client, route: tuple[str, str], path: str, caller: str) -> int:
    user = {"nobody": None, "other": OTHER, "owner": OWNER, "operator": OPERATOR}[caller]
    headers = {"Idempotency-Key": "k"}
    if user is not None:
        headers["Authorization"] = f"Bearer {token(client.settings, user, is_operator=caller == 'operator')}"
    if path.startswith("/v1/orders/") and path.endswith("/events"):
        return client.wait(opened(client, path, headers))
    body: dict[str, Any] = {"json": BODIES[route]} if route in BODIES else {}
    return int(client.wait(client.call(route[0], path, user=None, headers=headers, **body)).status_code)


async def opened(client: Client, path: str, headers: dict[str, str]) -> int:
    """The status of a stream, which has no end."""
    async with client.conductor.simulate_get_stream(path, headers=headers) as stream:
        return int(stream.status_code)


def test_the_matrix_has_every_route() -> None:
    assert set(MATRIX) == {(route.method, route.path) for route in TABLE}


@pytest.mark.parametrize("route", MATRIX, ids=lambda route: f"{route[0]} {route[1]}")
def test_who_gets_what(client: Client, engine: Engine, route: tuple[str, str]) -> None:
    a_sku(engine, stock=100)
    answers = tuple(ask(client, route, address(engine, route), caller) for caller in CALLERS)
    assert answers == MATRIX[route]


def test_the_document_shows_the_same_matrix() -> None:
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    found = re.findall(r"^\| `(\w+)` \| `([^`]+)` \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|", text, re.MULTILINE)
    assert {(method, path): tuple(map(int, answers)) for method, path, *answers in found} == MATRIX
