"""A relay that has sent what there is to send."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from checkout.db import Engine
from checkout.events.log import Logged
from checkout.events.relay import Relay
from tests.shared.factories import row, rows

LONGEST_SECONDS = 60


def relay_all(engine: Engine, publish: Callable[[Sequence[Logged]], None]) -> None:
    """Everything that the log holds now is sent, and the relay has noted it."""
    last = max((event.id for event in rows(engine, "events")), default=0)
    assert Relay(engine, publish).run(LONGEST_SECONDS, stop=lambda: row(engine, "relay").published >= last)
    assert row(engine, "relay").published >= last
