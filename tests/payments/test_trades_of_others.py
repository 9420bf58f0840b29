"""A trade of Alipay pays for one attempt, for ever; what speaks of another one is for a person."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from checkout.alipay.client import Done, Unknown
from checkout.db import Engine, sql, transaction
from checkout.orders.ledger import Payment
from checkout.payments import queries, trades
from checkout.payments.queries import Due
from tests.shared.answers import Answers
from tests.shared.factories import RULES, a_sku, a_trade, an_attempt, attempts, order, placed, row, rows, told
from tests.shared.threads import at_once


@pytest.fixture
def first(engine: Engine) -> Payment:
    a_sku(engine, stock=100)
    return an_attempt(engine, placed(engine))


@pytest.fixture
def second(engine: Engine, first: Payment) -> Payment:
    return an_attempt(engine, placed(engine, user_id=first.order_id + 1))


def statuses(engine: Engine, *payments: Payment) -> list[str]:
    return [order(engine, payment.order_id).status for payment in payments]


def test_a_trade_that_has_paid_pays_for_no_second_order(engine: Engine, first: Payment, second: Payment) -> None:
    assert told(engine, a_trade(first)).outcomes == ["applied"]
    trade_no = a_trade(first).trade_no
    assert told(engine, a_trade(second, trade_no=trade_no)).outcomes == ["trade_differs"]
    assert statuses(engine, first, second) == ["awaiting_shipment", "awaiting_payment"]


def test_neither_does_it_in_one_batch(engine: Engine, first: Payment, second: Payment) -> None:
    trade_no = a_trade(first).trade_no
    outcomes = told(engine, a_trade(first), a_trade(second, trade_no=trade_no)).outcomes
    assert outcomes == ["applied", "trade_differs"]
    assert statuses(engine, first, second) == ["awaiting_shipment", "awaiting_payment"]


@pytest.mark.parametrize(("is_unique", "paid"), [(True, 1), (False, 2)])
def test_of_two_at_the_same_instant_the_index_keeps_one_out(
    engine: Engine, first: Payment, second: Payment, monkeypatch: pytest.MonkeyPatch, is_unique: bool, paid: int
) -> None:
    """Both look for the trade before either has written; without the index, as a control, both would be paid."""
    if not is_unique:
        with transaction(engine) as connection:
            connection.execute(sql("DROP INDEX payments_trade"))
    both_looked, look = threading.Barrier(2), trades._holders

    def looked(*asked: Any) -> Any:
        found = look(*asked)
        both_looked.wait(30)
        return found

    def ask(payment: Payment) -> None:
        due = Due(payment.order_id, payment.n, payment.out_trade_no, closing=False)
        queries.ask(engine, Answers(_done("2026ONCE", payment)), due, RULES, 1)

    with monkeypatch.context() as patched:
        patched.setattr(trades, "_holders", looked)
        at_once(ask, (first, second))
    assert len(rows(engine, "payments", trade_no="2026ONCE")) == paid
    assert [alarm.kind for alarm in rows(engine, "alarms")] == ["query_failed"] * (2 - paid)
    if is_unique:
        again = told(engine, *(a_trade(payment, trade_no="2026ONCE") for payment in (first, second))).outcomes
        assert sorted(again) == ["trade_differs", "unchanged"]


def _done(trade_no: str, payment: Payment) -> Done:
    fields = {"out_trade_no": payment.out_trade_no, "trade_no": trade_no, "trade_status": "TRADE_SUCCESS"}
    return Done(fields | {"total_amount": "20.00"})


def test_another_trade_for_a_paid_attempt_changes_nothing(engine: Engine, first: Payment) -> None:
    told(engine, a_trade(first))
    before = rows(engine, "payments"), rows(engine, "orders")
    other = a_trade(first, "TRADE_CLOSED", trade_no="2026OTHER", refunded_fen=first.amount_fen)
    assert told(engine, other).outcomes == ["trade_differs"]
    assert (rows(engine, "payments"), rows(engine, "orders")) == before


def test_an_answer_about_something_else_decides_nothing_and_is_for_a_person(engine: Engine, first: Payment) -> None:
    due = Due(first.order_id, first.n, first.out_trade_no, closing=False)
    queries.ask(engine, Answers(Unknown("out_trade_no is another's", is_foreign=True)), due, RULES, 1)
    alarm = row(engine, "alarms")
    assert (alarm.kind, alarm.subject, alarm.order_id, alarm.fen) == (
        "answer_differs",
        first.out_trade_no,
        first.order_id,
        2000,
    )
    [attempt] = attempts(engine, first.order_id)
    assert (attempt.status, attempt.due_at is not None, alarm.resolved_at) == ("open", True, None)
    told(engine, a_trade(first))
    assert row(engine, "alarms").resolved_at is not None
