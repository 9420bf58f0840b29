"""A real receiver of webhooks: what it answers is scripted, and what it got is verified as its owner would."""

from __future__ import annotations

import json
import ssl
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from standardwebhooks.webhooks import Webhook


class Got(NamedTuple):
    """One message as it came."""

    id: str
    event: dict[str, Any]
    headers: dict[str, str]
    body: bytes


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who was left waiting has gone."""


class Receiver:
    """`answer` says the status for an event; other headers may come with it."""

    def __init__(self, port: int = 0, chain: Path | None = None) -> None:
        self.got: list[Got] = []
        self.answer: Callable[[dict[str, Any]], int] = lambda _event: 204
        self.headers: dict[str, str] = {}
        self.words = b""
        self.connections = 0
        self._server = _Server(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self.scheme = "http"
        if chain is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(chain)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self.scheme = "https"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/hook?from=shop"

    def ids(self) -> list[str]:
        return [one.id for one in self.got]

    def sequences(self) -> dict[str, list[int]]:
        """Of each subject, in which order its events first came."""
        found: dict[str, list[int]] = defaultdict(list)
        for one in self.got:
            if one.event["sequence"] not in found[one.event["subject"]]:
                found[one.event["subject"]].append(one.event["sequence"])
        return found

    def verify(self, secret: str) -> list[Any]:
        """What came, as Standard Webhooks' own library believes it. Raises WebhookVerificationError."""
        return [Webhook(secret).verify(one.body, one.headers) for one in self.got]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                receiver.connections += 1
                super().setup()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                event = json.loads(body)
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.got.append(Got(headers["webhook-id"], event, headers, body))
                status = receiver.answer(event)
                words = receiver.words if status != 204 else b""
                self.send_response(status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(words)))
                self.end_headers()
                self.wfile.write(words)

            def log_message(self, *_arguments: Any) -> None: ...

        return Handler


@contextmanager
def receiving(port: int = 0, chain: Path | None = None) -> Iterator[Receiver]:
    """A receiver that is there until the end."""
    made = Receiver(port, chain)
    try:
        yield made
    finally:
        made.close()
