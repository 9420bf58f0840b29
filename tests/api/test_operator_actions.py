"""What operators do over HTTP: timelines, retries, what is stuck, SKUs, webhooks."""

from __future__ import annotations

from typing import Any

import pytest

from checkout.audit import invariants
from checkout.db import Engine, sql, transaction
from tests.orders.test_poison import cure, poison
from tests.shared.client import Client, problem
from tests.shared.factories import (
    a_sku,
    a_trade,
    an_attempt,
    an_order,
    paid,
    place_all,
    placed,
    refund_ends,
    refunded,
    row,
    rows,
    shipped,
    told,
)


def timeline(client: Client, order_id: int) -> list[tuple[str, str]]:
    answer = client.get(f"/v1/orders/{order_id}/timeline", user=99, is_operator=True)
    assert answer.status_code == 200, answer.text
    entries = answer.json["entries"]
    assert [one["at"] for one in entries] == sorted(one["at"] for one in entries)
    assert not answer.json["truncated"]
    return [(one["kind"], one["what"]) for one in entries]


def test_a_timeline_tells_everything_in_the_order_of_time(client: Client, engine: Engine) -> None:
    a_sku(engine, stock=9)
    order_id = placed(engine, lines={"1": 2})
    payment = an_attempt(engine, order_id)
    told(engine, a_trade(payment))
    refund = refunded(engine, order_id, {"1": 1})
    refund_ends(engine, refund)
    shipped(engine, order_id)
    with transaction(engine) as connection:
        for statement in (
            "INSERT INTO notifies (fact, out_trade_no, params, applied_at, outcome)"
            " SELECT gen_random_uuid(), out_trade_no, '{\"trade_status\": \"TRADE_SUCCESS\"}', now(), 'applied'"
            " FROM payments",
            "INSERT INTO alipay_answers (order_id, n, call, said) SELECT order_id, n, 'query', 'done' FROM payments",
            "INSERT INTO alarms (kind, subject, says) SELECT 'query_failed', out_trade_no, 'odd' FROM payments",
            "INSERT INTO resolutions (kind, subject, note) SELECT 'query_failed', out_trade_no, 'seen' FROM payments",
            "INSERT INTO webhook_deliveries (endpoint_id, event_id, topic, subject, taken, answer)"
            " SELECT 1, id, topic, subject, true, '204' FROM events WHERE topic = 'order.shipped'",
            "INSERT INTO webhook_deliveries (endpoint_id, event_id, topic, subject, taken, answer)"
            f" VALUES (1, 1, 'stock.sold_out', '{order_id}', true, '204')",
        ):
            connection.execute(sql(statement.replace(":", r"\:")))
    found = timeline(client, order_id)
    assert found[:3] == [("order", "accepted"), ("order", "order.placed"), ("payment", "payment.created")]
    assert set(found[3:]) == {
        *(("payment", "handed to the buyer"), ("payment", "payment.succeeded"), ("order", "order.paid")),
        *(("refund", "refund.requested"), ("refund", "refund.succeeded"), ("parcel", "sent")),
        *(("order", "order.shipped"), ("notify", "TRADE_SUCCESS"), ("alipay", "query"), ("alarm", "query_failed")),
        *(("resolution", "query_failed"), ("webhook", "order.shipped")),
    }
    assert len(found) == 15


def test_a_timeline_outlives_the_log(client: Client, engine: Engine) -> None:
    """Events are kept 30 days; the rows themselves tell the main changes for ever."""
    a_sku(engine, stock=9)
    order_id = paid(engine)
    refund_ends(engine, refunded(engine, order_id, {"1": 1}))
    before = timeline(client, order_id)
    with transaction(engine) as connection:
        connection.execute(sql("DELETE FROM events"))
    after = timeline(client, order_id)
    assert set(before) == set(after)
    assert ("order", "order.closed") in after


def test_an_order_that_is_not_there_has_no_timeline(client: Client) -> None:
    assert problem(client.get("/v1/orders/77/timeline", is_operator=True)) == (404, "not_found")


def test_a_parked_order_is_tried_again(client: Client, engine: Engine) -> None:
    a_sku(engine)
    order_id = an_order(engine)
    poison(engine, order_id)
    place_all(engine, [order_id])
    cure(engine, order_id)
    answer = client.post(f"/v1/orders/{order_id}/retry", is_operator=True)
    assert (answer.status_code, answer.json["status"]) == (202, "accepted")
    waiting = row(engine, "arrivals", order_id=order_id)
    assert (waiting.parked, waiting.alone_at is not None) == (False, True)


def test_an_order_that_does_not_wait_is_not_tried_again(client: Client, engine: Engine) -> None:
    a_sku(engine)
    order_id = placed(engine)
    assert problem(client.post(f"/v1/orders/{order_id}/retry", is_operator=True)) == (409, "not_waiting")
    assert problem(client.post("/v1/orders/77/retry", is_operator=True)) == (404, "not_found")


def test_what_is_stuck_is_listed_and_settled(client: Client, engine: Engine) -> None:
    a_sku(engine)
    order_id = an_order(engine)
    poison(engine, order_id)
    place_all(engine, [order_id])
    with transaction(engine) as connection:
        connection.execute(
            sql("""
            WITH b AS (INSERT INTO bills (day, asked_at, lines) VALUES ('2026-11-25', now(), 0))
            INSERT INTO discrepancies (day, kind, out_trade_no, theirs_fen, action)
            VALUES ('2026-11-25', 'theirs_only', 'NUMBER', 100, 'see')
        """)
        )
    found = client.get("/v1/stuck", is_operator=True).json
    assert [(one["kind"], one["subject"], one["amount"]) for one in found["matters"]] == [
        ("bill_differs", "2026-11-25/NUMBER/", "1.00"),
        ("order_parked", str(order_id), None),
    ]
    assert (found["total"], found["counts"], found["next_page"]) == (2, {"bill_differs": 1, "order_parked": 1}, None)
    assert len(client.get("/v1/stuck?kind=order_parked", is_operator=True).json["matters"]) == 1
    for kind, subject in (("order_parked", order_id), ("bill_differs", "2026-11-25%2FNUMBER%2F")):
        path = f"/v1/stuck/{kind}/{subject}/resolve"
        assert client.post(path, is_operator=True, json={"note": "done by hand"}).status_code == 204
        assert problem(client.post(path, is_operator=True, json={"note": "again"})) == (404, "not_found")
    assert client.get("/v1/stuck", is_operator=True).json["matters"] == []
    assert [one.note for one in rows(engine, "resolutions")] == ["done by hand"] * 2


@pytest.mark.parametrize(
    ("path", "body", "answer"),
    [
        ("/v1/stuck/odd/1/resolve", {"note": "n"}, (404, "not_found")),
        ("/v1/stuck/order_parked/1", {"note": "n"}, (404, "not_found")),
        ("/v1/stuck/order_parked/1/resolve", {"note": " "}, (422, "invalid")),
        ("/v1/stuck/order_parked/1/resolve", {}, (422, "invalid")),
        ("/v1/stuck/order_parked/%00/resolve", {"note": "n"}, (404, "not_found")),
    ],
)
def test_what_is_not_stuck_is_not_settled(
    client: Client, path: str, body: dict[str, str], answer: tuple[int, str]
) -> None:
    assert problem(client.post(path, is_operator=True, json=body)) == answer


@pytest.mark.parametrize("query", ["kind=odd", "page=0", "page=x"])
def test_a_page_of_matters_that_is_none(client: Client, query: str) -> None:
    assert problem(client.get(f"/v1/stuck?{query}", is_operator=True)) == (422, "invalid")


def test_a_sku_is_added_with_its_stock_and_changed_without(client: Client, engine: Engine) -> None:
    body = {"spu_id": "T", "title": "茶", "price": "10.00", "stock": 3}
    added = client.put("/v1/skus/T-1", is_operator=True, json=body)
    assert (added.status_code, added.json["stock"], added.json["in_stock"]) == (201, 3, True)
    changed = client.put(
        "/v1/skus/T-1",
        is_operator=True,
        json=body | {"price": "12.50", "stock": 9, "limit_per_user": 2, "weight_g": 500},
    )
    assert (changed.status_code, changed.json["price"], changed.json["stock"]) == (200, "12.50", 3)
    assert (changed.json["limit_per_user"], changed.json["weight_g"]) == (2, 500)
    assert [(one.delta, one.reason) for one in rows(engine, "stock_adjustments")] == [(3, "load")]
    assert client.get("/v1/skus/T-1", user=None).json["price"] == "12.50"


@pytest.mark.parametrize(
    "change",
    [{"price": "0.00"}, {"price": "1"}, {"price": "x"}, {"title": ""}, {"stock": -1}, {"odd": 1}, {"spu_id": "a b"}],
)
def test_a_sku_that_does_not_fit_changes_nothing(client: Client, engine: Engine, change: dict[str, Any]) -> None:
    body = {"spu_id": "T", "title": "t", "price": "10.00"} | change
    assert problem(client.put("/v1/skus/T-1", is_operator=True, json=body)) == (422, "invalid")
    assert rows(engine, "skus") == []


def keyed(client: Client, key: str, change: dict[str, int], sku: str = "1") -> Any:
    headers = {"Idempotency-Key": key}
    return client.post(f"/v1/skus/{sku}/stock", is_operator=True, headers=headers, json=change)


def test_a_change_of_stock_with_a_key_is_made_once(client: Client, engine: Engine) -> None:
    a_sku(engine, stock=5)
    a_sku(engine, "2", stock=1)
    assert [keyed(client, "one", {"add": 3}).json["stock"] for _ in range(3)] == [8, 8, 8]
    placed(engine, lines={"1": 2})
    repeated = keyed(client, "one", {"add": 3})
    assert (repeated.json["stock"], repeated.headers["Idempotent-Replayed"]) == (6, "true")  # As it is by now.
    assert [keyed(client, "two", {"set": 10}).json["stock"] for _ in range(2)] == [10, 10]
    assert keyed(client, "one", {"add": 3}, "2").json["stock"] == 4  # Each SKU has keys of its own.
    assert [one.delta for one in rows(engine, "stock_adjustments")] == [5, 1, 3, 4, 3]
    with transaction(engine) as connection:
        assert [finding for finding in invariants.run(connection) if not finding.ok] == []


def test_a_key_is_for_one_change_of_stock(client: Client, engine: Engine) -> None:
    a_sku(engine, stock=5)
    assert keyed(client, "one", {"add": 3}).status_code == 200
    for other in ({"add": 4}, {"set": 3}):
        assert problem(keyed(client, "one", other)) == (422, "idempotency_key_reused")
    assert problem(keyed(client, "a key", {"add": 1})) == (400, "bad_request")
    assert problem(keyed(client, "low", {"add": -9})) == (422, "invalid")
    assert keyed(client, "low", {"add": -8}).json["stock"] == 0  # What was refused has used up no key.


def test_of_many_who_send_the_same_change_at_once_one_changes_the_stock(client: Client, engine: Engine) -> None:
    a_sku(engine, stock=5)
    call = ("POST", "/v1/skus/1/stock")
    told: dict[str, Any] = {"is_operator": True, "headers": {"Idempotency-Key": "one"}, "json": {"add": 3}}
    answers = client.together([client.call(*call, **told) for _ in range(8)])
    assert [(one.status_code, one.json["stock"]) for one in answers] == [(200, 8)] * 8


def test_stock_is_set_and_added(client: Client, engine: Engine) -> None:
    a_sku(engine, stock=5)
    path = "/v1/skus/1/stock"
    assert client.post(path, is_operator=True, json={"set": 8}).json == {"sku_id": "1", "stock": 8}
    assert client.post(path, is_operator=True, json={"add": -3}).json["stock"] == 5
    assert client.get(path, is_operator=True).json["stock"] == 5
    for wrong in ({}, {"set": 1, "add": 1}, {"set": -1}, {"add": -6}, {"set": "1"}):
        assert problem(client.post(path, is_operator=True, json=wrong)) == (422, "invalid")
    assert problem(client.post("/v1/skus/2/stock", is_operator=True, json={"set": 1})) == (404, "not_found")
    assert row(engine, "skus", id="1").stock == 5
    assert [one.delta for one in rows(engine, "stock_adjustments")] == [5, 3, -3]


def test_webhooks_are_set_up_over_http(client: Client) -> None:
    made = client.post("/v1/webhooks", is_operator=True, json={"url": "https://93.184.215.14/h", "topics": ["order.*"]})
    assert (made.status_code, made.json["secret"].startswith("whsec_")) == (201, True)
    path = made.headers["location"]
    [listed] = client.get("/v1/webhooks", is_operator=True).json["webhooks"]
    assert (listed["id"], listed["topics"], listed["private"]) == (made.json["id"], ["order.*"], False)
    assert made.json["secret"] not in client.get(path, is_operator=True).text
    moved = client.patch(path, is_operator=True, json={"url": "https://93.184.215.15/h"}).json
    assert (moved["url"], moved["topics"]) == ("https://93.184.215.15/h", ["order.*"])
    assert client.patch(path, is_operator=True, json={"topics": ["#"]}).json["topics"] == ["#"]
    for inside in ("https://127.0.0.1/", "http://93.184.215.14/"):
        assert problem(client.patch(path, is_operator=True, json={"url": inside})) == (422, "invalid")
    rotated = client.post(f"{path}/rotate", is_operator=True).json
    assert rotated["secret"] != made.json["secret"]
    assert rotated["former_secret_until"]
    assert client.post(f"{path}/replay", is_operator=True, json={"after": "0"}).json["reached"] == "0"
    assert client.delete(path, is_operator=True).status_code == 204
    assert problem(client.delete(path, is_operator=True)) == (404, "not_found")


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"url": "http://93.184.215.14/"}, "url"),
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"url": "https://localhost/"}, "url"),
        ({"topics": []}, "topics"),
        ({"topics": ["odd.*"]}, "topics"),
        ({"private": True}, "private"),
        ({"after": "x"}, "after"),
    ],
)
def test_a_webhook_that_may_not_be_is_refused(
    client: Client, engine: Engine, change: dict[str, Any], path: str
) -> None:
    body = {"url": "https://93.184.215.14/", "topics": ["#"]} | change
    answer = client.post("/v1/webhooks", is_operator=True, json=body)
    assert problem(answer) == (422, "invalid")
    assert answer.json["errors"][0]["path"] == path
    assert rows(engine, "webhook_endpoints") == []
