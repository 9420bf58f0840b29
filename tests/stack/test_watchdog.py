"""Who lives and makes no progress is started again, and nobody else."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest

from sandbox import watchdog
from sandbox.watchdog import Watchdog, standing_still

OLD = dict.fromkeys(("beat", "api", "orders", "refunds", "alipay", "default"), 1000.0)


class Clock:
    """Stands still until it is told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def blamed_for_a_minute(*silent: str, ages: dict[str, float] = OLD) -> list[str]:
    clock = Clock()
    dog = Watchdog(clock)
    assert dog.verdict(silent, ages) == []
    clock.now = 60.0
    return sorted(dog.verdict(silent, ages))


@pytest.mark.parametrize(
    ("silent", "services"),
    [
        (["queue orders"], ["orders"]),
        (["relay", "sweep"], ["default"]),
        (["doorbell", "queue alipay"], ["alipay", "api"]),
        (["beat", "sweep", "queue orders"], ["beat"]),
        (["reconcile"], []),
    ],
    ids=" ".join,
)
def test_the_service_of_a_silent_loop_is_started_again(silent: list[str], services: list[str]) -> None:
    assert blamed_for_a_minute(*silent) == services


def test_who_has_just_started_is_left_alone() -> None:
    assert blamed_for_a_minute("queue orders", ages=OLD | {"orders": 100.0}) == []


@pytest.mark.parametrize("between", [None, []], ids=["nobody can say", "all move"])
def test_a_silence_that_was_broken_begins_anew(between: list[str] | None) -> None:
    clock = Clock()
    dog = Watchdog(clock)
    for now, silent in ((0.0, ["relay"]), (50.0, between), (60.0, ["relay"]), (110.0, ["relay"])):
        clock.now = now
        assert dog.verdict(silent, OLD) == []
    clock.now = 120.0
    assert dog.verdict(["relay"], OLD) == ["default"]


class Api(http.server.ThreadingHTTPServer):
    """Answers as it is told; what is not told hangs until the end."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.is_over = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(http.server.BaseHTTPRequestHandler):
    server: Api

    def do_GET(self) -> None:
        if self.path not in self.server.answers:
            self.server.is_over.wait(60)
            return
        status, body = self.server.answers[self.path]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def api() -> Iterator[Api]:
    with Api() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.is_over.set()
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "body", "silent"),
    [
        (200, b'{"status": "ok", "standing_still": ["relay"]}', ["relay"]),
        (503, b'{"code": "unavailable"}', None),
        (200, b"<html>somebody else</html>", None),
        (200, b"{}", None),
    ],
)
def test_what_the_api_says_counts(api: Api, status: int, body: bytes, silent: list[str] | None) -> None:
    api.answers["/health/ready"] = (status, body)
    assert standing_still("127.0.0.1", api.server_port) == silent


def test_an_api_that_waits_for_a_silent_database_is_not_to_blame(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "_ANSWER_SECONDS", 3.0)
    assert standing_still("127.0.0.1", api.server_port) == ["doorbell"]
    api.answers["/health/live"] = (200, b'{"status": "ok"}')
    assert standing_still("127.0.0.1", api.server_port) is None


def test_an_api_that_does_not_answer_is_to_blame_itself() -> None:
    assert standing_still("127.0.0.1", 1) == ["doorbell"]
