"""The subscribers of examples/subscribers, each started as its reader would start it, hear of a real order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from amqp.exceptions import NotFound

from checkout import db
from checkout.db import Engine, transaction
from checkout.events import bus
from checkout.settings import Settings, parse
from checkout.webhooks import endpoints
from sandbox import ports as listening
from sandbox import valkey
from sandbox.alipay.keys import Keys
from tests.conftest import environment_of
from tests.shared import ports
from tests.shared.client import an_order_body, token
from tests.shared.databases import Databases, Server
from tests.shared.factories import a_sku, row
from tests.shared.messages import expect_to_fit, misfits
from tests.shared.packages import from_npm
from tests.shared.processes import HTTP, ROOT, an_api, eventually, process

pytestmark = pytest.mark.timeout(300)

AMQP = os.environ.get("CHECKOUT_TEST_AMQP_URL", "")
AMQPLIB = "amqplib@2.3.1"
EXAMPLES = ROOT / "examples" / "subscribers"
Event = dict[str, Any]


class Shop:
    """An API and a worker with its own beat, whose events go to one broker."""

    def __init__(self, environment: dict[str, str], engine: Engine, stack: ExitStack, directory: Path) -> None:
        self._settings: Settings = parse(environment)
        self.engine, self._directory = engine, directory
        self.events_url = self._settings.events_url
        log = directory / "log"
        self._url = stack.enter_context(an_api(environment, log))
        options = ("-Q", "orders,default,webhooks", "-P", "threads", "-c", "6", "-B", "--without-mingle")
        command = ("celery", "--quiet", "-A", "tasks.app", "worker", *options)
        stack.enter_context(process(*command, environment=environment, log=log))

    def buy(self) -> Event:
        """Orders, and returns what must be heard of it."""
        headers = {"Authorization": f"Bearer {token(self._settings)}", "Idempotency-Key": uuid4().hex}
        answer = HTTP.request("POST", f"{self._url}/v1/orders", json=an_order_body(), headers=headers)
        assert answer.status == 202, answer.data
        return {"type": "checkout.order.placed", "subject": answer.json()["id"]}

    def is_bound(self, queue: str) -> bool:
        """Whether somebody listens who misses nothing from now on."""
        with bus.connect(self.events_url) as connection:
            channel: Any = connection.default_channel  # Each transport's channel has more than the base.
            if self.events_url.startswith("redis"):
                return any(bound == queue for _, _, bound in channel.get_table("checkout.events"))
            try:
                return bool(channel.queue_declare(queue, passive=True).consumer_count)
            except NotFound:
                return False

    @contextmanager
    def listener(self, *command: object, **environment: str) -> Iterator[Path]:
        """A subscriber at work; what it prints is in that file."""
        output, errors = (self._directory / f"{uuid4().hex}.{kind}" for kind in ("out", "err"))
        own = {"PATH": os.environ["PATH"], **environment}
        with output.open("wb") as out, errors.open("wb") as err:
            started = subprocess.Popen([str(part) for part in command], env=own, stdout=out, stderr=err)
        try:
            yield output
            assert started.poll() is None, errors.read_text(encoding="utf-8")
        finally:
            started.kill()
            started.wait()


@contextmanager
def a_shop(server: Server, databases: Databases, sides: Keys, directory: Path, events_url: str) -> Iterator[Shop]:
    name = databases.take()
    with ExitStack() as stack:
        broker = stack.enter_context(valkey.temporary_server())
        environment = environment_of(server.url(name), broker, sides)
        if events_url:
            environment["CHECKOUT_EVENTS_URL"] = events_url
        engine = db.connect(server.url(name))
        stack.callback(engine.dispose)
        a_sku(engine, stock=100)
        yield Shop(environment, engine, stack, directory)
    expect_to_fit(databases.give_back(name))


@pytest.fixture(scope="module")
def on_redis(
    server: Server, databases: Databases, alipay_sides: Keys, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    with a_shop(server, databases, alipay_sides, tmp_path_factory.mktemp("on-redis"), "") as shop:
        yield shop


@pytest.fixture(scope="module")
def on_rabbitmq(
    server: Server, databases: Databases, alipay_sides: Keys, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    if not AMQP:
        pytest.skip("CHECKOUT_TEST_AMQP_URL names no RabbitMQ")
    with a_shop(server, databases, alipay_sides, tmp_path_factory.mktemp("on-rabbitmq"), AMQP) as shop:
        yield shop


def hears(shop: Shop, printed: Path) -> None:
    """Of an order made now, which the document knows."""
    bought = shop.buy()

    def heard() -> list[Event]:
        whole = printed.read_text(encoding="utf-8").rpartition("\n")[0].splitlines()
        events: list[Event] = [json.loads(line) for line in whole]
        return [event for event in events if bought.items() <= event.items()]

    eventually(lambda: bool(heard()), "it prints the order's event")
    event = heard()[0]
    assert misfits(event) == []
    assert event["id"] == str(row(shop.engine, "events", topic="order.placed", subject=bought["subject"]).id)
    # Whoever has the server next hears nothing of this order any more.
    last = row(shop.engine, "events", topic="payment.created", subject=bought["subject"]).id
    eventually(lambda: row(shop.engine, "relay").published >= last, "all is sent")


def subscribes(shop: Shop, queue: str, *command: object, **environment: str) -> None:
    """A subscriber with a queue of that name hears of an order."""
    try:
        with shop.listener(*command, shop.events_url, **environment) as printed:
            eventually(lambda: shop.is_bound(queue), "it listens")
            hears(shop, printed)
    finally:
        bus.drop(shop.events_url, queue)


def test_kombu_on_redis(on_redis: Shop) -> None:
    subscribes(on_redis, "by_kombu", sys.executable, EXAMPLES / "by_kombu.py")


def test_a_plain_redis_client(on_redis: Shop) -> None:
    subscribes(on_redis, "by_redis", sys.executable, EXAMPLES / "by_redis.py")


def test_a_receiver_of_webhooks_believes_what_is_signed(on_redis: Shop) -> None:
    port = ports.free()
    url = f"http://127.0.0.1:{port}/"
    with transaction(on_redis.engine) as connection:
        endpoint = endpoints.add(connection, url, ["order.#"], private=True)
    with on_redis.listener(sys.executable, EXAMPLES / "by_webhook.py", port, endpoint.secret) as printed:
        eventually(lambda: listening.answers(port), "it listens")
        assert HTTP.request("POST", url, body=b"{}").status == 401
        hears(on_redis, printed)
        assert "{}" not in printed.read_text(encoding="utf-8").splitlines()


@pytest.mark.usefixtures("rabbitmq")
def test_kombu_on_rabbitmq(on_rabbitmq: Shop) -> None:
    subscribes(on_rabbitmq, "by_kombu", sys.executable, EXAMPLES / "by_kombu.py")


@pytest.mark.usefixtures("rabbitmq")
def test_pika(on_rabbitmq: Shop) -> None:
    subscribes(on_rabbitmq, "by_pika", sys.executable, EXAMPLES / "by_pika.py")


@pytest.mark.usefixtures("rabbitmq")
def test_node(on_rabbitmq: Shop, tmp_path: Path) -> None:
    node, environment = from_npm(AMQPLIB, tmp_path)
    subscribes(on_rabbitmq, "by_amqplib", node, EXAMPLES / "by_amqplib.cjs", **environment)
