"""A shipped order completes by itself, so long after its last parcel as the shop has set."""

from __future__ import annotations

from checkout.db import Engine, sql, transaction
from checkout.orders import shipping
from tests.shared.factories import a_sku, order, paid, refund_ends, refunded, rows, shipped, topics

DAYS = 86_400


def days_pass(engine: Engine, days: float) -> None:
    with transaction(engine) as connection:
        connection.execute(
            sql("UPDATE completions SET shipped_at = shipped_at - make_interval(secs => :s)"), {"s": days * DAYS}
        )


def scan(engine: Engine, days: int = 10) -> int:
    """How many orders the scan completes."""
    with transaction(engine) as connection:
        _, wakes = shipping.complete_due(connection, days * DAYS, 100)
    return len(wakes)


def test_a_shipped_order_completes_after_its_time_and_not_before(engine: Engine) -> None:
    a_sku(engine)
    order_id = paid(engine)
    shipped(engine, order_id)
    days_pass(engine, 9.9)
    assert (scan(engine), order(engine, order_id).status) == (0, "shipped")
    days_pass(engine, 0.2)
    assert (scan(engine), scan(engine), order(engine, order_id).status) == (1, 0, "completed")
    assert topics(engine, order_id)[-1] == "order.completed"
    assert rows(engine, "completions") == []


def test_the_last_parcel_counts(engine: Engine) -> None:
    a_sku(engine)
    order_id = paid(engine, lines={"1": 2})
    shipped(engine, order_id, sku_1=1)
    days_pass(engine, 11)
    assert (scan(engine), order(engine, order_id).status) == (0, "awaiting_shipment")
    shipped(engine, order_id)
    assert (scan(engine), order(engine, order_id).status) == (0, "shipped")
    days_pass(engine, 11)
    assert scan(engine) == 1


def test_who_has_completed_it_himself_or_sent_it_back_is_left_alone(engine: Engine) -> None:
    a_sku(engine)
    done, back = paid(engine), paid(engine)
    for order_id in (done, back):
        shipped(engine, order_id)
    with transaction(engine) as connection:
        shipping.complete(connection, done, 1)
    refund_ends(engine, refunded(engine, back, {"1": 1}, restock=True))
    days_pass(engine, 11)
    assert (scan(engine), order(engine, back).reason, rows(engine, "completions")) == (0, "refunded", [])


def test_a_parcel_that_comes_before_the_scan_of_a_part_restarts_the_time(engine: Engine) -> None:
    """What was looked at while only a part was out must not be forgotten."""
    a_sku(engine)
    order_id = paid(engine, lines={"1": 2})
    shipped(engine, order_id, sku_1=1)
    days_pass(engine, 11)
    scan(engine)
    refund_ends(engine, refunded(engine, order_id, {"1": 1}))
    assert order(engine, order_id).status == "shipped"
    assert len(rows(engine, "completions")) == 1
