"""Somebody between us and Alipay: he has genuine, signed answers, and sends what he likes."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from sandbox.alipay.keys import Keys, load_private

QUERY = "alipay_trade_query_response"


class Hostile:
    """An address that answers every request with `says`."""

    def __init__(self, keys: Keys) -> None:
        self._key = load_private(keys.alipay_private_key_file)
        self.says = b""
        self.url = ""

    def sign(self, content: str) -> str:
        return base64.b64encode(self._key.sign(content.encode(), PKCS1v15(), hashes.SHA256())).decode()

    def genuine(self, response: str = QUERY, **fields: Any) -> str:
        """What Alipay would send."""
        content = inner(**fields)
        return f'{{"{response}":{content},"sign":"{self.sign(content)}"}}'


def inner(**fields: Any) -> str:
    """The response member's text."""
    return json.dumps({"code": "10000", "msg": "Success"} | fields, separators=(",", ":"))


@contextmanager
def listening(keys: Keys) -> Iterator[Hostile]:
    hostile = Hostile(keys)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.send_header("Content-Length", str(len(hostile.says)))
            self.end_headers()
            self.wfile.write(hostile.says)

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hostile.url = f"http://127.0.0.1:{server.server_port}/gateway.do"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield hostile
    finally:
        server.shutdown()
        server.server_close()
