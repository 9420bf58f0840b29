"""The measurements of one run, in an order that is fair: ours and the baselines alternate mix by mix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bench import article, bare, journey, lone, mixes, notify, relaying
from bench.mixes import GONE, HOT, MIXES, Mix, Reads
from bench.stack import Stack
from sandbox import postgres

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How long each part takes, in seconds and pieces."""

    seconds: float
    connections: tuple[int, ...]
    open_share: float  # the open loop's rate, as a share of the closed loop's
    lone_orders: int
    notifies: int
    users: int = 100_000

    @property
    def steps(self) -> int:
        return len(MIXES) * (len(self.connections) + 3) + len(self.connections) + 5

    @property
    def journey_steps(self) -> int:
        return len(self.connections) + 3


QUICK = Plan(seconds=4, connections=(64,), open_share=0.6, lone_orders=60, notifies=2000)
FULL = Plan(seconds=10, connections=(64, 256), open_share=0.6, lone_orders=300, notifies=6_000)


@dataclass
class Results:
    """Everything that was measured."""

    closed: dict[str, dict[int, mixes.Run]] = field(default_factory=dict)
    opened: dict[str, mixes.Run] = field(default_factory=dict)
    article: dict[str, article.Result] = field(default_factory=dict)
    bare: dict[str, float] = field(default_factory=dict)
    sold_out: mixes.Run | None = None
    lone: lone.Run | None = None
    reads: Reads | None = None
    notify: dict[int, notify.Run] = field(default_factory=dict)
    relay: relaying.Run | None = None
    fdatasyncs: list[float] = field(default_factory=list)  # before and after: the disk may have other guests

    def best(self, mix: str) -> mixes.Run:
        """The run with the most orders per second."""
        return max(self.closed[mix].values(), key=lambda run: run.per_second)


def run(stack: Stack, plan: Plan, say: Say) -> Results:
    """All measurements; `say` hears what begins."""
    found = Results()
    say("warming up")
    mixes.closed(stack, HOT, 64, 2)
    found.fdatasyncs.append(bare.fdatasyncs(stack.data_dir))
    say("lone orders")
    found.lone = lone.measure(stack, plan.lone_orders)  # Before there is anything for vacuum to do beside them.
    urls = {name: _database(stack, f"bench_{name}") for name in ("article", "bare")}
    for mix in MIXES:
        _orders(stack, mix, plan, found, say)
        say(f"{mix.title}: the article's algorithm")
        stack.checkpoint()
        found.article[mix.name] = article.measure(urls["article"], _carts(stack), mix, plan.seconds)
        say(f"{mix.title}: pgbench, the bare write")
        found.bare[mix.name] = bare.measure(urls["bare"], mix, plan.seconds)
    _rest(stack, plan, found, say)
    found.fdatasyncs.append(bare.fdatasyncs(stack.data_dir))
    return found


def _orders(stack: Stack, mix: Mix, plan: Plan, found: Results, say: Say) -> None:
    runs = found.closed.setdefault(mix.name, {})
    for connections in plan.connections:
        say(f"{mix.title}: closed loop, {connections} connections")
        runs[connections] = mixes.closed(stack, mix, connections, plan.seconds)
    rate = found.best(mix.name).per_second * plan.open_share
    say(f"{mix.title}: open loop, {rate:,.0f}/s")
    found.opened[mix.name] = mixes.opened(stack, mix, rate, plan.seconds)


def _rest(stack: Stack, plan: Plan, found: Results, say: Say) -> None:
    say("a sold-out SKU")
    found.sold_out = mixes.closed(stack, GONE, 64, plan.seconds)
    say("status reads")
    found.reads = mixes.reads(stack, plan.seconds / 2)
    for connections in plan.connections:
        say(f"notifies, {connections} connections")
        found.notify[connections] = notify.measure(stack, plan.notifies, connections)
    say("events through the relay")
    found.relay = relaying.measure(stack, plan.seconds)


@dataclass
class Journeys:
    """Buyers from order to paid: as many as can be, at a part of that rate, and one alone."""

    closed: dict[int, journey.Run] = field(default_factory=dict)
    opened: journey.Run | None = None
    alone: journey.Run | None = None


def journeys(stack: Stack, plan: Plan, say: Say) -> Journeys:
    """Bought and paid."""
    found = Journeys()
    say("warming up")
    journey.closed(stack, 64, 2)
    for connections in plan.connections:
        say(f"journeys, {connections} buyers at a time")
        found.closed[connections] = journey.closed(stack, connections, plan.seconds)
    rate = max(run.per_second for run in found.closed.values()) * plan.open_share
    say(f"journeys, {rate:,.0f} begin each second")
    found.opened = journey.opened(stack, rate, plan.seconds)
    say("journeys, one buyer")
    found.alone = journey.closed(stack, 1, plan.seconds / 2)
    return found


def _database(stack: Stack, name: str) -> str:
    postgres.ensure_database(stack.postgres.url(), name)
    return stack.postgres.url(name)


def _carts(stack: Stack) -> str:
    """The article's carts have a numbered database of the same Redis for themselves."""
    return stack.settings.redis_url.rpartition("/")[0] + "/9"
