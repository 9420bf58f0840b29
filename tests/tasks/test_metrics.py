"""A worker tells what its children did, whichever of them it was and whatever became of it."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import urllib3

from checkout.db import Engine
from sandbox import valkey
from sandbox.ports import answers as ports_answer
from tasks.app import app
from tests.shared import ports
from tests.shared.factories import a_sku, an_order, rows
from tests.shared.processes import HTTP, eventually, process
from tests.stack.family import descendants

pytestmark = pytest.mark.timeout(300)
RUN = 'checkout_tasks_run_total{result="done",task="place_orders"}'


class Shop:
    """One prefork worker on a broker of its own, with its port for Prometheus."""

    def __init__(self, environment: dict[str, str], stack: ExitStack, log: Path) -> None:
        broker = stack.enter_context(valkey.temporary_server())
        self.port = ports.free()
        self.log = log
        self.environment = environment | {
            "CHECKOUT_BROKER_URL": broker.url(0),
            "CHECKOUT_REDIS_URL": broker.url(1),
            "CHECKOUT_METRICS_PORT": str(self.port),
        }
        self._stack = stack
        self.pid = self.worker("first")

    def worker(self, name: str) -> int:
        options = ("-Q", "orders", "-n", f"{name}@%h", "--pool=prefork", "-c2", "--without-mingle")
        command = ("celery", "--quiet", "-A", "tasks.app", "worker", *options)
        return self._stack.enter_context(process(*command, environment=self.environment, log=self.log)).pid

    def place(self, engine: Engine) -> None:
        ids = [an_order(engine)]
        with app.connection_for_write(self.environment["CHECKOUT_BROKER_URL"]) as connection:
            app.send_task("place_orders", args=[ids], queue="orders", connection=connection)

    def told(self, series: str) -> float:
        """Zero when nobody tells of it."""
        try:
            text = HTTP.request("GET", f"http://127.0.0.1:{self.port}/metrics").data.decode()
        except urllib3.exceptions.HTTPError:
            return 0.0
        found = re.search(f"^{re.escape(series)} ([0-9.e+]+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0


@pytest.fixture
def shop(environment: dict[str, str], in_process: None, tmp_path: Path) -> Iterator[Shop]:
    del in_process
    with ExitStack() as stack:
        yield Shop(environment, stack, tmp_path / "worker.log")


def test_what_its_children_decided_is_added_up_and_stays_when_one_dies(shop: Shop, engine: Engine) -> None:
    a_sku(engine, stock=2)
    for _ in range(2):
        shop.place(engine)
    eventually(lambda: shop.told('checkout_orders_decided_total{outcome="placed"}') == 2, "two are placed")
    eventually(lambda: shop.told(RUN) >= 1, "a task that placed has ended")
    for child in descendants(shop.pid):
        os.kill(child, signal.SIGKILL)
    shop.place(engine)
    eventually(lambda: shop.told('checkout_orders_decided_total{outcome="out_of_stock"}') == 1, "one is refused")
    assert shop.told('checkout_orders_decided_total{outcome="placed"}') == 2
    assert shop.told("checkout_order_waited_seconds_count") == 3
    assert shop.told("checkout_placing_batch_orders_sum") == 3
    eventually(lambda: shop.told(RUN) >= 2, "so has the one that refused")
    assert shop.told('checkout_task_seconds_bucket{le="+Inf",task="place_orders"}') >= 2


def test_one_whose_port_is_taken_says_so_and_works(shop: Shop, engine: Engine) -> None:
    a_sku(engine)
    eventually(lambda: ports_answer(shop.port), "the first serves")
    second = shop.worker("second")
    eventually(lambda: "metrics_not_told" in shop.log.read_text(encoding="utf-8"), "the second names its port")
    os.kill(shop.pid, signal.SIGTERM)
    eventually(lambda: len(descendants(second)) >= 2, "the second has its children")
    shop.place(engine)
    eventually(lambda: _placed(engine) == 1, "the second places")


def _placed(engine: Engine) -> int:
    return sum(order.status == "awaiting_payment" for order in rows(engine, "orders"))
