"""What tracing costs: spans sent to a collector that throws them away, beside none."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from bench import aside
from bench.aside import Place, Say, Way
from bench.stack import Stack

ROUNDS = 3


def measured(seconds: float, say: Say, audit: Callable[[Stack], None]) -> dict[str, Place]:
    """Stacks without and with a collector, in turn."""
    with _collector() as url:
        ways = {
            "no collector": Way(),
            "spans of one in a hundred": Way({"CHECKOUT_OTLP_URL": url}),
            # A hundred times as much as usual can be told from a machine's own drift.
            "spans of all": Way({"CHECKOUT_OTLP_URL": url, "CHECKOUT_TRACE_SHARE": "1"}),
        }
        return aside.measured(ways, ROUNDS, seconds, say, audit)


@contextmanager
def _collector() -> Iterator[str]:
    """In a process of its own."""
    running = subprocess.Popen([sys.executable, "-m", "bench.traced"], stdout=subprocess.PIPE, encoding="utf-8")
    try:
        assert running.stdout is not None
        yield f"http://127.0.0.1:{running.stdout.readline().strip()}/v1/traces"
    finally:
        running.terminate()
        running.wait(10)


class _Collector(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: Any) -> None: ...


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Collector)
    print(server.server_address[1], flush=True)
    server.serve_forever()
