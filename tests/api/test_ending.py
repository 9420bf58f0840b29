"""A process that has ended while somebody still waited: who is left is sent to the others, and nothing is a fault."""

from __future__ import annotations

import threading

import pytest
from structlog.testing import capture_logs

from api.problems import RETRY_SECONDS
from api.threads import Threads
from checkout.db import Engine
from checkout.errors import Unavailable
from tests.shared.client import Client, problem
from tests.shared.factories import an_order
from tests.shared.processes import eventually


def test_who_still_waits_behind_the_end_is_sent_to_the_others(client: Client, engine: Engine) -> None:
    order_id = an_order(engine)
    waiting = client.begin(client.call("GET", f"/v1/orders/{order_id}", headers={"Prefer": "wait=30"}))
    waiters = client.runtime.waiters
    eventually(lambda: any(waiter._bell for waiter in waiters._waiting.get(order_id, ())), "the frontend waits")
    with capture_logs() as said:
        client.wait(client.runtime.stop())
        client.begin(leave(client))
        result = waiting.result(20)
    assert (problem(result), result.headers["retry-after"]) == ((503, "unavailable"), str(RETRY_SECONDS))
    assert [line for line in said if line["log_level"] in ("error", "critical")] == []


def test_what_gathered_for_a_batch_is_sent_away_with_it(client: Client, engine: Engine) -> None:
    order_id = an_order(engine)
    client.wait(client.runtime.stop())
    path = f"/v1/orders/{order_id}"
    assert {problem(result) for result in client.together([client.call("GET", path) for _ in range(5)])} == {
        (503, "unavailable")
    }


def test_what_waits_for_a_thread_at_the_end_is_sent_away_and_what_runs_ends() -> None:
    threads, begun, gate = Threads(1), threading.Event(), threading.Event()

    def run() -> bool:
        begun.set()
        return gate.wait(60)

    runs, waits = threads.submit(run), threads.submit(str)
    assert begun.wait(60)
    threads.end()
    gate.set()
    assert runs.result(60)
    with pytest.raises(Unavailable):
        waits.result(60)
    with pytest.raises(Unavailable):
        threads.submit(str)


async def leave(client: Client) -> None:
    """Within the application's loop: all who wait look up."""
    client.runtime.waiters.leave()
