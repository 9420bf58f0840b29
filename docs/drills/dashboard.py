"""What the panels of deploy/grafana/checkout.json would show, asked of the Prometheus that Grafana would ask."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docs.drills.alerts import Prometheus

_FILE = Path(__file__).parents[2] / "deploy" / "grafana" / "checkout.json"
_PANELS: list[dict[str, Any]] = json.loads(_FILE.read_text(encoding="utf-8"))["panels"]
# Curves that lie at zero as long as all is well; an eye sees one of them leave it.
_SILENT = re.compile(
    "^(What PostgreSQL did not do|Faults that nobody foresaw|Tasks by name: failed"
    "|Calls by result: (no_answer|unsigned|unknown|held back))"
)
_NOBODYS = ("__name__", "instance", "job", "severity")


def look(prometheus: Prometheus) -> list[str]:
    """What is not as it should be: rows of tables, figures in red, and curves that have left zero."""
    return [line for panel in _PANELS for line in _lines(panel, prometheus)]


def _lines(panel: dict[str, Any], prometheus: Prometheus) -> Iterator[str]:
    for target in panel.get("targets", []):
        for labels, value in prometheus.values(target["expr"]):
            line = f"{panel['title']}: {_name(target['legendFormat'], labels)}".removesuffix(": ")
            if panel["type"] == "table":
                yield line
            elif panel["type"] == "stat":
                yield from [f"{line} {value:.3g}"] if _is_red(panel, value) else []
            elif value > 0 and _SILENT.match(line):
                yield line


def _name(legend: str, labels: dict[str, str]) -> str:
    if legend == "__auto":
        return " ".join(value for name, value in sorted(labels.items()) if name not in _NOBODYS)
    return re.sub(r"{{(\w+)}}", lambda found: labels.get(found[1], ""), legend)


def _is_red(panel: dict[str, Any], value: float) -> bool:
    colour = ""
    for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]:
        if step["value"] is None or value >= step["value"]:
            colour = step["color"]
    return colour == "red"
