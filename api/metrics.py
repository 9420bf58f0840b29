"""What the API's port tells Prometheus beside its own counts: what the database, Redis and the broker know."""

from __future__ import annotations

from functools import partial
from typing import Any

from amqp.exceptions import AMQPError
from kombu import Connection
from kombu.exceptions import KombuError
from redis import RedisError
from sqlalchemy.exc import DBAPIError

from checkout.alipay import certificates, gate
from checkout.asking import within
from checkout.audit import gauges, heartbeats, results
from checkout.audit.gauges import Gauge
from checkout.db import reading, transaction
from checkout.events import bus, stores
from checkout.resources import Resources

# Before Prometheus, whose limit is 10 s, and the port itself give up.
ANSWER_SECONDS = 7.0
AWAY = (KombuError, AMQPError, RedisError, OSError)
QUEUES = [loop.removeprefix("queue ") for loop in heartbeats.LONGEST_SECONDS if loop.startswith("queue ")]


def exposition(resources: Resources) -> bytes:
    """The same from every API. What does not answer in time is left out, as is what is away."""
    parts = (_alipay, _database, _queues, _stores)  # Each opens what it asks, and no two the same.
    return b"".join(within(ANSWER_SECONDS, {part.__name__: partial(part, resources) for part in parts}).values())


def _alipay(resources: Resources) -> bytes:
    return _certificates(resources) + _alipay_calls(resources)


def _database(resources: Resources) -> bytes:
    return _loops(resources) + _gauges(resources)


def _alipay_calls(resources: Resources) -> bytes:
    """The workers' calls, which they count in Redis; left out while it is away."""
    try:
        counts = gate.counts(resources.redis)
    except RedisError:
        return b""
    lines = [f'{{method="{method}",result="{result}"}} {count}' for (method, result), count in sorted(counts.items())]
    return _text("checkout_alipay_calls_total", "counter", "Calls to Alipay by their result.", lines)


def _certificates(resources: Resources) -> bytes:
    """In key mode there are none."""
    left = certificates.days_left(resources.alipay.keys)
    lines = [f'{{certificate="{name}"}} {days}' for name, days in left.items()]
    return (
        _text("checkout_certificate_days_left", "gauge", "Until a certificate of ours is over.", lines)
        if lines
        else b""
    )


def _loops(resources: Resources) -> bytes:
    """Of all processes, from the database; left out while it is away."""
    try:
        with transaction(resources.engine) as connection:
            loops = heartbeats.all_of(connection)
    except DBAPIError:
        return b""
    silent = [f'{{loop="{one.loop}"}} {one.seconds}' for one in loops if one.loop in heartbeats.LONGEST_SECONDS]
    # What an audit finds is no fault of its own.
    faults = [f'{{loop="{one.loop}"}} {one.faults}' for one in loops if one.loop != results.LOOP]
    return _text("checkout_loop_silent_seconds", "gauge", "Since a loop's last round.", silent) + _text(
        "checkout_loop_faults_total", "counter", "What a loop met that nobody had foreseen.", faults
    )


def _gauges(resources: Resources) -> bytes:
    """What the database knows of what waits; left out while it is away."""
    lines: dict[Gauge, list[str]] = {gauge: [] for gauge in gauges.GAUGES}
    try:
        with reading(resources.engine) as connection:
            for gauge, of, value in gauges.read(connection):
                lines[gauge].append(f'{{{gauge.label}="{of}"}} {value:.15g}' if gauge.label else f" {value:.15g}")
    except DBAPIError:
        return b""
    return b"".join(_text(gauge.name, "gauge", gauge.meaning, found) for gauge, found in lines.items())


def _queues(resources: Resources) -> bytes:
    """Of the broker; left out while it is away."""
    try:
        with bus.connect(resources.settings.broker_url, key_prefix="") as connection:
            connection.connect()
            lines = [f'{{queue="{queue}"}} {_length(connection, queue)}' for queue in QUEUES]
    except AWAY:
        return b""
    return _text("checkout_queue_messages", "gauge", "Messages that no worker has taken yet.", lines)


def _stores(resources: Resources) -> bytes:
    found = stores.refusals(resources.settings)
    lines = [f'{{store="{store}",reason="{reason}"}} {int(bool(reason))}' for store, reason in found.items()]
    return _text("checkout_store_refuses", "gauge", "1: broker or Redis does not take what it is given.", lines)


def _length(connection: Connection, queue: str) -> int:
    """On Redis an empty queue is none at all."""
    try:
        channel: Any = connection.channel()  # The stubs know little of it.
        return int(channel.queue_declare(queue, passive=True).message_count)
    except connection.channel_errors:
        return 0


def _text(name: str, kind: str, meaning: str, lines: list[str]) -> bytes:
    samples = "".join(f"{name}{line}\n" for line in lines)
    return f"# HELP {name} {meaning}\n# TYPE {name} {kind}\n{samples}".encode()
