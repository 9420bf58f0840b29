"""Processes that end and begin under load: nobody's request is lost, and who waits is sent to the others."""

from __future__ import annotations

import http.client
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import Popen

import pytest

from api import rolling
from checkout import settings
from checkout.db import Engine
from sandbox import ready
from tests.shared import ports
from tests.shared.client import token
from tests.shared.command import in_a_process
from tests.shared.factories import a_sku, an_order
from tests.shared.processes import eventually, is_well, process
from tests.stack.crowd import Crowd
from tests.stack.family import command_line, descendants

pytestmark = pytest.mark.timeout(300)


class Api:
    """One with two processes."""

    def __init__(self, environment: dict[str, str], log: Path, stack: ExitStack) -> None:
        self.port = ports.free()
        self.url = f"http://127.0.0.1:{self.port}"
        self.settings = settings.parse(environment)
        command = ("api", f"--port={self.port}", "--workers=2")
        self.process: Popen[bytes] = stack.enter_context(process(*command, environment=environment, log=log))
        eventually(lambda: is_well(self.url), "the API is ready")

    def ask(self, method: str, path: str, body: str = "", **headers: str) -> http.client.HTTPResponse:
        """On a connection of its own: one that was kept may be closed just when it is used, which all of HTTP knows."""
        return self.send(method, path, body, **headers).getresponse()

    def send(self, method: str, path: str, body: str = "", **headers: str) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        own = {"Authorization": f"Bearer {token(self.settings, 1)}", "Content-Type": "application/json"}
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
    while answer.status == 304 and "Retry-After" not in answer.headers:  # Its successor is not there yet.
        answer = api.ask("GET", f"/v1/orders/{order_id}", Prefer="wait=30", If_None_Match='"1"')
    assert (answer.status, answer.headers["Retry-After"]) == (304, "1")
    assert b": come back" in heard + stream.read()
    if number == signal.SIGTERM:
        assert api.process.wait(60) == 0
    else:
        eventually(lambda: not before & api.workers(), "both were replaced")
        assert api.ask("GET", f"/v1/orders/{order_id}").status == 200


def test_nobody_leaves_before_his_successor_listens_and_who_dies_meanwhile_is_replaced(gated: Gated) -> None:
    api, before = gated.api, gated.api.workers()
    gated.close()
    os.kill(api.process.pid, signal.SIGHUP)
    eventually(lambda: bool(api.workers() - before), "the first successor has begun")
    time.sleep(5)  # However long it takes: granian itself waits 3.5 seconds.
    assert before <= api.workers()
    assert api.ask("GET", "/health/live").status == 200
    os.kill(max(before), signal.SIGKILL)  # Its turn comes later.
    gated.open()
    eventually(lambda: len(api.workers() - before) == 2 and not before & api.workers(), "both were replaced")
    assert api.ask("GET", "/health/live").status == 200


def test_where_no_successor_can_start_the_old_ones_serve_on_and_still_end_when_told(gated: Gated) -> None:
    api, before = gated.api, gated.api.workers()
    gated.spoil()
    os.kill(api.process.pid, signal.SIGHUP)
    eventually(lambda: "does not come to listen" in gated.log.read_text(encoding="utf-8"), "the first one has died")
    assert api.workers() == before
    assert api.ask("GET", "/health/live").status == 200
    gated.close()
    os.kill(api.process.pid, signal.SIGHUP)
    eventually(lambda: bool(api.workers() - before), "another successor has begun, and waits")
    api.process.terminate()
    assert api.process.wait(60) == 0


class Gated:
    """An API whose new processes wait at a gate, or end there."""

    def __init__(self, environment: dict[str, str], directory: Path, stack: ExitStack) -> None:
        self._gate, self.log = directory / "gate", directory / "api.log"
        # Python runs this file first, whatever it runs.
        lines = (
            "import os, pathlib, sys, time",
            f"gate = pathlib.Path({str(self._gate)!r})",
            "while 'spawn_main' in ' '.join(sys.orig_argv) and gate.exists():",
            "    if gate.read_text(): os._exit(1)",
            "    time.sleep(0.05)",
        )
        (directory / "sitecustomize.py").write_text("\n".join(lines), encoding="utf-8")
        self.api = Api(environment | {"PYTHONPATH": str(directory)}, self.log, stack)

    def close(self) -> None:
        self._gate.write_text("", encoding="utf-8")

    def open(self) -> None:
        self._gate.unlink()

    def spoil(self) -> None:
        self._gate.write_text("spoilt", encoding="utf-8")


@pytest.fixture
def gated(environment: dict[str, str], tmp_path: Path) -> Iterator[Gated]:
    with ExitStack() as stack:
        yield Gated(environment, tmp_path, stack)


def test_a_kernel_without_ipv6_has_no_table_for_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(rolling, "_TABLES", (tmp_path / "tcp6", Path("/proc/self/net/tcp")))
    with socket.create_server(("127.0.0.1", 0)):
        assert rolling._listens(multiprocessing.current_process())


@contextmanager
def a_worker(name: str, environment: dict[str, str], log: Path) -> Iterator[Popen[bytes]]:
    """One that places orders, once it takes them."""
    options = ("-Q", "orders", "-n", name, "-c2", "--without-mingle", "-I", ready.__name__)
    command = ("celery", "--quiet", "-A", "tasks.app", "worker", *options)
    with process(*command, environment=environment, log=log) as started:
        eventually(lambda: ready.LINE in log.read_text(encoding="utf-8"), "the worker is ready")
        yield started


def test_a_rolling_restart_under_load_loses_no_request(
    api: Api, engine: Engine, environment: dict[str, str], tmp_path: Path
) -> None:
    a_sku(engine, stock=1_000_000)
    crowd, before = Crowd(api.url, api.settings, "1"), api.workers()
    with ExitStack() as workers:
        old = workers.enter_context(a_worker("old@here", environment, tmp_path / "old.log"))
        with crowd.buying():
            crowd.wait_for_more()
            os.kill(api.process.pid, signal.SIGHUP)
            eventually(lambda: not before & api.workers(), "both were replaced")
            workers.enter_context(a_worker("new@here", environment, tmp_path / "new.log"))
            old.terminate()
            assert old.wait(60) == 0
            crowd.wait_for_more()
        assert {answer.status for answer in crowd.answers} == {202}
        crowd.assert_no_order_is_lost(engine)
    audit = in_a_process("audit", environment=environment)
    assert audit.returncode == 0, audit.stdout
