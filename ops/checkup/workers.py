"""The workers, asked over the broker."""

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
# Nobody knows how many there are. As many as there are queues are waited for, and if these are not the right ones, so
# long for all.
ANSWER_SECONDS = 1.0


def workers() -> Iterator[Diagnosis]:
    """Whether each queue is served."""
    from tasks.app import app  # It reads the settings that the doctor has found good by now.

    logs.configure(logging.WARNING)
    try:
        queues = _queues(app.control.inspect(timeout=ANSWER_SECONDS, limit=len(QUEUES)))
        if not set(QUEUES) <= _served_by(queues):  # Some had more workers than one, or did not answer.
            queues |= _queues(app.control.inspect(timeout=ANSWER_SECONDS))
    except (KombuError, AMQPError, RedisError, OSError) as error:
        yield Diagnosis("workers", "fail", f"nobody can be asked ({type(error).__name__}): see the broker")
        return
    yield _served(_served_by(queues), sorted(queues))


def _queues(inspect: Any) -> dict[str, Any]:
    return inspect.active_queues() or {}


def _served_by(queues: dict[str, Any]) -> set[str]:
    return {queue["name"] for worker in queues.values() for queue in worker}


def _served(served: set[str], names: list[str]) -> Diagnosis:
    missing = [queue for queue in QUEUES if queue not in served]
    if missing:
        queues = ",".join(missing)
        return Diagnosis("workers", "fail", f"nobody serves {queues}: start celery -A tasks.app worker -Q {queues}")
    return Diagnosis("workers", "ok", ", ".join(names))
