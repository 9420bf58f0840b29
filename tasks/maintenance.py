"""Scans that beat triggers: what is due, overdue or left behind."""

from __future__ import annotations

from checkout.db import transaction
from checkout.events import waking
from checkout.orders import closing, sweep
from checkout.payments import notifies, queries, refund_calls
from tasks.app import app, resources
from tasks.pay import apply_notifies, query_payments, send_refunds
from tasks.place import clear_carts, place_order_alone, place_orders

EXPIRED_AT_ONCE = 200
NOTIFIES_AT_ONCE = 500
OVERDUE_SECONDS = 5
QUERIES_AT_ONCE = 80
QUERIES_A_TASK = 10


@app.task(name="expire_orders", send_events=False)
def expire_orders() -> None:
    """Closes what was not paid in time, or begins to."""
    while True:
        with transaction(resources().engine) as connection:
            asked, wakes = closing.expire(connection, EXPIRED_AT_ONCE)
        waking.wake(resources().redis, wakes)
        if asked:
            query_payments.delay(asked)
        if len(wakes) < EXPIRED_AT_ONCE:
            return


@app.task(name="scan_payments", send_events=False)
def scan_payments() -> None:
    """Has Alipay asked about the attempts that are due, and the refunds that are due sent."""
    with transaction(resources().engine) as connection:
        due = queries.due(connection, QUERIES_AT_ONCE)
        refunds = refund_calls.due(connection, QUERIES_AT_ONCE)
    for start in range(0, len(due), QUERIES_A_TASK):
        query_payments.delay(due[start : start + QUERIES_A_TASK])
    if refunds:
        send_refunds.delay(refunds)


@app.task(name="sweep", send_events=False)
def sweep_up() -> None:
    """Rings again for accepted orders and stored notifies, and clears carts that were left."""
    with transaction(resources().engine) as connection:
        overdue = sweep.overdue(connection)
        waiting = notifies.waiting(connection, OVERDUE_SECONDS, NOTIFIES_AT_ONCE)
    if overdue.together:
        place_orders.delay(overdue.together)
    for order_id in overdue.alone:
        place_order_alone.delay(order_id)
    if waiting:
        apply_notifies.delay(waiting)
    clear_carts([], OVERDUE_SECONDS)


@app.task(name="turn_partitions")
def turn_partitions() -> None:
    """Makes tomorrow's partitions and drops old ones."""
    with transaction(resources().engine) as connection:
        sweep.turn_partitions(connection)
