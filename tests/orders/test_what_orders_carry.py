"""The shop's own number and words on an order: kept, shown, told in events and to Alipay, and part of the request."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from falcon.testing import Result

from checkout.db import Engine, transaction
from checkout.orders import shipping
from tests.shared.client import Client, an_order_body, problem
from tests.shared.factories import a_request, a_sku, an_order, order, paid, place_all, placed, rows

METADATA = {"渠道": "小程序", "gift": "yes"}


def carrying(client: Client, key: str = "k", **members: Any) -> Result:
    return client.order(key, an_order_body(**members))


def data(engine: Engine, topic: str) -> dict[str, Any]:
    [event] = rows(engine, "events", topic=topic)
    return dict(event.data)


def test_an_order_shows_what_the_shop_has_said(client: Client, engine: Engine) -> None:
    a_sku(engine)
    said: dict[str, Any] = {"remark": "请轻放", "reference": "WX-2026-1", "metadata": METADATA}
    accepted = carrying(client, **said)
    assert accepted.status_code == 202
    for shown in (accepted.json, client.get(f"/v1/orders/{accepted.json['id']}").json):
        assert {name: shown[name] for name in said} == said
    listed = client.get("/v1/orders").json["orders"][0]
    assert (listed["reference"], listed["metadata"]) == ("WX-2026-1", METADATA)


def test_who_says_nothing_gets_nothing(client: Client, engine: Engine) -> None:
    a_sku(engine)
    shown = carrying(client).json
    assert (shown["remark"], shown["reference"], shown["metadata"]) == ("", "", {})


def test_the_times_of_shipping_and_completing_are_shown(client: Client, engine: Engine) -> None:
    a_sku(engine)
    order_id = paid(engine)
    assert "shipped_at" not in client.get(f"/v1/orders/{order_id}").json
    with transaction(engine) as connection:
        shipping.ship(connection, order_id)
        shipping.complete(connection, order_id, None)
    shown = client.get(f"/v1/orders/{order_id}").json
    assert shown["shipped_at"] == shown["completed_at"] == shown["shipped_at"]
    assert shown["shipped_at"].endswith("Z")


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ({"reference": "x" * 65}, "reference"),
        ({"reference": "a\x00"}, "reference"),
        ({"reference": 1}, "reference"),
        ({"metadata": {f"n{number}": "" for number in range(17)}}, "metadata"),
        ({"metadata": {"x" * 41: ""}}, "metadata"),
        ({"metadata": {"": ""}}, "metadata"),
        ({"metadata": {"n": "x" * 501}}, "metadata[...]"),
        ({"metadata": {"n": 1}}, "metadata[...]"),
        ({"metadata": {"n": "\x00"}}, "metadata[...]"),
        ({"metadata": []}, "metadata"),
    ],
)
def test_more_than_that_is_refused_with_its_path(
    shared_client: Client, shared_engine: Engine, members: dict[str, Any], path: str
) -> None:
    refused = carrying(shared_client, **members)
    assert problem(refused) == (422, "invalid")
    assert [error["path"] for error in refused.json["errors"]] == [path]
    assert rows(shared_engine, "orders") == []


def test_they_are_part_of_the_request(client: Client, engine: Engine) -> None:
    a_sku(engine)
    first = carrying(client, reference="A", metadata=METADATA).json["id"]
    again = carrying(client, reference="A", metadata=dict(reversed(METADATA.items())))
    assert (again.json["id"], again.headers["idempotent-replayed"]) == (first, "true")
    for other in ({"reference": "B", "metadata": METADATA}, {"reference": "A"}, {}):
        assert problem(carrying(client, **other)) == (422, "idempotency_key_reused")


def test_a_request_without_them_is_the_same_as_before_they_came() -> None:
    """The digest that the code before has stored for this request."""
    assert a_request(7, "k", {"1": 2}, remark="请").fingerprint == BEFORE
    assert a_request(7, "k", {"1": 2}, remark="请", reference="A").fingerprint != BEFORE
    assert a_request(7, "k", {"1": 2}, remark="请", metadata={"a": "b"}).fingerprint != BEFORE


BEFORE = "e0d0e5c0fca9cfa41c1c9ac266444567"


def test_events_tell_the_number_and_the_lines_and_nothing_else_of_the_shops(engine: Engine) -> None:
    a_sku(engine, "a", price="1.25"), a_sku(engine, "b", price="3.00", spu_id="2")
    placed(engine, lines={"a": 2, "b": 1}, reference="WX-1", metadata=METADATA, pay_method="cash")
    told = data(engine, "order.placed")
    assert told["reference"] == "WX-1"
    assert told["lines"] == [
        {"sku_id": "a", "spu_id": "1", "quantity": 2, "amount": "2.50"},
        {"sku_id": "b", "spu_id": "2", "quantity": 1, "amount": "3.00"},
    ]
    assert "小程序" not in json.dumps(told, ensure_ascii=False)


def test_every_event_of_the_order_tells_its_number(client: Client, engine: Engine) -> None:
    a_sku(engine)
    order_id = placed(engine, reference="WX-1")
    client.post(f"/v1/orders/{order_id}/payments", json={"method": "page"})
    client.post(f"/v1/orders/{order_id}/cancel")
    told = [event for event in rows(engine, "events") if not event.topic.startswith("stock.")]
    assert {event.topic for event in told} >= {"order.placed", "payment.created"}
    assert {event.data["reference"] for event in told} == {"WX-1"}


def test_a_refused_order_tells_its_number_too(engine: Engine) -> None:
    place_all(engine, [an_order(engine, reference="WX-1")])
    assert data(engine, "order.rejected")["reference"] == "WX-1"


def test_alipay_is_told_the_number_as_the_trades_body(client: Client, engine: Engine) -> None:
    a_sku(engine)
    for reference, expected in (("WX/1=2&3", "WX 1 2 3"), ("", None)):
        order_id = placed(engine, reference=reference)
        offer = client.post(f"/v1/orders/{order_id}/payments", json={"method": "page"}).json
        said = json.loads(parse_qs(urlsplit(offer["pay_url"]).query)["biz_content"][0])
        assert said.get("body") == expected


def test_orders_are_found_by_it(engine: Engine) -> None:
    """By an index of those that have one."""
    a_sku(engine)
    order_id = placed(engine, reference="WX-1")
    assert order(engine, order_id).reference == "WX-1"
    with transaction(engine) as connection:
        plan = connection.exec_driver_sql("EXPLAIN SELECT id FROM orders WHERE reference = 'WX-1' AND reference <> ''")
        assert "orders_of_reference" in str(plan.all())
