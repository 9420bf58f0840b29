"""Who asks at the same moment as others shares their transaction, and gets his own answer."""

from __future__ import annotations

from checkout.db import Engine
from tests.shared.client import Client, problem
from tests.shared.factories import a_sku, attempts, many_orders, place_all

BUYERS = 20


def test_buyers_who_ask_to_pay_together_get_their_own_attempts(client: Client, engine: Engine) -> None:
    a_sku(engine, stock=BUYERS)
    ids = many_orders(engine, BUYERS)
    place_all(engine, ids)
    asked = list(zip(range(1, BUYERS + 1), ids, strict=True))
    strangers = [(1, ids[1]), (2, 10**9)]
    results = client.together(
        [
            client.call("POST", f"/v1/orders/{order_id}/payments", user=user, json={"method": "page"})
            for user, order_id in [*asked, *strangers]
        ]
    )
    assert [result.json.get("id") for result in results[:BUYERS]] == [f"{order_id}-1" for order_id in ids]
    assert [problem(result) for result in results[BUYERS:]] == [(404, "not_found")] * 2
    assert {len(attempts(engine, order_id)) for order_id in ids} == {1}


def test_the_same_order_asked_for_twice_at_once_has_one_attempt(client: Client, engine: Engine) -> None:
    a_sku(engine)
    [order_id] = many_orders(engine, 1)
    place_all(engine, [order_id])
    call = {"user": 1, "json": {"method": "page"}}
    results = client.together([client.call("POST", f"/v1/orders/{order_id}/payments", **call) for _ in range(5)])  # type: ignore[arg-type] # One of many keywords.
    assert {result.json["out_trade_no"] for result in results} == {attempts(engine, order_id)[0].out_trade_no}


def test_skus_asked_for_together_are_not_mixed_up(client: Client, engine: Engine) -> None:
    for sku_id in "abc":
        a_sku(engine, sku_id, stock=1)
    results = client.together([client.call("GET", f"/v1/skus/{sku_id}", user=None) for sku_id in "cabxc"])
    assert [result.json.get("id") for result in results] == ["c", "a", "b", None, "c"]
    assert problem(results[3]) == (404, "not_found")
