"""What every call to Alipay passes: a rate that all workers share, a breaker, and a count.

Alipay publishes no limit; 40005 tells when one was met. A gateway that does not answer is left alone for a while:
each attempt keeps its own due time, so what was not asked now is asked later.
"""

from __future__ import annotations

import os
import platform
import threading
import time
from typing import NamedTuple, cast

from redis import Redis, RedisError
from structlog import get_logger

from checkout.metrics import measures

log = get_logger(__name__)

CALLS_PER_SECOND = 200
FAILURES_TO_OPEN = 8
OPEN_SECONDS = 5.0
# An answer that takes longer holds up those who wait behind it.
SLOW_SECONDS = 4.0
LONGEST_WAIT_SECONDS = 3.0
# A probe that never told its end, because its thread did not live to, does not keep the breaker open for ever.
LONGEST_PROBE_SECONDS = 60.0
COUNTS = "checkout_alipay_calls"
# What a call ended in that brought no word to believe.
FAILING = ("no_answer", "unsigned", "unknown")
RECENT_MINUTES = 5
_RECENT = "checkout_alipay_calls_of_minute"
# Which processes' breakers are open, and since when each has found it so; who fell silent counts no more.
_BREAKERS = "checkout_alipay_breakers"
_BREAKER_SECONDS = 60

# Calls of this second are counted; who comes too late in it is told how long to wait.
_ENTER = """
local now = redis.call('TIME')
local key = KEYS[1] .. now[1]
local count = redis.call('INCR', key)
redis.call('EXPIRE', key, 5)
if count <= tonumber(ARGV[1]) then return 0 end
return 1000000 - now[2]
"""


class Gate:
    """One per process; the rate and the counts are shared through Redis, and open while Redis is away.

    The breaker opens when so many calls in a row failed or were slow. After a while one call goes through to see; its
    answer closes the breaker, or leaves it open as long again.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._lock = threading.Lock()
        self._failures = 0
        self._open_until = 0.0
        self._probing_until = 0.0

    def enter(self) -> bool:
        """Waits for a place in the rate; False when the breaker is open or no place is free in time."""
        if not self._passes():
            return False
        deadline = time.monotonic() + LONGEST_WAIT_SECONDS
        while time.monotonic() < deadline:
            wait_seconds = self._take_place()
            if wait_seconds == 0:
                return True
            time.sleep(wait_seconds)
        with self._lock:
            self._probing_until = 0.0
        return False

    def _passes(self) -> bool:
        with self._lock:
            if self._failures < FAILURES_TO_OPEN:
                return True
            now = time.monotonic()
            if now < max(self._open_until, self._probing_until):
                return False
            self._probing_until = now + LONGEST_PROBE_SECONDS
            return True

    def _take_place(self) -> float:
        try:
            return int(self._redis.eval(_ENTER, 1, "alipay_rate_", CALLS_PER_SECOND)) / 1_000_000
        except RedisError as error:
            log.warning("rate_not_shared", error=type(error).__name__)
            return 0

    def answered(self, method: str, result: str, seconds: float, *, failed: bool) -> None:
        """Counts the call, and what it says of how Alipay is."""
        measures.alipay_call.add(seconds, method)
        self._note(is_ill=failed or seconds > SLOW_SECONDS)
        try:
            self._count(method, result)
        except RedisError as error:
            log.warning("call_not_counted", error=type(error).__name__)

    def _count(self, method: str, result: str) -> None:
        """For ever, and in its minute; and whether the breaker is open."""
        minute, breaker = f"{_RECENT}_{int(time.time() // 60)}", f"{platform.node()}:{os.getpid()}"
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.hincrby(COUNTS, f"{method} {result}", 1)
            pipe.hincrby(minute, "failing" if result in FAILING else "others", 1)
            pipe.expire(minute, 60 * (RECENT_MINUTES + 1))
            if self._failures == FAILURES_TO_OPEN:
                pipe.zadd(_BREAKERS, {breaker: time.time()})
                pipe.zremrangebyscore(_BREAKERS, "-inf", time.time() - _BREAKER_SECONDS)
            else:
                pipe.zrem(_BREAKERS, breaker)
            pipe.execute()

    def _note(self, *, is_ill: bool) -> None:
        with self._lock:
            was_open = self._failures == FAILURES_TO_OPEN
            self._failures = min(self._failures + 1, FAILURES_TO_OPEN) if is_ill else 0
            self._probing_until = 0.0
            is_open = self._failures == FAILURES_TO_OPEN
            if is_open:
                self._open_until = time.monotonic() + OPEN_SECONDS
        if is_open != was_open:
            log.warning("alipay_breaker", state="open" if is_open else "closed")


def counts(redis: Redis) -> dict[tuple[str, str], int]:
    """How often each method had each result."""
    counted = cast("dict[bytes, bytes]", redis.hgetall(COUNTS))
    names = {name: name.decode().split(" ") for name in counted}
    return {(method, result): int(counted[name]) for name, (method, result) in names.items()}


class Recent(NamedTuple):
    """The calls of the last `RECENT_MINUTES`, those that failed among them, and how many breakers are open."""

    calls: int
    failing: int
    open_breakers: int


def recent(redis: Redis) -> Recent:
    """How Alipay is just now, as all processes have found it."""
    now = int(time.time() // 60)
    with redis.pipeline(transaction=False) as pipe:
        for minute in range(now - RECENT_MINUTES + 1, now + 1):
            pipe.hgetall(f"{_RECENT}_{minute}")
        pipe.zcount(_BREAKERS, time.time() - _BREAKER_SECONDS, "+inf")
        *minutes, breakers = pipe.execute()
    failing, others = (sum(int(counted.get(name, 0)) for counted in minutes) for name in (b"failing", b"others"))
    return Recent(failing + others, failing, int(breakers))
