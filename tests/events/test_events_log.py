"""The event log: one event for each change, in the same transaction, numbered per subject."""

from __future__ import annotations

import json

import pytest
from sqlalchemy.exc import IntegrityError

from checkout.db import Engine, sql, transaction
from checkout.events import log
from checkout.events.log import Logged
from checkout.orders import closing, shipping
from checkout.stock import units
from tests.shared.client import Client, problem
from tests.shared.databases import on_each_way
from tests.shared.factories import (
    a_sku,
    a_trade,
    an_attempt,
    an_event,
    attempts,
    order,
    paid,
    placed,
    rows,
    told,
    topics,
)
from tests.shared.relaying import relay_all

pytestmark = on_each_way


def test_an_orders_events_are_numbered_without_a_gap_in_the_sequence_of_ids(engine: Engine) -> None:
    a_sku(engine)
    order_id = paid(engine)
    with transaction(engine) as connection:
        shipping.ship(connection, order_id)
    with transaction(engine) as connection:
        shipping.complete(connection, order_id, 1)
    found = sorted(rows(engine, "events", subject=str(order_id)), key=lambda event: event.id)
    found = [event for event in found if not event.topic.startswith("stock.")]
    assert [event.topic for event in found] == [
        *("order.placed", "payment.created", "payment.succeeded", "order.paid", "order.shipped", "order.completed"),
    ]
    sequences = [event.sequence for event in found]
    assert sequences == sorted(set(sequences))
    assert sequences[-1] == order(engine, order_id).version


def test_an_event_tells_ids_amounts_and_status_and_nothing_personal(engine: Engine) -> None:
    a_sku(engine)
    order_id = paid(engine)
    said = {event.topic: event.data for event in rows(engine, "events", subject=str(order_id))}
    assert said["order.placed"] == {
        "order_id": str(order_id),
        "user_id": "1",
        "status": "awaiting_payment",
        "pay_method": "alipay",
        "total_amount": "20.00",
        "lines": [{"sku_id": "1", "spu_id": "1", "quantity": 1, "amount": "10.00"}],
    }
    assert said["order.paid"]["status"] == "awaiting_shipment"
    assert (said["payment.succeeded"]["amount"], said["payment.succeeded"]["status"]) == ("20.00", "paid")
    text = json.dumps(said, ensure_ascii=False)
    assert not [word for word in ("李雷", "13800000000", "徐汇", "某路") if word in text]


def test_a_reason_stands_in_the_event(engine: Engine) -> None:
    a_sku(engine)
    order_id = placed(engine)
    with transaction(engine) as connection:
        closing.cancel(connection, order_id, 1)
    [closed] = [event for event in rows(engine, "events", subject=str(order_id)) if event.topic == "order.closed"]
    assert (closed.data["status"], closed.data["reason"]) == ("closed", "cancelled")


def test_an_event_is_written_with_its_change_or_not_at_all(engine: Engine) -> None:
    class CrashError(Exception):
        pass

    a_sku(engine)
    order_id = placed(engine)
    before = topics(engine, order_id)
    with pytest.raises(CrashError), transaction(engine) as connection:
        closing.cancel(connection, order_id, 1)
        raise CrashError
    assert (order(engine, order_id).status, topics(engine, order_id)) == ("awaiting_payment", before)


def test_a_place_in_a_subjects_sequence_is_taken_once(engine: Engine) -> None:
    with transaction(engine) as connection:
        log.append(connection, [an_event("7", 1)])
    with pytest.raises(IntegrityError), transaction(engine) as connection:
        log.append(connection, [an_event("7", 1, "order.closed")])


def test_selling_out_and_restocking_are_told_by_whoever_does_it(engine: Engine) -> None:
    a_sku(engine, "s", stock=1)
    first, second = placed(engine, lines={"s": 1}), placed(engine, lines={"s": 1})
    with transaction(engine) as connection:
        closing.cancel(connection, first, 1)
        units.put(connection, "s", 0)
        units.add(connection, "s", 4)
    assert order(engine, second).reason == "out_of_stock"
    assert topics(engine, "s") == [
        *("stock.restocked", "stock.sold_out", "stock.restocked", "stock.sold_out", "stock.restocked"),
    ]


def test_a_closed_attempt_is_an_event(engine: Engine) -> None:
    a_sku(engine)
    attempt = an_attempt(engine, placed(engine))
    told(engine, a_trade(attempt, "TRADE_CLOSED"))
    assert topics(engine, attempt.order_id)[-1] == "payment.closed"
    assert attempts(engine, attempt.order_id)[0].status == "closed"


def test_operators_read_what_was_published_page_by_page(client: Client, engine: Engine) -> None:
    a_sku(engine)
    order_id = paid(engine)
    assert client.get("/v1/events", is_operator=True).json == {"events": [], "next_after": None}
    relay_all(engine, list[Logged]().extend)
    seen: list[dict[str, object]] = []
    after = "0"
    while True:
        page = client.get("/v1/events", params={"after": after, "limit": 2}, is_operator=True).json
        seen += page["events"]
        if page["next_after"] is None:
            break
        after = page["next_after"]
    assert [event["type"] for event in seen] == [
        "checkout.stock.restocked",
        *(f"checkout.{topic}" for topic in topics(engine, order_id)),
    ]
    first = seen[1]
    assert (first["specversion"], first["subject"], first["source"]) == ("1.0", str(order_id), "/checkout")
    assert len({event["id"] for event in seen}) == len(seen)


def test_the_event_log_is_for_operators(client: Client) -> None:
    assert problem(client.get("/v1/events")) == (403, "forbidden")


def test_partitions_are_turned_and_keep_what_is_needed(engine: Engine) -> None:
    from checkout import schema

    with transaction(engine) as connection:
        connection.execute(sql("SELECT make_partitions(current_date - 40, current_date - 30)"))
    with transaction(engine) as connection:  # One, so that its day does not end in between.
        assert schema.turn_partitions(connection) > 0
        names = connection.execute(sql("SELECT tablename FROM pg_tables WHERE tablename ~ '^events_[0-9]'")).scalars()
        days = sorted(name.removeprefix("events_") for name in names)
        oldest, last = connection.execute(
            sql("SELECT to_char(current_date - 30, 'YYYYMMDD'), to_char(current_date + 7, 'YYYYMMDD')")
        ).one()
        assert days[0] <= oldest
        assert days[-1] == last
        assert schema.turn_partitions(connection) == 0
