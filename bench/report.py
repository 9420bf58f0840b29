"""What a run leaves behind: tables on the screen, JSON and a plot in `bench/results/`."""

from __future__ import annotations

import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench import journey, lone, mixes, soak, waiters
from bench.growth import FLOOR, GOAL, Growth
from bench.mixes import MIXES, Run
from bench.suite import Journeys, Results
from bench.verdicts import Row

RESULTS = Path(__file__).with_name("results")
console = Console(width=None if sys.stdout.isatty() else 150)

# Shown one by one; the others together.
SERVICES = ("api", "orders", "postgres", "upkeep", "valkey", "default", "load generator")
_STYLES = {"goal": "green", "met": "green", "floor": "yellow", "below the floor": "red"}


def progress() -> Progress:
    """A bar over the steps; it redraws rarely, because it shares the machine with what is measured."""
    columns = (SpinnerColumn(), TextColumn("{task.description:<55}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeElapsedColumn(), console=console, refresh_per_second=2)


def show(rows: list[Row]) -> None:
    table = Table(title="Measured, beside what is asked for", show_lines=True)
    for name in Row._fields:
        table.add_column(name, justify="right" if name in ("ours", "baseline", "ratio") else "left")
    for row in rows:
        table.add_row(*row, style=_STYLES.get(row.verdict, ""))
    console.print(table)


def show_latencies(found: Results) -> None:
    table = Table(title="Latency in ms (the open loop counts from when a request was due)")
    for name in ("mix", "load", "orders/s", "POST p50", "p95", "p99", "to placement p50", "p95", "p99"):
        table.add_column(name, justify="left" if name in ("mix", "load") else "right")
    for title, load, run in _runs(found):
        posts, placements = mixes.spread(list(run.tally.seconds)), mixes.spread(run.to_placement)
        numbers = [f"{value:,.1f}" for value in (*posts.values(), *placements.values())]
        table.add_row(title, load, f"{run.per_second:,.0f}", *numbers)
    console.print(table)


def show_lone(found: Results) -> None:
    table = Table("stage", title="Where a lone order's time goes, p50 in ms")
    table.add_column("ms", justify="right")
    for name, took in (found.lone.stages if found.lone else {}).items():
        table.add_row(name, f"{took * 1000:.1f}")
    console.print(table)


def show_cpu(found: Results) -> None:
    table = Table(title="CPU per order (per notify), µs, of two cores' 2,000,000 per second")
    table.add_column("mix")
    for name in (*SERVICES, "others", "all"):
        table.add_column(name, justify="right")
    for title, cpu in _cpu(found):
        parts = shares(cpu)
        table.add_row(title, *(f"{parts[name]:,.0f}" for name in (*SERVICES, "others")), f"{sum(cpu.values()):,.0f}")
    console.print(table)


def _runs(found: Results) -> list[tuple[str, str, Run]]:
    lines = []
    for mix in MIXES:
        lines += [(mix.title, f"closed, {n}", run) for n, run in found.closed[mix.name].items()]
        lines.append((mix.title, "open", found.opened[mix.name]))
    return lines


def _cpu(found: Results) -> list[tuple[str, dict[str, float]]]:
    lines = [(mix.title, found.best(mix.name).cpu_us) for mix in MIXES]
    if found.sold_out:
        lines.append(("sold out", found.sold_out.cpu_us))
    lines += [(f"notify, {connections}", run.cpu_us) for connections, run in found.notify.items()]
    return lines


def shares(cpu: dict[str, float]) -> dict[str, float]:
    parts = dict.fromkeys((*SERVICES, "others"), 0.0)
    for name, value in cpu.items():
        parts[name if name in SERVICES else "others"] += value
    return parts


def show_journeys(found: Journeys) -> dict[str, Any]:
    """Rates, stages and cost of bought and paid; returns them for the JSON."""
    runs = {f"closed, {n}": run for n, run in found.closed.items()}
    runs |= {name: run for name, run in (("open", found.opened), ("alone", found.alone)) if run}
    table = Table(title="Bought and paid: order, placed, payment opened, notify, paid; ms")
    for name in ("load", "journeys/s", *(f"{stage} p50" for stage in journey.STAGES), "all p95", "applied p50", "p95"):
        table.add_column(name, justify="left" if name == "load" else "right")
    content = {}
    for name, run in runs.items():
        stages = {stage: mixes.spread(took) for stage, took in run.stages.items()}
        applied = mixes.spread(run.applied)
        numbers = [*(spread.get("p50", 0) for spread in stages.values()), stages["all"].get("p95", 0)]
        numbers += [applied.get("p50", 0), applied.get("p95", 0)]
        table.add_row(name, f"{run.per_second:,.0f}", *(f"{number:,.1f}" for number in numbers))
        content[name] = {"per_second": round(run.per_second), "cpu_us": _rounded(run.cpu_us)}
        content[name] |= {"stages_ms": {stage: _rounded(spread) for stage, spread in stages.items()}}
        content[name] |= {"received_to_applied_ms": _rounded(applied)}
    console.print(table)
    _show_cpu_of(list(runs.items()))
    return {"journeys": content}


def _show_cpu_of(runs: list[tuple[str, journey.Run]]) -> None:
    table = Table(title="CPU per journey, µs")
    for name in ("load", *SERVICES, "others", "all"):
        table.add_column(name, justify="left" if name == "load" else "right")
    for name, run in runs:
        parts = shares(run.cpu_us)
        table.add_row(name, *(f"{value:,.0f}" for value in parts.values()), f"{sum(run.cpu_us.values()):,.0f}")
    console.print(table)


def machine() -> dict[str, Any]:
    return {"cores": os.cpu_count(), "processor": platform.processor() or platform.machine()} | {
        "python": platform.python_version(),
        "kernel": platform.release(),
        "load_average": [round(load, 1) for load in os.getloadavg()],
    }


def show_away(lines: list[tuple[str, ...]]) -> None:
    table = Table(title="PostgreSQL away, in two rounds, and what a row allows that is held for one journey")
    for name in ("round trip", "one hot SKU", "10,000 SKUs × 2", "lone order p50", "at most on one row"):
        table.add_column(name, justify="right")
    for line in lines:
        table.add_row(*line)
    console.print(table)


def keep(name: str, content: dict[str, Any]) -> Path:
    """Writes `bench/results/NAME.json`."""
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{name}.json"
    said = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine()} | content
    file.write_text(json.dumps(said, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return file


def summary(found: Results, rows: list[Row]) -> dict[str, Any]:
    """The figures, without the thousands of single latencies."""
    return {
        "table": [row._asdict() for row in rows],
        "runs": [{"mix": title, "load": load} | _of_run(run) for title, load, run in _runs(found)],
        "article": {
            name: {"per_second": round(run.per_second, 1), "retries": run.retries, "failed": run.failed}
            | {"lost_sales": run.lost_sales}
            for name, run in found.article.items()
        },
        "pgbench": {name: round(per_second) for name, per_second in found.bare.items()},
        **_of_lone(found.lone),
        "cpu_us": {title: _rounded(cpu) for title, cpu in _cpu(found)},
        "fdatasync_per_second": [round(rate) for rate in found.fdatasyncs],
    }


def _of_lone(run: lone.Run | None) -> dict[str, Any]:
    if run is None:
        return {}
    stages = {name: took * 1000 for name, took in run.stages.items()}
    return {"lone_ms": _rounded(mixes.spread(run.seconds)), "lone_stages_ms": _rounded(stages)}


def _of_run(run: Run) -> dict[str, Any]:
    return {
        "orders_per_second": round(run.per_second),
        "accepted_per_second": round(run.tally.per_second),
        "placed": run.placed,
        "post_ms": _rounded(mixes.spread(list(run.tally.seconds))),
        "to_placement_ms": _rounded(mixes.spread(run.to_placement)),
        "generator_us": round(run.tally.cpu_seconds / max(1, run.tally.count) * 1e6),
    }


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 1) for name, value in values.items()}


def judge(faults: list[str], said: str, is_clean: bool) -> bool:
    """Prints what went wrong; whether nothing did."""
    for fault in faults:
        console.print(f"[red]{fault}")
    console.print("the audit is clean" if is_clean else f"[red]{said.strip()}")
    return is_clean and not faults


def show_growth(found: Growth) -> dict[str, Any]:
    """The cost of an order, empty and filled; returns it for the JSON."""
    table = Table(title=f"Cost of an order beside {found.rows:,} filled ones (floor {FLOOR} ×, goal {GOAL} ×)")
    for name in ("mix", "empty µs", "filled µs", "ratio", "empty orders/s", "filled orders/s"):
        table.add_column(name, justify="left" if name == "mix" else "right")
    content = {}
    for mix, empty in found.empty.items():
        before, after = found.cost_us(mix)
        rates = (empty.per_second, found.filled[mix].per_second)
        table.add_row(
            mix, f"{before:,.0f}", f"{after:,.0f}", f"{found.ratio(mix):.2f} ×", *(f"{r:,.0f}" for r in rates)
        )
        content[mix] = {
            "ratio": round(found.ratio(mix), 2),
            "empty": _of_run(empty),
            "filled": _of_run(found.filled[mix]),
        }
        content[mix] |= {"empty_cpu_us": _rounded(empty.cpu_us), "filled_cpu_us": _rounded(found.filled[mix].cpu_us)}
    console.print(table)
    _show_wal(found)
    _show_chores(found)
    written = {where: one._asdict() for where, one in found.wal.items()}
    return {"rows": found.rows, "mixes": content, "wal": written, "chores": found.chores}


def _show_chores(found: Growth) -> None:
    table = Table(title=f"Beside {found.rows:,} orders", box=None)
    table.add_column("checkout …")
    table.add_column("seconds", justify="right")
    for name, seconds in found.chores.items():
        table.add_row(name, f"{seconds:,.1f}")
    console.print(table)


def _show_wal(found: Growth) -> None:
    table = Table(title="Bytes of PostgreSQL's log an order: whole pages after a checkpoint, and changes, by relation")
    for name in ("load", "all", "most of it: pages + changes"):
        table.add_column(name, justify="left" if name != "all" else "right")
    for where, one in found.wal.items():
        shares = ", ".join(f"{share.relation} {share.pages:,.0f} + {share.changes:,.0f}" for share in one.shares)
        table.add_row(where, f"{one.bytes:,.0f}", shares)
    console.print(table)


def show_soak(found: soak.Run) -> dict[str, Any]:
    """Orders by the minute, and sizes; returns them for the JSON."""
    cpu_us = [found.cpu_us(minute) if minute + 1 < len(found.cpu) else {} for minute in range(len(found.minutes))]
    by_minute = Table(title="Each minute, and µs of CPU per order in it")
    for name in ("minute", "orders", *SERVICES):
        by_minute.add_column(name, justify="right")
    for minute, used in enumerate(cpu_us):
        shares = (f"{used.get(name, 0.0):.0f}" for name in SERVICES)
        by_minute.add_row(str(minute + 1), f"{found.minutes[minute]:,}", *shares)
    console.print(by_minute)
    console.print(f"the last minute beside the second: {found.share:.0%}")
    console.print("messages waiting, every ten seconds: " + ", ".join(map(str, found.depths)))
    table = Table(title="Sizes before and after")
    for name in ("what", "before", "after"):
        table.add_column(name, justify="left" if name == "what" else "right")
    for name, size in found.after.items():
        table.add_row(name, f"{found.before[name]:,}", f"{size:,}")
    console.print(table)
    return {
        "minutes": found.minutes,
        "cpu_us": [{name: round(value, 1) for name, value in used.items()} for used in cpu_us],
        "share": round(found.share, 3),
        "depths": found.depths,
        "before": found.before,
        "after": found.after,
    }


def show_waiters(found: waiters.Run) -> dict[str, Any]:
    """Memory, queries and wake-ups; returns them for the JSON."""
    heard = mixes.spread(found.heard)
    content = {
        "count": found.count,
        "bytes_each": round(found.bytes_each),
        "transactions_per_second_idle": round(found.idle_per_second, 1),
        "transactions_per_second_waiting": round(found.waiting_per_second, 1),
        "heard_ms": _rounded(heard),
        "missed": found.missed,
    }
    for name, value in content.items():
        console.print(f"{name.replace('_', ' '):<35} {value}")
    return content
