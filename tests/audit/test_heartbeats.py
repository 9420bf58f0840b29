"""Progress, not life: each loop leaves heartbeats, and the one that stands still is named wherever somebody looks."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from api.metrics import exposition
from checkout.audit import heartbeats, invariants
from checkout.db import Engine, sql, transaction
from checkout.resources import Resources
from checkout.settings import Settings
from ops.checkup import stores
from tasks import rounds
from tests.shared.client import Client
from tests.shared.factories import a_sku, an_order, row


def beat(engine: Engine, loop: str, ago_seconds: float = 0) -> None:
    with transaction(engine) as connection:
        heartbeats.beat(connection, loop)
        connection.execute(
            sql("UPDATE heartbeats SET at = at - make_interval(secs => :ago) WHERE loop = :loop"),
            {"ago": ago_seconds, "loop": loop},
        )


@pytest.mark.parametrize("loop", sorted(heartbeats.LONGEST_SECONDS))
def test_a_loop_stands_still_after_its_own_time(engine: Engine, loop: str) -> None:
    for ago, silent in ((0, []), (heartbeats.LONGEST_SECONDS[loop] + 1, [loop])):
        beat(engine, loop, ago)
        with transaction(engine) as connection:
            assert heartbeats.standing_still(connection) == silent


def test_who_was_absent_begins_anew(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, "PAUSE_SECONDS", 3600)
    beat(engine, "relay", 1800)
    first = row(engine, "heartbeats", loop="relay").since
    beat(engine, "relay", 3601)
    assert row(engine, "heartbeats", loop="relay").since == first
    beat(engine, "relay")
    assert row(engine, "heartbeats", loop="relay").since > first


def test_readiness_metrics_and_the_doctor_name_it(client: Client, engine: Engine, settings: Settings) -> None:
    beat(engine, "sweep")
    beat(engine, "relay", 500)
    ready = client.get("/health/ready", user=None)
    assert (ready.status_code, ready.json) == (200, {"status": "ok", "standing_still": ["relay"]})
    told = exposition(Resources(settings)).decode()
    silent = re.search(r'^checkout_loop_silent_seconds{loop="relay"} (\d+)$', told, re.MULTILINE)
    assert silent
    assert int(silent[1]) >= 500
    (loops,) = [found for found in stores.database(settings) if found.name == "loops"]
    assert loops.state == "fail"
    assert "relay for " in loops.detail
    assert "sweep" not in loops.detail


def test_what_nobody_foresaw_is_counted_and_the_next_has_its_turn(
    settings: Settings, in_process: Callable[..., None]
) -> None:
    del in_process
    done: list[int] = []
    for divisor in (1, 0, 3):
        rounds.guarded("queue alipay", lambda divisor=divisor: done.append(3 // divisor))  # type: ignore[misc] # Bound now.
    assert done == [3, 1]
    assert 'checkout_loop_faults_total{loop="queue alipay"} 1' in exposition(Resources(settings)).decode()
    (loops,) = [found for found in stores.database(settings) if found.name == "loops"]
    assert (loops.state, "queue alipay met ZeroDivisionError" in loops.detail) == ("warn", True)


def test_an_order_waits_too_long_only_while_workers_run(engine: Engine) -> None:
    a_sku(engine)
    an_order(engine)
    with transaction(engine) as connection:
        for statement in ("UPDATE orders SET accepted_at = :then", "UPDATE arrivals SET since = :then"):
            connection.execute(sql(statement), {"then": datetime.now(UTC) - timedelta(seconds=61)})

    def violations() -> list[str]:
        with transaction(engine) as connection:
            return [finding.name for finding in invariants.run(connection) if not finding.ok]

    assert violations() == ["none_accepted_too_long"]
    beat(engine, "queue orders")  # They have just come.
    assert violations() == []
