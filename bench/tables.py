"""`python -m bench.tables`: writes the tables of the documents anew from the results in `bench/results/`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from statistics import mean
from typing import Any

from bench.aside import Place
from bench.report import RESULTS, SERVICES, shares

DOCS = Path(__file__).parent.parent / "docs"
DOCUMENTS = (DOCS / "performance.md", DOCS / "from-django.md")


def markdown(head: list[str], lines: list[list[object]]) -> str:
    """A table; what stands in the columns behind the first one is right-aligned."""
    rows: list[list[object]] = [[*head], ["---", *["---:"] * (len(head) - 1)], *lines]
    return "\n".join("| " + " | ".join(str(cell).replace("\n", "<br>") for cell in row) + " |" for row in rows)


def compared(found: dict[str, Any]) -> str:
    head = list(found["table"][0])
    return markdown(head, [[row[name] for name in head] for row in found["table"]])


def latencies(found: dict[str, Any]) -> str:
    head = ["mix", "load", "orders/s", "POST p50", "p95", "p99", "to placement p50", "p95", "p99"]
    lines: list[list[object]] = [
        [run["mix"], run["load"], run["orders_per_second"], *run["post_ms"].values(), *run["to_placement_ms"].values()]
        for run in found["runs"]
    ]
    return markdown(head, lines)


def stages(found: dict[str, Any]) -> str:
    return markdown(["stage", "p50, ms"], [[name, took] for name, took in found["lone_stages_ms"].items()])


def cpu(found: dict[str, Any]) -> str:
    names = [*SERVICES, "others"]
    lines: list[list[object]] = []
    for title, used in found["cpu_us"].items():
        parts = shares(used)
        lines.append([title, *(f"{parts[name]:.0f}" for name in names), f"{sum(used.values()):.0f}"])
    return markdown(["mix", *names, "all"], lines)


def grown(found: dict[str, Any]) -> str:
    head = ["mix", "empty orders/s", f"beside {found['rows']:,}", "ratio of cost"]
    lines: list[list[object]] = [
        [name, mix["empty"]["orders_per_second"], mix["filled"]["orders_per_second"], f"{mix['ratio']} ×"]
        for name, mix in found["mixes"].items()
    ]
    return markdown(head, lines)


def done(found: dict[str, Any]) -> str:
    lines: list[list[object]] = [[f"`checkout {name}`", f"{took:.1f}"] for name, took in found["chores"].items()]
    return markdown([f"beside {found['rows']:,} orders", "seconds"], lines)


def soaked(found: dict[str, Any]) -> str:
    cpu: list[dict[str, float]] = found["cpu_us"]
    lines: list[list[object]] = []
    for n, count in enumerate(found["minutes"]):
        used = cpu[n] if n < len(cpu) else {}
        lines.append([n + 1, f"{count:,}", *(f"{used[name]:.0f}" if name in used else "" for name in SERVICES)])
    return markdown(["minute", "orders", *(f"{name}, µs" for name in SERVICES)], lines)


def waited(found: dict[str, Any]) -> str:
    lines: list[list[object]] = [
        ["waiting frontends", f"{found['count']:,}"],
        ["memory of the API, each", f"{found['bytes_each'] / 1000:.1f} kB"],
        ["transactions/s of the whole stack, nobody waiting", found["transactions_per_second_idle"]],
        ["transactions/s, all waiting", found["transactions_per_second_waiting"]],
        ["from a change to its waiter, p50 · p99", " · ".join(f"{found['heard_ms'][p]} ms" for p in ("p50", "p99"))],
    ]
    return markdown(["", ""], lines)


def travelled(found: dict[str, Any]) -> str:
    head = ["load", "journeys/s", "whole journey p50, ms", "p95", "received → applied p50", "p95", "CPU, ms"]
    lines: list[list[object]] = []
    for load, run in found["journeys"].items():
        whole, applied = run["stages_ms"]["all"], run["received_to_applied_ms"]
        cpu_ms = sum(run["cpu_us"].values()) / 1000
        lines.append([load, run["per_second"], *(took[p] for took in (whole, applied) for p in ("p50", "p95"))])
        lines[-1].append(f"{cpu_ms:.1f}")
    return markdown(head, lines)


def stopped(found: dict[str, Any]) -> str:
    head = ["for 100 s (the backlog: while it piled up)", "orders", "parked", "left waiting", "through after, s"]
    lines: list[list[object]] = [
        [run["title"], f"{run['orders']:,}", run["parked"], run["waiting"], f"{run['latest_seconds']:.0f}"]
        for run in found["stops"]
    ]
    return markdown(head, lines)


def endured(found: dict[str, Any]) -> str:
    lines: list[list[object]] = [
        ["faults", len(found["faults"])],
        ["orders accepted · placed", f"{found['accepted']:,} · {found['placed']:,}"],
        ["longest from accepted to placed", f"{found['longest_seconds']:.0f} s"],
        ["events · lost · out of order", f"{found['events']:,} · {found['lost']} · {found['misordered']}"],
        ["events that came again", f"{found['repeats']:,} ({found['repeats'] / found['events']:.2%})"],
    ]
    return markdown(["", ""], lines)


def distant(found: dict[str, Any]) -> str:
    head = ["round trip", "one hot SKU, /s", "beside none", "10,000 SKUs × 2, /s", "beside none", "lone order p50, ms"]
    places = {name: Place(**place) for name, place in found["away"].items()}
    return markdown(head, [[name, *_beside(place, places["0 ms"])] for name, place in places.items()])


def set_beside(found: dict[str, Any], what: str) -> str:
    """Rates are the best of all rounds, CPU their mean, ratios the mean of the rounds' own."""
    head = ["", *(f"{title}{unit}" for title in ("one hot SKU", "10,000 SKUs × 2") for unit in _UNITS)]
    places = {name: Place(**place) for name, place in found[what].items()}
    first = next(iter(places.values()))
    return markdown(head, [[name, *_costs(place, first)] for name, place in places.items()])


def observed(found: dict[str, Any]) -> str:
    lines: list[list[object]] = [[what, f"{us:.1f}"] for what, us in found["per_order_us"].items()]
    lines.append(
        [f"all of it, {found['share']:.1%} of what an order costs", f"{sum(found['per_order_us'].values()):.1f}"]
    )
    lines.append([f"an order, at {found['orders_per_second']:,.0f}/s", f"{found['order_us']:.0f}"])
    return markdown(["", "µs of CPU"], lines)


_UNITS = (", /s", ", of the first", ", µs of CPU an order", ", of the first's")


def _costs(place: Place, first: Place) -> list[object]:
    cells: list[object] = []
    for mix in place.rates:
        cells += [f"{max(place.rates[mix]):,.0f}", f"{place.beside(first, mix):.2f} ×"]
        cells += [f"{mean(place.cpu_us[mix]):.0f}", f"{place.cost_beside(first, mix):.2f} ×"]
    return cells


_RUSHED = {
    "buyers want": "rush",
    "shop": "shop",
    "buyers": "buyers",
    "units sold": "sold",
    "oversold": "oversold",
    "refused": "refused",
    "failed": "failed",
    "forgotten": "forgotten",
    "wait p50, ms": "wait_p50_ms",
    "p99": "wait_p99_ms",
}


def rushed(found: dict[str, Any]) -> str:
    return markdown(list(_RUSHED), [[row[name] for name in _RUSHED.values()] for row in found["rows"]])


def _beside(place: Place, first: Place) -> list[object]:
    cells: list[object] = []
    for mix in place.rates:
        cells += [f"{max(place.rates[mix]):,.0f}", f"{place.beside(first, mix):.2f} ×"]
    return [*cells, f"{min(place.lone_ms, default=0):.1f}"]


# Name of the table in the document: result file and how it is written.
_TABLES = {
    "compared": ("latest", compared),
    "latencies": ("latest", latencies),
    "cpu": ("latest", cpu),
    "growth": ("growth", grown),
    "chores": ("growth", done),
    "stages": ("latest", stages),
    "soak": ("soak", soaked),
    "waiters": ("waiters", waited),
    "journeys": ("journeys", travelled),
    "stops": ("stops", stopped),
    "rabbitmq": ("rabbitmq", endured),
    "away": ("away", distant),
    "pooled": ("pooled", lambda found: set_beside(found, "pooled")),
    "django": ("django", rushed),
    "traced": ("traced", lambda found: set_beside(found, "traced")),
    "observed": ("observed", observed),
}


def main() -> None:
    """Replaces what stands between `<!-- NAME -->` and `<!-- end -->`."""
    for document in DOCUMENTS:
        document.write_text(written(document.read_text(encoding="utf-8")), encoding="utf-8")


def written(text: str) -> str:
    """The text with the tables as they are now."""
    for name, (file, write) in _TABLES.items():
        result = RESULTS / f"{file}.json"
        if result.exists():
            table = write(json.loads(result.read_text(encoding="utf-8")))
            between = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
            text = between.sub(lambda match, table=table: f"{match[1]}\n{table}\n\n{match[2]}", text)  # type: ignore[misc] # A default keeps this round's table.
    return text


if __name__ == "__main__":
    main()
