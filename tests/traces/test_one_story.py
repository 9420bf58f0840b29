"""What becomes of an order is told in the trace of its request: by real processes, to a real collector."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import urllib3

from checkout.db import Engine, sql, transaction
from checkout.events import log
from checkout.settings import parse
from checkout.traces import kept
from checkout.webhooks import endpoints
from tasks.app import app
from tests.conftest import Standing
from tests.shared.client import an_order_body, token
from tests.shared.factories import a_sku, an_order, placed, row, rows
from tests.shared.processes import HTTP, an_api, eventually, process
from tests.traces.collector import Collector, collecting
from tests.webhooks.receiver import Receiver, receiving

pytestmark = pytest.mark.timeout(300)


def a_traceparent(*, sampled: bool = True) -> str:
    return f"00-{uuid4().hex}-{uuid4().hex[:16]}-0{int(sampled)}"


class Shop:
    """An API, and workers for all that orders need; each sends its spans within a fifth of a second."""

    def __init__(self, environment: dict[str, str], settings: Any, stack: ExitStack, log_file: Path) -> None:
        self._settings = settings
        environment = environment | {"OTEL_BSP_SCHEDULE_DELAY": "200"}
        self.url = stack.enter_context(an_api(environment, log_file))
        for queues, pool in (("orders", "prefork"), ("default,webhooks", "threads")):
            options = ("-Q", queues, "-n", f"{pool}@%h", f"--pool={pool}", "-c2", "--without-mingle")
            command = ("celery", "--quiet", "-A", "tasks.app", "worker", *options)
            stack.enter_context(process(*command, environment=environment, log=log_file))

    def buy(self, traceparent: str = "") -> int:
        headers = {"Authorization": f"Bearer {token(self._settings)}", "Idempotency-Key": uuid4().hex}
        if traceparent:
            headers["traceparent"] = traceparent
        answer = HTTP.request("POST", f"{self.url}/v1/orders", json=an_order_body(), headers=headers)
        assert answer.status == 202, answer.data
        return int(answer.json()["id"])


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as made:
        yield made


@pytest.fixture
def shop(
    environment: dict[str, str], settings: Any, in_process: Any, collector: Collector, tmp_path: Path
) -> Iterator[Shop]:
    more = {"CHECKOUT_OTLP_URL": collector.url, "CHECKOUT_TRACE_SHARE": "0"}
    in_process(**more)
    with ExitStack() as stack:
        yield Shop(environment | more, settings, stack, tmp_path / "log")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def test_from_the_request_to_the_webhook_in_one_trace(
    shop: Shop, engine: Engine, collector: Collector, receiver: Receiver
) -> None:
    a_sku(engine)
    with transaction(engine) as connection:
        endpoints.add(connection, receiver.url, ["order.placed"], private=True)
    sent = a_traceparent()
    order_id = shop.buy(sent)
    eventually(lambda: row(engine, "orders", id=order_id).status == "awaiting_payment", "it is placed")
    app.send_task("relay_events", queue="default")
    app.send_task("scan_webhooks", queue="default")
    eventually(lambda: bool(receiver.got), "the webhook has come")
    names = {"POST /v1/orders", "place order", "send order.placed", "webhook order.placed"}
    eventually(lambda: names <= set(collector.of(sent[3:35])), f"of {names} all are told")
    story = collector.of(sent[3:35])
    request = story["POST /v1/orders"]
    assert (request.parent_id, request.service) == (sent[36:52], "api")
    assert request.about["http.response.status_code"] == 202
    assert {story[name].parent_id for name in names - {request.name}} == {request.span_id}
    assert story["place order"].about == {"order_id": str(order_id)}
    [got] = receiver.got
    assert got.event["traceparent"] == request.traceparent
    assert got.headers["traceparent"] == story["webhook order.placed"].traceparent
    [batch] = [span for span in collector.spans if span.name == "place_orders"]
    assert (batch.links, batch.service) == ([sent[3:35]], "workers")
    assert story["place order"].links == [batch.trace_id]


def test_who_asks_for_no_trace_gets_none(shop: Shop, engine: Engine, collector: Collector) -> None:
    a_sku(engine)
    quiet, unsampled = shop.buy(), shop.buy(a_traceparent(sampled=False))
    told = a_traceparent()
    shop.buy(told)
    eventually(lambda: "place order" in collector.of(told[3:35]), "the one that is followed is told")
    assert {span.trace_id for span in collector.spans if span.name == "POST /v1/orders"} == {told[3:35]}
    assert rows(engine, "traces", order_id=quiet) == []
    assert row(engine, "traces", order_id=unsampled).traceparent.endswith("-00")


@pytest.fixture(scope="module")
def plain(standing: Standing) -> Standing:
    """An API that knows no collector, and has something to sell."""
    a_sku(standing.engine)
    return standing


def test_without_a_collector_the_trace_is_passed_on_as_it_came(plain: Standing) -> None:
    """Many at once: what is one request's is never another's."""
    with ThreadPoolExecutor(8) as threads:
        traceparents = [a_traceparent() for _ in range(16)]
        answers = threads.map(lambda told: sends(plain, uuid4().hex, told), traceparents)
        sent = {int(answer.json()["id"]): told for answer, told in zip(answers, traceparents, strict=True)}
    strange = int(sends(plain, uuid4().hex, "00-not-a-trace-01").json()["id"])
    assert {one.order_id: one.traceparent for one in rows(plain.engine, "traces")} == sent
    assert rows(plain.engine, "traces", order_id=strange) == []


def sends(plain: Standing, key: str, traceparent: str) -> urllib3.BaseHTTPResponse:
    """An order, to the API that knows no collector."""
    headers = {"Authorization": f"Bearer {token(parse(plain.environment))}", "Idempotency-Key": key}
    own = headers | {"traceparent": traceparent}
    return HTTP.request("POST", f"{plain.url}/v1/orders", json=an_order_body(), headers=own)


def test_a_request_that_comes_again_stays_in_the_first_ones_trace(plain: Standing) -> None:
    first, key = a_traceparent(), uuid4().hex
    [order_id] = {int(sends(plain, key, told).json()["id"]) for told in (first, a_traceparent())}
    assert row(plain.engine, "traces", order_id=order_id).traceparent == first


def test_a_log_line_says_to_which_trace_it_belongs(plain: Standing) -> None:
    """Of what nobody foresaw, for example."""
    sent = a_traceparent()
    with refusing_all_orders(plain.engine):
        assert sends(plain, uuid4().hex, sent).status == 500
    lines = re.findall(r"^\{.*request_failed.*\}$", plain.log.read_text(encoding="utf-8"), re.MULTILINE)
    assert [json.loads(line)["trace_id"] for line in lines] == [sent[3:35]]


@contextmanager
def refusing_all_orders(engine: Engine) -> Iterator[None]:
    with transaction(engine) as connection:
        connection.execute(sql("ALTER TABLE orders ADD CONSTRAINT none CHECK (false) NOT VALID"))
    try:
        yield
    finally:
        with transaction(engine) as connection:
            connection.execute(sql("ALTER TABLE orders DROP CONSTRAINT none"))


def test_an_event_of_goods_belongs_to_no_order_of_the_same_number(engine: Engine) -> None:
    a_sku(engine, "1", stock=1)
    order_id = placed(engine)
    assert order_id == 1
    with transaction(engine) as connection:
        kept.keep(connection, {order_id: a_traceparent()})
        connection.execute(sql("UPDATE relay SET published = 9223372036854775807"))
        told = log.published_after(connection, 0, 10)
    assert {event.topic: event.traceparent is not None for event in told if event.subject == "1"} == {
        "order.placed": True,
        "payment.created": True,
        "stock.restocked": False,
        "stock.sold_out": False,
    }


def test_traces_are_forgotten_when_their_events_are(engine: Engine) -> None:
    orders = [an_order(engine) for _ in range(3)]
    with transaction(engine) as connection:
        kept.keep(connection, {order_id: a_traceparent() for order_id in orders})
        old = "UPDATE traces SET since = now() - interval '31 days' WHERE order_id <> :young"
        connection.execute(sql(old), {"young": orders[1]})
        assert kept.forget(connection) == 2
        assert list(kept.of(connection, orders)) == [orders[1]]
