"""Who is asked for numbers: Prometheus's own configuration, and the processes of compose.yaml that answer it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import urllib3

from tests.deploy.tools import DEPLOY, run
from tests.shared import ports
from tests.shared.processes import HTTP, eventually, process

PROMTOOL = shutil.which("promtool")


def read(file: str) -> Any:
    return msgspec.yaml.decode((DEPLOY / file).read_bytes())


@pytest.mark.skipif(not PROMTOOL, reason="promtool is not here")
def test_promtool_finds_no_fault(tmp_path: Path) -> None:
    text = (DEPLOY / "prometheus/prometheus.yml").read_text(encoding="utf-8")
    (tmp_path / "token").write_text("a token", encoding="utf-8")
    text = text.replace("/run/secrets/metrics_token", str(tmp_path / "token"))
    text = text.replace("/etc/prometheus/rules.yaml", str(DEPLOY / "prometheus/rules.yaml"))
    own = tmp_path / "prometheus.yml"
    own.write_text(text, encoding="utf-8")
    assert "SUCCESS" in run(PROMTOOL, "check", "config", own)


def celery_commands() -> dict[str, list[str]]:
    services = read("compose.yaml")["services"].items()
    return {name: service["command"] for name, service in services if service.get("command", [""])[0] == "celery"}


def test_every_process_that_counts_is_asked() -> None:
    ours, _ = read("prometheus/prometheus.yml")["scrape_configs"]
    [found] = ours["dns_sd_configs"]
    assert set(found["names"]) == {"api", *celery_commands()}
    assert found["port"] == 9400


def scraped(url: str, token: str) -> int:
    try:
        return HTTP.request("GET", url, headers={"Authorization": f"Bearer {token}"}).status
    except urllib3.exceptions.HTTPError:
        return 0


@pytest.mark.parametrize("name", ["orders", "default", "beat"])
def test_a_container_answers_prometheus_and_its_healthcheck(
    environment: dict[str, str], tmp_path: Path, name: str
) -> None:
    port = ports.free()
    told = environment | {"CHECKOUT_METRICS_PORT": str(port), "CHECKOUT_METRICS_TOKEN": "a token"}
    with process(*celery_commands()[name], environment=told, log=tmp_path / "log"):
        eventually(lambda: scraped(f"http://127.0.0.1:{port}/metrics", "a token") == 200, "it answers")
        code = read("compose.yaml")["x-counted"]["healthcheck"]["test"][-1]
        run(sys.executable, "-c", code.replace("9400", str(port)))
