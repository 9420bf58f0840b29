"""Bodies that come slowly, break off or are cut wrongly, on the wire: answered, let go, and nothing is done."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import ExitStack

import pytest

from api import front
from checkout.settings import parse
from tests.conftest import Standing
from tests.shared.client import token
from tests.shared.processes import HTTP

SLOW = 50
CHUNKED = "Transfer-Encoding: chunked"


@pytest.fixture
def api_url(standing: Standing) -> str:
    return standing.url


@pytest.fixture
def bearer(standing: Standing) -> str:
    return token(parse(standing.environment))


def connect(url: str) -> socket.socket:
    host, _, port = url.removeprefix("http://").rpartition(":")
    return socket.create_connection((host, int(port)), timeout=60)


def head(path: str, length: str, bearer: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", "Content-Type: application/json", length, "Idempotency-Key: a"]
    return "\r\n".join([*lines, f"Authorization: Bearer {bearer}", "", ""]).encode()


def answer(connection: socket.socket) -> tuple[int, str]:
    """Status and body; reads until the server lets go."""
    told = b""
    while piece := connection.recv(65536):
        told += piece
    status, _, body = told.partition(b"\r\n\r\n")
    return int(status.split()[1]), body.decode()


NO_CHUNKS = (
    b"zz\r\nhello\r\n0\r\n\r\n",
    b"-1\r\n\r\n",
    b"FFFFFFFFFFFFFFFFF\r\n",
    b"5;" + b"x" * 20_000 + b"\r\nhello",
)


def test_chunks_that_are_none_are_a_bad_request(api_url: str, bearer: str) -> None:
    for body in NO_CHUNKS:
        for path, expected in (("/v1/orders", (400, "bad_request")), ("/v1/alipay/notify", (200, "failure"))):
            with connect(api_url) as connection:
                connection.sendall(head(path, CHUNKED, bearer) + body)
                status, said = answer(connection)
            assert (status, expected[1] in said) == (expected[0], True), (body, said)


def test_half_a_body_is_not_taken_for_a_whole_one(api_url: str, bearer: str) -> None:
    for length, half in ((CHUNKED, b"2\r\n{}\r\n"), ("Content-Length: 500", b"{}")):
        with connect(api_url) as connection:
            connection.sendall(head("/v1/orders/1/cancel", length, bearer) + half)
            connection.shutdown(socket.SHUT_WR)
            told = b"".join(iter(lambda: connection.recv(65536), b""))  # Read before the next one.
        assert re.match(rb"HTTP/1.1 400|$", told), told  # A server may also hang up on who has hung up.


def test_who_sends_drop_by_drop_is_let_go(api_url: str, bearer: str) -> None:
    """Each drop comes in time; all of them together do not."""
    is_over = threading.Event()
    with ExitStack() as crowd:
        slow = [crowd.enter_context(connect(api_url)) for _ in range(SLOW)]
        for number, connection in enumerate(slow):
            connection.sendall(head(("/v1/orders", "/v1/alipay/notify")[number % 2], "Content-Length: 60000", bearer))
        dripping = threading.Thread(target=drip, args=(slow, is_over))
        dripping.start()
        try:
            assert HTTP.request("GET", f"{api_url}/health/ready").status == 200
            told = [answer(connection) for connection in slow]
        finally:
            is_over.set()
            dripping.join()
    assert {status for status, _ in told} == {408}
    assert {body for _, body in told[1::2]} == {"failure"}
    assert f"within {front.BODY_SECONDS:.0f} s" in told[0][1]


def drip(connections: list[socket.socket], is_over: threading.Event) -> None:
    while not is_over.wait(0.5):
        for connection in connections:
            try:
                connection.send(b" ")
            except OSError:
                continue


def test_an_upgrade_to_a_websocket_is_a_request_like_others(api_url: str, standing: Standing) -> None:
    asks = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    for version in ("13", "8"):
        for path, expected in (("/health/live", 200), ("/v1/orders", 401), ("/nothing", 404)):
            request = f"GET {path} HTTP/1.1\r\nHost: x\r\n{asks}Sec-WebSocket-Version: {version}\r\n\r\n"
            with connect(api_url) as connection:
                connection.sendall(request.encode())
                assert connection.recv(65536).startswith(f"HTTP/1.1 {expected}".encode())
    log = standing.log.read_text(encoding="utf-8")
    assert "ERROR" not in log
    assert "ebsocket" not in log
