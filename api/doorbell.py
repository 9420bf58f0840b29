"""Rings for the workers from a thread of its own: no request waits for the broker.

A worker takes all that waits, so one outstanding ring a queue is enough: batches grow with the load, and the cost of a
ring, some milliseconds over all processes, is shared. A lone order rings at once.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from amqp.exceptions import AMQPError
from kombu.exceptions import KombuError
from redis import Redis, RedisError
from structlog import get_logger

from checkout.events import waking
from tasks.app import app

log = get_logger(__name__)

# Flower shows these; the worker looks for itself.
MOST_IDS = 100
# Two rings for one task are this far apart: a lone order never waits for it, and under load nobody notices.
GAP_SECONDS = 0.03
# The thread shows that it lives at least this often.
LONGEST_PAUSE_SECONDS = 5.0
# Workers that are far behind throw old rings away: the sweep has rung again by then.
EXPIRES_SECONDS = 20


class Doorbell:
    """Coalesces ids while a ring is outstanding. One that fails is not repeated: the sweep rings again."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._waiting: dict[str, list[Any]] = defaultdict(list)
        self._traces: dict[str, list[str]] = defaultdict(list)
        self._changed = threading.Condition()
        self._stopped = False
        self._rung_at: dict[str, float] = {}
        self.turned_at = time.monotonic()  # when the thread last went round
        self._thread = threading.Thread(target=self._live, name="doorbell", daemon=True)
        self._thread.start()

    def ring(self, task: str, ids: list[Any], traceparents: Sequence[str] = ()) -> None:
        """Has the task look, soon. The ids are committed already; the task's span will link to their traces."""
        with self._changed:
            kept = self._waiting[task]
            kept.extend(ids[: MOST_IDS - len(kept)])
            if traceparents:
                self._traces[task].extend(traceparents[: MOST_IDS - len(self._traces[task])])
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join(timeout=5)

    def _live(self) -> None:
        """A doorbell that nobody hears is worse than a process that starts again."""
        try:
            while self._turn():
                self.turned_at = time.monotonic()
        except Exception:
            log.exception("doorbell_broken")
            os.kill(os.getpid(), signal.SIGTERM)
            raise

    def _turn(self) -> bool:
        """Waits for what is due, and rings; False when it is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._waiting, timeout=LONGEST_PAUSE_SECONDS)
            self._changed.wait_for(lambda: self._stopped or self._due(), timeout=self._pause())
            due = list(self._waiting) if self._stopped else self._due()
            rung = [(task, self._waiting.pop(task), self._traces.pop(task, [])) for task in due]
        for task, ids, traceparents in rung:
            self._rung_at[task] = time.monotonic()
            if waking.may_ring(self._redis, task):
                self._publish(task, ids, traceparents)
        return not self._stopped

    def _due(self) -> list[str]:
        now = time.monotonic()
        return [task for task in self._waiting if now >= self._rung_at.get(task, 0.0) + GAP_SECONDS]

    def _pause(self) -> float:
        ready = (self._rung_at.get(task, 0.0) + GAP_SECONDS for task in self._waiting)
        return max(0.0, min(ready, default=0.0) - time.monotonic())

    def _publish(self, task: str, ids: list[Any], traceparents: list[str]) -> None:
        headers = {"traceparents": traceparents} if traceparents else None
        try:
            app.send_task(task, args=[ids], headers=headers, retry=False, ignore_result=True, expires=EXPIRES_SECONDS)
        except (KombuError, OSError, RedisError, AMQPError) as error:
            log.warning("doorbell_lost", task=task, error=type(error).__name__)
