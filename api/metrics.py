"""What Prometheus reads, from this process."""

from __future__ import annotations

import hmac

from falcon.asgi import Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from redis import RedisError
from sqlalchemy.exc import DBAPIError

from api import counters
from api.problems import Unauthorized
from api.runtime import Runtime
from checkout.alipay import certificates, gate
from checkout.audit import heartbeats
from checkout.db import transaction

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
    shared = [_certificates(api), await api.run(lambda: _alipay_calls(api)), await api.run(lambda: _loops(api))]
    resp.data = generate_latest(counters.registry) + b"".join(shared)


def _alipay_calls(api: Runtime) -> bytes:
    """The workers' calls, which they count in Redis; left out while it is away."""
    try:
        counts = gate.counts(api.resources.redis)
    except RedisError:
        return b""
    lines = [f'{{method="{method}",result="{result}"}} {count}' for (method, result), count in sorted(counts.items())]
    return _text("checkout_alipay_calls_total", "counter", "Calls to Alipay by their result.", lines)


def _certificates(api: Runtime) -> bytes:
    """In key mode there are none."""
    left = certificates.days_left(api.resources.alipay.keys)
    lines = [f'{{certificate="{name}"}} {days}' for name, days in left.items()]
    return (
        _text("checkout_certificate_days_left", "gauge", "Until a certificate of ours is over.", lines)
        if lines
        else b""
    )


def _loops(api: Runtime) -> bytes:
    """Of all processes, from the database; left out while it is away."""
    try:
        with transaction(api.resources.engine) as connection:
            loops = heartbeats.all_of(connection)
    except DBAPIError:
        return b""
    silent = [f'{{loop="{one.loop}"}} {one.seconds}' for one in loops if one.loop in heartbeats.LONGEST_SECONDS]
    faults = [f'{{loop="{one.loop}"}} {one.faults}' for one in loops]
    return _text("checkout_loop_silent_seconds", "gauge", "Since a loop's last round.", silent) + _text(
        "checkout_loop_faults_total", "counter", "What a loop met that nobody had foreseen.", faults
    )


def _text(name: str, kind: str, meaning: str, lines: list[str]) -> bytes:
    samples = "".join(f"{name}{line}\n" for line in lines)
    return f"# HELP {name} {meaning}\n# TYPE {name} {kind}\n{samples}".encode()
