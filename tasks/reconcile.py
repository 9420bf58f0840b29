"""Comparing with Alipay's bill, day by day."""

from __future__ import annotations

from datetime import date
from functools import partial

from structlog import get_logger

from checkout.alipay.bill import NotReady
from checkout.db import transaction
from checkout.errors import CheckoutError
from checkout.reconciliation import comparison
from tasks.app import app, resources
from tasks.rounds import guarded
from tasks.summary import told

log = get_logger(__name__)


@app.task(name="reconcile", send_events=False)
@told
def reconcile() -> None:
    """Reconciles the days whose bill is due; one that is late is left to the next tick, and keeps no other from it."""
    with transaction(resources().engine) as connection:
        days = comparison.due(connection)
    for day in days:
        guarded("reconcile", partial(_compare, day))


def _compare(day: date) -> None:
    try:
        comparison.run(resources(), day)
    except NotReady as error:
        log.warning("bill_not_ready", day=day.isoformat(), why=str(error))
    except CheckoutError as error:
        log.error("bill_not_compared", day=day.isoformat(), why=str(error))
        with transaction(resources().engine) as connection:
            comparison.tell(connection, day, error)
