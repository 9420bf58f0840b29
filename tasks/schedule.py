"""Beat's schedule, in memory alone: a file would remember a clock that was wrong."""

from __future__ import annotations

import signal
import time
from typing import Any

from amqp.exceptions import AMQPError
from celery.beat import Scheduler, Service
from celery.signals import beat_init
from kombu.exceptions import KombuError
from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError
from structlog import get_logger

from checkout.audit import heartbeats
from checkout.db import transaction
from tasks.app import resources

log = get_logger(__name__)

CONNECT_SECONDS = 3
TOLD_SECONDS = 1.0  # `checkout doctor` waits for the next one.
AGAIN_SECONDS = 1.0


@beat_init.connect
def _end_between_rounds(sender: Service, **_sent: object) -> None:
    """Celery raises SystemExit wherever the signal finds it; a callback of the garbage collector swallows that."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sender.stop())


class Timetable(Scheduler):
    """Celery's own, which waits for a clock that was ahead, keeps a broken connection, and shows no sign of life."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._told_at = 0.0
        super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """One round: sends what is due, and says how long to sleep."""
        self._forget_the_future()
        try:
            seconds: float = super().tick(*args, **kwargs)
        except (KombuError, AMQPError, RedisError, OSError) as error:
            log.warning("broker_away", error=type(error).__name__)
            self._renew()
            self._heap = None  # The entry was taken out already; it is made anew from the entries.
            seconds = AGAIN_SECONDS
        self._tell()
        return seconds

    def _ensure_connected(self) -> Any:
        """Celery's own would try without end, and the loop would stand still."""
        return self.connection.ensure_connection(max_retries=1, interval_start=0, timeout=CONNECT_SECONDS)

    def _forget_the_future(self) -> None:
        """The clock was set back: what ran "later than now" would wait until then."""
        entries = self.schedule.values()
        ahead = [one for one in entries if one.last_run_at and one.last_run_at > one.default_now()]
        for entry in ahead:
            entry.last_run_at = entry.default_now()
        if ahead:
            self._heap = None  # It is made anew from the entries.

    def apply_async(self, *args: Any, **kwargs: Any) -> Any:
        """Sends one entry; a connection on which that failed is not used again."""
        try:
            return super().apply_async(*args, **kwargs)
        except Exception:
            self._renew()
            raise

    def _renew(self) -> None:
        for name in ("producer", "connection"):
            self.__dict__.pop(name, None)

    def _tell(self) -> None:
        if time.monotonic() < self._told_at + TOLD_SECONDS:
            return
        self._told_at = time.monotonic()
        try:
            with transaction(resources().engine) as connection:
                heartbeats.beat(connection, "beat")
        except SQLAlchemyError as error:
            log.warning("heartbeat_lost", error=type(error).__name__)
