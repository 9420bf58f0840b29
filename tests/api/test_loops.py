"""A loop of the API that meets what nobody foresaw goes on and counts it, or its process ends."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from api import counters, loops
from api.doorbell import Doorbell
from checkout.events import waking
from tests.shared.processes import eventually


def test_a_loop_goes_on_and_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "PAUSE_SECONDS", 0.0)
    rounds: list[int] = []

    async def step() -> None:
        rounds.append(len(rounds))
        if len(rounds) == 1:
            raise ZeroDivisionError
        if len(rounds) == 3:
            raise asyncio.CancelledError

    before = counters.unforeseen.labels("waiting")._value.get()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(loops.for_ever("waiting", step))
    assert (len(rounds), counters.unforeseen.labels("waiting")._value.get() - before) == (3, 1)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_doorbell_that_breaks_ends_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who starts it again gives it a new one; a silent doorbell would look like slow workers."""
    killed: list[tuple[int, int]] = []

    def broken(*_: object) -> bool:
        raise ZeroDivisionError

    monkeypatch.setattr(waking, "may_ring", broken)
    monkeypatch.setattr(os, "kill", lambda pid, number: killed.append((pid, number)))
    bell = Doorbell(None)  # type: ignore[arg-type] # Nobody gets so far as to use it.
    bell.ring("place_orders", [1])
    eventually(lambda: bool(killed), "the process is ended")
    assert killed == [(os.getpid(), signal.SIGTERM)]
