"""Where Prometheus asks a worker or beat: `CHECKOUT_METRICS_PORT`, one for each process of a machine.

A worker's children count into files of one directory, and the worker itself, which places nothing, adds them up.
"""

from __future__ import annotations

from typing import Any

from celery.signals import beat_init, worker_init, worker_shutdown
from structlog import get_logger

from checkout import settings
from checkout.metrics.counting import SharedCounts
from checkout.metrics.server import MetricsServer

log = get_logger(__name__)
_open: list[SharedCounts] = []


@worker_init.connect
@beat_init.connect
def _serve(**_sent: Any) -> None:
    """Before the pool is made: its children inherit where they count."""
    told = settings.current()
    if not told.metrics_port:
        return
    counts = SharedCounts()
    counts.follow_forks()
    _open.append(counts)
    try:
        MetricsServer(told.metrics_port, told.metrics_token, counts.told).start()
    except OSError as error:
        # Whoever waits for an order has nothing of it that this worker does not start.
        log.error(
            "metrics_not_told", port=told.metrics_port, error=str(error), cure="set another CHECKOUT_METRICS_PORT"
        )


@worker_shutdown.connect
def _close(**_sent: Any) -> None:
    while _open:
        _open.pop().close()
