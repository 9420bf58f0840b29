"""Placing: stock is taken, totals are made, the attempt and the events are written, all in one transaction."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from checkout.db import Engine, transaction
from checkout.prices.policy import Policy
from checkout.stock import catalog
from checkout.stock.catalog import Item
from tests.shared.client import Client, an_order_body
from tests.shared.databases import on_each_way
from tests.shared.factories import (
    TERMS,
    a_sku,
    an_order,
    attempts,
    many_orders,
    order,
    place_all,
    placed,
    row,
    rows,
    stock_of,
    topics,
)

pytestmark = on_each_way


def test_placing_takes_stock_and_counts_sales(engine: Engine) -> None:
    a_sku(engine, "1", stock=5, spu_id="shoe")
    a_sku(engine, "2", stock=5, spu_id="shoe")
    placed(engine, lines={"1": 2, "2": 1})
    assert (stock_of(engine, "1"), stock_of(engine, "2")) == (3, 4)
    assert (row(engine, "skus", id="1").sales, row(engine, "skus", id="2").sales) == (2, 1)
    assert row(engine, "spus", id="shoe").sales == 3


def test_totals_are_lines_plus_freight(engine: Engine) -> None:
    a_sku(engine, "1", price="19.90")
    a_sku(engine, "2", price="0.01")
    stored = order(engine, placed(engine, lines={"1": 3, "2": 1}))
    assert (stored.goods_fen, stored.freight_fen, stored.total_fen) == (5971, 1000, 6971)


def test_freight_is_free_from_its_threshold_on(engine: Engine) -> None:
    a_sku(engine, price="49.50")
    terms = replace(TERMS, prices=Policy(1000, free_freight_from_fen=9900))
    below, at = placed(engine, terms=terms, lines={"1": 1}), placed(engine, terms=terms, lines={"1": 2})
    assert (order(engine, below).freight_fen, order(engine, at).freight_fen) == (1000, 0)


def test_an_alipay_order_awaits_payment_with_one_attempt(engine: Engine) -> None:
    a_sku(engine)
    order_id = placed(engine)
    stored, [attempt] = order(engine, order_id), attempts(engine, order_id)
    assert (stored.status, stored.stock) == ("awaiting_payment", "held")
    # Alipay's wire knows whole seconds only.
    assert stored.pay_before == (stored.placed_at + timedelta(minutes=30)).replace(microsecond=0)
    assert (attempt.n, attempt.status, attempt.method, attempt.amount_fen) == (1, "open", None, 2000)
    assert attempt.due_at == stored.pay_before
    assert topics(engine, order_id) == ["order.placed", "payment.created"]


def test_a_cash_order_awaits_shipment_without_attempts(engine: Engine) -> None:
    a_sku(engine)
    order_id = placed(engine, pay_method="cash")
    assert (order(engine, order_id).status, attempts(engine, order_id)) == ("awaiting_shipment", [])
    assert topics(engine, order_id) == ["order.placed"]
    assert row(engine, "users", id=1).open_orders == 1


def test_lines_keep_title_and_price_of_then(engine: Engine) -> None:
    a_sku(engine, "1", price="10.00")
    order_id = placed(engine)
    with transaction(engine) as connection:
        catalog.load(connection, [Item("1", "1", "new title", "99.00")])
    line = row(engine, "order_lines", order_id=order_id)
    assert (line.title, line.unit_price_fen, line.quantity) == ("SKU 1", 1000, 1)


def test_a_batch_is_placed_in_arrival_order(engine: Engine) -> None:
    a_sku(engine, stock=3)
    ids = [an_order(engine, user_id=user, lines={"1": 2 if user == 2 else 1}) for user in (1, 2, 3, 4)]
    place_all(engine, ids)
    assert [order(engine, id_).status for id_ in ids] == [
        *("awaiting_payment", "awaiting_payment"),
        *("rejected", "rejected"),
    ]
    assert stock_of(engine) == 0


def test_a_short_order_leaves_its_units_to_those_behind_it(engine: Engine) -> None:
    a_sku(engine, stock=1)
    ids = [an_order(engine, user_id=1, lines={"1": 2}), an_order(engine, user_id=2)]
    place_all(engine, ids)
    assert [order(engine, id_).status for id_ in ids] == ["rejected", "awaiting_payment"]


def test_an_order_takes_all_its_lines_or_none(engine: Engine) -> None:
    a_sku(engine, "1", stock=5)
    a_sku(engine, "2", stock=0)
    placed(engine, lines={"1": 1, "2": 1})
    assert (stock_of(engine, "1"), rows(engine, "order_lines")) == (5, [])


def test_a_worker_takes_along_what_came_behind(engine: Engine) -> None:
    a_sku(engine, stock=500)
    ids = many_orders(engine, 250)
    done = place_all(engine, ids[:1])
    assert sum(batch.count for batch in done) == 250
    assert rows(engine, "arrivals") == []
    assert stock_of(engine) == 250


def test_selling_out_and_coming_back_are_events_of_the_sku(engine: Engine) -> None:
    a_sku(engine, "s", stock=2)
    placed(engine, lines={"s": 1})
    placed(engine, lines={"s": 1})
    assert topics(engine, "s") == ["stock.restocked", "stock.sold_out"]


def test_a_sku_and_an_order_may_have_the_same_id(engine: Engine) -> None:
    first = an_order(engine, lines={"x": 1})
    a_sku(engine, str(first + 1), stock=1)
    order_id = placed(engine, lines={str(first + 1): 1})
    assert order_id == first + 1
    assert topics(engine, order_id) == ["order.placed", "payment.created"]
    assert topics(engine, str(order_id)) == ["stock.restocked", "stock.sold_out"]


def test_who_watches_hears_the_placed_order(client: Client, engine: Engine) -> None:
    a_sku(engine, price="59.90")
    order_id = int(client.order("k", an_order_body(items=[{"sku_id": "1", "quantity": 2}])).json["id"])
    place_all(engine, [order_id])
    body = client.get(f"/v1/orders/{order_id}").json
    assert body["status"] == "awaiting_payment"
    assert body["items"] == [
        {
            "sku_id": "1",
            "quantity": 2,
            "spu_id": "1",
            "title": "SKU 1",
            "unit_price": "59.90",
            "discount": "0.00",
            "amount": "119.80",
            "shipped_quantity": 0,
            "refunded_quantity": 0,
        }
    ]
    assert (body["goods_amount"], body["freight"], body["total_amount"]) == ("119.80", "10.00", "129.80")
    assert body["payment"] == {"id": f"{order_id}-1", "status": "open", "trade_no": None, "refunded_amount": "0.00"}
    assert {"placed_at", "pay_before"} <= set(body)
