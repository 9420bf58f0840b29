"""What Prometheus reads, from this process."""

from __future__ import annotations

import hmac
from functools import cache

from falcon.asgi import Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from redis import RedisError

from api.problems import Unauthorized
from api.runtime import Runtime
from checkout.alipay import gate

registry = CollectorRegistry()
requests = Counter("checkout_http_requests", "Answered requests.", ("route", "status"), registry=registry)
seconds = Histogram(
    "checkout_http_seconds",
    "Time to answer.",
    ("route",),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 30),
    registry=registry,
)
notifies = Counter("checkout_notifies", "Alipay's notifies by what became of them.", ("outcome",), registry=registry)


@cache
def _children(route: str, status: int) -> tuple[Counter, Histogram]:
    """The labelled children, looked up once: routes and statuses are few."""
    return requests.labels(route, str(status)), seconds.labels(route)


def answered(route: str, status: int, took_seconds: float) -> None:
    """Counts one request."""
    count, took = _children(route, status)
    count.inc()
    took.observe(took_seconds)


_LOOPBACK = ("127.0.0.1", "::1")


async def show(api: Runtime, req: Request, resp: Response) -> None:
    """For this machine, or with the metrics' own token."""
    token = api.settings.metrics_token
    given = (req.get_header("Authorization") or "").removeprefix("Bearer ")
    # A proxy on this machine forwards for others; what it forwards is not local.
    is_local = (
        req.remote_addr in _LOOPBACK and not req.get_header("X-Forwarded-For") and not req.get_header("Forwarded")
    )
    if not is_local and not (token and hmac.compare_digest(given.encode(), token.encode())):
        raise Unauthorized("metrics are for this machine or their own token")
    resp.content_type = CONTENT_TYPE_LATEST
    resp.data = generate_latest(registry) + await api.run(lambda: _alipay_calls(api))


def _alipay_calls(api: Runtime) -> bytes:
    """The workers' calls, which they count in Redis; left out while it is away."""
    try:
        counts = gate.counts(api.resources.redis)
    except RedisError:
        return b""
    lines = [
        f'checkout_alipay_calls_total{{method="{method}",result="{result}"}} {count}'
        for (method, result), count in sorted(counts.items())
    ]
    return "\n".join(
        [
            "# HELP checkout_alipay_calls_total Calls to Alipay by their result.",
            "# TYPE checkout_alipay_calls_total counter",
            *lines,
            "",
        ]
    ).encode()
