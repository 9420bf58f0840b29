"""The breaker leaves alone an Alipay that fails or is slow, and finds out with one call that it is well again."""

from __future__ import annotations

import pytest
from redis import Redis
from structlog.testing import capture_logs

from checkout.alipay import gate
from checkout.alipay.gate import FAILURES_TO_OPEN, OPEN_SECONDS, SLOW_SECONDS, Gate


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(gate, "time", clock)
    return clock


def answer(entrance: Gate, seconds: float = 0.1, *, failed: bool = False) -> None:
    entrance.answered("alipay.trade.query", "done", seconds, failed=failed)


ILL = [{"failed": True}, {"seconds": SLOW_SECONDS + 0.1}]


@pytest.mark.parametrize("ill", ILL, ids=["failing", "slow"])
def test_after_so_many_in_a_row_nobody_asks(clock: Clock, redis: Redis, ill: dict[str, object]) -> None:
    entrance = Gate(redis)
    for _ in range(FAILURES_TO_OPEN):
        assert entrance.enter()
        answer(entrance, **ill)  # type: ignore[arg-type] # One of two keywords.
    assert not entrance.enter()
    clock.now += OPEN_SECONDS
    assert [entrance.enter() for _ in range(3)] == [True, False, False]


@pytest.mark.parametrize("ill", ILL, ids=["failing", "slow"])
def test_the_one_that_sees_closes_the_breaker_or_leaves_it_open(
    clock: Clock, redis: Redis, ill: dict[str, object]
) -> None:
    entrance = Gate(redis)
    for _ in range(FAILURES_TO_OPEN):
        answer(entrance, failed=True)
    clock.now += OPEN_SECONDS
    assert entrance.enter()
    answer(entrance, **ill)  # type: ignore[arg-type] # One of two keywords.
    assert not entrance.enter()
    clock.now += OPEN_SECONDS
    assert entrance.enter()
    answer(entrance)
    assert [entrance.enter() for _ in range(3)] == [True] * 3


def test_everybody_sees_of_how_many_processes_the_breaker_is_open(clock: Clock, redis: Redis) -> None:
    entrance = Gate(redis)
    for _ in range(FAILURES_TO_OPEN - 1):
        entrance.answered("alipay.trade.query", "no_answer", 0.1, failed=True)
    assert gate.recent(redis) == (FAILURES_TO_OPEN - 1, FAILURES_TO_OPEN - 1, 0)
    answer(entrance, failed=True)
    assert gate.recent(redis) == (FAILURES_TO_OPEN, FAILURES_TO_OPEN - 1, 1)
    clock.now += OPEN_SECONDS
    answer(entrance)
    assert gate.recent(redis).open_breakers == 0


def test_a_process_that_fell_silent_and_calls_of_long_ago_count_no_more(clock: Clock, redis: Redis) -> None:
    for _ in range(FAILURES_TO_OPEN):
        Gate(redis).answered("alipay.trade.query", "no_answer", 0.1, failed=True)
    entrance = Gate(redis)
    for _ in range(FAILURES_TO_OPEN):
        answer(entrance, failed=True)
    clock.now += 61
    assert gate.recent(redis) == (2 * FAILURES_TO_OPEN, FAILURES_TO_OPEN, 0)
    clock.now += 60 * gate.RECENT_MINUTES
    assert gate.recent(redis) == (0, 0, 0)


def test_one_good_answer_begins_the_count_anew(clock: Clock, redis: Redis) -> None:
    del clock
    entrance = Gate(redis)
    for _ in range(2):
        for _ in range(FAILURES_TO_OPEN - 1):
            answer(entrance, failed=True)
        answer(entrance)
    assert entrance.enter()


def test_a_probe_that_never_told_its_end_is_not_waited_for_without_one(clock: Clock, redis: Redis) -> None:
    entrance = Gate(redis)
    for _ in range(FAILURES_TO_OPEN):
        answer(entrance, failed=True)
    clock.now += OPEN_SECONDS
    assert entrance.enter()
    assert not entrance.enter()
    clock.now += gate.LONGEST_PROBE_SECONDS
    assert entrance.enter()


def test_the_log_says_once_when_it_opens_and_when_it_closes(clock: Clock, redis: Redis) -> None:
    entrance = Gate(redis)
    with capture_logs() as said:
        for _ in range(FAILURES_TO_OPEN + 3):
            answer(entrance, failed=True)
        clock.now += OPEN_SECONDS
        assert entrance.enter()
        answer(entrance, failed=True)
        clock.now += OPEN_SECONDS
        assert entrance.enter()
        answer(entrance)
        answer(entrance)
    assert [line["state"] for line in said if line["event"] == "alipay_breaker"] == ["open", "closed"]
