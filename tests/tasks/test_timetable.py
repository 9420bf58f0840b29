"""Beat's schedule: a clock that was wrong delays nothing, and a broken connection is not used again."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from celery import Celery
from celery.beat import PersistentScheduler, Scheduler, Service
from celery.utils.imports import symbol_by_name
from kombu.exceptions import OperationalError

from checkout.db import Engine
from tasks import schedule
from tasks.app import app
from tests.shared.factories import rows
from tests.shared.ports import DISCARD


class Bench:
    """A timetable of one entry, which notes what it would send."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.timetable = schedule.Timetable(app=app, schedule={}, lazy=True)
        self.timetable.add(name="sweep", task="sweep", schedule=timedelta(hours=1))
        self.timetable.apply_async = lambda entry, **_: self.sent.append(entry.task)  # type: ignore[method-assign] # No broker.

    @property
    def entry(self) -> Any:
        return self.timetable.schedule["sweep"]

    def ran(self, ago: timedelta) -> None:
        self.entry.last_run_at = self.entry.default_now() - ago
        self.timetable._heap = None

    @property
    def due_in_seconds(self) -> float:
        seconds: float = self.entry.is_due().next
        return seconds


@pytest.fixture
def bench(in_process: Callable[..., None]) -> Bench:
    del in_process
    return Bench()


def test_what_ran_in_the_future_is_not_waited_for(bench: Bench) -> None:
    bench.ran(timedelta(hours=-8))
    Scheduler.tick(bench.timetable)  # Celery's own waits until that time comes again.
    assert bench.due_in_seconds > 7 * 3600
    bench.timetable.tick()
    assert bench.due_in_seconds <= 3600
    bench.ran(timedelta(hours=1))
    bench.timetable.tick()
    assert bench.sent == ["sweep"]


def test_it_stands_in_no_file(in_process: Callable[..., None]) -> None:
    """Celery's own default has one, which remembers a wrong clock through restarts."""
    del in_process
    assert issubclass(symbol_by_name(Celery().conf.beat_scheduler), PersistentScheduler)
    assert not issubclass(symbol_by_name(app.conf.beat_scheduler), PersistentScheduler)


def test_a_tick_leaves_a_heartbeat(bench: Bench, engine: Engine) -> None:
    bench.timetable.tick()
    assert [beat.loop for beat in rows(engine, "heartbeats")] == ["beat"]


def test_a_connection_that_broke_is_not_used_again(
    in_process: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Celery's own scheduler keeps the producer of a broken connection: all later ticks fail like the first."""
    del in_process
    from tasks.maintenance import sweep_up  # It reads the settings.

    timetable = schedule.Timetable(app=app, schedule={}, lazy=True)
    timetable.add(name="sweep", task="sweep", schedule=timedelta(seconds=2))
    used: list[object] = []

    def publish(*_: Any, producer: Any, **__: Any) -> None:
        used.append(producer)
        if len(used) == 1:
            raise OperationalError("the connection broke")

    monkeypatch.setattr(sweep_up, "apply_async", publish)
    entry = timetable.schedule["sweep"]
    for _ in range(3):
        timetable.apply_entry(entry, producer=timetable.producer)
    assert used[0] is not used[1] is used[2]


def test_without_a_broker_the_loop_goes_round_and_sends_when_it_is_back(
    in_process: Callable[..., None], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Celery's own would try to connect without end, and be taken for dead."""
    in_process()
    from tasks.maintenance import sweep_up  # It reads the settings.

    timetable = schedule.Timetable(app=app, schedule={}, lazy=True)
    timetable.add(name="sweep", task="sweep", schedule=timedelta(hours=1))
    entry = timetable.schedule["sweep"]
    entry.last_run_at = entry.default_now() - timedelta(hours=1)
    sent: list[object] = []
    monkeypatch.setattr(sweep_up, "apply_async", lambda *_, **__: sent.append(1))
    with monkeypatch.context() as away:
        away.setattr(timetable, "connection", app.connection_for_write(f"redis://127.0.0.1:{DISCARD}/0"))
        assert timetable.tick() == schedule.AGAIN_SECONDS
    assert (sent, len(rows(engine, "heartbeats"))) == ([], 1)
    timetable._renew()
    timetable.schedule["sweep"].last_run_at = entry.default_now() - timedelta(hours=1)
    timetable.tick()
    assert sent == [1]


class Signalled(schedule.Timetable):
    """Is sent a signal in each round, where nothing that is raised comes through."""

    number = signal.SIGTERM
    rounds = 0

    def tick(self, *_args: Any, **_kwargs: Any) -> float:
        self.rounds += 1
        with contextlib.suppress(BaseException):
            signal.raise_signal(self.number)
        return 0.01


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_after_its_round_wherever_it_comes(
    in_process: Callable[..., None], monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """Raised in a callback of the garbage collector, SystemExit would end nothing."""
    del in_process
    monkeypatch.setattr(Signalled, "number", number)
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    service: Any = Service(app, scheduler_cls=Signalled)  # type: ignore[arg-type] # Ours has tasks of its own class.
    try:
        service.start()
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    assert service.scheduler.rounds == 1
