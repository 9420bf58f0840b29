"""The workers and beat, asked over the broker."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from amqp.exceptions import AMQPError
from kombu.exceptions import KombuError
from redis import RedisError

from checkout import logs
from ops.checkup import Diagnosis

QUEUES = ("orders", "refunds", "alipay", "webhooks", "default")
# All workers have so long to answer; the wait never ends earlier, since nobody knows how many there are.
ANSWER_SECONDS = 2.0
# Beat rings for it every second, and nobody else does: counting its runs is how to see beat.
BEATEN_TASK = "expire_orders"


def workers() -> Iterator[Diagnosis]:
    """Whether each queue is served, and whether beat rings."""
    from tasks.app import app  # It reads the settings that the doctor has found good by now.

    logs.configure(logging.WARNING)
    inspect = app.control.inspect(timeout=ANSWER_SECONDS)
    try:
        before = inspect.stats() or {}
        queues = (inspect.active_queues() or {}) if before else {}
        after = (inspect.stats() or {}) if before else {}
    except (KombuError, AMQPError, RedisError, OSError) as error:
        yield Diagnosis("workers", "fail", f"nobody can be asked ({type(error).__name__}): see the broker")
        return
    served = {queue["name"] for worker in queues.values() for queue in worker}
    yield _served(served, sorted(queues))
    yield _beat(_runs(after) - _runs(before), is_heard="default" in served)


def _served(served: set[str], names: list[str]) -> Diagnosis:
    missing = [queue for queue in QUEUES if queue not in served]
    if missing:
        queues = ",".join(missing)
        return Diagnosis("workers", "fail", f"nobody serves {queues}: start celery -A tasks.app worker -Q {queues}")
    return Diagnosis("workers", "ok", ", ".join(names))


def _runs(stats: dict[str, Any]) -> int:
    return sum(worker["total"].get(BEATEN_TASK, 0) for worker in stats.values())


def _beat(runs: int, *, is_heard: bool) -> Diagnosis:
    if runs > 0:
        return Diagnosis("beat", "ok", "it rings")
    if not is_heard:
        return Diagnosis("beat", "warn", "nobody would hear it: start a worker of the queue default first")
    return Diagnosis("beat", "fail", "it does not ring: start celery -A tasks.app beat")
