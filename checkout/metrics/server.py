"""Where Prometheus asks: a port of its own that no proxy forwards to by accident."""

from __future__ import annotations

import hmac
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST

PATH = "/metrics"
LONGEST_SECONDS = 10.0
MOST_AT_ONCE = 8
LOOPBACK = "127.0.0.1"
EVERYWHERE, EVERYWHERE_IN_IPV4 = "::", "0.0.0.0"  # noqa: S104 - only with a token, as the class says


class MetricsServer:
    """Answers this machine; with a token it listens everywhere, and others need to show it."""

    def __init__(self, port: int, token: str, read: Callable[[], bytes]) -> None:
        """Raises OSError when the port cannot be had."""
        handler = type("Handler", (_Handler,), {"token": token, "read": staticmethod(read)})
        everywhere = EVERYWHERE if socket.has_dualstack_ipv6() else EVERYWHERE_IN_IPV4
        self._server = _Server(everywhere if token else LOOPBACK, port, handler)
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
