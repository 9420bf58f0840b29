"""What Prometheus reads: of all processes of this API, on a port of their own that no proxy forwards to by accident."""

from __future__ import annotations

import hmac
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from redis import RedisError
from sqlalchemy.exc import DBAPIError

from checkout.alipay import certificates, gate
from checkout.audit import gauges, heartbeats
from checkout.audit.gauges import Gauge
from checkout.db import reading, transaction
from checkout.resources import Resources

PATH = "/metrics"
LONGEST_SECONDS = 10.0
MOST_AT_ONCE = 8
LOOPBACK = "127.0.0.1"
EVERYWHERE = "::"


def exposition(resources: Resources, registry: CollectorRegistry) -> bytes:
    """What the processes count, and what the database and Redis know of the others."""
    shared = [_certificates(resources), _alipay_calls(resources), _loops(resources), _gauges(resources)]
    return generate_latest(registry) + b"".join(shared)


class MetricsServer:
    """Answers this machine; with a token it listens everywhere, and others need to show it."""

    def __init__(self, port: int, token: str, read: Callable[[], bytes]) -> None:
        """Raises OSError when the port cannot be had."""
        handler = type("Handler", (_Handler,), {"token": token, "read": staticmethod(read)})
        self._server = _Server(EVERYWHERE if token and socket.has_dualstack_ipv6() else LOOPBACK, port, handler)
        self.port: int = self._server.server_port

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    """A few at a time, each for a while: nobody but Prometheus has business here."""

    def __init__(self, host: str, port: int, handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._free = threading.BoundedSemaphore(MOST_AT_ONCE)
        super().__init__((host, port), handler)

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        end = threading.Timer(LONGEST_SECONDS, _cut, [request])
        end.daemon = True
        end.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            end.cancel()
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who hangs up or is cut off is no news."""


def _cut(request: socket.socket) -> None:
    """The thread that reads there gets an end."""
    try:
        request.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # It has just ended by itself.


class _Handler(BaseHTTPRequestHandler):
    token: str
    read: Callable[[], bytes]

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != PATH:
            self._answer(HTTPStatus.NOT_FOUND, b"")
        elif not (self._is_local() or self._shows_token()):
            self._answer(HTTPStatus.UNAUTHORIZED, b"")
        else:
            self._answer(HTTPStatus.OK, self.read())

    def _is_local(self) -> bool:
        peer = ip_address(self.client_address[0])
        return (getattr(peer, "ipv4_mapped", None) or peer).is_loopback

    def _shows_token(self) -> bool:
        given = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        return bool(self.token) and hmac.compare_digest(given.encode(), self.token.encode())

    def _answer(self, status: HTTPStatus, content: bytes) -> None:
        self.send_response_only(status)
        if status == HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", "Bearer")
        self.send_header("Content-Type", CONTENT_TYPE_LATEST)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def version_string(self) -> str:
        """What serves here is nobody's business."""
        return ""

    def log_message(self, *_: object) -> None:
        """Prometheus asks every few seconds."""


def _alipay_calls(resources: Resources) -> bytes:
    """The workers' calls, which they count in Redis; left out while it is away."""
    try:
        counts = gate.counts(resources.redis)
    except RedisError:
        return b""
    lines = [f'{{method="{method}",result="{result}"}} {count}' for (method, result), count in sorted(counts.items())]
    return _text("checkout_alipay_calls_total", "counter", "Calls to Alipay by their result.", lines)


def _certificates(resources: Resources) -> bytes:
    """In key mode there are none."""
    left = certificates.days_left(resources.alipay.keys)
    lines = [f'{{certificate="{name}"}} {days}' for name, days in left.items()]
    return (
        _text("checkout_certificate_days_left", "gauge", "Until a certificate of ours is over.", lines)
        if lines
        else b""
    )


def _loops(resources: Resources) -> bytes:
    """Of all processes, from the database; left out while it is away."""
    try:
        with transaction(resources.engine) as connection:
            loops = heartbeats.all_of(connection)
    except DBAPIError:
        return b""
    silent = [f'{{loop="{one.loop}"}} {one.seconds}' for one in loops if one.loop in heartbeats.LONGEST_SECONDS]
    faults = [f'{{loop="{one.loop}"}} {one.faults}' for one in loops]
    return _text("checkout_loop_silent_seconds", "gauge", "Since a loop's last round.", silent) + _text(
        "checkout_loop_faults_total", "counter", "What a loop met that nobody had foreseen.", faults
    )


def _gauges(resources: Resources) -> bytes:
    """What the database knows of what waits; left out while it is away."""
    lines: dict[Gauge, list[str]] = {gauge: [] for gauge in gauges.GAUGES}
    try:
        with reading(resources.engine) as connection:
            for gauge, of, value in gauges.read(connection):
                lines[gauge].append(f'{{{gauge.label}="{of}"}} {value:g}' if gauge.label else f" {value:g}")
    except DBAPIError:
        return b""
    return b"".join(_text(gauge.name, "gauge", gauge.meaning, found) for gauge, found in lines.items())


def _text(name: str, kind: str, meaning: str, lines: list[str]) -> bytes:
    samples = "".join(f"{name}{line}\n" for line in lines)
    return f"# HELP {name} {meaning}\n# TYPE {name} {kind}\n{samples}".encode()
