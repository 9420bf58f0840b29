"""Following the events from the shell: durable and temporary subscribers, good ends, and the log read again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import IO, Any, cast

import pytest
from redis import Redis

from checkout.db import Engine
from checkout.events import bus
from checkout.events.bus import Bus
from checkout.events.log import EXCHANGE
from checkout.settings import Settings
from sandbox.process import PROJECT
from sandbox.valkey import Valkey
from tests.shared.command import Command, good, in_a_process
from tests.shared.factories import a_sku, placed, rows
from tests.shared.processes import eventually
from tests.shared.relaying import relay_all


class Tail:
    """`checkout events tail` in a process of its own."""

    def __init__(self, environment: Mapping[str, str], *options: str) -> None:
        command = [sys.executable, "-m", "ops.main", "events", "tail", *options]
        own = {"PATH": os.environ["PATH"], **environment}
        self.process = subprocess.Popen(
            command, env=own, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
        )
        self.output = cast("IO[str]", self.process.stdout)

    def event(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.output.readline())
        return told

    def end(self, number: int) -> tuple[int, str, str]:
        self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=30)
        return self.process.returncode, output, errors


@pytest.fixture
def tails() -> Iterator[list[Tail]]:
    """What is started here is gone after the test."""
    started: list[Tail] = []
    yield started
    for tail in started:
        tail.process.kill()
        tail.process.communicate()


def relayed(engine: Engine, settings: Settings) -> None:
    """Everything in the log is sent."""
    with closing(Bus(settings.events_url)) as end:
        relay_all(engine, end.publish)


def bound(broker: Valkey) -> int:
    """How many queues the exchange knows."""
    with Redis.from_url(broker.url(0)) as redis:
        return cast("int", redis.scard(f"{bus.REDIS_PREFIX}_kombu.binding.{EXCHANGE}"))


def test_a_durable_subscriber_finds_what_came_while_it_was_away(
    environment: dict[str, str], tails: list[Tail], engine: Engine, settings: Settings
) -> None:
    bus.declare(settings.events_url, "books", ["order.#"])
    a_sku(engine)
    for number in (signal.SIGTERM, signal.SIGINT):
        order_id = str(placed(engine))
        relayed(engine, settings)
        tails.append(Tail(environment, "--queue=books", "--bind=order.#"))
        event = tails[-1].event()
        assert (event["type"], event["subject"], event["specversion"]) == ("checkout.order.placed", order_id, "1.0")
        assert tails[-1].end(number) == (0, "", "")


def test_a_temporary_subscriber_leaves_nothing_behind(
    environment: dict[str, str], tails: list[Tail], engine: Engine, settings: Settings, broker: Valkey
) -> None:
    tails.append(Tail(environment, "--bind=payment.#"))
    eventually(lambda: bound(broker) == 1, "the subscriber is bound")
    a_sku(engine)
    order_id = placed(engine)
    relayed(engine, settings)
    event = tails[0].event()
    assert (event["type"], event["data"]["payment_id"]) == ("checkout.payment.created", f"{order_id}-1")
    assert tails[0].end(signal.SIGTERM) == (0, "", "")
    assert bound(broker) == 0


def test_a_killed_temporary_subscriber_is_dropped_when_it_is_far_behind(
    engine: Engine, settings: Settings, broker: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus, "TEMPORARY_QUEUE_EVENTS", 3)
    bus.declare(settings.events_url, f"{bus.TEMPORARY}killed", ["#"])
    bus.declare(settings.events_url, "durable", ["#"])
    a_sku(engine, stock=9)
    for _ in range(3):
        placed(engine)
        relayed(engine, settings)
    assert bound(broker) == 1
    bus.drop(settings.events_url, "durable")


def test_a_reader_that_goes_ends_the_tail(environment: dict[str, str], tails: list[Tail], broker: Valkey) -> None:
    tails.append(Tail(environment))
    eventually(lambda: bound(broker) == 1, "the subscriber is bound")
    tails[0].output.close()
    assert tails[0].process.wait(30) == 0
    assert tails[0].process.stderr is not None
    assert tails[0].process.stderr.read() == ""


def test_the_log_is_read_again_from_where_a_subscriber_stopped(
    environment: dict[str, str], engine: Engine, settings: Settings
) -> None:
    a_sku(engine)
    placed(engine)
    whole = rows(engine, "events")
    assert in_a_process("events", "replay", "--after", 0, environment=environment).stdout == ""  # Nothing was sent yet.
    relayed(engine, settings)
    done = in_a_process("events", "replay", "--after", whole[0].id, environment=environment)
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == [str(event.id) for event in whole[1:]]
    done = in_a_process("events", "replay", "--after", 0, "--limit", 1, environment=environment)
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == [str(whole[0].id)]


def test_a_durable_subscriber_is_dropped_with_what_waits_for_it(
    checkout: Command, engine: Engine, settings: Settings, broker: Valkey
) -> None:
    bus.declare(settings.events_url, "books", ["order.#", "payment.#"])
    a_sku(engine)
    placed(engine)
    relayed(engine, settings)
    assert bound(broker) == 2
    assert good(checkout("events", "drop", "books")) == "books is gone\n"
    with Redis.from_url(broker.url(0)) as redis:
        assert (bound(broker), redis.exists(f"{bus.REDIS_PREFIX}books")) == (0, 0)
