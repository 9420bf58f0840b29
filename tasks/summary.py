"""What Flower is told: of each task at most one run a second and process, with its ids, queue and runtime.

An event for each run costs more than most runs do. What is told is true; what is left out are runs like it.
"""

from __future__ import annotations

import functools
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec

from amqp.exceptions import AMQPError
from kombu.exceptions import KombuError
from redis import RedisError
from structlog import get_logger

from tasks.app import app

log = get_logger(__name__)

SECONDS_BETWEEN = 1.0
MOST_CHARACTERS = 300

P = ParamSpec("P")
_told_at: dict[str, float] = defaultdict(float)


def told(run: Callable[P, str | None]) -> Callable[P, None]:
    """Tells of the task's runs, and what they came to. The worker must not tell of each itself: `send_events=False`."""

    @functools.wraps(run)
    def summed(*args: P.args, **kwargs: P.kwargs) -> None:
        began = time.time()
        try:
            became = run(*args, **kwargs)
        except Exception as error:
            _tell(args, began, "", type(error).__name__)
            raise
        _tell(args, began, became or "", None)

    return summed


def summary(became: Mapping[str, int]) -> str:
    """Like "placed 41, out_of_stock 3"; what there was most of comes first."""
    return ", ".join(f"{what} {count}" for what, count in sorted(became.items(), key=lambda one: -one[1]))


def _tell(args: tuple[Any, ...], began: float, became: str, error: str | None) -> None:
    task: Any = app.current_worker_task
    if task is None or time.monotonic() < _told_at[task.name] + SECONDS_BETWEEN:
        return
    _told_at[task.name] = time.monotonic()
    request = task.request
    shown = repr(args)[:MOST_CHARACTERS]
    queue = (request.delivery_info or {}).get("routing_key") or ""
    about = {"uuid": request.id, "name": task.name, "args": shown, "kwargs": "{}", "retries": 0}
    about |= {"root_id": request.root_id, "parent_id": request.parent_id, "queue": queue, "routing_key": queue}
    end: dict[str, Any] = {"runtime": time.time() - began, "result": became}
    try:
        with app.events.default_dispatcher(hostname=request.hostname) as events:
            events.send("task-received", **about, timestamp=began)
            events.send("task-started", uuid=request.id, timestamp=began)
            if error is None:
                events.send("task-succeeded", uuid=request.id, **end)
            else:
                events.send("task-failed", uuid=request.id, exception=error, traceback="")
    except (KombuError, OSError, RedisError, AMQPError) as lost:
        log.warning("summary_lost", task=task.name, error=type(lost).__name__)
