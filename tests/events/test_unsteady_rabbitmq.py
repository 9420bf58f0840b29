"""RabbitMQ that refuses, breaks off or falls silent: waits end, and only what it surely has counts as sent."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing as closed
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from amqp.exceptions import AMQPError
from kombu import Connection, Queue
from kombu.exceptions import KombuError

from bench.proxy import Proxy, between
from checkout.db import Engine, transaction
from checkout.events import bus, log, patient
from checkout.events.bus import Bus, Partly
from checkout.events.log import Logged
from checkout.events.relay import Relay
from tests.shared.factories import an_event, row, rows
from tests.shared.relaying import LONGEST_SECONDS, relay_all

AMQP = os.environ.get("CHECKOUT_TEST_AMQP_URL", "")
QUEUE = "unsteady"

pytestmark = [pytest.mark.skipif(not AMQP, reason="no RabbitMQ named"), pytest.mark.usefixtures("rabbitmq")]


@pytest.fixture
def queue() -> Iterator[str]:
    """A subscriber's queue that takes two events of `order.placed`, and refuses a third."""
    bus.drop(AMQP, QUEUE)
    with Connection(AMQP) as connection:
        bounds = {"x-max-length": 2, "x-overflow": "reject-publish", "x-queue-type": "classic"}
        bindings = [bus.exchange.binding("order.placed")]
        Queue(QUEUE, bus.exchange, bindings=bindings, durable=True, queue_arguments=bounds)(
            connection.default_channel
        ).declare()
    yield QUEUE
    bus.drop(AMQP, QUEUE)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with between(urlsplit(AMQP).port or 5672) as there:
        yield there


def through(proxy: Proxy) -> str:
    there = urlsplit(AMQP)
    credentials = there.netloc.rpartition("@")[0]
    return urlunsplit(there._replace(netloc=f"{credentials}@127.0.0.1:{proxy.port}"))


def events(*numbered: tuple[str, str]) -> list[Logged]:
    """Events of these subjects and topics."""
    now = datetime.now(UTC)
    return [
        Logged(number, now, topic, subject, number, {"order_id": subject})
        for number, (subject, topic) in enumerate(numbered, 1)
    ]


def heard() -> list[str]:
    """What the queue holds, taken out."""
    with Connection(AMQP) as connection:
        channel: Any = connection.default_channel
        bodies = iter(lambda: channel.basic_get(QUEUE, no_ack=True), None)
        return [json.loads(message.body)["id"] for message in bodies]


def test_a_refusal_in_mid_batch_counts_what_stands_before_it(queue: str) -> None:
    """The last one is confirmed too: nobody is bound to it. It stands behind the refused one, and will come again."""
    del queue
    batch = events(
        *[("1", "order.placed"), ("2", "order.placed"), ("3", "order.placed"), ("4", "payment.closed")],
    )
    with closed(Bus(AMQP)) as sender, pytest.raises(Partly) as raised:
        sender.publish(batch)
    assert raised.value.count == 2
    assert heard() == ["1", "2"]


def test_of_one_subject_nothing_overtakes_what_was_refused(queue: str) -> None:
    """What follows a refused event of its subject is not even sent."""
    del queue
    batch = events(*[("1", "order.placed")] * 3, ("1", "payment.closed"))
    bus.declare(AMQP, "unsteady.closed", ["payment.closed"])
    try:
        with closed(Bus(AMQP)) as sender, pytest.raises(Partly):
            sender.publish(batch)
        with Connection(AMQP) as connection:
            channel: Any = connection.default_channel
            assert channel.basic_get("unsteady.closed") is None
    finally:
        bus.drop(AMQP, "unsteady.closed")


def test_the_relay_notes_the_part_that_was_sent_and_sends_the_rest_again(queue: str, engine: Engine) -> None:
    del queue
    with transaction(engine) as connection:
        log.append(connection, [an_event(str(n), 1) for n in range(3)])
    first, second, third = (event.id for event in rows(engine, "events"))
    with closed(Bus(AMQP)) as sender:
        with pytest.raises(Partly):
            Relay(engine, sender.publish).run(LONGEST_SECONDS)
        assert row(engine, "relay").published == second
        assert heard() == [str(first), str(second)]
        relay_all(engine, sender.publish)
    assert heard() == [str(third)]


@pytest.mark.parametrize("fault", ["break_all", "silence"])
def test_a_publisher_gives_up_a_connection_and_goes_on_with_the_next(
    queue: str, proxy: Proxy, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    del queue
    first, second = events(("1", "order.placed"), ("2", "order.placed"))
    with closed(Bus(through(proxy))) as sender:
        sender.publish([first])
        getattr(proxy, fault)()
        with monkeypatch.context() as impatient, pytest.raises(Partly):
            impatient.setattr(patient, "SILENCE_SECONDS", 0.3)
            impatient.setattr(bus, "CONFIRM_SECONDS", 0.3)
            sender.publish([second])
        sender.publish([second])
    assert heard() == ["1", "2"]


@pytest.mark.parametrize("wait", ["declare", "close"])
def test_declaring_and_closing_end_too(proxy: Proxy, wait: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """py-amqp alone would wait for ever: its read_timeout bounds nothing."""
    connection = bus.connect(through(proxy))
    channel = connection.default_channel
    proxy.silence()
    monkeypatch.setattr(patient, "SILENCE_SECONDS", 0.3)
    if wait == "declare":
        with pytest.raises((OSError, AMQPError, KombuError)):
            bus.exchange(channel).declare()
    connection.close()


def test_a_batch_goes_in_waves_of_one_event_a_subject() -> None:
    batch = events(*[(subject, "order.placed") for subject in "aabcab"])
    assert list(bus._waves(batch)) == [[0, 2, 3], [1, 5], [4]]
