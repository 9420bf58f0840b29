"""A broker or Redis that takes nothing is named with its reason, wherever Prometheus asks."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import cast
from urllib.parse import urlsplit

import pytest
from redis import Redis, RedisError, exceptions

from api import metrics
from bench.proxy import between
from checkout.events import bus, stores
from checkout.resources import Resources
from checkout.settings import parse
from sandbox import valkey
from sandbox.valkey import Valkey
from tests.shared import ports

AMQP_URL = os.environ.get("CHECKOUT_TEST_AMQP_URL", "")
needs_rabbitmq = pytest.mark.skipif(not AMQP_URL, reason="CHECKOUT_TEST_AMQP_URL names no RabbitMQ")


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever answers may take his time."""
    monkeypatch.setattr(stores, "ANSWER_SECONDS", 30)
    monkeypatch.setattr(stores, "LONGEST_SECONDS", 60)
    monkeypatch.setattr(metrics, "ANSWER_SECONDS", 60)


@pytest.fixture
def own_valkey() -> Iterator[Valkey]:
    with valkey.temporary_server() as server:
        yield server


def follows_a_master_that_is_away(server: Redis) -> None:
    server.replicaof("127.0.0.1", ports.DISCARD)


def may_keep_nothing_more(server: Redis) -> None:
    server.config_set("maxmemory", 1)


def has_another_password(server: Redis) -> None:
    server.config_set("requirepass", "another")


def is_stopped(server: Redis) -> None:
    server.shutdown(nosave=True)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (follows_a_master_that_is_away, "read_only"),
        (may_keep_nothing_more, "out_of_memory"),
        (has_another_password, "not_allowed"),
        (is_stopped, "unreachable"),
    ],
)
def test_what_redis_does_not_take_has_its_reason(
    environment: dict[str, str], own_valkey: Valkey, fault: Callable[[Redis], None], reason: str
) -> None:
    told = parse(environment | {"CHECKOUT_BROKER_URL": own_valkey.url()})
    assert stores.refusals(told) == {"carts": "", "broker": ""}
    with Redis.from_url(own_valkey.url()) as server:
        fault(server)
    assert stores.refusals(told) == {"carts": "", "broker": reason}
    with closing(Resources(told)) as resources:
        lines = metrics.exposition(resources).decode().splitlines()
    assert 'checkout_store_refuses{store="carts",reason=""} 0' in lines
    assert f'checkout_store_refuses{{store="broker",reason="{reason}"}} 1' in lines


def test_what_was_written_to_see_goes_by_itself(environment: dict[str, str], own_valkey: Valkey) -> None:
    stores.refusals(parse(environment | {"CHECKOUT_BROKER_URL": own_valkey.url()}))
    with Redis.from_url(own_valkey.url()) as server:
        keys = cast("list[bytes]", server.keys())
        assert [0 < cast("int", server.ttl(key)) <= 60 for key in keys] == [True]


@needs_rabbitmq
def test_rabbitmq_answers_or_does_not(environment: dict[str, str]) -> None:
    host = urlsplit(AMQP_URL).netloc.rpartition("@")[2]
    urls = {
        AMQP_URL: "",
        f"amqp://guest:wrong@{host}//": "not_allowed",
        f"amqp://127.0.0.1:{ports.free()}//": "unreachable",
    }
    for url, reason in urls.items():
        assert stores.refusals(parse(environment | {"CHECKOUT_EVENTS_URL": url}))["events"] == reason, reason


@needs_rabbitmq
def test_rabbitmq_that_reads_one_message_and_no_more_is_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    there = urlsplit(AMQP_URL)
    monkeypatch.setattr(stores, "ANSWER_SECONDS", 1)
    with between(there.port or 5672) as proxy:
        next_tag = bus.Confirms.next_tag

        def second_is_not_read(confirms: bus.Confirms) -> int:
            if (tag := next_tag(confirms)) == 2:
                proxy.silence()
            return tag

        monkeypatch.setattr(bus.Confirms, "next_tag", second_is_not_read)
        credentials = there.netloc.rpartition("@")[0]
        assert stores._refusal(f"amqp://{credentials}@127.0.0.1:{proxy.port}//") == "blocked"


def test_who_never_answers_is_unreachable_and_costs_no_other_number(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    monkeypatch.setattr(metrics, "ANSWER_SECONDS", 10)
    monkeypatch.setattr(stores, "LONGEST_SECONDS", 5)
    monkeypatch.setattr(stores, "_rabbitmq", lambda _url: str(gate.wait()))
    monkeypatch.setattr(metrics, "_queues", lambda _resources: bytes(gate.wait()))
    try:
        with closing(Resources(parse(environment | {"CHECKOUT_BROKER_URL": "amqp://127.0.0.1//"}))) as resources:
            lines = metrics.exposition(resources).decode().splitlines()
    finally:
        gate.set()
    assert 'checkout_store_refuses{store="broker",reason="unreachable"} 1' in lines
    assert "checkout_payments_open 0" in lines


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (exceptions.ResponseError("MISCONF Errors writing to the AOF file: No space left on device"), "disk_full"),
        (exceptions.ResponseError("MISCONF Redis is configured to save RDB snapshots, but"), "disk"),
        (exceptions.ConnectionError("max number of clients reached"), "too_many_connections"),
        (exceptions.BusyLoadingError("Redis is loading the dataset in memory"), "not_ready"),
        (exceptions.ResponseError("NOREPLICAS Not enough good replicas to write."), "other"),
    ],
)
def test_what_redis_answers_is_one_word(error: RedisError, reason: str) -> None:
    assert stores.reason(error) == reason
