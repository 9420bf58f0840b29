"""The doctor sees beat by its heartbeats, not by what its tasks do: under load those expire."""

from __future__ import annotations

import threading

from checkout.audit import heartbeats
from checkout.db import Engine, transaction
from checkout.settings import Settings
from ops.checkup.beat import beat


def state(settings: Settings) -> str:
    [diagnosis] = beat(settings)
    return diagnosis.state


def test_beat_is_seen_by_its_next_round_and_missed_without(engine: Engine, settings: Settings) -> None:
    def stamp() -> None:
        with transaction(engine) as connection:
            heartbeats.beat(connection, "beat")

    stamp()
    assert state(settings) == "fail"
    end = threading.Event()

    def go_on() -> None:
        while not end.wait(0.05):
            stamp()

    beating = threading.Thread(target=go_on)
    beating.start()
    assert state(settings) == "ok"
    end.set()
    beating.join()
