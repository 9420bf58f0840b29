"""Processes that end and begin under load: nobody's request is lost, and who waits is sent to the others."""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from subprocess import Popen

import pytest

from checkout import settings
from checkout.db import Engine
from tests.shared import ports
from tests.shared.client import an_order_body, token
from tests.shared.factories import a_sku, an_order, rows
from tests.shared.processes import eventually, is_well, process
from tests.stack.family import command_line, descendants

pytestmark = pytest.mark.timeout(300)
BUYERS = 8


class Api:
    """One with two processes."""

    def __init__(self, environment: dict[str, str], log: Path, stack: ExitStack) -> None:
        self.port = ports.free()
        self._secrets = settings.parse(environment)
        command = ("api", f"--port={self.port}", "--workers=2")
        self.process: Popen[bytes] = stack.enter_context(process(*command, environment=environment, log=log))
        eventually(lambda: is_well(f"http://127.0.0.1:{self.port}"), "the API is ready")

    def ask(self, method: str, path: str, body: str = "", **headers: str) -> http.client.HTTPResponse:
        """On a connection of its own: one that was kept may be closed just when it is used, which all of HTTP knows."""
        return self.send(method, path, body, **headers).getresponse()

    def send(self, method: str, path: str, body: str = "", **headers: str) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        own = {"Authorization": f"Bearer {token(self._secrets, 1)}", "Content-Type": "application/json"}
        connection.request(method, path, body, own | {name.replace("_", "-"): says for name, says in headers.items()})
        return connection

    def workers(self) -> set[int]:
        """The processes that answer requests."""
        return {pid for pid in descendants(self.process.pid) if "spawn_main" in command_line(pid)}


@pytest.fixture
def api(environment: dict[str, str], tmp_path: Path) -> Iterator[Api]:
    with ExitStack() as stack:
        yield Api(environment | {"CHECKOUT_MAX_OPEN_ORDERS": "0"}, tmp_path / "api.log", stack)


def is_read(connection: http.client.HTTPConnection) -> bool:
    """Whether the other side has taken all that was sent (proc_pid_net(5))."""
    _, own = connection.sock.getsockname()
    for line in Path("/proc/net/tcp").read_text(encoding="utf-8").splitlines()[1:]:
        _, _, remote, _, queues, *_ = line.split()
        if int(remote.rpartition(":")[2], 16) == own:
            return int(queues.rpartition(":")[2], 16) == 0
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_who_waits_or_follows_is_sent_elsewhere_at_once(api: Api, engine: Engine, number: signal.Signals) -> None:
    a_sku(engine)
    order_id = an_order(engine)
    before = api.workers()
    stream = api.ask("GET", f"/v1/orders/{order_id}/events")
    heard = stream.readline()
    wait = api.send("GET", f"/v1/orders/{order_id}", Prefer="wait=30", If_None_Match='"1"')
    eventually(lambda: is_read(wait), "the wait has begun")
    os.kill(api.process.pid, number)
    answer = wait.getresponse()
    assert (answer.status, answer.headers["Retry-After"]) == (304, "1")
    assert b": come back" in heard + stream.read()
    if number == signal.SIGTERM:
        assert api.process.wait(60) == 0
    else:
        eventually(lambda: not before & api.workers(), "both were replaced")
        assert api.ask("GET", f"/v1/orders/{order_id}").status == 200


def test_a_rolling_restart_under_load_loses_no_request(api: Api, engine: Engine) -> None:
    a_sku(engine, stock=1_000_000)
    before, end = api.workers(), threading.Event()

    def buy(buyer: int) -> list[int]:
        statuses: list[int] = []
        body = json.dumps(an_order_body())
        while not end.is_set():
            # A connection that was accepted just when its process left is closed unheard: clients send again.
            with suppress(ConnectionError):
                answer = api.ask("POST", "/v1/orders", body, Idempotency_Key=f"{buyer}-{len(statuses)}")
                statuses.append(answer.status)
        return statuses

    with ThreadPoolExecutor(BUYERS) as pool:
        bought = [pool.submit(buy, buyer) for buyer in range(BUYERS)]
        os.kill(api.process.pid, signal.SIGHUP)
        eventually(lambda: not before & api.workers(), "both were replaced")
        end.set()
        statuses = [status for buyer in bought for status in buyer.result(60)]
    assert set(statuses) == {202}
    # Whose last answer was cut off did not send again.
    assert 0 <= len(rows(engine, "orders")) - len(statuses) <= BUYERS < len(statuses)
