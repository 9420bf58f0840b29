"""What numbers and log lines cost, piece by piece: all of them together are less than a machine's speed drifts by."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import urllib3
from structlog import get_logger

from bench import mixes
from bench.aside import CONNECTIONS, Say
from bench.mixes import HOT
from bench.stack import Stack

# As deploy/prometheus/prometheus.yml says.
ASKED_SECONDS = 15.0
ROUNDS = 40
CALLS = 20_000


@dataclass
class Costs:
    """Microseconds of CPU; `order_us` is all that an order costs, numbers and lines among it."""

    order_us: float
    orders_per_second: float
    batch_orders: float
    lines_per_order: float
    request_us: float  # counted by the API
    batch_us: float  # counted by a worker
    line_us: float  # written to a log
    round_us: float  # Prometheus asks every process once

    def per_order_us(self) -> dict[str, float]:
        """The pieces of one order."""
        return {
            "the request, counted": self.request_us,
            "its share of a batch, counted": self.batch_us / self.batch_orders,
            "log lines": self.line_us * self.lines_per_order,
            "Prometheus, each 15 s": self.round_us / (ASKED_SECONDS * self.orders_per_second),
        }

    def share(self) -> float:
        return sum(self.per_order_us().values()) / self.order_us


def measured(stack: Stack, seconds: float, say: Say) -> Costs:
    """Orders for one hot SKU, and then the pieces, while nobody orders."""
    say("orders")
    mixes.closed(stack, HOT, 64, 2)
    lines, batches = _lines(stack), stack.metric("checkout_placing_batch_orders_count")
    run = mixes.closed(stack, HOT, CONNECTIONS, seconds)
    batch_orders = run.placed / (stack.metric("checkout_placing_batch_orders_count") - batches)
    lines_per_order = (_lines(stack) - lines) / run.placed
    say("Prometheus")
    round_us = _round_us(stack)
    say("counting and logging")
    command = [sys.executable, "-m", "bench.observed", str(round(batch_orders))]
    pieces = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
    request_us, batch_us, line_us = json.loads(pieces)
    order_us = sum(run.cpu_us.values())
    return Costs(order_us, run.per_second, batch_orders, lines_per_order, request_us, batch_us, line_us, round_us)


def _lines(stack: Stack) -> int:
    return sum(file.read_bytes().count(b"\n") for file in (stack.data_dir / "logs").glob("*.log"))


def _round_us(stack: Stack) -> float:
    """What all processes use while they are asked, beside as long a time in which nobody asks."""
    with urllib3.PoolManager(retries=False, timeout=10) as http:
        began, before = time.monotonic(), sum(stack.cpu_seconds().values())
        for _ in range(ROUNDS):
            for target in stack.told_at:
                http.request("GET", f"http://{target}/metrics")
        took, asked = time.monotonic() - began, sum(stack.cpu_seconds().values()) - before
        before = sum(stack.cpu_seconds().values())
        time.sleep(took)
        unasked = sum(stack.cpu_seconds().values()) - before
    return (asked - unasked) / ROUNDS * 1e6


def _pieces(batch_orders: int) -> Iterator[float]:
    """In a process of its own, which counts into files as those of the service do."""
    from checkout import logs
    from checkout.metrics import measures
    from checkout.metrics.counting import SharedCounts

    counts = SharedCounts()
    counts.follow_forks()
    from api import counters  # Where it counts is decided when it is imported.

    logs.configure()

    def batch() -> None:
        measures.batches.add(batch_orders)
        measures.orders_decided.add("placed", count=batch_orders)
        measures.order_waited.add_all([0.02] * batch_orders)
        measures.tasks_run.add("place_orders", "done")
        measures.task_took.add(0.02, "place_orders")
        measures.events_sent.add(count=batch_orders)

    yield _us(lambda: counters.answered("/v1/orders", 202, 0.02))
    yield _us(batch, batch_orders)
    log = get_logger()
    yield _us(lambda: log.info("alipay_call", method="alipay.trade.query", number="20261128", result="Done", why=""))
    counts.close()


def _us(step: Callable[[], object], fewer: int = 1) -> float:
    calls = CALLS // fewer
    step()
    began = time.process_time()
    for _ in range(calls):
        step()
    return (time.process_time() - began) / calls * 1e6


if __name__ == "__main__":
    print(json.dumps([*_pieces(int(sys.argv[1]))]))
