"""What waits, for how long, and how far behind somebody is: numbers that the database knows."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from api import counters, metrics
from checkout.audit import gauges, stuck
from checkout.audit.gauges import MOST
from checkout.db import Engine, sql, transaction
from checkout.erasure import wishes
from checkout.metrics import counting, measures
from checkout.metrics.counting import Spread, Tally
from checkout.orders import sweep
from checkout.resources import Resources
from checkout.webhooks import endpoints
from tests.shared.databases import on_each_version
from tests.shared.factories import a_sku, an_attempt, an_order, paid, placed, refunded
from tests.shared.processes import eventually

pytestmark = on_each_version
DOCUMENT = Path(__file__).parents[2] / "docs" / "operations.md"


def read(engine: Engine) -> dict[tuple[str, str], float]:
    with transaction(engine) as connection:
        found = list(gauges.read(connection))
    return {(one.gauge.name.removeprefix("checkout_"), one.of): one.value for one in found}


def test_an_empty_shop_waits_for_nothing(engine: Engine) -> None:
    found = read(engine)
    for name in ("orders_accepted_seconds", "payments_open", "notifies_waiting", "relay_behind_events", "erasures_due"):
        assert found[name, ""] == 0
    assert found["partitions_ahead_days", ""] >= 7
    assert found["database_connections", "active"] >= 1
    assert found["database_connections_most", ""] > 1
    assert {of for name, of in found if name == "stuck"} == set(stuck.KINDS)
    assert not any(value for (name, _), value in found.items() if name == "stuck")


def test_orders_that_wait_are_counted_apart_from_those_that_are_parked(engine: Engine) -> None:
    a_sku(engine)
    first, parked = an_order(engine), an_order(engine)
    with transaction(engine) as connection:
        connection.execute(sql("UPDATE arrivals SET since = now() - interval '42 seconds'"))
        sweep.fail_alone(connection, parked, "22003 out of range", parked=True)
        connection.execute(
            sql("UPDATE arrivals SET since = now() - interval '1 hour' WHERE order_id <> :id"), {"id": first}
        )
    found = read(engine)
    assert (found["orders_accepted", "waiting"], found["orders_accepted", "parked"]) == (1, 1)
    assert 42 <= found["orders_accepted_seconds", ""] < 142
    assert found["stuck", "order_parked"] == 1


def test_the_oldest_is_the_one_that_has_waited_longest_for_nothing_but_a_worker(engine: Engine) -> None:
    a_sku(engine)
    alone, again, waiting = (an_order(engine) for _ in range(3))
    with transaction(engine) as connection:
        for order_id, seconds in ((alone, 9000), (again, 5), (waiting, 900)):
            since = "UPDATE arrivals SET since = now() - make_interval(secs => :seconds) WHERE order_id = :id"
            connection.execute(sql(since), {"id": order_id, "seconds": seconds})
        connection.execute(sql("UPDATE arrivals SET alone_at = now() WHERE order_id = :id"), {"id": alone})
    assert 900 <= read(engine)["orders_accepted_seconds", ""] < 5000


def test_what_is_behind_is_counted(engine: Engine) -> None:
    with transaction(engine) as connection:
        endpoint = endpoints.add(connection, "https://erp.example/", ["#"]).endpoint_id
    a_sku(engine, stock=9)
    an_attempt(engine, placed(engine))
    order_id = paid(engine)
    refunded(engine, order_id, {"1": 1})
    with transaction(engine) as connection:
        wishes.store(connection, 1)
        [(events, seconds)] = connection.execute(
            sql("SELECT count(*), extract(epoch FROM now() - min(at)) FROM events")
        )
    found = read(engine)
    assert found["relay_behind_events", ""] == events == found["webhook_behind_events", str(endpoint)]
    assert seconds <= found["relay_behind_seconds", ""] < float(seconds) + 100
    assert (found["webhook_set_aside", str(endpoint)], found["webhook_failures", str(endpoint)]) == (0, 0)
    assert (found["payments_open", ""], found["refunds_waiting", "requested"]) == (1, 1)
    assert found["erasures_due", ""] == 2


def test_who_waits_for_a_lock_is_seen(engine: Engine) -> None:
    a_sku(engine)
    lock = sql("SELECT FROM skus FOR UPDATE")

    def wait() -> None:
        with transaction(engine) as connection:
            connection.execute(lock)

    assert read(engine)["database_lock_seconds", ""] == 0
    with ThreadPoolExecutor() as threads:
        with transaction(engine) as holder:
            holder.execute(lock)
            waiting = threads.submit(wait)
            eventually(lambda: read(engine)["database_lock_seconds", ""] > 0, "the wait is seen")
        waiting.result()
    assert read(engine)["database_lock_seconds", ""] == 0


def test_counting_has_an_end(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST <= 100_000
    monkeypatch.setattr(gauges, "MOST", 2)
    a_sku(engine)
    for _ in range(4):
        placed(engine)
    assert read(engine)["relay_behind_events", ""] == 2


def test_each_number_is_explained_and_each_that_is_explained_is_there(resources: Resources, engine: Engine) -> None:
    """Those of Alipay's certificates are only there in certificate mode, and the audit's in a file of its own."""
    a_sku(engine)
    counters.refused.inc(0)
    resources.redis.hset("alipay_calls", "trade.query ok", 1)
    with transaction(engine) as connection:
        endpoints.add(connection, "https://erp.example/", ["#"])
    for measure in vars(measures).values():
        if isinstance(measure, Tally | Spread):
            measure.of(*("any" for _ in measure.labels))
    counted = b"".join(generate_latest(registry) for registry in (counters.registry, counting.registry))
    told = (counted + metrics.exposition(resources)).decode()
    families = {family.name for family in text_string_to_metric_families(told) if not family.name.endswith("_created")}
    explained = set(
        re.findall(r"`(checkout_[a-z_]+?)(?:_total)?(?:\{[a-z,]+\})?`", DOCUMENT.read_text(encoding="utf-8"))
    )
    named = {
        name for name in explained if name in families or name.startswith(("checkout_certificate", "checkout_audit"))
    }
    assert families <= explained
    assert explained - named - {"checkout_alipay_calls"} == set()
