"""What RabbitMQ is told of our queues, whatever its own defaults are."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from celery.concurrency import get_implementation
from celery.signals import celeryd_init

from checkout.events import bus
from ops.checkup.workers import QUEUES
from sandbox import stack
from tasks.app import app


def test_each_queue_says_its_type_and_has_its_worker(in_process: Callable[..., None]) -> None:
    in_process()
    queues = app.conf.task_queues
    assert {queue.name for queue in queues} == set(QUEUES)
    assert all(queue.queue_arguments == {"x-queue-type": "classic"} for queue in queues)
    assert {queue.durable for queue in queues} == {True}
    assert set(stack._WORKERS) == set(QUEUES)
    assert {route["queue"] for route in app.conf.task_routes.values()} <= set(QUEUES)


def test_no_queue_is_neither_durable_nor_of_one_connection(in_process: Callable[..., None]) -> None:
    """RabbitMQ 4.3 refuses those. An exclusive one may not have a name that a next connection needs, either."""
    in_process()
    assert (app.conf.control_queue_durable, app.conf.control_queue_exclusive) == (True, False)
    assert app.conf.event_queue_exclusive or app.conf.event_queue_durable
    for durable in (True, False):
        queue = bus._queue("tail.me", ["#"], durable=durable)
        assert (queue.durable, queue.exclusive) == (durable, not durable)
        assert queue.queue_arguments == {"x-queue-type": "classic"}


@pytest.mark.parametrize(("pool", "cancels"), [("prefork", True), ("threads", False)])
def test_only_what_can_be_cancelled_is(in_process: Callable[..., None], pool: str, cancels: bool) -> None:
    in_process()
    conf = SimpleNamespace(worker_cancel_long_running_tasks_on_connection_loss=True)
    celeryd_init.send(sender="orders@here", instance=None, conf=conf, options={"pool": get_implementation(pool)})
    assert conf.worker_cancel_long_running_tasks_on_connection_loss is cancels
