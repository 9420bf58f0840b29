"""The Celery application, and what its tasks share in one process."""

from __future__ import annotations

from functools import cache

from celery import Celery
from celery.signals import worker_init

from checkout import logs, memory, settings
from checkout.resources import Resources

logs.configure()
app = Celery("checkout")
app.config_from_object("celeryconfig")


@worker_init.connect
def _settle(**_sent: object) -> None:
    """Before the pool is made: its children inherit it."""
    memory.settle()


@cache
def resources() -> Resources:
    """Made by the first task of a process, so after the fork; wide enough for a pool of threads."""
    return Resources(settings.current(), connections=10)
