"""The whole service one way beside another: stacks in turn, since a machine's speed drifts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import mean

from bench import mixes
from bench.mixes import HOT, MANY, Mix
from bench.stack import Stack, started
from sandbox.postgres import Postgres

USERS = 100_000
CONNECTIONS = 256

Say = Callable[[str], None]


@dataclass
class Place:
    """What was measured there, round by round: orders per second and µs of CPU per order by mix, a lone order's p50."""

    rates: dict[str, list[float]] = field(default_factory=dict)
    lone_ms: list[float] = field(default_factory=list)
    cpu_us: dict[str, list[float]] = field(default_factory=dict)

    def beside(self, first: Place, mix: str) -> float:
        """Its rate beside the first place's, round by round, since a machine's speed drifts: their mean."""
        return mean(own / other for own, other in zip(self.rates[mix], first.rates[mix], strict=True))

    def cost_beside(self, first: Place, mix: str) -> float:
        """Likewise its CPU per order."""
        return mean(own / other for own, other in zip(self.cpu_us[mix], first.cpu_us[mix], strict=True))


@dataclass(frozen=True)
class Way:
    """What the processes are told, and the server when it is none of theirs."""

    told: dict[str, str] = field(default_factory=dict)
    beside: Postgres | None = None


def measured(
    ways: Mapping[str, Way], rounds: int, seconds: float, say: Say, audit: Callable[[Stack], None]
) -> dict[str, Place]:
    """Each way in turn, so many times."""
    found = {name: Place() for name in ways}
    for name in [*ways] * rounds:
        way = ways[name]
        with started(mixes.catalogue(), USERS, beside=way.beside, **way.told) as stack:
            mixes.closed(stack, HOT, 64, 2)
            for mix in (HOT, MANY):
                say(f"{name}: {mix.title}")
                load(stack, mix, seconds, found[name])
            audit(stack)
    return found


def load(stack: Stack, mix: Mix, seconds: float, place: Place) -> None:
    """One closed loop, noted as that place's."""
    run = mixes.closed(stack, mix, CONNECTIONS, seconds)
    place.rates.setdefault(mix.name, []).append(run.per_second)
    place.cpu_us.setdefault(mix.name, []).append(sum(run.cpu_us.values()))
