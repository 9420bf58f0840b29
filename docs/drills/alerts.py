"""A real Prometheus beside the stack, with the rules as they are delivered, and what it says."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from docs.drills.scene import until
from sandbox import ports, process

PROMETHEUS = shutil.which("prometheus")
_ROOT = Path(__file__).parents[2]
_RULES = _ROOT / "deploy" / "prometheus" / "rules.yaml"
_START_SECONDS = 60.0
_HTTP = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(5))


@dataclass(frozen=True)
class Prometheus:
    url: str

    def alerts(self) -> list[str]:
        """The alerts that are pending or fire, and which of the two."""
        found = self._get("alerts")["alerts"]
        return sorted({f"{alert['labels']['alertname']} {alert['state']}{_about(alert['labels'])}" for alert in found})

    def values(self, query: str) -> list[tuple[dict[str, str], float]]:
        """What it answers now: each series' labels with its value; what is no number is left out."""
        answer = _HTTP.request("GET", f"{self.url}/api/v1/query", fields={"query": query}).json()
        found = [(one["metric"], float(one["value"][1])) for one in answer["data"]["result"]]
        return [(labels, value) for labels, value in found if value == value]

    def is_ready(self) -> bool:
        """Whether it has read from every process once."""
        try:
            targets = self._get("targets")["activeTargets"]
        except (urllib3.exceptions.HTTPError, KeyError, ValueError):
            return False
        return bool(targets) and all(target["health"] == "up" for target in targets)

    def _get(self, path: str) -> dict[str, list[dict[str, Any]]]:
        answer: dict[str, dict[str, list[dict[str, Any]]]]
        answer = _HTTP.request("GET", f"{self.url}/api/v1/{path}").json()
        return answer["data"]


def _about(labels: dict[str, str]) -> str:
    told = [labels[name] for name in ("kind", "loop", "task", "queue", "certificate", "service") if name in labels]
    return f" ({', '.join(told)})" if told else ""


@contextlib.contextmanager
def judging(targets: Path) -> Iterator[Prometheus]:
    """It looks each 15 s, as deploy/prometheus/prometheus.yml says."""
    if PROMETHEUS is None:
        raise FileNotFoundError("prometheus")
    port = ports.free()
    with tempfile.TemporaryDirectory(prefix="checkout-drill-prometheus-") as directory:
        file = Path(directory, "prometheus.json")
        file.write_text(json.dumps(_configuration(targets)), encoding="utf-8")
        command = [
            *(PROMETHEUS, f"--config.file={file}", f"--web.listen-address={ports.LOOPBACK}:{port}"),
            f"--storage.tsdb.path={directory}/data",
        ]
        with Path(directory, "log").open("wb") as log:
            child = process.start(command, environment={}, output=log)
        try:
            told = Prometheus(ports.url(ports.LOOPBACK, port))
            until(told.is_ready, "Prometheus reads from every process", _START_SECONDS)
            yield told
        finally:
            process.shut_down(child, signal.SIGTERM, 10.0)


def _configuration(targets: Path) -> dict[str, object]:
    """In JSON, which is YAML."""
    return {
        "global": {"scrape_interval": "15s", "scrape_timeout": "10s", "evaluation_interval": "15s"},
        "rule_files": [str(_RULES)],
        "scrape_configs": [{"job_name": "checkout", "file_sd_configs": [{"files": [str(targets)]}]}],
    }
