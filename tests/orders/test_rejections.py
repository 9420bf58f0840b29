"""Orders that cannot be placed, each with its reason, and nothing taken."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checkout.db import Engine, transaction
from checkout.orders import closing, shipping
from checkout.prices.policy import Policy
from checkout.stock import units
from tests.shared.client import Client, an_order_body
from tests.shared.databases import on_each_version
from tests.shared.factories import (
    TERMS,
    a_sku,
    an_order,
    attempts,
    order,
    place_all,
    placed,
    row,
    rows,
    stock_of,
    topics,
)

pytestmark = on_each_version


def test_out_of_stock_names_each_shortage(engine: Engine) -> None:
    a_sku(engine, "1", stock=1)
    a_sku(engine, "2", stock=9)
    a_sku(engine, "3", stock=0)
    stored = order(engine, placed(engine, lines={"1": 2, "2": 1, "3": 1}))
    assert (stored.status, stored.reason, stored.stock) == ("rejected", "out_of_stock", None)
    assert stored.shortages == [
        {"sku_id": "1", "wanted": 2, "available": 1},
        {"sku_id": "3", "wanted": 1, "available": 0},
    ]


def test_an_unknown_sku(engine: Engine) -> None:
    a_sku(engine, "1")
    assert order(engine, placed(engine, lines={"1": 1, "nope": 1})).reason == "unknown_sku"
    assert stock_of(engine) == 5


def test_a_sku_that_is_not_on_sale(engine: Engine) -> None:
    a_sku(engine, on_sale=False)
    assert order(engine, placed(engine)).reason == "not_on_sale"


def test_a_price_that_changed_carries_the_new_totals(engine: Engine) -> None:
    a_sku(engine, price="12.00")
    stored = order(engine, placed(engine, expected_total="20.00"))
    assert (stored.status, stored.reason) == ("rejected", "price_changed")
    assert (stored.goods_fen, stored.freight_fen, stored.total_fen) == (1200, 1000, 2200)


def test_a_price_that_still_holds_is_placed(engine: Engine) -> None:
    a_sku(engine, price="12.00")
    assert order(engine, placed(engine, expected_total="22.00")).status == "awaiting_payment"


def test_more_than_alipay_takes_for_one_trade(engine: Engine) -> None:
    a_sku(engine, stock=999, price="100000.00")
    terms = replace(TERMS, prices=Policy(freight_fen=0), max_open_orders=0)
    assert order(engine, placed(engine, terms=terms, lines={"1": 999})).status == "awaiting_payment"
    a_sku(engine, "2", stock=999, price="1000000.00")
    assert order(engine, placed(engine, terms=terms, lines={"2": 101})).reason == "total_too_large"
    assert order(engine, placed(engine, terms=TERMS, lines={"2": 100})).reason == "total_too_large"


def test_too_many_unpaid_orders_of_one_user(engine: Engine) -> None:
    a_sku(engine, stock=10)
    terms = replace(TERMS, max_open_orders=2)
    ids = [an_order(engine, user_id=1) for _ in range(3)] + [an_order(engine, user_id=2)]
    place_all(engine, ids, terms)
    assert [order(engine, id_).reason for id_ in ids] == [None, None, "limit_exceeded", None]
    assert row(engine, "users", id=1).open_orders == 2


def test_cash_orders_count_against_the_cap_until_they_are_shipped(engine: Engine) -> None:
    """Or one user could hold a shop's stock for nothing, without end."""
    a_sku(engine, stock=10)
    terms = replace(TERMS, max_open_orders=2)
    first, second, third = (placed(engine, terms=terms, pay_method=method) for method in ("cash", "alipay", "cash"))
    assert [order(engine, id_).status for id_ in (first, second)] == ["awaiting_shipment", "awaiting_payment"]
    assert order(engine, third).reason == "limit_exceeded"
    with transaction(engine) as connection:
        shipping.ship(connection, first)
    assert row(engine, "users", id=1).open_orders == 1
    assert order(engine, placed(engine, terms=terms, pay_method="cash")).status == "awaiting_shipment"
    assert order(engine, placed(engine, terms=terms, pay_method="cash")).reason == "limit_exceeded"


def test_a_cancelled_cash_order_makes_room(engine: Engine) -> None:
    a_sku(engine, stock=10)
    terms = replace(TERMS, max_open_orders=1)
    order_id = placed(engine, terms=terms, pay_method="cash")
    with transaction(engine) as connection:
        closing.cancel(connection, order_id, None)
    assert row(engine, "users", id=1).open_orders == 0


def test_the_cap_may_be_off(engine: Engine) -> None:
    a_sku(engine, stock=30)
    terms = replace(TERMS, max_open_orders=0)
    ids = [an_order(engine) for _ in range(25)]
    place_all(engine, ids, terms)
    assert {order(engine, id_).status for id_ in ids} == {"awaiting_payment"}


@pytest.mark.parametrize("lines", [{"1": 6}, {"nope": 1}])
def test_a_rejection_takes_nothing_and_is_told_once(engine: Engine, lines: dict[str, int]) -> None:
    a_sku(engine)
    order_id = placed(engine, lines=lines)
    place_all(engine, [order_id])
    assert topics(engine, order_id) == ["order.rejected"]
    assert (stock_of(engine), attempts(engine, order_id), rows(engine, "order_lines")) == (5, [], [])
    assert (rows(engine, "arrivals"), row(engine, "users", id=1).open_orders) == ([], 0)


def test_a_restock_sells_again(engine: Engine) -> None:
    a_sku(engine, stock=0)
    assert order(engine, placed(engine)).reason == "out_of_stock"
    with transaction(engine) as connection:
        assert units.add(connection, "1", 3).stock == 3
    assert order(engine, placed(engine)).status == "awaiting_payment"


def test_the_buyer_sees_reason_shortages_and_new_totals(client: Client, engine: Engine) -> None:
    a_sku(engine, stock=1)
    short = client.order("a", an_order_body(items=[{"sku_id": "1", "quantity": 2}]))
    dear = client.order("b", an_order_body(expected_total="1.00"))
    place_all(engine, [int(short.json["id"])])
    body = client.get(short.headers["location"]).json
    assert (body["status"], body["reason"]) == ("rejected", "out_of_stock")
    assert body["shortages"] == [{"sku_id": "1", "wanted": 2, "available": 1}]
    assert "total_amount" not in body
    body = client.get(dear.headers["location"]).json
    assert (body["reason"], body["total_amount"], body["goods_amount"]) == ("price_changed", "20.00", "10.00")
    assert "shortages" not in body
