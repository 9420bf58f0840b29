"""A doorbell only says "look": it may be lost, doubled or late, and the order is placed once all the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from checkout.db import Engine, sql, transaction
from checkout.orders import placement, sweep
from checkout.orders.sweep import Overdue
from tests.shared.factories import TERMS, a_sku, an_order, many_orders, order, row, rows, stock_of, topics
from tests.shared.threads import at_once


def time_passes_at_the_door(engine: Engine, seconds: float) -> None:
    with transaction(engine) as connection:
        connection.execute(sql("UPDATE arrivals SET rung_at = rung_at - make_interval(secs => :s)"), {"s": seconds})


def swept(engine: Engine, after_seconds: float = 60) -> Overdue:
    time_passes_at_the_door(engine, after_seconds)
    with transaction(engine) as connection:
        return sweep.overdue(connection)


def poison(engine: Engine, order_id: int) -> None:
    """Makes the order one that the database refuses whatever is tried."""
    with transaction(engine) as connection:
        statement = f"ALTER TABLE order_lines ADD CONSTRAINT poison_{order_id} CHECK (order_id <> {order_id})"
        connection.execute(sql(statement))


def cure(engine: Engine, order_id: int) -> None:
    with transaction(engine) as connection:
        connection.execute(sql(f"ALTER TABLE order_lines DROP CONSTRAINT poison_{order_id}"))


def test_a_lost_doorbell_is_rung_again_by_the_sweep(engine: Engine) -> None:
    order_id = an_order(engine)
    assert swept(engine, after_seconds=-60) == Overdue([], [])
    assert swept(engine, after_seconds=120) == Overdue([order_id], [])


def test_the_sweep_does_not_ring_twice_in_a_row(engine: Engine) -> None:
    order_id = an_order(engine)
    assert swept(engine) == Overdue([order_id], [])
    assert swept(engine, after_seconds=-60) == Overdue([], [])


def test_a_worker_places_what_the_sweep_rang_for(engine: Engine, in_process: Callable[..., None]) -> None:
    in_process()
    from tasks import place

    a_sku(engine)
    order_id = an_order(engine)
    place.place_orders(swept(engine).together)
    assert order(engine, order_id).status == "awaiting_payment"


def test_a_doubled_doorbell_does_nothing_twice(engine: Engine) -> None:
    a_sku(engine)
    order_id = an_order(engine, lines={"1": 2})
    for _ in range(3):
        placement.run(engine, [order_id, order_id], TERMS)
    assert (stock_of(engine), topics(engine, order_id)) == (3, ["order.placed", "payment.created"])


def test_doubled_doorbells_at_the_same_instant_do_nothing_twice(engine: Engine) -> None:
    a_sku(engine, stock=50)
    ids = many_orders(engine, 20)
    at_once(lambda place: placement.run(engine, ids[place:], TERMS), [0, 0, 5, 5, 19, 19])
    placement.run(engine, ids, TERMS)
    assert stock_of(engine) == 30
    assert {order.version for order in rows(engine, "orders")} == {3}


def test_a_doorbell_for_orders_that_are_not_there_does_nothing(engine: Engine) -> None:
    assert [batch.count for batch in placement.run(engine, [999], TERMS)] == [0]


def test_a_late_doorbell_for_a_cancelled_order_does_nothing(engine: Engine) -> None:
    from checkout.orders import closing

    a_sku(engine)
    order_id = an_order(engine)
    with transaction(engine) as connection:
        closing.cancel(connection, order_id, 1)
    placement.run(engine, [order_id], TERMS)
    placement.run_alone(engine, order_id, TERMS)
    assert (order(engine, order_id).status, stock_of(engine)) == ("closed", 5)


def test_a_poison_order_is_parked_and_the_rest_of_its_batch_is_placed(engine: Engine) -> None:
    a_sku(engine)
    first, bad, last = many_orders(engine, 3)
    poison(engine, bad)
    placement.run(engine, [first, bad, last], TERMS)
    assert [order(engine, id_).status for id_ in (first, bad, last)] == [
        *("awaiting_payment", "accepted", "awaiting_payment"),
    ]
    [parked] = rows(engine, "arrivals")
    assert parked.order_id == bad
    assert parked.error.startswith("23514 ")
    assert (stock_of(engine), topics(engine, bad)) == (3, [])


def test_what_is_parked_is_rung_no_more(engine: Engine) -> None:
    a_sku(engine)
    order_id = an_order(engine)
    poison(engine, order_id)
    placement.run(engine, [order_id], TERMS)
    assert swept(engine) == Overdue([], [])
    assert [batch.count for batch in placement.run(engine, [order_id], TERMS)] == [0]


def test_a_parked_order_can_be_tried_again(engine: Engine) -> None:
    a_sku(engine)
    order_id = an_order(engine)
    poison(engine, order_id)
    placement.run(engine, [order_id], TERMS)
    cure(engine, order_id)
    with transaction(engine) as connection:
        sweep.retry(connection, order_id)
    placement.run(engine, [order_id], TERMS)
    assert order(engine, order_id).status == "awaiting_payment"


def test_an_order_that_kills_its_worker_is_soon_rung_alone_and_then_parked(engine: Engine) -> None:
    killer = an_order(engine)
    assert swept(engine).together == [killer]
    assert swept(engine).alone == [killer]
    good = an_order(engine, user_id=2)
    a_sku(engine)
    placement.run(engine, [killer, good], TERMS)
    assert (order(engine, killer).status, order(engine, good).status) == ("accepted", "awaiting_payment")
    for _ in range(10):
        if rows(engine, "arrivals", order_id=killer)[0].error:
            break
        swept(engine)
    assert "never placed" in row(engine, "arrivals", order_id=killer).error


def test_an_order_rung_alone_is_placed(engine: Engine) -> None:
    a_sku(engine)
    order_id = an_order(engine)
    swept(engine)
    [alone] = swept(engine).alone
    placement.run_alone(engine, alone, TERMS)
    assert order(engine, order_id).status == "awaiting_payment"


@pytest.mark.parametrize("count", [1, 1001])
def test_one_sweep_rings_for_so_many_at_most(engine: Engine, count: int) -> None:
    many_orders(engine, count)
    assert len(swept(engine).together) == min(count, sweep.MOST_ORDERS)
