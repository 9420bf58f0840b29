"""`python -m bench`: measures the whole stack on this machine, beside its baselines, and audits it afterwards."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import click
from rich.progress import Progress, TaskID

from bench import away as away_
from bench import growth, mixes, observed, patience, plot, rabbitmq, report, soak, suite, traced, verdicts, waiters
from bench.aside import Place, Say
from bench.stack import Stack, started

# Nobody may meet the cap of unpaid orders, whatever a soak places.
SOAK_USERS_PER_MINUTE = 20_000
ENDURED_MINUTES = 30

Measured = Callable[[float, Say, Callable[[Stack], None]], dict[str, Place]]


@click.command()
@click.option("--quick", is_flag=True, help="Shorter parts: under two minutes.")
@click.option("--rows", type=click.IntRange(min=1), help="Instead: the cost of an order beside so many filled orders.")
@click.option("--minutes", type=click.IntRange(min=2), help="Instead: hot-SKU load for so long.")
@click.option("--journeys", is_flag=True, help="Instead: buyers who order, pay, and wait until they have paid.")
@click.option("--stops", is_flag=True, help="Instead: placing that stands still for 100 s, and goes on.")
@click.option(
    "--rabbitmq", "url", help="Instead: orders over the RabbitMQ at this address, while its connections fail."
)
@click.option("--away", help="Instead: PostgreSQL so far away, like 2ms or 1ms,2ms,5ms of round trip, beside none.")
@click.option("--pooled", is_flag=True, help="Instead: PostgreSQL behind PgBouncer, by transaction, beside without.")
@click.option("--traced", "with_traces", is_flag=True, help="Instead: with spans sent to a collector, beside without.")
@click.option("--observed", "with_numbers", is_flag=True, help="Instead: what numbers and log lines cost an order.")
@click.option("--waiters", "waiting", type=click.IntRange(min=100), help="Instead: so many frontends that wait.")
def main(
    *,
    quick: bool,
    rows: int | None,
    minutes: int | None,
    journeys: bool,
    stops: bool,
    url: str | None,
    away: str | None,
    pooled: bool,
    with_traces: bool,
    with_numbers: bool,
    waiting: int | None,
) -> None:
    """Measure the stack: orders, reads, notifies, events; exit 1 when the audit afterwards finds a breach."""
    plan = suite.QUICK if quick else suite.FULL
    asked: list[tuple[object, Callable[[], bool]]] = [
        (rows, lambda: grow(rows or 0, 5 if quick else 15)),
        (stops, stop),
        (url, lambda: endure(url or "", minutes or ENDURED_MINUTES)),
        (away, lambda: move_away([milliseconds(part) for part in (away or "").split(",")], plan.seconds)),
        (pooled, lambda: set_beside("pooled", away_.pooled, plan.seconds)),
        (with_traces, lambda: set_beside("traced", traced.measured, plan.seconds)),
        (with_numbers, lambda: observe(plan)),
        (minutes, lambda: last(minutes or 0)),
        (journeys, lambda: travel(plan)),
        (waiting, lambda: wait(waiting or 0)),
        (True, lambda: compare(plan)),
    ]
    is_good = next(run for is_asked, run in asked if is_asked)()
    sys.exit(0 if is_good else 1)


def compare(plan: suite.Plan) -> bool:
    """The table of ratios and percentiles."""
    with report.progress() as bar, started(mixes.catalogue(), plan.users) as stack:
        step = bar.add_task("", total=plan.steps)
        found = suite.run(stack, plan, lambda text: bar.update(step, description=text, advance=1))
        is_clean, said = audit(stack, bar, step)
    rows, faults = verdicts.rows(found), verdicts.faults(found)
    report.show_latencies(found)
    report.show_lone(found)
    report.show_cpu(found)
    report.show(rows)
    content = report.summary(found, rows) | {"audit_clean": is_clean, "faults": faults}
    report.console.print(f"written: {report.keep('latest', content)}, {plot.draw(found)}")
    return report.judge(faults, said, is_clean)


def grow(rows: int, seconds: float) -> bool:
    """Cost per order beside empty and beside filled tables."""
    with report.progress() as bar, started(mixes.catalogue(), suite.FULL.users) as stack:
        step = bar.add_task("", total=rows)
        say = lambda text, done: bar.update(step, description=text, advance=done)  # noqa: E731 - shorter than a function
        found = growth.measure(stack, rows, seconds, say)
        is_clean, said = audit(stack, bar, step)
    content = report.show_growth(found)
    report.keep("growth", content | {"audit_clean": is_clean})
    return report.judge([], said, is_clean)


def last(minutes: int) -> bool:
    """Whether the rate holds for minutes."""
    users = max(suite.FULL.users, SOAK_USERS_PER_MINUTE * minutes)
    with report.progress() as bar, started(mixes.catalogue(), users) as stack:
        step = bar.add_task(f"one hot SKU, {minutes} minutes", total=None)
        found = soak.measure(stack, minutes)
        is_clean, said = audit(stack, bar, step)
    faults = [f"left behind: {name}" for name in found.grown]
    if found.share < soak.LEAST_SHARE:
        faults.append(f"the last minute had {found.share:.0%} of the second's orders")
    report.keep("soak", report.show_soak(found) | {"audit_clean": is_clean, "faults": faults})
    return report.judge(faults, said, is_clean)


def travel(plan: suite.Plan) -> bool:
    """Bought and paid."""
    with report.progress() as bar, started(mixes.catalogue(), plan.users) as stack:
        step = bar.add_task("", total=plan.journey_steps)
        found = suite.journeys(stack, plan, lambda text: bar.update(step, description=text, advance=1))
        is_clean, said = audit(stack, bar, step)
    faults = verdicts.journey_faults(found)
    report.keep("journeys", report.show_journeys(found) | {"audit_clean": is_clean, "faults": faults})
    return report.judge(faults, said, is_clean)


def stop() -> bool:
    """A frozen worker, a locked row, a backlog."""
    users = patience.BACKLOG // 10
    with report.progress() as bar, started(patience.catalogue(), users) as stack:
        step = bar.add_task("", total=None)
        found = patience.measure(stack, lambda text: bar.update(step, description=text))
        is_clean, said = audit(stack, bar, step)
    faults = [breach for run in found for breach in run.breaches]
    content = {"stops": [asdict(run) for run in found]}
    report.keep("stops", content | {"audit_clean": is_clean, "breaches": faults})
    report.console.print_json(data=content)
    return report.judge(faults, said, is_clean)


def endure(url: str, minutes: int) -> bool:
    """A RabbitMQ whose connections fail, a kind of fault each minute."""
    with report.progress() as bar, rabbitmq.shop(url) as (stack, proxy):
        step = bar.add_task(f"RabbitMQ with faults, {minutes} minutes", total=None)
        found = rabbitmq.measure(stack, proxy, url, minutes)
        is_clean, said = audit(stack, bar, step)
    faults = found.breaches
    report.keep("rabbitmq", asdict(found) | {"audit_clean": is_clean, "breaches": faults})
    report.console.print_json(data=asdict(found))
    return report.judge(faults, said, is_clean)


def milliseconds(text: str) -> float:
    """Seconds. Raises BadParameter."""
    number = text.strip().removesuffix("ms")
    if not number.replace(".", "", 1).isdigit():
        raise click.BadParameter(f"{text} is no distance like 2ms", param_hint="--away")
    return float(number) / 1000


def move_away(distances: list[float], seconds: float) -> bool:
    """A network between us and PostgreSQL."""
    with report.progress() as bar, away_.distant() as (stack, relay):
        step = bar.add_task("", total=None)
        say = lambda text: bar.update(step, description=text)  # noqa: E731 - shorter than a function
        found = away_.distances(stack, relay, [0.0, *distances], seconds, say)
        is_clean, said = audit(stack, bar, step)
    report.show_away(away_.rows(found))
    content = {f"{distance * 1000:g} ms": asdict(place) for distance, place in found.items()}
    report.keep("away", {"away": content, "audit_clean": is_clean})
    return report.judge([], said, is_clean)


def set_beside(name: str, measured: Measured, seconds: float) -> bool:
    """The whole service one way beside another."""
    audits: list[tuple[bool, str]] = []
    with report.progress() as bar:
        step = bar.add_task("", total=None)
        say = lambda text: bar.update(step, description=text)  # noqa: E731 - shorter than a function
        found = measured(seconds, say, lambda stack: audits.append(audit(stack, bar, step)))
    content = {way: asdict(place) for way, place in found.items()}
    report.keep(name, {name: content, "audit_clean": all(is_clean for is_clean, _ in audits)})
    report.console.print_json(data=content)
    return report.judge([], "".join(said for _, said in audits), all(is_clean for is_clean, _ in audits))


def observe(plan: suite.Plan) -> bool:
    """Numbers and log lines."""
    with report.progress() as bar, started(mixes.catalogue(), plan.users) as stack:
        step = bar.add_task("", total=None)
        found = observed.measured(stack, plan.seconds, lambda text: bar.update(step, description=text))
        is_clean, said = audit(stack, bar, step)
    content = asdict(found) | {"per_order_us": found.per_order_us(), "share": found.share()}
    report.keep("observed", content | {"audit_clean": is_clean})
    report.console.print_json(data=content)
    return report.judge([], said, is_clean)


def wait(count: int) -> bool:
    """Many waiting frontends."""
    waiters.allow_files(count)
    with report.progress() as bar, started(mixes.catalogue(), suite.FULL.users) as stack:
        step = bar.add_task(f"{count:,} waiting frontends", total=None)
        found = waiters.measure(stack, count)
        is_clean, said = audit(stack, bar, step)
    faults = [f"{found.missed} waiters did not hear of their change"] if found.missed else []
    report.keep("waiters", report.show_waiters(found) | {"audit_clean": is_clean, "faults": faults})
    return report.judge(faults, said, is_clean)


def audit(stack: Stack, bar: Progress, step: TaskID) -> tuple[bool, str]:
    """`checkout audit` on the stack: whether it is clean, and what it says."""
    bar.update(step, description="audit")
    command = [sys.executable, "-P", "-m", "ops.main", "audit", f"--data-dir={stack.data_dir}"]
    done: Any = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=1800, check=False)
    bar.update(step, description="done")
    return done.returncode == 0, done.stdout + done.stderr


if __name__ == "__main__":
    main()
