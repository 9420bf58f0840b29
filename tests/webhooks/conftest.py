"""What tests of webhooks share: a receiver, and an endpoint of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from checkout.db import Engine, sql, transaction
from checkout.events import log
from checkout.webhooks import delivery, endpoints
from checkout.webhooks.endpoints import Endpoint, Secret
from tests.shared.factories import an_event
from tests.shared.processes import LONGEST_SECONDS
from tests.webhooks.receiver import Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


class Sender:
    """A shop with events to tell, and the steps of its workers."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def add(self, url: str, *topics: str, private: bool = True) -> Secret:
        with transaction(self.engine) as connection:
            return endpoints.add(connection, url, topics or ("#",), private=private)

    def happens(self, subject: str, *sequences: int, topic: str = "order.placed") -> None:
        """So many events of the subject, each committed by itself."""
        for sequence in sequences:
            with transaction(self.engine) as connection:
                log.append(connection, [an_event(subject, sequence, topic)])

    def turn(self, endpoint: Secret, looks: int | None = None) -> int:
        """One turn of a worker, or so many looks at the log; returns how many events were taken."""
        left = iter(range(looks)) if looks is not None else None
        return delivery.run(self.engine, endpoint.endpoint_id, 100, lambda: left is not None and next(left, -1) < 0)

    def deliver(self, endpoint: Secret) -> int:
        """Turns until the endpoint has come to the log's end, or failed; others may hold the fence for a moment."""
        end, taken, before = time.monotonic() + LONGEST_SECONDS, 0, self.find(endpoint).failures
        while True:
            taken += self.turn(endpoint)
            one, last = self.find(endpoint), self.rows("SELECT COALESCE(max(id), 0) AS id FROM events")[0].id
            if one.reached >= last or one.failures > before or one.gone:
                return taken
            assert time.monotonic() < end, "never delivered"
            time.sleep(0.01)

    def time_passes(self) -> None:
        """Whatever waits for its next try may be tried now."""
        with transaction(self.engine) as connection:
            connection.execute(sql("UPDATE webhook_endpoints SET next_try_at = now()"))
            connection.execute(sql("UPDATE webhook_subjects SET next_try_at = now()"))

    def find(self, endpoint: Secret) -> Endpoint:
        with transaction(self.engine) as connection:
            return endpoints.find(connection, endpoint.endpoint_id)

    def rows(self, statement: str) -> list[Any]:
        with transaction(self.engine) as connection:
            return list(connection.execute(sql(statement)).all())


@pytest.fixture
def sender(engine: Engine) -> Sender:
    return Sender(engine)


@pytest.fixture
def endpoint(sender: Sender, receiver: Receiver) -> Secret:
    """The receiver hears of everything."""
    return sender.add(receiver.url)
