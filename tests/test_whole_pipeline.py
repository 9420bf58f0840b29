"""The service's own processes together: from POST to placed, through kills and a broker that goes away."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from checkout import db, settings
from checkout.audit import invariants
from checkout.db import Engine
from sandbox import valkey
from sandbox.valkey import Valkey
from tests.shared.client import an_order_body, token
from tests.shared.databases import on_each_way
from tests.shared.factories import a_sku, rows, stock_of
from tests.shared.processes import HTTP, an_api, eventually, process
from tests.stack.family import descendants

pytestmark = [pytest.mark.timeout(400), on_each_way]


@dataclass
class Pipeline:
    """A running service: API, two workers and beat."""

    url: str
    broker: Valkey
    orders_worker: int
    secrets: settings.Settings

    def order(self, key: str, user_id: int = 1, **members: Any) -> tuple[int, dict[str, Any]]:
        headers = {
            "Authorization": f"Bearer {token(self.secrets, user_id)}",
            "Idempotency-Key": key,
            "Content-Type": "application/json",
        }
        body = json.dumps(an_order_body(**members))
        answer = HTTP.request("POST", f"{self.url}/v1/orders", body=body, headers=headers)
        return answer.status, answer.json()


@pytest.fixture
def pipeline(environment: dict[str, str], tmp_path: Path) -> Iterator[Pipeline]:
    with ExitStack() as stack:
        broker = stack.enter_context(valkey.temporary_server())
        own = environment | {"CHECKOUT_BROKER_URL": broker.url(0), "CHECKOUT_REDIS_URL": broker.url(1)}

        def celery(*arguments: str) -> int:
            command = ("celery", "--quiet", "-A", "tasks.app", *arguments)
            return stack.enter_context(process(*command, environment=own, log=tmp_path / f"{arguments[0]}.log")).pid

        worker = celery("worker", "-Q", "orders", "-n", "orders@%h", "--pool=prefork", "-c", "2", "--without-mingle")
        celery("worker", "-Q", "default,alipay", "-n", "rest@%h", "--pool=threads", "-c", "4", "--without-mingle")
        celery("beat", "-s", str(tmp_path / "schedule"))
        url = stack.enter_context(an_api(own, tmp_path / "api.log"))
        yield Pipeline(url, broker, worker, settings.parse(own))


def all_placed(engine: Engine, count: int) -> bool:
    found = rows(engine, "orders")
    return len(found) == count and all(order.status == "awaiting_payment" for order in found)


def test_every_order_is_placed_although_workers_are_killed(pipeline: Pipeline, engine: Engine) -> None:
    a_sku(engine, stock=1000)
    status, first = pipeline.order("first")
    assert status == 202
    eventually(lambda: all_placed(engine, 1), "a lone order is placed")

    def kill_a_child() -> None:
        for child in descendants(pipeline.orders_worker)[:1]:
            with suppress(ProcessLookupError):  # The last kill may not have been noticed yet.
                os.kill(child, signal.SIGKILL)

    with ThreadPoolExecutor(4) as pool:
        answers = []
        for burst in range(4):
            users = range(burst * 25 + 2, burst * 25 + 27)
            answers += [pool.submit(pipeline.order, f"k{user}", user) for user in users]
            kill_a_child()
        assert {answer.result()[0] for answer in answers} == {202}
    eventually(lambda: all_placed(engine, 101), "all are placed")
    assert (stock_of(engine), rows(engine, "arrivals")) == (899, [])
    assert pipeline.order("first")[1]["id"] == first["id"]

    eventually(
        lambda: rows(engine, "relay")[0].published >= max(e.id for e in rows(engine, "events")), "all is relayed"
    )
    with db.reading(engine) as snapshot:
        assert [finding for finding in invariants.run(snapshot) if not finding.ok] == []


def test_an_order_accepted_while_the_broker_is_away_is_placed_when_it_is_back(
    pipeline: Pipeline, engine: Engine
) -> None:
    a_sku(engine)
    pipeline.broker.stop()
    status, body = pipeline.order("k")
    assert (status, body["status"]) == (202, "accepted")
    assert pipeline.order("k")[1]["id"] == body["id"]
    pipeline.broker.start()
    eventually(lambda: all_placed(engine, 1), "it is placed")
