"""What is told is as /asyncapi.json says, and AsyncAPI's own parser reads that."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import closing as closed
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pytest
from redis import Redis

from api import asyncapi
from checkout.db import Engine
from checkout.events import bus
from checkout.events.bus import Bus
from checkout.events.topics import TOPICS
from sandbox.valkey import Valkey
from tests.audit import scenario
from tests.shared.client import Client
from tests.shared.factories import a_sku, an_event, paid, placed, refund_ends, refunded, rows
from tests.shared.messages import against, misfits
from tests.shared.packages import from_npm
from tests.shared.processes import ROOT
from tests.shared.relaying import relay_all
from tests.webhooks.conftest import Sender
from tests.webhooks.receiver import receiving

pytestmark = pytest.mark.timeout(300)

PARSER = "@asyncapi/parser@3.6.6"
MESSAGES = "#/components/messages/"


@pytest.fixture
def heard(engine: Engine, broker: Valkey) -> Iterator[list[dict[str, Any]]]:
    """What a subscriber hears of a shop in which everything has happened."""
    url = broker.url(0)
    bus.declare(url, "everything", ["#"])
    scenario.fill(engine)
    refund_ends(engine, refunded(engine, paid(engine, lines={a_sku(engine, "back"): 1}), {"back": 1}), "failed")
    with closed(Bus(url)) as sender:
        relay_all(engine, sender.publish)
    with closed(bus.subscribe(url, "everything", ["#"])) as subscriber:  # type: ignore[type-var] # A generator.
        yield list(islice(subscriber, len(rows(engine, "events"))))
    bus.drop(url, "everything")


def test_each_topic_is_told_as_the_document_says(heard: list[dict[str, Any]]) -> None:
    assert {event["type"].removeprefix("checkout.") for event in heard} == set(TOPICS)
    assert {why for event in heard for why in misfits(event)} == set()


def an_order_placed(**changes: Any) -> dict[str, Any]:
    """An event as it is told, but for these members of its data."""
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "/checkout",
        "type": "checkout.order.placed",
        "subject": "1",
        "time": "2026-11-28T00:00:00Z",
        "datacontenttype": "application/json",
        "sequence": 2,
        "data": msgspec.to_builtins(an_event("1").data),
    }
    data = event["data"] | changes
    return event | {"data": {name: value for name, value in data.items() if value is not None}}


def test_an_event_with_all_its_members_fits() -> None:
    assert misfits(an_order_placed()) == []
    assert misfits(an_order_placed(reference="A-1") | {"traceparent": f"00-{'1' * 32}-{'2' * 16}-01"}) == []


@pytest.mark.parametrize(
    "event",
    [
        an_order_placed(phone="13800000000"),
        an_order_placed(status=None),
        an_order_placed(status="sold"),
        an_order_placed(total_amount=10.0),
        an_order_placed(total_amount="10.0"),
        an_order_placed(lines=[{"sku_id": "1", "spu_id": "1", "quantity": 1, "amount": "10.00", "title": "t"}]),
        an_order_placed() | {"sequence": "2"},
        an_order_placed() | {"time": "yesterday"},
        an_order_placed() | {"remark": "quickly"},
        an_order_placed() | {"type": "checkout.order.closed"},
    ],
)
def test_what_does_not_fit_is_noticed(event: dict[str, Any]) -> None:
    assert len(misfits(event)) > 0


def test_who_reads_by_the_document_may_find_more_members_than_it_has() -> None:
    event = an_order_placed(colour="red") | {"partitionkey": "1"}
    assert against(event, f"{MESSAGES}order.placed/payload", strictly=False) == []


def test_the_envelope_on_redis_is_as_described(engine: Engine, broker: Valkey) -> None:
    url = broker.url(0)
    bus.declare(url, "everything", ["#"])
    a_sku(engine)
    with closed(Bus(url)) as sender:
        relay_all(engine, sender.publish)
    with Redis.from_url(url) as redis:
        [sent] = redis.lrange(asyncapi.document()["channels"]["redis"]["address"].format(queue="everything"), 0, -1)
    bus.drop(url, "everything")
    assert against(json.loads(sent), f"{MESSAGES}envelope/payload", strictly=False) == []
    assert against(json.loads(sent) | {"body": 1}, f"{MESSAGES}envelope/payload", strictly=False) != []


def test_a_webhook_is_as_described(engine: Engine) -> None:
    sender = Sender(engine)
    with receiving() as receiver:
        endpoint = sender.add(receiver.url)
        a_sku(engine)
        placed(engine)
        sender.deliver(endpoint)
    described = asyncapi.document()["components"]["messages"]["webhook"]
    for got in receiver.got:
        assert against(got.event, f"{MESSAGES}webhook/payload") == []
        assert against(got.headers, f"{MESSAGES}webhook/headers") == []
        assert got.headers["content-type"] == described["contentType"]
    assert {got.event["type"] for got in receiver.got} >= {"checkout.stock.restocked", "checkout.order.placed"}


def test_it_is_there_for_everybody_and_sent_once(client: Client) -> None:
    first = client.get("/asyncapi.json", user=None)
    again = client.get("/asyncapi.json", user=None, headers={"If-None-Match": first.headers["etag"]})
    assert (first.json, again.status_code, again.content) == (asyncapi.document(), 304, b"")


def test_the_events_page_names_the_members_of_each_topic() -> None:
    page = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
    told: dict[str, set[str]] = {}
    for keys, members in re.findall(r"^\| (`[a-z]+\.[a-z_]+`.*?) \| [^|]+ \| ([^|]+) \|$", page, re.MULTILINE):
        told |= {key: set(re.findall(r"`([a-z_]+)`", members)) for key in re.findall(r"`([a-z_.]+)`", keys)}
    always = {"order_id", "user_id", "reference"}
    line = {"sku_id", "spu_id", "quantity", "amount"}
    expected = {key: set(topic.data.__struct_fields__) - always for key, topic in TOPICS.items()}
    assert told == expected | {"order.placed": expected["order.placed"] | line}


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What AsyncAPI's own parser says of the document, and of one that is broken."""
    node, environment = from_npm(PARSER, tmp_path_factory.mktemp("asyncapi"))
    broken = asyncapi.document()
    del broken["channels"]["webhook"]
    done = subprocess.run(
        [node, str(Path(__file__).parent / "node" / "validate.cjs")],
        input=json.dumps([asyncapi.document(), broken]),
        env={"PATH": "/usr/bin:/bin"} | environment,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=True,
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_asyncapis_own_parser_has_nothing_against_it(parsed: list[dict[str, Any]]) -> None:
    assert parsed[0] == {"is_understood": True, "faults": []}


def test_it_would_say_what_is_broken(parsed: list[dict[str, Any]]) -> None:
    assert not parsed[1]["is_understood"]
    assert "#/channels/webhook" in json.dumps(parsed[1]["faults"])
