"""Erasing orders: by their users' wish, and by their age."""

from __future__ import annotations

from datetime import date
from functools import partial

from checkout import schema
from checkout.db import transaction
from checkout.erasure import orders
from checkout.events import waking
from checkout.reconciliation import blanking
from tasks.app import app, resources
from tasks.rounds import beats, guarded


@app.task(name="erase_orders", send_events=False)
@beats("erase_orders")
def erase_orders() -> None:
    """Plans what is new, and erases what is due."""
    engine = resources().engine
    with transaction(engine) as connection:
        if not schema.is_finished(connection, schema.ERASURE_SINCE):
            return
    for wakes in orders.run(engine, resources().settings.retention_seconds):
        waking.wake(resources().redis, wakes)


@app.task(name="blank_bills", send_events=False)
def blank_bills() -> None:
    """Takes the buyers of erased orders out of bills; one that cannot be written keeps no other from it."""
    engine = resources().engine
    with blanking.lease(engine) as lease:
        if lease is None:
            return
        for bill in blanking.unplanned(engine):
            guarded("blank_bills", partial(blanking.plan_bill, engine, bill))
        for day in blanking.days(engine):
            guarded("blank_bills", partial(_blank, day, lease))


def _blank(day: date, lease: blanking.Lease) -> None:
    blanking.blank(resources().engine, day, lease)
