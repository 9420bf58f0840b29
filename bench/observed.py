"""What numbers and log lines cost: a service that is asked by Prometheus, beside one that counts and logs nothing."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import urllib3

from bench import aside
from bench.aside import Place, Say, Way
from bench.stack import Stack

ROUNDS = 4
# As deploy/prometheus/prometheus.yml says.
ASKED_SECONDS = 15.0
NOTHING, ALL = "nothing counted or logged", "counted, logged, asked each 15 s"
# Python runs this file first, whatever it runs.
_SILENT = """
import prometheus_client, structlog
from prometheus_client import metrics

metrics.Counter.inc = metrics.Histogram.observe = lambda *_given, **_named: None
filtering = structlog.make_filtering_bound_logger
structlog.make_filtering_bound_logger = lambda _level: filtering(60)
"""


def measured(seconds: float, say: Say, audit: Callable[[Stack], None]) -> dict[str, Place]:
    """Both in turn."""
    with tempfile.TemporaryDirectory(prefix="checkout-silent-") as directory:
        Path(directory, "sitecustomize.py").write_text(_SILENT, encoding="utf-8")
        ways = {NOTHING: Way({"PYTHONPATH": directory}), ALL: Way(meanwhile=_asked)}
        return aside.measured(ways, ROUNDS, seconds, say, audit)


@contextmanager
def _asked(stack: Stack) -> Iterator[None]:
    """Prometheus' own work is not counted: it runs elsewhere."""
    groups = json.loads((stack.data_dir / "metrics.json").read_text(encoding="utf-8"))
    targets = [target for group in groups for target in group["targets"]]
    ended = threading.Event()

    def ask() -> None:
        with urllib3.PoolManager(retries=False, timeout=10) as http:
            while not ended.wait(ASKED_SECONDS):
                for target in targets:
                    http.request("GET", f"http://{target}/metrics")

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    try:
        yield
    finally:
        ended.set()
        asking.join()
