"""Who may have Alipay asked, and how often: what is owed waits behind no question, and strangers have a small share."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from redis import Redis

from api import runtime
from api.runtime import Strangers
from checkout.db import Engine, sql, transaction
from checkout.orders.ledger import Payment
from checkout.payments import queries
from sandbox.valkey import Valkey
from tests.shared.client import Client
from tests.shared.factories import a_sku, a_trade, an_attempt, many_orders, place_all, placed, row, told

HOUR = "now() + interval '1 hour'"


class Clock:
    """Stands still until it is told."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


def due_of(engine: Engine, payment: Payment) -> datetime:
    due: datetime = row(engine, "payments", out_trade_no=payment.out_trade_no).due_at
    return due


def put_off(engine: Engine, hastened_ago_seconds: float | None = None) -> None:
    """The attempt's turn comes in an hour."""
    statement = f"UPDATE payments SET due_at = {HOUR}"
    if hastened_ago_seconds is not None:
        statement += f", hastened_at = now() - interval '{hastened_ago_seconds} seconds'"
    with transaction(engine) as connection:
        connection.execute(sql(statement))


def hasten(engine: Engine, payment: Payment) -> datetime:
    with transaction(engine) as connection:
        queries.hasten(connection, payment.out_trade_no)
    return due_of(engine, payment)


def test_an_attempt_is_asked_about_out_of_turn_once_a_minute(engine: Engine, attempt: Payment) -> None:
    put_off(engine)
    later = due_of(engine, attempt)
    assert hasten(engine, attempt) < later
    put_off(engine, 0)
    later = due_of(engine, attempt)
    assert hasten(engine, attempt) == later
    put_off(engine, queries.HASTEN_SECONDS + 1)
    assert hasten(engine, attempt) < later


def test_strangers_have_a_share_of_the_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(runtime, "time", clock)
    strangers = Strangers()
    assert sum(strangers.may_ask() for _ in range(100)) == runtime.STRANGERS_AT_ONCE + 1
    clock.now += 3.0
    assert sum(strangers.may_ask() for _ in range(100)) == 3.0 * runtime.STRANGERS_PER_SECOND
    clock.now += 1000.0
    assert sum(strangers.may_ask() for _ in range(100)) == runtime.STRANGERS_AT_ONCE + 1


def test_one_stranger_drives_no_more_questions_than_that(
    client: Client, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "STRANGERS_PER_SECOND", 0.001)  # However slow the machine is.
    a_sku(engine, stock=40)
    attempts = [an_attempt(engine, placed(engine)) for _ in range(runtime.STRANGERS_AT_ONCE + 5)]
    put_off(engine)
    for attempt in attempts * 3:
        body = f"out_trade_no={attempt.out_trade_no}&sign=x&sign_type=RSA2".encode()
        client.post("/v1/alipay/notify", body=body, user=None)
    with transaction(engine) as connection:
        hastened = connection.execute(sql("SELECT count(*) FROM payments WHERE hastened_at IS NOT NULL")).scalar_one()
    assert hastened == runtime.STRANGERS_AT_ONCE + 1


def rung(broker: Valkey, queue: str) -> list[dict[str, Any]]:
    """The messages in a queue."""
    with Redis.from_url(broker.url(0)) as redis:
        waiting: list[Any] = redis.lrange(queue, 0, -1)
    return [json.loads(one) for one in waiting]


def test_refunds_wait_behind_no_question_and_old_rings_are_thrown_away(
    engine: Engine, broker: Valkey, in_process: Callable[..., None]
) -> None:
    in_process()
    from tasks.maintenance import QUERIES_A_TASK, QUERIES_AT_ONCE, SCAN_SECONDS, scan_payments

    a_sku(engine, stock=200)
    twice = placed(engine)
    told(engine, *(a_trade(an_attempt(engine, twice, method)) for method in ("page", "wap")))  # One goes back.
    ids = many_orders(engine, QUERIES_AT_ONCE + 5)
    place_all(engine, ids)
    for order_id in ids:
        an_attempt(engine, order_id)
    with transaction(engine) as connection:
        connection.execute(sql("UPDATE payments SET due_at = now() WHERE status = 'open'"))
    scan_payments()
    questions, sendings = rung(broker, "alipay"), rung(broker, "refunds")
    assert {one["headers"]["task"] for one in sendings} == {"send_refunds"}
    assert {one["headers"]["task"] for one in questions} == {"query_payments"}
    assert len(questions) == QUERIES_AT_ONCE / QUERIES_A_TASK
    for message in questions + sendings:
        expires = datetime.fromisoformat(message["headers"]["expires"])
        assert (expires - datetime.now(expires.tzinfo)).total_seconds() <= SCAN_SECONDS
    asked = [json.loads(base64.b64decode(one["body"]))[0][0] for one in questions]
    assert sorted({len(ids) for ids in asked}) == [QUERIES_A_TASK]
