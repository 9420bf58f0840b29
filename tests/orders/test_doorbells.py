"""A doorbell only says "look": it may be lost, doubled or late, and the order is placed once all the same."""

from __future__ import annotations

from collections.abc import Callable

from checkout.db import Engine, transaction
from checkout.orders import turns
from checkout.orders.sweep import Waiting
from tests.orders.waiting import swept
from tests.shared.factories import TERMS, a_sku, an_order, many_orders, order, place_all, rows, stock_of, topics
from tests.shared.threads import at_once


def test_a_lost_doorbell_is_rung_again_by_the_sweep(engine: Engine) -> None:
    first, _ = an_order(engine), an_order(engine)
    assert swept(engine, after_seconds=-60) == Waiting(None, [])
    assert swept(engine, after_seconds=120) == Waiting(first, [])


def test_a_worker_places_what_the_sweep_rang_for(engine: Engine, in_process: Callable[..., None]) -> None:
    in_process()
    from tasks import place

    a_sku(engine)
    order_id = an_order(engine)
    place.place_orders([swept(engine).oldest])
    assert order(engine, order_id).status == "awaiting_payment"


def test_however_often_it_is_rung_nothing_is_parked_and_nobody_goes_alone(engine: Engine) -> None:
    """Slow or absent workers are no fault of the orders."""
    a_sku(engine, stock=50)
    ids = many_orders(engine, 20)
    for _ in range(100):
        assert swept(engine) == Waiting(ids[0], [])
    assert [batch.count for batch in place_all(engine, ids[-1:])] == [20]
    assert {order(engine, order_id).status for order_id in ids} == {"awaiting_payment"}


def test_whatever_rings_the_oldest_come_first(engine: Engine) -> None:
    a_sku(engine, stock=3)
    ids = many_orders(engine, 6)
    place_all(engine, ids[-1:])
    assert [order(engine, order_id).status for order_id in ids] == ["awaiting_payment"] * 3 + ["rejected"] * 3


def test_a_doubled_doorbell_does_nothing_twice(engine: Engine) -> None:
    a_sku(engine)
    order_id = an_order(engine, lines={"1": 2})
    for _ in range(3):
        place_all(engine, [order_id, order_id])
    assert (stock_of(engine), topics(engine, order_id)) == (3, ["order.placed", "payment.created"])


def test_doubled_doorbells_at_the_same_instant_do_nothing_twice(engine: Engine) -> None:
    a_sku(engine, stock=50)
    ids = many_orders(engine, 20)
    at_once(lambda place: place_all(engine, ids[place:]), [0, 0, 5, 5, 19, 19])
    place_all(engine, ids)
    assert stock_of(engine) == 30
    assert {order.version for order in rows(engine, "orders")} == {3}


def test_a_doorbell_for_orders_that_are_not_there_does_nothing(engine: Engine) -> None:
    assert place_all(engine, [999]) == []


def test_a_late_doorbell_for_a_cancelled_order_does_nothing(engine: Engine) -> None:
    from checkout.orders import closing

    a_sku(engine)
    order_id = an_order(engine)
    with transaction(engine) as connection:
        closing.cancel(connection, order_id, 1)
    place_all(engine, [order_id])
    turns.run_alone(engine, order_id, TERMS)
    assert (order(engine, order_id).status, stock_of(engine)) == ("closed", 5)
