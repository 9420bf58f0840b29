"""The Celery application, and what its tasks share in one process."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

from celery import Celery, Task
from celery.exceptions import Reject
from celery.signals import (
    beat_init,
    before_task_publish,
    celeryd_init,
    worker_init,
    worker_process_shutdown,
    worker_shutdown,
)
from structlog import get_logger

from checkout import logs, memory, settings, startup
from checkout.alipay import certificates, keys
from checkout.errors import SettingsError
from checkout.events import patient
from checkout.metrics import measures
from checkout.resources import Resources
from checkout.traces import spans

log = get_logger(__name__)

# Grows when a message says something that workers before it would misunderstand.
MESSAGE_VERSION = 1
_HEADER = "checkout_version"
LEAVE_SECONDS = 0.5


class Versioned(Task):  # type: ignore[type-arg] # Celery has no types of its own.
    """A task that leaves a newer process's message for newer workers; an older one's it understands."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        version = self.request.get(_HEADER) or 1
        if version > MESSAGE_VERSION:
            log.warning("message_left_for_newer_workers", task=self.name, version=version)
            time.sleep(LEAVE_SECONDS)  # It may come straight back.
            raise Reject(f"version {version}", requeue=True)
        return self._counted(*args, **kwargs)

    def _counted(self, *args: Any, **kwargs: Any) -> Any:
        began, result = time.monotonic(), "failed"
        try:
            _recording()
            with spans.span(self.name, "CONSUMER", links=self.request.get("traceparents") or ()):
                answer = self.run(*args, **kwargs)
            result = "done"
            return answer
        finally:
            measures.tasks_run.add(self.name, result)
            measures.task_took.add(time.monotonic() - began, self.name)


logs.configure()
patient.install()
app = Celery("checkout", task_cls=Versioned)
app.config_from_object("celeryconfig")


@before_task_publish.connect
def _say_the_version(headers: dict[str, Any] | None = None, **_sent: object) -> None:
    if headers is not None:
        headers.setdefault(_HEADER, MESSAGE_VERSION)


@celeryd_init.connect
@beat_init.connect
def _refuse_what_cannot_serve(**_sent: object) -> None:
    """Celery would try a wrong password or name again for ever."""
    try:
        startup.refuse_what_cannot_serve(settings.current())
    except SettingsError as error:
        raise SystemExit(str(error)) from error
    certificates.warn(keys.load(settings.current()))


@celeryd_init.connect
def _cancel_what_can_be_cancelled(conf: Any = None, options: Any = None, **_sent: object) -> None:
    """A task in a thread cannot be: with a pool of threads Celery would only stumble over its own wish."""
    if "thread" in str((options or {}).get("pool", "")):
        conf.worker_cancel_long_running_tasks_on_connection_loss = False


@worker_init.connect
def _settle(**_sent: object) -> None:
    """Before the pool is made: its children inherit it."""
    memory.settle()


@cache
def _recording() -> None:
    """By the first task of a process, so after the fork."""
    spans.start(settings.current(), "workers")


@worker_process_shutdown.connect
@worker_shutdown.connect
def _send_spans(**_sent: object) -> None:
    spans.stop()


@cache
def resources() -> Resources:
    """Made by the first task of a process, so after the fork; wide enough for a pool of threads."""
    return Resources(settings.current(), connections=10)
