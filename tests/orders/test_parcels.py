"""Parcels: an order leaves in one or in several, and is shipped when nothing is left that it still owes."""

from __future__ import annotations

from typing import Any

import pytest

from checkout.audit import invariants
from checkout.db import Engine, reading, transaction
from checkout.errors import NotCancellable, NotShippable
from checkout.orders import closing, shipping
from tests.shared.client import Client, problem
from tests.shared.factories import (
    a_sku,
    order,
    paid,
    placed,
    refund_ends,
    refunded,
    row,
    rows,
    shipped,
    stock_of,
    topics,
)
from tests.shared.threads import at_once

LINES = {"1": 3, "2": 1}


@pytest.fixture
def bought(engine: Engine) -> int:
    """A paid order of three units of one SKU and one of another."""
    a_sku(engine, "1", stock=9), a_sku(engine, "2", stock=9)
    return paid(engine, lines=LINES)


def send(client: Client, order_id: int, **body: Any) -> Any:
    label = {"carrier": "顺丰", "tracking_number": "SF1"}
    return client.post(f"/v1/orders/{order_id}/shipments", json=label | body, is_operator=True)


def left(client: Client, order_id: int) -> dict[str, int]:
    """What has left of each line, as the buyer sees it."""
    items = client.get(f"/v1/orders/{order_id}").json["items"]
    return {item["sku_id"]: item["shipped_quantity"] for item in items}


def assert_sound(engine: Engine) -> None:
    with reading(engine) as snapshot:
        assert [finding for finding in invariants.run(snapshot) if not finding.ok] == []


def test_two_parcels_ship_an_order(client: Client, engine: Engine, bought: int) -> None:
    first = send(client, bought, items=[{"sku_id": "1", "quantity": 1}, {"sku_id": "1", "quantity": 1}])
    assert (first.status_code, first.headers["location"]) == (201, f"/v1/orders/{bought}/shipments/1")
    assert (first.json["n"], first.json["items"]) == (1, [{"sku_id": "1", "quantity": 2}])
    assert (order(engine, bought).status, left(client, bought)) == ("awaiting_shipment", {"1": 2, "2": 0})
    assert send(client, bought, tracking_number="SF2").json["items"] == [
        {"sku_id": "1", "quantity": 1},
        {"sku_id": "2", "quantity": 1},
    ]
    body = client.get(f"/v1/orders/{bought}").json
    assert (body["status"], left(client, bought)) == ("shipped", LINES)
    assert [(parcel["n"], parcel["carrier"], parcel["tracking_number"]) for parcel in body["shipments"]] == [
        (1, "顺丰", "SF1"),
        (2, "顺丰", "SF2"),
    ]
    assert body["shipped_at"] == body["shipments"][1]["shipped_at"]
    assert topics(engine, bought).count("order.shipped") == 1
    assert_sound(engine)


def test_more_than_is_left_does_not_leave(client: Client, engine: Engine, bought: int) -> None:
    shipped(engine, bought, sku_1=2)
    for items in ([{"sku_id": "1", "quantity": 2}], [{"sku_id": "9", "quantity": 1}]):
        answer = send(client, bought, items=items)
        assert problem(answer) == (409, "not_shippable")
    assert (left(client, bought), len(rows(engine, "shipments"))) == ({"1": 2, "2": 0}, 1)


def test_an_order_that_is_not_paid_does_not_leave(client: Client, engine: Engine) -> None:
    a_sku(engine)
    assert problem(send(client, placed(engine))) == (409, "not_shippable")
    assert problem(send(client, 999)) == (404, "not_found")


def test_the_one_parcel_form_takes_all_that_is_left_and_its_label(client: Client, engine: Engine, bought: int) -> None:
    shipped(engine, bought, sku_2=1)
    label = {"carrier": "中通", "tracking_number": "ZT9"}
    body = client.post(f"/v1/orders/{bought}/ship", json=label, is_operator=True).json
    assert (body["status"], body["shipments"][1]["items"]) == ("shipped", [{"sku_id": "1", "quantity": 3}])
    assert body["shipments"][1]["carrier"] == "中通"
    again = client.post(f"/v1/orders/{bought}/ship", is_operator=True)
    assert (again.status_code, len(again.json["shipments"])) == (200, 2)


def test_a_label_is_corrected_and_who_watches_sees_it(client: Client, engine: Engine, bought: int) -> None:
    n = shipped(engine, bought)
    etag = client.get(f"/v1/orders/{bought}").headers["etag"]
    path = f"/v1/orders/{bought}/shipments/{n}"
    answer = client.wait(client.call("PATCH", path, json={"tracking_number": "SF10"}, is_operator=True))
    assert (answer.status_code, answer.json["carrier"], answer.json["tracking_number"]) == (200, "顺丰", "SF10")
    assert client.get(f"/v1/orders/{bought}").headers["etag"] != etag
    for wrong in ("{}", '{"items": []}'):
        headers = {"Content-Type": "application/json"}
        refused = client.call("PATCH", path, body=wrong, headers=headers, is_operator=True)
        assert problem(client.wait(refused)) == (422, "invalid")
    missing = client.call("PATCH", f"/v1/orders/{bought}/shipments/7", json={"carrier": "x"}, is_operator=True)
    assert problem(client.wait(missing)) == (404, "not_found")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"carrier": ""}, "carrier"),
        ({"tracking_number": "x" * 65}, "tracking_number"),
        ({"items": []}, "items"),
        ({"items": [{"sku_id": "1", "quantity": 0}]}, "items[0].quantity"),
        ({"weight": 3}, "weight"),
    ],
)
def test_bad_parcels_are_told_with_their_path(
    client: Client, engine: Engine, bought: int, body: dict[str, Any], path: str
) -> None:
    answer = send(client, bought, **body)
    assert problem(answer) == (422, "invalid")
    assert answer.json["errors"][0]["path"] == path
    assert rows(engine, "shipments") == []


def test_cash_that_has_left_in_part_is_not_cancelled(engine: Engine) -> None:
    a_sku(engine, stock=9)
    order_id = placed(engine, lines={"1": 3}, pay_method="cash")
    shipped(engine, order_id, sku_1=1)
    with transaction(engine) as connection, pytest.raises(NotCancellable):
        closing.cancel(connection, order_id, 1)
    assert row(engine, "users", id=1).open_orders == 1
    shipped(engine, order_id)
    assert (order(engine, order_id).status, row(engine, "users", id=1).open_orders) == ("shipped", 0)
    assert_sound(engine)


def test_two_who_send_the_same_units_send_them_once(engine: Engine, bought: int) -> None:
    def send_two(_: int) -> str:
        try:
            shipped(engine, bought, sku_1=2)
        except NotShippable:
            return "refused"
        return "sent"

    assert sorted(at_once(send_two, [1, 2])) == ["refused", "sent"]
    assert row(engine, "order_lines", sku_id="1").shipped_quantity == 2


def test_what_is_set_aside_does_not_leave_and_does_not_hold_the_order_back(engine: Engine, bought: int) -> None:
    refund = refunded(engine, bought, {"2": 1})
    with pytest.raises(NotShippable):
        shipped(engine, bought, sku_2=1)
    shipped(engine, bought, sku_1=3)
    assert (order(engine, bought).status, order(engine, bought).stock) == ("shipped", "held")
    refund_ends(engine, refund, "failed")
    assert_sound(engine)
    assert shipped(engine, bought) == 2
    assert (order(engine, bought).stock, stock_of(engine, "2")) == ("left", 8)
    assert_sound(engine)


def test_what_older_code_has_shipped_shows_as_shipped(client: Client, engine: Engine, bought: int) -> None:
    """It told the order, and no line."""
    with transaction(engine) as connection:
        connection.exec_driver_sql(
            "UPDATE orders SET status = 'shipped', stock = 'left', shipped_at = now(), version = version + 1"
        )
    assert left(client, bought) == LINES
    with transaction(engine) as connection, pytest.raises(NotShippable):
        shipping.send(connection, bought, None, shipping.UNTOLD)
    refund_ends(engine, refunded(engine, bought, {"1": 1}, restock=True))
    assert (left(client, bought), stock_of(engine)) == (LINES, 7)
