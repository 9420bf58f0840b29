"""A buyer's cancel is immediate for him; the stock returns when no attempt can succeed any more."""

from __future__ import annotations

import pytest
from redis import Redis

from checkout.db import Engine, transaction
from checkout.errors import NotCancellable, NotFound
from checkout.orders import cart, closing, shipping
from checkout.orders.cart import CartItem
from tests.shared.client import Client, an_order_body, problem
from tests.shared.databases import on_each_way
from tests.shared.factories import (
    a_sku,
    a_trade,
    an_attempt,
    an_order,
    attempts,
    order,
    paid,
    place_all,
    placed,
    row,
    rows,
    stock_of,
    told,
    topics,
)
from tests.shared.threads import at_once

pytestmark = on_each_way


def cancel(engine: Engine, order_id: int, user_id: int | None = 1) -> list[str]:
    with transaction(engine) as connection:
        return closing.cancel(connection, order_id, user_id)[0]


def test_an_accepted_order_is_cancelled_before_a_worker_sees_it(engine: Engine) -> None:
    order_id = an_order(engine)
    assert cancel(engine, order_id) == []
    stored = order(engine, order_id)
    assert (stored.status, stored.reason, stored.stock) == ("closed", "cancelled", None)
    assert rows(engine, "arrivals") == []
    assert topics(engine, order_id) == ["order.closed"]


def test_an_attempt_never_handed_out_needs_no_question(engine: Engine) -> None:
    a_sku(engine)
    order_id = placed(engine, lines={"1": 2})
    assert cancel(engine, order_id) == []
    stored, [attempt] = order(engine, order_id), attempts(engine, order_id)
    assert (stored.status, stored.reason, stored.stock) == ("closed", "cancelled", "returned")
    assert (attempt.status, attempt.evidence, attempt.due_at) == ("closed", "never_offered", None)
    assert stock_of(engine) == 5
    assert row(engine, "users", id=1).open_orders == 0
    assert topics(engine, order_id)[2:] == ["order.closed", "payment.closed"]


def test_an_attempt_in_the_buyers_hands_keeps_the_stock(engine: Engine) -> None:
    a_sku(engine)
    order_id = placed(engine)
    an_attempt(engine, order_id)
    assert cancel(engine, order_id) == [f"{order_id}-1"]
    stored, [attempt] = order(engine, order_id), attempts(engine, order_id)
    assert (stored.status, stored.stock, attempt.status) == ("closed", "held", "open")
    assert attempt.due_at <= stored.closed_at
    assert stock_of(engine) == 4


def test_the_stock_returns_when_alipay_has_closed_the_trade(engine: Engine) -> None:
    a_sku(engine)
    order_id = placed(engine)
    attempt = an_attempt(engine, order_id)
    cancel(engine, order_id)
    told(engine, a_trade(attempt, "TRADE_CLOSED"))
    assert (order(engine, order_id).stock, stock_of(engine)) == ("returned", 5)
    assert attempts(engine, order_id)[0].evidence == "closed_at_alipay"


def test_cash_is_cancelled_before_shipping_only(engine: Engine) -> None:
    a_sku(engine)
    order_id = placed(engine, pay_method="cash")
    cancel(engine, order_id)
    assert (order(engine, order_id).status, stock_of(engine)) == ("closed", 5)
    shipped = placed(engine, pay_method="cash")
    with transaction(engine) as connection:
        shipping.ship(connection, shipped)
    with pytest.raises(NotCancellable):
        cancel(engine, shipped)
    assert stock_of(engine) == 4


def test_a_paid_order_is_not_cancelled(engine: Engine) -> None:
    a_sku(engine)
    order_id = paid(engine)
    with pytest.raises(NotCancellable):
        cancel(engine, order_id)
    assert order(engine, order_id).status == "awaiting_shipment"


def test_a_rejected_order_is_not_cancelled(engine: Engine) -> None:
    order_id = placed(engine)
    with pytest.raises(NotCancellable):
        cancel(engine, order_id)


def test_cancelling_twice_does_nothing_twice(engine: Engine) -> None:
    a_sku(engine)
    order_id = placed(engine)
    cancel(engine, order_id)
    version = order(engine, order_id).version
    assert cancel(engine, order_id) == []
    assert (order(engine, order_id).version, stock_of(engine)) == (version, 5)


def test_nobody_cancels_anothers_order_but_an_operator(engine: Engine) -> None:
    a_sku(engine)
    order_id = placed(engine, user_id=1)
    with pytest.raises(NotFound):
        cancel(engine, order_id, user_id=2)
    assert cancel(engine, order_id, user_id=None) == []


def test_ten_cancels_at_once_give_the_stock_back_once(engine: Engine) -> None:
    a_sku(engine)
    order_id = placed(engine, lines={"1": 2})
    at_once(lambda _: cancel(engine, order_id), range(10))
    assert stock_of(engine) == 5
    assert topics(engine, order_id).count("order.closed") == 1


def test_cancelling_against_placing_takes_and_gives_back_the_same(engine: Engine) -> None:
    a_sku(engine, stock=100)
    for _ in range(8):
        order_id = an_order(engine)
        jobs = [lambda n: cancel(engine, n), lambda n: place_all(engine, [n])]
        at_once(lambda job, n=order_id: job(n), jobs)  # type: ignore[misc] # One of two.
    assert {order.status for order in rows(engine, "orders")} == {"closed"}
    assert (stock_of(engine), row(engine, "skus", id="1").sales) == (100, 0)


def test_cancelling_over_http_answers_the_order_each_time(client: Client, engine: Engine) -> None:
    a_sku(engine)
    order_id = placed(engine)
    for _ in range(2):
        result = client.post(f"/v1/orders/{order_id}/cancel")
        assert (result.status_code, result.json["status"], result.json["reason"]) == (200, "closed", "cancelled")
        assert "closed_at" in result.json
    assert problem(client.post(f"/v1/orders/{order_id}/cancel", user=2)) == (404, "not_found")


def test_a_paid_order_is_a_conflict_over_http(client: Client, engine: Engine) -> None:
    a_sku(engine)
    assert problem(client.post(f"/v1/orders/{paid(engine)}/cancel")) == (409, "not_cancellable")


def test_an_order_cancelled_before_it_was_placed_leaves_the_cart_alone(
    client: Client, engine: Engine, redis: Redis
) -> None:
    a_sku(engine)
    cart.put(redis, 1, CartItem("1", 2, True))
    result = client.order("k", an_order_body(items=None, from_cart=True))
    client.post(f"{result.headers['location']}/cancel")
    assert cart.read(redis, 1) == [CartItem("1", 2, True)]
    assert rows(engine, "cart_clearings") == []
