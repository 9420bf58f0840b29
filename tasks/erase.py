"""Erasing orders: by their users' wish, and by their age."""

from __future__ import annotations

from checkout import schema
from checkout.db import transaction
from checkout.erasure import orders
from checkout.events import waking
from checkout.reconciliation import blanking
from tasks.app import app, resources
from tasks.rounds import beats


@app.task(name="erase_orders", send_events=False)
@beats("erase_orders")
def erase_orders() -> None:
    """Plans what is new, erases what is due, and takes the buyers out of bills."""
    engine = resources().engine
    with transaction(engine) as connection:
        if not schema.is_finished(connection, schema.ERASURE_SINCE):
            return
    for wakes in orders.run(engine, resources().settings.retention_seconds):
        waking.wake(resources().redis, wakes)
    blanking.blank_bills(engine)
