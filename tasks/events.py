"""Sending the event log to its subscribers."""

from __future__ import annotations

from contextlib import closing

from celery.worker import state

from checkout.events.bus import Bus
from checkout.events.relay import Relay
from tasks.app import app, resources
from tasks.rounds import beat

RUN_SECONDS = 30


@app.task(name="relay_events", send_events=False)
def relay_events() -> None:
    """Relays for a while, unless another relay holds the lease. Its connection is its own: no two threads share one."""
    with closing(Bus(resources().settings.events_url)) as bus:
        relay = Relay(resources().engine, bus.publish, on_round=lambda: beat("relay"))
        relay.run(RUN_SECONDS, stop=lambda: state.should_stop is not None)
