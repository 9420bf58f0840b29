"""Rings for the workers from a thread of its own: no request waits for the broker."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from typing import Any

from amqp.exceptions import AMQPError
from kombu.exceptions import KombuError
from redis import RedisError
from structlog import get_logger

from tasks.app import app

log = get_logger(__name__)

MOST_IDS = 500
# Under load one message rings for all who came meanwhile: a message costs Celery about a millisecond of a worker, and
# fuller batches cost PostgreSQL less. A lone order rings at once.
# So the more a ring was for, the longer the next one waits: a trickle never does, a flood rings 20 times a second.
GAP_SECONDS_EACH = 0.001
LONGEST_GAP_SECONDS = 0.05
# Workers that are far behind throw old rings away: the sweep has rung again by then.
EXPIRES_SECONDS = 20
# More than this many unsent ids are not kept: the sweep finds every one of them in the database.
MOST_WAITING = 20_000


class Doorbell:
    """Coalesces ids while a publish is in flight. A ring that fails is not repeated: the sweep rings again."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Any]] = defaultdict(list)
        self._changed = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="doorbell", daemon=True)
        self._thread.start()

    def ring(self, task: str, ids: list[Any]) -> None:
        """Has the task called with these ids, soon."""
        with self._changed:
            if len(self._waiting[task]) < MOST_WAITING:
                self._waiting[task].extend(ids)
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        next_ring_at = 0.0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopped or any(self._waiting.values()))
                self._changed.wait_for(lambda: self._stopped, timeout=next_ring_at - time.monotonic())
                rung, self._waiting = self._waiting, defaultdict(list)
                if self._stopped and not rung:
                    return
            gap_seconds = min(GAP_SECONDS_EACH * sum(map(len, rung.values())), LONGEST_GAP_SECONDS)
            next_ring_at = time.monotonic() + gap_seconds
            for task, ids in rung.items():
                for start in range(0, len(ids), MOST_IDS):
                    self._publish(task, ids[start : start + MOST_IDS])

    def _publish(self, task: str, ids: list[Any]) -> None:
        try:
            app.send_task(task, args=[ids], retry=False, ignore_result=True, expires=EXPIRES_SECONDS)
        except (KombuError, OSError, RedisError, AMQPError) as error:
            log.warning("doorbell_lost", task=task, count=len(ids), error=type(error).__name__)
