"""Subscribers of the exchange: a durable queue misses nothing that its patterns bind."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import closing as closed
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import msgspec
import pytest
from redis import Redis

from checkout.db import Engine
from checkout.events import bus
from checkout.events.bus import Bus
from checkout.events.log import Logged
from checkout.events.relay import Relay
from sandbox.valkey import Valkey
from tests.shared.factories import a_sku, placed, topics
from tests.shared.relaying import LONGEST_SECONDS, relay_all

AMQP = os.environ.get("CHECKOUT_TEST_AMQP_URL", "")
QUEUES = ("warehouse", "mail")


@pytest.fixture(params=["redis", pytest.param("amqp", marks=pytest.mark.skipif(not AMQP, reason="no RabbitMQ named"))])
def url(request: pytest.FixtureRequest, broker: Valkey) -> Iterator[str]:
    if request.param == "amqp":
        request.getfixturevalue("rabbitmq")
    address = AMQP if request.param == "amqp" else broker.url(0)
    clear(address)  # A run that was cut off may have left them on a server that others use, too.
    yield address
    clear(address)


def clear(address: str) -> None:
    for queue in QUEUES:
        bus.drop(address, queue)


def an_event(number: int, topic: str = "order.placed") -> Logged:
    return Logged(number, datetime.now(UTC), topic, "7", number, {"order_id": "7"})


def read(url: str, queue: str, patterns: list[str], count: int) -> list[dict[str, Any]]:
    with closed(bus.subscribe(url, queue, patterns)) as subscriber:  # type: ignore[type-var] # A generator.
        return list(islice(subscriber, count))


def publish(url: str, *events: Logged) -> None:
    with closed(Bus(url)) as sender:
        sender.publish(events)


def test_a_durable_queue_keeps_what_was_published_while_nobody_read(url: str) -> None:
    bus.declare(url, "warehouse", ["#"])
    publish(url, *(an_event(n) for n in range(1, 51)))
    found = read(url, "warehouse", ["#"], 50)
    assert [event["sequence"] for event in found] == list(range(1, 51))
    assert found[0]["type"] == "checkout.order.placed"
    assert found[0]["data"] == {"order_id": "7"}


def test_an_event_leaves_as_what_it_is(url: str) -> None:
    """CloudEvents' own SDK refuses `application/json`, where structured mode cannot be told from binary."""
    bus.declare(url, "warehouse", ["#"])
    publish(url, an_event(1))
    with bus.connect(url) as connection, closed(connection.SimpleQueue("warehouse")) as queue:
        message = queue.get(timeout=LONGEST_SECONDS)
        message.ack()
    assert message.content_type == "application/cloudevents+json"
    assert msgspec.json.decode(message.body or "")["specversion"] == "1.0"


def test_patterns_bind_what_they_match(url: str) -> None:
    bus.declare(url, "warehouse", ["payment.#"])
    bus.declare(url, "mail", ["order.paid", "stock.*"])
    sent = ("order.placed", "payment.created", "order.paid", "stock.sold_out", "payment.closed")
    publish(url, *(an_event(n, topic) for n, topic in enumerate(sent)))
    assert [event["type"] for event in read(url, "warehouse", ["payment.#"], 2)] == [
        "checkout.payment.created",
        "checkout.payment.closed",
    ]
    assert [event["type"] for event in read(url, "mail", ["order.paid", "stock.*"], 2)] == [
        "checkout.order.paid",
        "checkout.stock.sold_out",
    ]


def test_each_queue_gets_its_own_copy(url: str) -> None:
    for queue in QUEUES:
        bus.declare(url, queue, ["#"])
    publish(url, an_event(1))
    assert [read(url, queue, ["#"], 1)[0]["id"] for queue in QUEUES] == ["1", "1"]


def test_what_was_not_acknowledged_comes_again(url: str) -> None:
    bus.declare(url, "warehouse", ["#"])
    publish(url, an_event(1), an_event(2))
    with closed(bus.subscribe(url, "warehouse", ["#"])) as first:  # type: ignore[type-var] # A generator.
        assert next(first)["id"] == "1"  # Not asked for the next one: not acknowledged.
    assert sorted(event["id"] for event in read(url, "warehouse", ["#"], 2)) == ["1", "2"]


def test_nobody_bound_is_no_error(url: str) -> None:
    publish(url, an_event(1))


def test_a_dropped_queue_is_gone(url: str) -> None:
    bus.declare(url, "warehouse", ["#"])
    publish(url, an_event(1))
    bus.drop(url, "warehouse")
    bus.declare(url, "warehouse", ["#"])
    publish(url, an_event(2))
    assert [event["id"] for event in read(url, "warehouse", ["#"], 1)] == ["2"]


def test_the_relay_fills_the_queues_in_the_logs_order(url: str, engine: Engine) -> None:
    bus.declare(url, "warehouse", ["order.#", "payment.#"])
    a_sku(engine)
    order_id = placed(engine)
    with closed(Bus(url)) as sender:
        relay_all(engine, sender.publish)
    found = read(url, "warehouse", ["order.#", "payment.#"], 2)
    assert [event["type"].removeprefix("checkout.") for event in found] == topics(engine, order_id)


def test_a_broker_that_is_away_loses_nothing(engine: Engine, broker: Valkey) -> None:
    bus.declare(broker.url(0), "warehouse", ["#"])
    a_sku(engine)
    with closed(Bus("redis://127.0.0.1:9/0")) as nobody, pytest.raises(Exception, match="9"):
        Relay(engine, nobody.publish).run(LONGEST_SECONDS)
    with closed(Bus(broker.url(0))) as sender:
        relay_all(engine, sender.publish)
    assert read(broker.url(0), "warehouse", ["#"], 1)[0]["type"] == "checkout.stock.restocked"
    bus.drop(broker.url(0), "warehouse")


def test_whether_the_broker_answers_is_known(broker: Valkey) -> None:
    assert bus.reachable(broker.url(0))
    assert not bus.reachable("redis://127.0.0.1:9/0")


def test_a_subscriber_hears_again_after_redis_was_emptied(broker: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its bindings went with the rest; while it runs it makes them anew."""
    monkeypatch.setattr(bus, "RENEW_SECONDS", 0.1)
    url = broker.url(0)
    with closed(bus.subscribe(url, "warehouse", ["#"])) as subscriber:  # type: ignore[type-var] # A generator.
        bus.declare(url, "warehouse", ["#"])
        publish(url, an_event(2))
        assert next(subscriber)["id"] == "2"
        with Redis.from_url(url) as redis:
            redis.flushall()
        publishing = threading.Event()

        def publish_until_heard() -> None:
            while not publishing.wait(0.05):
                publish(url, an_event(3))

        sender = threading.Thread(target=publish_until_heard, daemon=True)
        sender.start()
        assert next(subscriber)["id"] == "3"
        publishing.set()
        sender.join(LONGEST_SECONDS)
    bus.drop(url, "warehouse")
