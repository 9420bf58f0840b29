"""Events by HTTP: each endpoint has its turn in a thread of its own, so that a slow one delays no other."""

from __future__ import annotations

from celery.worker import state

from checkout.db import transaction
from checkout.webhooks import delivery, watch
from tasks.app import app, resources
from tasks.rounds import beats
from tasks.summary import told

RUN_SECONDS = 15.0
SCAN_SECONDS = 1


@app.task(name="scan_webhooks", send_events=False)
@beats("scan_webhooks")
def scan_webhooks() -> None:
    """Rings for each endpoint that has something to hear."""
    with transaction(resources().engine) as connection:
        waiting = delivery.waiting(connection)
    for endpoint_id in waiting:
        deliver_webhooks.apply_async((endpoint_id,), expires=SCAN_SECONDS)


@app.task(name="deliver_webhooks", send_events=False)
@told
def deliver_webhooks(endpoint_id: int) -> None:
    """One endpoint's turn, unless somebody else has it."""
    delivery.run(resources().engine, endpoint_id, RUN_SECONDS, stop=lambda: state.should_stop is not None)


@app.task(name="watch_webhooks", send_events=False)
def watch_webhooks() -> None:
    """Tells of who falls so far behind that the log would drop what he has not heard."""
    with transaction(resources().engine) as connection:
        watch.look(connection)
