"""What was measured beside what was asked for: one row a promise of DESIGN's table."""

from __future__ import annotations

from typing import NamedTuple

from bench import notify
from bench.client import percentile
from bench.mixes import HOT, MANY, MIXES, TEN, Run
from bench.suite import Journeys, Results

LONE_FLOOR_MS, LONE_GOAL_MS = 12.0, 10.0
NOTIFY_FLOOR = 2000.0
RELAY_FLOOR, RELAY_GOAL = 3.0, 4.0
# Of pgbench's one-by-one figure: floor and goal.
BARE = {HOT.name: (2.0, 3.0), TEN.name: (1.0, 1.5), MANY.name: (1.0, 1.3)}
REFUSALS_FLOOR, REFUSALS_GOAL = 2.0, 8000.0
OPEN_FLOOR_MS, OPEN_GOAL_MS = 100.0, 40.0


class Row(NamedTuple):
    """One line of the table."""

    measure: str
    floor: str
    goal: str
    ours: str
    baseline: str
    ratio: str
    verdict: str


def verdict(floor: bool, goal: bool | None) -> str:
    """In words; `goal` is None where none was set."""
    if not floor:
        return "below the floor"
    return "floor" if goal is False else "goal" if goal else "met"


def rows(found: Results) -> list[Row]:
    """DESIGN's rows first, then what explains them."""
    return [
        *_throughput(found),
        _refusals(found),
        _lone(found),
        *_opened(found),
        *_notifies(found),
        _relay(found),
        *_more(found),
    ]


def _throughput(found: Results) -> list[Row]:
    lines = []
    for mix in MIXES:
        ours, bare = found.best(mix.name).per_second, found.bare[mix.name]
        article = found.article[mix.name].per_second
        times, of_bare = ours / max(article, 0.1), ours / bare
        floor, goal = BARE[mix.name]
        lines.append(
            Row(
                f"orders/s, {mix.title}",
                f"{floor:.0f} × pgbench",
                f"{goal:.1f} × pgbench",
                f"{ours:,.0f}/s",
                f"article {article:,.1f}/s\npgbench {bare:,.0f}/s",
                f"{times:,.1f} ×\n{of_bare:.2f} ×",
                verdict(of_bare >= floor, of_bare >= goal),
            )
        )
    return lines


def _opened(found: Results) -> list[Row]:
    return [_open(mix.title, found.opened[mix.name]) for mix in MIXES]


def _open(title: str, run: Run) -> Row:
    p99 = run.tally.percentile_ms(99)
    return Row(
        f"open loop at 60 %, POST p99, {title}",
        f"{OPEN_FLOOR_MS:.0f} ms",
        f"{OPEN_GOAL_MS:.0f} ms",
        f"{p99:.0f} ms",
        "",
        "",
        verdict(p99 <= OPEN_FLOOR_MS, p99 <= OPEN_GOAL_MS),
    )


def _refusals(found: Results) -> Row:
    run = found.sold_out
    assert run is not None
    sales = found.best(HOT.name).per_second
    ratio = run.refused_per_second / sales
    return Row(
        "refusals/s, sold out",
        f"{REFUSALS_FLOOR:.0f} × the sale rate",
        f"{REFUSALS_GOAL:,.0f}/s",
        f"{run.refused_per_second:,.0f}/s, p99 {run.tally.percentile_ms(99):.0f} ms",
        f"hot SKU {sales:,.0f}/s",
        f"{ratio:.2f} ×",
        verdict(ratio >= REFUSALS_FLOOR, run.refused_per_second >= REFUSALS_GOAL),
    )


def _lone(found: Results) -> Row:
    assert found.lone is not None
    p50, p99 = (percentile(found.lone.seconds, percent) * 1000 for percent in (50, 99))
    return Row(
        "lone order, POST to awaiting_payment",
        f"p50 ≤ {LONE_FLOOR_MS:.0f} ms",
        f"p50 ≤ {LONE_GOAL_MS:.0f} ms",
        f"p50 {p50:.1f} ms, p99 {p99:.1f} ms",
        "",
        "",
        verdict(p50 <= LONE_FLOOR_MS, p50 <= LONE_GOAL_MS),
    )


def _notifies(found: Results) -> list[Row]:
    return [_notify(connections, run) for connections, run in found.notify.items()]


def _notify(connections: int, run: notify.Run) -> Row:
    ratio = run.per_second / run.sdk_per_second
    return Row(
        f"notify/s, verified, stored, applied, {connections} connections",
        f"{NOTIFY_FLOOR:,.0f}/s",
        "1 × the SDK's verify",
        f"{run.per_second:,.0f}/s",
        f"SDK alone {run.sdk_per_second:,.0f}/s",
        f"{ratio:.2f} ×",
        verdict(run.per_second >= NOTIFY_FLOOR, ratio >= 1),
    )


def _relay(found: Results) -> Row:
    run = found.relay
    assert run is not None
    orders = max(found.best(mix.name).per_second for mix in MIXES)
    ratio = run.per_second / orders
    return Row(
        "events/s through the relay",
        f"{RELAY_FLOOR:.0f} × the orders/s",
        f"{RELAY_GOAL:.0f} ×",
        f"{run.per_second:,.0f}/s",
        f"orders {orders:,.0f}/s",
        f"{ratio:.1f} ×",
        verdict(run.per_second >= RELAY_FLOOR * orders, ratio >= RELAY_GOAL),
    )


def _more(found: Results) -> list[Row]:
    reads = found.reads
    assert reads is not None
    plain = [
        ("status reads/s", f"{reads.whole.per_second:,.0f}/s", f"p99 {reads.whole.percentile_ms(99):.0f} ms"),
        (
            "status reads/s, 304",
            f"{reads.unchanged.per_second:,.0f}/s",
            f"p99 {reads.unchanged.percentile_ms(99):.0f} ms",
        ),
        ("fdatasync/s, before and after", " · ".join(f"{rate:,.0f}/s" for rate in found.fdatasyncs), "pg_test_fsync"),
    ]
    return [Row(measure, "", "", ours, beside, "", "") for measure, ours, beside in plain]


def journey_faults(found: Journeys) -> list[str]:
    """Journeys that did not come to their end."""
    runs = [*found.closed.values(), *(run for run in (found.opened, found.alone) if run)]
    return [f"{count} journeys: {what}" for run in runs for what, count in run.faults.items()]


def faults(found: Results) -> list[str]:
    """What makes the figures worthless: orders that were promised and not placed, answers that never came."""
    runs = [(mix.title, run) for mix in MIXES for run in (*found.closed[mix.name].values(), found.opened[mix.name])]
    said = [f"{title}: {run.left} accepted orders were left" for title, run in runs if run.left]
    said += [f"{title}: {run.rejected} orders were rejected" for title, run in runs if run.rejected]
    said += [
        f"{title}: {run.tally.statuses[202]} were accepted, {run.placed} placed"
        for title, run in runs
        if run.tally.statuses[202] > run.placed + run.rejected + run.left
    ]
    said += [
        f"notifies: {run.tally.count} were sent, {run.paid} orders became paid"
        for run in found.notify.values()
        if run.paid < run.tally.count
    ]
    if found.relay and found.relay.delivered < found.relay.events:
        said.append(f"relay: {found.relay.events} events, {found.relay.delivered} in the subscriber's queue")
    if found.lone is None or TEN.name not in found.closed:
        said.append("some part did not run")
    return said
