"""The dashboard's queries, each asked of a real Prometheus that has scraped everything that we tell."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from prometheus_client import generate_latest

from api import counters, metrics
from checkout.audit import heartbeats, results, stuck
from checkout.db import Engine, transaction
from checkout.metrics import counting, measures
from checkout.metrics.counting import Spread, Tally
from checkout.metrics.server import MetricsServer
from checkout.resources import Resources
from checkout.webhooks import endpoints
from tests.shared import ports
from tests.shared.factories import a_sku, an_order, paid, refunded
from tests.shared.processes import HTTP, eventually

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "deploy" / "grafana" / "checkout.json"
PROMETHEUS = shutil.which("prometheus")

# What nobody tells of here: a loop's fault has not happened, no alert is known, and in key mode there are no
# certificates.
ELSEWHERE = ("checkout_loop_faults_total", "ALERTS", "checkout_certificate_days_left")


def queries() -> dict[str, str]:
    """Each panel's, by its title and letter."""
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return {f"{panel['title']} {one['refId']}": one["expr"] for panel in panels for one in panel.get("targets", [])}


@pytest.fixture
def told(resources: Resources, engine: Engine) -> Iterator[int]:
    """The port of somebody who tells all that there is, and a little more each time."""
    a_sku(engine, stock=9)
    an_order(engine)
    refunded(engine, paid(engine), {"1": 1})
    with transaction(engine) as connection:
        endpoints.add(connection, "https://erp.example/", ["#"])
        heartbeats.beat(connection, "relay")
        results.keep(connection, [])

    def read() -> bytes:
        _count_everything()
        resources.redis.hincrby("checkout_alipay_calls", "alipay.trade.query done", 1)
        counted = b"".join(generate_latest(one) for one in (counters.registry, counting.registry))
        return counted + metrics.exposition(resources)

    server = MetricsServer(0, "", read)
    server.start()
    yield server.port
    server.stop()


def _count_everything() -> None:
    for name, measure in vars(measures).items():
        labels = [
            "placed" if name == "orders_decided" else "failed" if one == "result" else "x" for one in _labels(measure)
        ]
        if isinstance(measure, Tally):
            measure.add(*labels)
        elif isinstance(measure, Spread):
            measure.add(0.1, *labels)
    measures.tasks_run.add("place_orders", "done")
    counters.answered("/v1/orders", 202, 0.01)
    counters.refused.inc()
    counters.notifies.labels("unverified").inc()
    counters.unforeseen.labels("waiting").inc()


def _labels(measure: object) -> tuple[str, ...]:
    return measure.labels if isinstance(measure, Tally | Spread) else ()


@pytest.fixture
def prometheus(told: int, tmp_path: Path) -> Iterator[str]:
    if PROMETHEUS is None:
        pytest.skip("prometheus is not installed (Debian: prometheus)")
    scrape = {"job_name": "checkout", "static_configs": [{"targets": [f"127.0.0.1:{told}"]}]}
    config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [scrape]}
    (tmp_path / "prometheus.yml").write_text(json.dumps(config), encoding="utf-8")
    port = ports.free()
    options = (f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data")
    with (tmp_path / "log").open("wb") as log:
        started = subprocess.Popen(
            [PROMETHEUS, *options, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log
        )
    yield f"http://127.0.0.1:{port}"
    started.terminate()
    started.wait(30)


def answer(url: str, query: str) -> list[Any]:
    """What there is; nothing while Prometheus is not there yet."""
    try:
        said = HTTP.request("GET", f"{url}/api/v1/query", fields={"query": query})
    except urllib3.exceptions.HTTPError:
        return []
    if said.status == 503:
        return []
    assert said.status == 200, (query, said.data)
    found: list[Any] = said.json()["data"]["result"]
    return found


def test_each_query_has_an_answer(prometheus: str) -> None:
    asked = {title: query for title, query in queries().items() if not query_is_of(query, *ELSEWHERE)}
    asked["Need a person, each kind"] = "max by (kind) (checkout_stuck)"
    for title, query in asked.items():
        wanted = query.removesuffix(" > 0")
        eventually(lambda query=wanted: answer(prometheus, query) != [], f"{title}: {wanted}")  # type: ignore[misc] # Bound now.
    for query in queries().values():
        answer(prometheus, query)
    assert len(answer(prometheus, "max by (kind) (checkout_stuck)")) == len(stuck.KINDS)


def query_is_of(query: str, *names: str) -> bool:
    return any(re.search(rf"\b{name}\b", query) for name in names)


def test_what_it_shows_is_explained() -> None:
    explained = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    for title, query in queries().items():
        for name in re.findall(r"\bcheckout_[a-z_]+", query):
            assert re.search(rf"`{name.removesuffix('_bucket')}[`{{]", explained), (title, name)
