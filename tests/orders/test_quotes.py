"""What an order would cost, and everything that would refuse it, told before anybody orders."""

from __future__ import annotations

from typing import Any

import pytest
from redis import Redis

from checkout import settings
from checkout.db import Engine
from checkout.orders import cart
from checkout.orders.cart import CartItem
from tests.shared.client import Client, an_order_body, problem, serving
from tests.shared.factories import TERMS, a_sku, order, placed, rows, stock_of

NO_DISCOUNT = {"discount": "0.00"}


def quoted(client: Client, **members: Any) -> dict[str, Any]:
    answer = client.post("/v1/quotes", json=members)
    assert answer.status_code == 200, answer.text
    return dict(answer.json)


def an_item(sku_id: str = "1", quantity: int = 1) -> dict[str, Any]:
    return {"sku_id": sku_id, "quantity": quantity}


def test_a_quote_equals_its_order(client: Client, engine: Engine) -> None:
    a_sku(engine, "a", price="12.35"), a_sku(engine, "b", price="0.40")
    items = [an_item("b"), an_item("a", 2), an_item("b", 2)]
    found = quoted(client, items=items)
    assert found == {
        "items": [
            {
                "sku_id": "a",
                "title": "SKU a",
                "quantity": 2,
                "unit_price": "12.35",
                "discount": "0.00",
                "amount": "24.70",
            },
            {
                "sku_id": "b",
                "title": "SKU b",
                "quantity": 3,
                "unit_price": "0.40",
                "discount": "0.00",
                "amount": "1.20",
            },
        ],
        "goods_amount": "25.90",
        "discount": "0.00",
        "freight": "10.00",
        "total_amount": "35.90",
        "problems": [],
    }
    order_id = placed(engine, lines={"a": 2, "b": 3}, expected_total=found["total_amount"])
    assert order(engine, order_id).total_fen == 3590


def test_nothing_is_stored_and_nothing_held(client: Client, engine: Engine) -> None:
    a_sku(engine, stock=1)
    for _ in range(3):
        assert quoted(client, **an_order_body())["problems"] == []
    assert stock_of(engine) == 1
    assert not any(rows(engine, table) for table in ("orders", "order_keys", "arrivals", "users"))


def test_every_obstacle_is_told_at_once(client: Client, engine: Engine) -> None:
    a_sku(engine, "few", stock=2), a_sku(engine, "hidden", on_sale=False), a_sku(engine, "fine")
    items = [an_item("few", 3), an_item("hidden"), an_item("nowhere", 4), an_item("fine")]
    found = quoted(client, items=items, expected_total="1.00")
    assert found["problems"] == [
        {"code": "out_of_stock", "sku_id": "few", "wanted": 3, "available": 2},
        {"code": "not_on_sale", "sku_id": "hidden", "wanted": 1, "available": 0},
        {"code": "unknown_sku", "sku_id": "nowhere", "wanted": 4, "available": 0},
        {"code": "price_changed"},
    ]
    assert [line["sku_id"] for line in found["items"]] == ["few", "fine", "hidden"]


def test_the_cap_of_open_orders_and_the_largest_total_are_obstacles(client: Client, engine: Engine) -> None:
    a_sku(engine, stock=100), a_sku(engine, "dear", price="99999999.00")
    for _ in range(TERMS.max_open_orders):
        placed(engine)
    found = quoted(client, items=[an_item("dear", 2)])
    assert [one["code"] for one in found["problems"]] == ["limit_exceeded", "total_too_large"]


def test_the_cart_is_quoted_as_it_is(client: Client, engine: Engine, redis: Redis) -> None:
    a_sku(engine, "a", price="1.00"), a_sku(engine, "b", price="5.00")
    assert problem(client.post("/v1/quotes", json={"from_cart": True})) == (422, "empty_cart")
    cart.put(redis, 1, CartItem("a", 2, True))
    cart.put(redis, 1, CartItem("b", 1, False))
    assert quoted(client, from_cart=True)["goods_amount"] == "2.00"


def test_freight_follows_the_shops_rule(environment: dict[str, str], engine: Engine) -> None:
    a_sku(engine, price="30.00")
    rule = {"CHECKOUT_FREIGHT": "8.00", "CHECKOUT_FREE_FREIGHT_FROM": "60.00"}
    with serving(settings.parse(environment | rule)) as client:
        assert [quoted(client, items=[an_item(quantity=n)])["freight"] for n in (1, 2)] == ["8.00", "0.00"]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "items"),
        ({"items": []}, "items"),
        ({"items": [an_item()], "from_cart": True}, "items"),
        ({"items": [an_item(quantity=0)]}, "items[0].quantity"),
        ({"items": [an_item("a b")]}, "items[0].sku_id"),
        ({"items": [an_item(quantity=600), an_item(quantity=600)]}, "items[1].quantity"),
        ({"items": [an_item(str(number)) for number in range(101)]}, "items"),
        ({"items": [an_item()], "expected_total": "1"}, "expected_total"),
        ({"items": [an_item()], "pay_method": "gold"}, "pay_method"),
        ({"items": [an_item()], "address": {"recipient": "x"}}, "address.phone"),
        ({"items": [an_item()], "coupon": "x"}, "coupon"),
    ],
)
def test_what_is_no_quote_is_refused_with_its_path(shared_client: Client, body: dict[str, Any], path: str) -> None:
    refused = shared_client.post("/v1/quotes", json=body)
    assert problem(refused) == (422, "invalid")
    assert [error["path"] for error in refused.json["errors"]] == [path]


def test_a_way_to_pay_that_is_not_taken_is_refused_as_an_order_is(environment: dict[str, str], engine: Engine) -> None:
    a_sku(engine)
    with serving(settings.parse(environment | {"CHECKOUT_PAY_METHODS": "alipay"})) as client:
        refused = client.post("/v1/quotes", json={"items": [an_item()], "pay_method": "cash"})
        assert problem(refused) == (422, "invalid")
