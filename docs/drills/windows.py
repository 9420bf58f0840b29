"""The windows through which an operator sees a fault, each as a list of short lines."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

import urllib3
from urllib3.exceptions import HTTPError

from docs.drills import dashboard
from docs.drills.alerts import Prometheus
from docs.drills.scene import Scene

WINDOWS = ("dashboard", "flower", "doctor", "stuck", "alerts", "log")
# A task that is begun for longer hangs: the longest of a healthy shop is the relay's, which tells Flower nothing.
_HANGING_SECONDS = 10.0
_HTTP = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(10))
_WORRYING = re.compile(r"\b(warn|warning|error|critical|fatal|panic)\b", re.IGNORECASE)
_SAID = re.compile(r"^.*?(?:(?:ERROR|FATAL|PANIC|WARNING):|(?:ERROR|WARNING|CRITICAL)/[\w-]+\])\s*")
_PERSONAL = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|0x[0-9a-f]+|\d+")


class Log:
    """What the services have written since this was made."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._read = {file.name: file.stat().st_size for file in directory.glob("*.log")}

    def look(self) -> list[str]:
        """The worrying lines, each kind once and without its numbers."""
        found: dict[str, None] = {}
        for file in sorted(self._directory.glob("*.log")):
            with file.open("rb") as lines:
                lines.seek(min(self._read.get(file.name, 0), file.stat().st_size))
                found |= dict.fromkeys(f"{file.stem}: {what}" for what in _worries(lines))
        return list(found)


def _worries(lines: Iterable[bytes]) -> Iterable[str]:
    for raw in lines:
        line = raw.decode(errors="replace").strip()
        if line.startswith("{"):
            yield from _structured(line)
        elif _WORRYING.search(line) or "starts again" in line or "no progress" in line:
            yield _PERSONAL.sub("…", _SAID.sub("", line))[:140]


def _structured(line: str) -> Iterable[str]:
    try:
        said = json.loads(line)
    except ValueError:
        return
    # A call without an answer is no warning, since each is made again.
    if said.get("level") in ("warning", "error", "critical") or said.get("result") == "Unknown":
        why = " ".join(
            str(said[name]) for name in ("method", "why", "error", "sqlstate", "task", "loop", "cure") if name in said
        )
        yield _PERSONAL.sub("…", f"{said['event']} {why}".strip())[:140]


def doctor(scene: Scene) -> list[str]:
    try:
        told = scene.checkout("doctor", "--json")
        checks = json.loads(told.stdout)["checks"]
    except (ValueError, subprocess.TimeoutExpired) as error:
        return [f"doctor itself: {error}"]
    return [f"{check['state']} {check['name']}: {check['detail']}" for check in checks if check["state"] != "ok"]


def stuck(scene: Scene) -> list[str]:
    told = scene.checkout("stuck", "--json")
    if told.returncode:
        return [f"stuck itself: {(told.stderr or told.stdout).strip()[:200]}"]
    matters: dict[str, str] = {}
    for matter in json.loads(told.stdout):
        matters.setdefault(matter["kind"], f"{matter['kind']}: {matter['detail']}")
    return list(matters.values())


def flower(scene: Scene) -> list[str]:
    """Workers that are away, and tasks that failed, are tried again or do not end."""
    try:
        workers = _asked(scene, "workers?status=1")
        tasks = _asked(scene, "tasks?limit=1000")
    except (HTTPError, ValueError) as error:
        return [f"Flower itself: {error}"]
    away = [f"worker {name.split('@')[0]} offline" for name, is_there in workers.items() if not is_there]
    return away + sorted(set(_troubled(tasks.values())))


def _asked(scene: Scene, path: str) -> dict[str, dict[str, object]]:
    running = scene.running
    headers = urllib3.make_headers(basic_auth=f"{running.flower_user}:{running.flower_password}")
    answer = _HTTP.request("GET", f"{running.flower_url}/api/{path}", headers=headers)
    if answer.status != 200:
        raise ValueError(f"answered {answer.status}")
    found: dict[str, dict[str, object]] = answer.json()
    return found


def _troubled(tasks: Iterable[dict[str, object]]) -> Iterable[str]:
    for task in tasks:
        name, state, begun = task["name"], task["state"], task["started"]
        if state in ("FAILURE", "RETRY"):
            yield f"task {name} {state}: {_PERSONAL.sub('…', str(task['exception']))[:100]}"
        elif state == "STARTED" and isinstance(begun, float) and time.time() - begun > _HANGING_SECONDS:
            yield f"task {name} does not end"


def look(scene: Scene, prometheus: Prometheus | None, log: Log) -> dict[str, list[str]]:
    """All of them, one after the other."""
    return {
        "dashboard": dashboard.look(prometheus) if prometheus else [],
        "flower": flower(scene),
        "doctor": doctor(scene),
        "stuck": stuck(scene),
        "alerts": prometheus.alerts() if prometheus else [],
        "log": log.look(),
    }


def photograph(scene: Scene, page: str, file: Path) -> None:
    """Flower's page, as a browser shows it."""
    running = scene.running
    scheme, _, address = running.flower_url.partition("://")
    url = f"{scheme}://{running.flower_user}:{running.flower_password}@{address}/{page}"
    options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1000,700"]
    options += ["--virtual-time-budget=5000", f"--screenshot={file}"]
    subprocess.run(  # noqa: S603 - our own command
        ["chromium", *options, url],  # noqa: S607 - wherever it is installed
        capture_output=True,
        timeout=60,
        check=False,
    )
