"""Scans that beat triggers: what is due, overdue or left behind."""

from __future__ import annotations

from typing import Any

from checkout import schema
from checkout.alipay import certificates
from checkout.db import transaction
from checkout.events import waking
from checkout.orders import closing, shipping, sweep
from checkout.payments import notifies, queries, refund_calls
from checkout.traces import kept
from tasks.app import app, resources
from tasks.pay import apply_notifies, query_payments, send_refunds
from tasks.place import clear_carts, place_order_alone, place_orders
from tasks.rounds import beats

EXPIRED_AT_ONCE = 200
COMPLETED_AT_ONCE = 200
OVERDUE_SECONDS = 5
QUERIES_AT_ONCE = 80
QUERIES_A_TASK = 10
SWEEP_SECONDS = 2
SCAN_SECONDS = 1
MOST_FORGETTINGS = 100
WARNED, WARNED_SECONDS = "checkout_certificates_warned", 12 * 3600


@app.task(name="expire_orders", send_events=False)
@beats("expire_orders")
def expire_orders() -> None:
    """Closes what was not paid in time, or begins to."""
    while True:
        with transaction(resources().engine) as connection:
            asked, wakes = closing.expire(connection, EXPIRED_AT_ONCE)
        waking.wake(resources().redis, wakes)
        if asked:
            _ring(query_payments, asked, SCAN_SECONDS)
        if len(wakes) < EXPIRED_AT_ONCE:
            return


@app.task(name="complete_orders", send_events=False)
@beats("complete_orders")
def complete_orders() -> None:
    """Completes what was shipped long ago."""
    after_seconds = resources().settings.auto_complete_seconds
    while after_seconds:
        with transaction(resources().engine) as connection:
            seen, wakes = shipping.complete_due(connection, after_seconds, COMPLETED_AT_ONCE)
        waking.wake(resources().redis, wakes)
        if seen < COMPLETED_AT_ONCE:
            return


@app.task(name="scan_payments", send_events=False)
@beats("scan_payments")
def scan_payments() -> None:
    """Has Alipay asked about the attempts that are due, and the refunds that are due sent."""
    with transaction(resources().engine) as connection:
        due = queries.due(connection, QUERIES_AT_ONCE)
        refunds = refund_calls.due(connection, QUERIES_AT_ONCE)
    for start in range(0, len(due), QUERIES_A_TASK):
        _ring(query_payments, due[start : start + QUERIES_A_TASK], SCAN_SECONDS)
    if refunds:
        _ring(send_refunds, refunds, SCAN_SECONDS)


@app.task(name="sweep", send_events=False)
@beats("sweep")
def sweep_up() -> None:
    """Rings again for accepted orders and stored notifies, and clears carts that were left."""
    with transaction(resources().engine) as connection:
        waiting = sweep.overdue(connection)
        is_news_waiting = notifies.is_waiting(connection, OVERDUE_SECONDS)
    if waiting.oldest is not None:
        _ring(place_orders, [waiting.oldest], SWEEP_SECONDS)
    for order_id in waiting.alone:
        _ring(place_order_alone, order_id, SWEEP_SECONDS)
    if is_news_waiting:
        _ring(apply_notifies, [], SWEEP_SECONDS)
    clear_carts([], OVERDUE_SECONDS)


def _ring(task: Any, argument: Any, seconds: float) -> None:
    """The next scan rings again: what nobody takes until then is worth nothing, and only stands in the way."""
    task.apply_async((argument,), expires=seconds)


@app.task(name="turn_partitions", send_events=False)
def turn_partitions() -> None:
    """Makes tomorrow's partitions and drops old ones, and the traces that were told in them."""
    with transaction(resources().engine) as connection:
        schema.turn_partitions(connection)
    for _ in range(MOST_FORGETTINGS):
        with transaction(resources().engine) as connection:
            if kept.forget(connection) < kept.FORGOTTEN_AT_ONCE:
                return


@app.task(name="warn_of_certificates", send_events=False)
def warn_of_certificates() -> None:
    """Once a day, however many beats there are, who reads the log hears which certificates end."""
    if resources().redis.set(WARNED, "", nx=True, ex=WARNED_SECONDS):
        certificates.warn(resources().alipay.keys)
