"""Sending the event log to its subscribers."""

from __future__ import annotations

from functools import cache

from celery.worker import state

from checkout.events.bus import Bus
from checkout.events.relay import Relay
from tasks.app import app, resources

RUN_SECONDS = 30


@cache
def bus() -> Bus:
    return Bus(resources().settings.events_url)


@app.task(name="relay_events", send_events=False)
def relay_events() -> None:
    """Relays for a while, unless another relay holds the lease."""
    Relay(resources().engine, bus().publish).run(RUN_SECONDS, stop=lambda: state.should_stop is not None)
