"""The metrics' port: for this machine alone, or for whoever shows the token."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from api import counters
from checkout.metrics import server
from checkout.metrics.server import MetricsServer
from tests.shared.client import Client, problem
from tests.shared.processes import eventually

TOKEN = "a token of the metrics"
Start = Callable[[str], MetricsServer]


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as stack:

        def started(token: str) -> MetricsServer:
            server = MetricsServer(0, token, lambda: b"checkout_orders 1\n")
            server.start()
            stack.callback(server.stop)
            return server

        yield started


@pytest.fixture
def own_address() -> str:
    """One by which others reach this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # Nothing is sent; the kernel chooses the address.
        except OSError:
            pytest.skip("this machine has no address but loopback")
        address: str = probe.getsockname()[0]
    if address.startswith("127."):
        pytest.skip("this machine has no address but loopback")
    return address


def ask(host: str, port: int, path: str = "/metrics", token: str = "") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(host, port, timeout=30)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    assert answer.headers.get("Server") is None
    return answer.status, answer.read()


def test_the_api_itself_has_no_metrics(shared_client: Client) -> None:
    """A proxy that forwards everything forwards no numbers."""
    assert problem(shared_client.get("/metrics", user=None)) == (404, "not_found")


def test_the_refusals_of_a_route_begin_at_zero_so_that_the_first_of_them_have_a_rate() -> None:
    counters.answered("/v1/new", 202, 0.01)
    labels = {"route": "/v1/new", "status": "503"}
    assert counters.registry.get_sample_value("checkout_http_requests_total", labels) == 0


@pytest.mark.parametrize("token", ["", TOKEN])
def test_this_machine_needs_no_token(start: Start, token: str) -> None:
    port = start(token).port
    assert ask("127.0.0.1", port) == (200, b"checkout_orders 1\n")
    assert ask("127.0.0.1", port, "/metrics?name=x") == (200, b"checkout_orders 1\n")
    assert ask("127.0.0.1", port, "/") == (404, b"")


def test_without_a_token_nobody_else_is_listened_to(start: Start, own_address: str) -> None:
    with pytest.raises(ConnectionRefusedError):
        ask(own_address, start("").port)


def test_others_show_the_token(start: Start, own_address: str) -> None:
    port = start(TOKEN).port
    assert ask(own_address, port)[0] == 401
    assert ask(own_address, port, token="another")[0] == 401
    assert ask(own_address, port, token="\xe9")[0] == 401
    assert ask(own_address, port, token=TOKEN) == (200, b"checkout_orders 1\n")


def test_who_says_nothing_is_cut_off(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LONGEST_SECONDS", 0.2)
    with socket.create_connection(("127.0.0.1", start("").port), timeout=60) as silent:
        silent.sendall(b"GET /metrics HTTP/1.1\r\n")
        assert silent.recv(1) == b""


def test_a_crowd_is_turned_away_and_leaves_room_when_it_goes(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST_AT_ONCE", 2)
    port = start("").port
    with ExitStack() as crowd:
        for _ in range(2):
            crowd.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
        with socket.create_connection(("127.0.0.1", port), timeout=60) as third:
            assert third.recv(1) == b""
    eventually(lambda: _is_answered(port), "Prometheus is answered again")


def _is_answered(port: int) -> bool:
    try:
        return ask("127.0.0.1", port)[0] == 200
    except (ConnectionError, http.client.HTTPException):
        return False
