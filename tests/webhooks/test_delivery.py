"""Events reach their receivers by HTTP: each once or more, in order for each subject, whatever the receiver does."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from checkout.db import Connection, Engine, sql, transaction
from checkout.events import fence, log
from checkout.webhooks import endpoints, sending
from checkout.webhooks.endpoints import Secret
from tests.shared.databases import on_each_way
from tests.shared.factories import an_event
from tests.shared.processes import LONGEST_SECONDS
from tests.webhooks.conftest import Sender
from tests.webhooks.receiver import Receiver

pytestmark = on_each_way


def test_what_happens_is_sent_signed_and_in_order(sender: Sender, receiver: Receiver, endpoint: Secret) -> None:
    for subject in "123":
        sender.happens(subject, 1, 2, 3)
    assert sender.deliver(endpoint) == 9
    assert receiver.sequences() == {"1": [1, 2, 3], "2": [1, 2, 3], "3": [1, 2, 3]}
    told = receiver.verify(endpoint.secret)
    assert {(one["specversion"], one["type"]) for one in told} == {("1.0", "checkout.order.placed")}
    assert {one["id"] for one in told} == set(receiver.ids())
    assert receiver.got[0].headers["content-type"] == "application/cloudevents+json"
    assert receiver.connections <= sending.POSTS_AT_ONCE
    assert sender.deliver(endpoint) == 0


def test_only_its_topics_are_sent(sender: Sender, receiver: Receiver) -> None:
    endpoint = sender.add(receiver.url, "payment.*", "stock.sold_out")
    sender.happens("1", 1, topic="order.placed")
    sender.happens("1", 2, topic="payment.created")
    sender.happens("1", 1, topic="stock.sold_out")
    assert sender.deliver(endpoint) == 2
    assert {one.event["type"] for one in receiver.got} == {"checkout.payment.created", "checkout.stock.sold_out"}
    reached = sender.find(endpoint).reached
    assert reached == sender.rows("SELECT max(id) FROM events")[0][0]


def test_a_new_endpoint_hears_of_what_comes_and_with_a_place_in_the_log_of_what_was(
    sender: Sender, receiver: Receiver
) -> None:
    sender.happens("1", 1)
    assert sender.deliver(sender.add(receiver.url)) == 0
    with transaction(sender.engine) as connection:
        from_the_start = endpoints.add(connection, receiver.url, ["#"], private=True, after=0)
    assert sender.deliver(from_the_start) == 1


def test_an_order_and_a_sku_with_the_same_id_do_not_wait_for_each_other(
    sender: Sender, receiver: Receiver, endpoint: Secret
) -> None:
    receiver.answer = lambda event: 500 if "stock" in event["type"] else 204
    sender.happens("1", 1, topic="stock.sold_out")
    sender.happens("1", 1)
    assert sender.deliver(endpoint) == 1
    receiver.answer = lambda _event: 204
    sender.time_passes()
    sender.happens("1", 2)
    assert sender.deliver(endpoint) == 2
    assert [one.event["type"] for one in receiver.got].count("checkout.order.placed") == 2


def test_two_who_deliver_at_once_send_as_one(sender: Sender, receiver: Receiver, endpoint: Secret) -> None:
    inside, go = threading.Event(), threading.Event()

    def held(_event: dict[str, Any]) -> int:
        inside.set()
        go.wait(100)
        return 204

    receiver.answer = held
    sender.happens("1", 1)
    first = threading.Thread(target=sender.deliver, args=(endpoint,))
    first.start()
    assert inside.wait(100)
    assert sender.turn(endpoint) == 0
    go.set()
    first.join(100)
    assert len(receiver.got) == 1


def test_a_worker_that_died_leaves_its_events_to_the_next(sender: Sender, endpoint: Secret) -> None:
    sender.happens("1", 1)
    with transaction(sender.engine) as connection:
        connection.execute(
            sql("UPDATE webhook_endpoints SET holder = gen_random_uuid(), leased_until = now() - '1 s'::interval")
        )
    assert sender.deliver(endpoint) == 1


def test_a_slow_transaction_is_not_passed_by(engine: Engine, sender: Sender, endpoint: Secret) -> None:
    with transaction(engine) as slow:
        log.append(slow, [an_event("slow")])
        slow.execute(sql("SELECT 1"))  # What is not answered has not been sent.
        sender.happens("fast", 1)
        assert sender.turn(endpoint, looks=3) == 0
    assert sender.deliver(endpoint) == 2


def test_while_others_write_without_a_pause_what_is_final_is_sent(
    engine: Engine, sender: Sender, receiver: Receiver, endpoint: Secret
) -> None:
    """Each new transaction begins before the last one ends: at no instant is nobody writing."""
    got_some, held = threading.Event(), transaction(engine)

    def answer(_event: dict[str, Any]) -> int:
        got_some.set()
        return 204

    receiver.answer = answer
    sender.happens("1", 1)
    begun(held.__enter__(), "2")
    running = threading.Thread(target=sender.turn, args=(endpoint,))
    running.start()
    number, end = 2, time.monotonic() + LONGEST_SECONDS
    while not got_some.is_set():
        number += 1
        following = transaction(engine)
        begun(following.__enter__(), str(number))
        held.__exit__(None, None, None)
        held = following
        assert time.monotonic() < end, "never sent"
    held.__exit__(None, None, None)
    running.join(100)
    sender.deliver(endpoint)
    assert receiver.sequences() == {str(subject): [1] for subject in range(1, number + 1)}


def begun(connection: Connection, subject: str) -> None:
    """The event is written, and not committed: what is not answered has not been sent."""
    log.append(connection, [an_event(subject)])
    connection.execute(sql("SELECT 1"))


def test_with_a_careless_fence_it_would_be(
    engine: Engine, sender: Sender, endpoint: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control."""
    monkeypatch.setattr(fence, "_OLDEST_XID", sql("SELECT 9223372036854775807"))
    with transaction(engine) as slow:
        log.append(slow, [an_event("slow")])
        slow.execute(sql("SELECT 1"))
        sender.happens("fast", 1)
        assert sender.turn(endpoint) == 1
    assert sender.turn(endpoint) == 0


def test_the_brokers_absence_delays_nothing(sender: Sender, endpoint: Secret) -> None:
    """The place is moved by the fence, not by what the relay has sent: none ran here."""
    sender.happens("1", 1)
    assert sender.deliver(endpoint) == 1
    assert sender.rows("SELECT published FROM relay")[0].published == 0


def test_what_was_answered_is_kept(sender: Sender, receiver: Receiver, endpoint: Secret) -> None:
    receiver.answer = lambda event: 500 if event["subject"] == "2" else 204
    sender.happens("1", 1)
    sender.happens("2", 1)
    sender.deliver(endpoint)
    tries = sender.rows("SELECT subject, taken, answer, at FROM webhook_deliveries ORDER BY subject")
    assert [tuple(row)[:3] for row in tries] == [("1", True, "204"), ("2", False, "500")]
    assert tries[0].at <= datetime.now(UTC)
