"""The Celery application, and what its tasks share in one process."""

from __future__ import annotations

from functools import cache
from typing import Any

from celery import Celery
from celery.signals import beat_init, celeryd_init, worker_init

from checkout import logs, memory, settings, startup
from checkout.errors import SettingsError
from checkout.events import patient
from checkout.resources import Resources

logs.configure()
patient.install()
app = Celery("checkout")
app.config_from_object("celeryconfig")


@celeryd_init.connect
@beat_init.connect
def _refuse_what_cannot_serve(**_sent: object) -> None:
    """Celery would try a wrong password or name again for ever."""
    try:
        startup.refuse_what_cannot_serve(settings.current())
    except SettingsError as error:
        raise SystemExit(str(error)) from error


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
def resources() -> Resources:
    """Made by the first task of a process, so after the fork; wide enough for a pool of threads."""
    return Resources(settings.current(), connections=10)
