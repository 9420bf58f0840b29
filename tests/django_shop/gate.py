"""A way to checkout that loses answers, or gives its own, where a test says so."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import urllib3

from sandbox import ports

_HTTP = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(30))


class Own(NamedTuple):
    """An answer that checkout does not see the question of; `code` empty: not in checkout's form."""

    status: int
    code: str = ""


LOST = None  # Checkout answers, and the answer does not arrive.


class Gate(ThreadingHTTPServer):
    """Lets everything through, but for requests that begin with one of `spoiled`, like `POST /v1/orders`."""

    def __init__(self, url: str) -> None:
        super().__init__((ports.LOOPBACK, 0), _Passing)
        self.behind = url
        self.url = f"http://{ports.LOOPBACK}:{self.server_address[1]}"
        self.spoiled: dict[str, Own | None] = {}
        self.seen: list[str] = []

    @contextmanager
    def spoiling(self, what: str, how: Own | None) -> Iterator[None]:
        self.spoiled[what] = how
        yield
        del self.spoiled[what]


class _Passing(BaseHTTPRequestHandler):
    server: Gate

    def do_POST(self) -> None:
        self._pass()

    def do_GET(self) -> None:
        self._pass()

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        line = f"{self.command} {self.path}"
        self.server.seen.append(line)
        spoiled = [how for what, how in self.server.spoiled.items() if line.startswith(what)]
        if spoiled and spoiled[0] is not None:
            self._say(*_problem(spoiled[0]))
            return
        given = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        answer = _HTTP.request(self.command, self.server.behind + self.path, headers=given, body=body)
        if not spoiled:
            self._say(answer.status, answer.headers["Content-Type"], answer.data)

    def _say(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: Any) -> None: ...


def _problem(own: Own) -> tuple[int, str, bytes]:
    said = {"title": "turned away", "status": own.status, "code": own.code}
    return own.status, "application/problem+json" if own.code else "text/html", json.dumps(said).encode()


@contextmanager
def gate(url: str) -> Iterator[Gate]:
    """One before that address."""
    with Gate(url) as opened:
        threading.Thread(target=opened.serve_forever, daemon=True).start()
        yield opened
        opened.shutdown()
