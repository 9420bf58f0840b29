"""The bench's own arithmetic: a benchmark that counts wrongly is worse than none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from itertools import repeat

import pytest

from bench import client, mixes
from bench.bare import _SCRIPTS
from bench.client import percentile
from bench.growth import Growth
from bench.mixes import MIXES, Run
from bench.soak import Run as Soak
from bench.verdicts import verdict

ANSWER = b"HTTP/1.1 202 Accepted\r\ncontent-length: 4\r\n\r\nbody"
REQUEST = client.request("GET", "/")


class Server(asyncio.Protocol):
    """Answers each request in two pieces, after the delay."""

    delay_seconds = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, _data: bytes) -> None:
        self.transport.write(ANSWER[:20])
        asyncio.get_running_loop().call_later(self.delay_seconds, self.transport.write, ANSWER[20:])


@pytest.fixture
def port() -> Iterator[int]:
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(Server, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield server.sockets[0].getsockname()[1]
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@pytest.fixture
def slow_port(port: int, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(Server, "delay_seconds", 0.05)
    return port


def test_a_percentile_is_the_nearest_rank() -> None:
    values = [float(n) for n in range(100, 0, -1)]
    assert [percentile(values, percent) for percent in (1, 50, 99, 100)] == [1, 50, 99, 100]
    assert percentile([7.0], 50) == 7.0


def test_a_closed_loop_counts_every_answer_once(port: int) -> None:
    tally = client.closed_loop(port, repeat(REQUEST, 500), 8, 30)
    assert tally.statuses == {202: 500}
    assert tally.count == 500


def test_an_open_loop_sends_what_was_planned(port: int) -> None:
    tally = client.open_loop(port, repeat(REQUEST), 8, 400, 0.5)
    assert tally.statuses == {202: 200}


def test_queueing_shows_in_an_open_loop(slow_port: int) -> None:
    """One connection serves 20 a second at the most; asked for 100, the last of 20 waits most of a second."""
    tally = client.open_loop(slow_port, repeat(REQUEST), 1, 100, 0.2)
    assert tally.count == 20
    assert max(tally.seconds) > 0.6
    assert max(tally.seconds) - min(tally.seconds) > 0.5


def test_answers_that_never_came_are_counted_as_such(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Server, "data_received", lambda self, _data: self.transport.close())
    tally = client.closed_loop(port, repeat(REQUEST, 5), 2, 30)
    assert tally.statuses == {0: 2}


def test_every_order_takes_distinct_skus_of_its_mix() -> None:
    for mix in MIXES:
        known = {item.sku_id for item in mix.items()}
        for _ in range(100):
            drawn = mix.draw()
            assert len(set(drawn)) == mix.lines
            assert set(drawn) <= known


def test_the_bare_write_has_as_many_lines_as_the_mix() -> None:
    assert all(mix.lines in _SCRIPTS for mix in MIXES)


def test_growth_compares_the_cpu_of_database_and_worker() -> None:
    def run(postgres: float) -> Run:
        return Run(client.Tally(), 1, 0, 0, 1.0, 1.0, [], {"postgres": postgres, "orders": 50.0, "api": 500.0})

    growth = Growth(10, {"hot": run(100.0)}, {"hot": run(130.0)}, {}, {})
    assert growth.cost_us("hot") == (150.0, 180.0)
    assert growth.ratio("hot") == pytest.approx(1.2)


def test_a_soak_compares_the_last_minute_with_the_second() -> None:
    assert Soak(minutes=[100, 200, 300, 180]).share == 0.9


def test_verdicts_say_whether_floor_and_goal_are_met() -> None:
    assert verdict(floor=False, goal=True) == "below the floor"
    assert verdict(floor=True, goal=False) == "floor"
    assert verdict(floor=True, goal=True) == "goal"
    assert verdict(floor=True, goal=None) == "met"


def test_a_spread_is_in_milliseconds() -> None:
    assert mixes.spread([0.001] * 99 + [0.5]) == {"p50": 1.0, "p95": 1.0, "p99": 1.0}
