"""What this process counts."""

from __future__ import annotations

import os
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram, values

# The library asks who we are at each count, for processes that fork; ours are spawned, and it is a system call.
_OURS = os.getpid()
if values.ValueClass is not values.MutexValue:
    values.ValueClass = values.MultiProcessValue(lambda: _OURS)  # type: ignore[no-untyped-call] # It has no types there.

registry = CollectorRegistry()
requests = Counter("checkout_http_requests", "Answered requests.", ("route", "status"), registry=registry)
seconds = Histogram(
    "checkout_http_seconds",
    "Time to answer.",
    ("route",),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 30),
    registry=registry,
)
unforeseen = Counter("checkout_unforeseen", "What nobody foresaw in a loop.", ("loop",), registry=registry)
refused = Counter("checkout_refused_at_the_door", "Orders for more than was left: nothing is kept.", registry=registry)
notifies = Counter("checkout_notifies", "Alipay's notifies by what became of them.", ("outcome",), registry=registry)


@cache
def _children(route: str, status: int) -> tuple[Counter, Histogram]:
    """The labelled children, looked up once: routes and statuses are few."""
    # A series that begins with the first refusals has no rate; a route's begins before them.
    requests.labels(route, "503")
    return requests.labels(route, str(status)), seconds.labels(route)


def answered(route: str, status: int, took_seconds: float) -> None:
    """Counts one request."""
    count, took = _children(route, status)
    count.inc()
    took.observe(took_seconds)
