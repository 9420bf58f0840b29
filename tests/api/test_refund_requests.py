"""Operators ask for refunds over HTTP; owners see them."""

from __future__ import annotations

from typing import Any

from falcon.testing import Result

from checkout.db import Engine
from tests.shared.client import Client, problem
from tests.shared.factories import a_sku, attempts, paid, row, rows, topics


def refund(client: Client, order_id: int, amount: str, key: str = "k", **members: Any) -> Result:
    path, headers = f"/v1/orders/{order_id}/refunds", {"Idempotency-Key": key}
    return client.post(path, json={"amount": amount} | members, headers=headers, is_operator=True)


def test_a_refund_is_requested_and_shown(client: Client, engine: Engine) -> None:
    a_sku(engine)
    order_id = paid(engine)
    result = refund(client, order_id, "5.00", reason="damaged")
    assert result.status_code == 202
    body = result.json
    assert (body["amount"], body["status"], body["reason"], body["source"]) == (
        *("5.00", "requested", "damaged"),
        "operator",
    )
    assert client.get(result.headers["location"]).json == body
    assert client.get(f"/v1/orders/{order_id}/refunds").json == {"refunds": [body]}
    assert problem(client.get(result.headers["location"], user=2)) == (404, "not_found")
    assert topics(engine, order_id)[-1] == "refund.requested"


def test_the_same_key_and_request_give_the_same_refund(client: Client, engine: Engine) -> None:
    a_sku(engine)
    order_id = paid(engine)
    first, again = refund(client, order_id, "5.00"), refund(client, order_id, "5.00")
    assert (again.status_code, again.json["id"]) == (202, first.json["id"])
    assert again.headers["idempotent-replayed"] == "true"
    assert problem(refund(client, order_id, "6.00")) == (422, "idempotency_key_reused")
    assert len(rows(engine, "refunds")) == 1


def test_keys_of_refunds_belong_to_their_order(client: Client, engine: Engine) -> None:
    a_sku(engine)
    first, second = paid(engine), paid(engine)
    assert refund(client, first, "5.00").json["id"] != refund(client, second, "5.00").json["id"]


def test_no_more_than_was_paid_goes_back_however_many_ask_at_once(client: Client, engine: Engine) -> None:
    a_sku(engine)
    order_id = paid(engine)
    request: dict[str, Any] = {"json": {"amount": "6.00"}, "is_operator": True}
    path = f"/v1/orders/{order_id}/refunds"
    keys = [{"Idempotency-Key": f"k{n}"} for n in range(10)]
    results = client.together([client.call("POST", path, headers=key, **request) for key in keys])
    assert sorted(result.status_code for result in results) == [202] * 3 + [422] * 7
    assert {result.json["code"] for result in results if result.status_code == 422} == {"refund_exceeds_paid"}
    assert attempts(engine, order_id)[0].refunding_fen == 1800


def test_each_refund_has_a_number_of_its_own(client: Client, engine: Engine) -> None:
    a_sku(engine)
    order_id = paid(engine)
    for key in "abc":
        refund(client, order_id, "1.00", key)
    numbers = [refund.out_request_no for refund in rows(engine, "refunds")]
    number = row(engine, "payments", order_id=order_id).out_trade_no
    assert len(set(numbers)) == 3
    assert all(text.startswith(number) for text in numbers)
