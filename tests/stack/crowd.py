"""Buyers who order whatever comes back: so many a second, each on a connection of his own."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

import urllib3
from urllib3.exceptions import ProtocolError

from checkout import db
from checkout.db import Engine
from checkout.settings import Settings
from tests.shared.client import an_order_body, token
from tests.shared.processes import eventually

PER_SECOND = 200
_BUYERS = 32
_TRIES = 5


class Answer(NamedTuple):
    """What one buyer was told, and when, in seconds."""

    status: int
    order_id: str | None
    retry_after: str | None
    at: float


class Crowd:
    """Buys one unit of a SKU at a time."""

    def __init__(self, api_url: str, settings: Settings, sku_id: str) -> None:
        self.answers: list[Answer] = []
        self._url = f"{api_url}/v1/orders"
        self._headers = {"Authorization": f"Bearer {token(settings)}", "Content-Type": "application/json"}
        # A connection that is kept may be closed just when it is used, which all of HTTP knows.
        self._headers["Connection"] = "close"
        self._http = urllib3.PoolManager(retries=False, timeout=60, maxsize=_BUYERS)
        self._body = json.dumps(an_order_body(items=[{"sku_id": sku_id, "quantity": 1}]))

    @contextmanager
    def buying(self) -> Iterator[None]:
        """Raises at its end what a buyer met."""
        end = threading.Event()
        with ThreadPoolExecutor(1) as thread:
            bought = thread.submit(self._buy_until, end)
            try:
                yield
            finally:
                end.set()
        bought.result()

    def wait_for_more(self) -> None:
        """Until orders of two seconds have been accepted from now on."""
        now = time.monotonic()
        eventually(lambda: self._accepted_since(now) > 2 * PER_SECOND, "orders come in")

    def assert_no_order_is_lost(self, engine: Engine) -> None:
        """Nothing was heard but 202 and a 503 that says when to come back; what got 202 is there, and placed."""
        assert {answer.status for answer in self.answers} <= {202, 503}
        assert all(answer.retry_after for answer in self.answers if answer.status == 503)
        accepted = {answer.order_id for answer in self.answers if answer.status == 202}
        assert accepted <= set(_orders(engine, "true"))
        eventually(lambda: not _orders(engine, "status = 'accepted'"), "all are placed")

    def _buy_until(self, end: threading.Event) -> None:
        began, bought = time.monotonic(), list[Future[None]]()
        with ThreadPoolExecutor(_BUYERS) as buyers:
            while not end.wait(0.01):
                due = int((time.monotonic() - began) * PER_SECOND)
                bought += [buyers.submit(self._buy, number) for number in range(len(bought), due)]
        for one in bought:
            one.result()

    def _buy(self, number: int) -> None:
        answer = self._post({"Idempotency-Key": f"key-{number}"})
        order_id = answer.json()["id"] if answer.status == 202 else None
        self.answers.append(Answer(answer.status, order_id, answer.headers.get("Retry-After"), time.monotonic()))

    def _post(self, own: dict[str, str]) -> urllib3.BaseHTTPResponse:
        """A connection that was accepted just when its process left is closed unheard: clients send again."""
        for _ in range(_TRIES - 1):
            try:
                return self._http.request("POST", self._url, body=self._body, headers=self._headers | own)
            except ProtocolError:
                continue
        return self._http.request("POST", self._url, body=self._body, headers=self._headers | own)

    def _accepted_since(self, at: float) -> int:
        return sum(answer.status == 202 and answer.at > at for answer in list(self.answers))


def _orders(engine: Engine, condition: str) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(db.sql(f"SELECT id::text FROM orders WHERE {condition}")).scalars())
