"""A broker or Redis that takes nothing is named with its reason, wherever Prometheus asks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import cast
from urllib.parse import urlsplit

import pytest
from redis import Redis

from api.metrics import exposition
from checkout.events import stores
from checkout.resources import Resources
from checkout.settings import parse
from sandbox import valkey
from sandbox.valkey import Valkey
from tests.shared import ports

AMQP_URL = os.environ.get("CHECKOUT_TEST_AMQP_URL", "")
needs_rabbitmq = pytest.mark.skipif(not AMQP_URL, reason="CHECKOUT_TEST_AMQP_URL names no RabbitMQ")


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
    lines = exposition(Resources(told)).decode().splitlines()
    assert 'checkout_store_refuses{store="carts",reason=""} 0' in lines
    assert f'checkout_store_refuses{{store="broker",reason="{reason}"}} 1' in lines


def test_what_was_written_to_see_goes_by_itself(environment: dict[str, str], own_valkey: Valkey) -> None:
    stores.refusals(parse(environment | {"CHECKOUT_BROKER_URL": own_valkey.url()}))
    with Redis.from_url(own_valkey.url()) as server:
        keys = cast("list[bytes]", server.keys())
        assert [0 < cast("int", server.ttl(key)) <= 60 for key in keys] == [True]


@needs_rabbitmq
def test_rabbitmq_answers_or_does_not(environment: dict[str, str]) -> None:
    address = urlsplit(AMQP_URL)
    host = address.netloc.rpartition("@")[2]
    urls = {
        AMQP_URL: "",
        f"amqp://guest:wrong@{host}//": "not_allowed",
        f"amqp://127.0.0.1:{ports.free()}//": "unreachable",
    }
    for url, reason in urls.items():
        assert stores.refusals(parse(environment | {"CHECKOUT_EVENTS_URL": url}))["events"] == reason, url
