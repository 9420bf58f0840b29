"""Unpaid orders close when their time is over, and their stock returns when no attempt can succeed any more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from checkout.alipay.client import Done, Refused, Result, Unknown
from checkout.db import Engine, sql, transaction
from checkout.errors import NotPayable
from checkout.orders import attempts as looks
from checkout.orders import closing
from checkout.orders.ledger import Payment
from checkout.payments import queries
from checkout.payments.offers import Asked, Way
from checkout.payments.queries import Due
from tests.shared.answers import Answers
from tests.shared.databases import on_each_way
from tests.shared.factories import (
    RULES,
    a_sku,
    an_attempt,
    attempts,
    offer,
    order,
    paid,
    placed,
    row,
    rows,
    stock_of,
    time_passes,
    topics,
)
from tests.shared.threads import at_once

pytestmark = on_each_way

NOT_EXIST = Refused("TRADE_NOT_EXIST", "交易不存在")
UNKNOWN = Unknown("SYSTEM_ERROR")


def says(payment: Payment, status: str) -> Done:
    """A query's answer."""
    fields = {"out_trade_no": payment.out_trade_no, "trade_no": "2026112222001", "trade_status": status}
    return Done(fields | {"total_amount": f"{payment.amount_fen / 100:.2f}"})


def expire(engine: Engine) -> list[str]:
    with transaction(engine) as connection:
        return closing.expire(connection, 200)[0]


def due(engine: Engine) -> list[Due]:
    with transaction(engine) as connection:
        return queries.claim(connection, 10)


def ask(engine: Engine, *answers: Result) -> Answers:
    """The turn of the one attempt that is due."""
    alipay = Answers(*answers)
    [attempt] = due(engine)
    queries.ask(engine, alipay, attempt, RULES, 1)
    return alipay


@pytest.fixture
def late(engine: Engine) -> Payment:
    """An attempt whose order's time is over, but not yet `payable_until`."""
    a_sku(engine)
    attempt = an_attempt(engine, placed(engine))
    time_passes(engine, attempt.order_id, minutes=31)
    return attempt


def test_nothing_closes_before_its_time(engine: Engine) -> None:
    a_sku(engine)
    order_id = placed(engine)
    time_passes(engine, order_id, minutes=29)
    expire(engine)
    assert order(engine, order_id).status == "awaiting_payment"


def test_an_order_never_offered_for_payment_closes_at_once(engine: Engine) -> None:
    a_sku(engine)
    order_id = placed(engine, lines={"1": 3})
    time_passes(engine, order_id, minutes=31)
    assert expire(engine) == []
    stored, [attempt] = order(engine, order_id), attempts(engine, order_id)
    assert (stored.status, stored.reason, stored.stock) == ("closed", "expired", "returned")
    assert (attempt.status, attempt.evidence) == ("closed", "never_offered")
    assert (stock_of(engine), row(engine, "skus", id="1").sales, row(engine, "spus", id="1").sales) == (5, 0, 0)
    assert row(engine, "users", id=1).open_orders == 0
    assert topics(engine, order_id)[2:] == ["payment.closed", "order.closed"]


def test_an_offered_order_waits_for_the_proof(engine: Engine, late: Payment) -> None:
    assert expire(engine) == [late.id]
    stored = order(engine, late.order_id)
    assert (stored.status, stored.stock, stored.closing_at is not None) == ("awaiting_payment", "held", True)
    assert stock_of(engine) == 4
    assert [attempt.closing for attempt in due(engine)] == [True]


def test_a_closing_order_takes_no_new_attempt(engine: Engine) -> None:
    a_sku(engine)
    attempt = an_attempt(engine, placed(engine))
    time_passes(engine, attempt.order_id, minutes=31)
    for _ in range(2):
        with pytest.raises(NotPayable), transaction(engine) as connection:
            offer(connection, Asked(attempt.order_id, 1, Way("wap")))
        expire(engine)


def test_a_missing_trade_decides_nothing_while_the_buyer_may_still_pay(engine: Engine, late: Payment) -> None:
    expire(engine)
    assert ask(engine, NOT_EXIST).asked == ["query"]
    stored, [attempt] = order(engine, late.order_id), attempts(engine, late.order_id)
    assert (stored.status, attempt.status, stock_of(engine)) == ("awaiting_payment", "open", 4)
    assert attempt.due_at <= attempt.payable_until


def test_a_missing_trade_is_final_after_that(engine: Engine, late: Payment) -> None:
    expire(engine)
    time_passes(engine, late.order_id, minutes=2)
    ask(engine, NOT_EXIST)
    stored, [attempt] = order(engine, late.order_id), attempts(engine, late.order_id)
    assert (stored.status, stored.reason, stock_of(engine)) == ("closed", "expired", 5)
    assert (attempt.status, attempt.evidence, attempt.due_at) == ("closed", "expired_unborn", None)


def test_a_trade_that_waits_for_the_buyer_is_closed_at_alipay(engine: Engine, late: Payment) -> None:
    expire(engine)
    assert ask(engine, says(late, "WAIT_BUYER_PAY"), Done({})).asked == ["query", "close"]
    assert (order(engine, late.order_id).status, stock_of(engine)) == ("closed", 5)
    assert attempts(engine, late.order_id)[0].evidence == "closed_at_alipay"


def test_a_trade_is_not_closed_while_its_order_is_payable(engine: Engine) -> None:
    a_sku(engine)
    attempt = an_attempt(engine, placed(engine))
    time_passes(engine, attempt.order_id, minutes=1)
    assert ask(engine, says(attempt, "WAIT_BUYER_PAY")).asked == ["query"]
    assert attempts(engine, attempt.order_id)[0].status == "open"


@pytest.mark.parametrize("answers", [(UNKNOWN,), (Refused("ISV.OTHER", ""),)])
def test_an_unknown_answer_keeps_the_stock_and_comes_again(
    engine: Engine, late: Payment, answers: tuple[Result, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "CLOSING_LADDER_SECONDS", (600,))
    expire(engine)
    time_passes(engine, late.order_id, minutes=10)
    ask(engine, *answers)
    assert (order(engine, late.order_id).status, stock_of(engine)) == ("awaiting_payment", 4)
    assert due(engine) == []
    time_passes(engine, late.order_id, minutes=10)
    assert len(due(engine)) == 1


def test_an_unknown_close_keeps_the_stock_until_a_query_tells(engine: Engine, late: Payment) -> None:
    expire(engine)
    ask(engine, says(late, "WAIT_BUYER_PAY"), UNKNOWN)
    assert (order(engine, late.order_id).status, stock_of(engine)) == ("awaiting_payment", 4)
    time_passes(engine, late.order_id, minutes=1)
    ask(engine, says(late, "TRADE_CLOSED"))
    assert (order(engine, late.order_id).status, stock_of(engine)) == ("closed", 5)


def test_money_found_by_the_last_query_is_kept(engine: Engine, late: Payment) -> None:
    expire(engine)
    ask(engine, says(late, "TRADE_SUCCESS"))
    stored, [attempt] = order(engine, late.order_id), attempts(engine, late.order_id)
    assert (stored.status, stored.stock, stored.closing_at) == ("awaiting_shipment", "held", None)
    assert (attempt.status, attempt.kept, attempt.due_at) == ("paid", True, None)
    assert stock_of(engine) == 4


def test_a_buyer_who_pays_between_query_and_close_is_found_by_the_next_query(engine: Engine, late: Payment) -> None:
    expire(engine)
    ask(engine, says(late, "WAIT_BUYER_PAY"), Refused("TRADE_STATUS_ERROR", ""))
    assert (order(engine, late.order_id).status, stock_of(engine)) == ("awaiting_payment", 4)
    time_passes(engine, late.order_id, minutes=1)
    ask(engine, says(late, "TRADE_SUCCESS"))
    assert order(engine, late.order_id).status == "awaiting_shipment"


def test_stock_waits_for_the_last_of_several_attempts(engine: Engine) -> None:
    a_sku(engine)
    order_id = placed(engine)
    an_attempt(engine, order_id, "page"), an_attempt(engine, order_id, "wap")
    time_passes(engine, order_id, minutes=31)
    assert len(expire(engine)) == 2
    time_passes(engine, order_id, minutes=5)
    first, second = due(engine)
    queries.ask(engine, Answers(NOT_EXIST), first, RULES, 1)
    assert (order(engine, order_id).status, stock_of(engine)) == ("awaiting_payment", 4)
    queries.ask(engine, Answers(NOT_EXIST), second, RULES, 1)
    assert (order(engine, order_id).status, stock_of(engine)) == ("closed", 5)


@pytest.mark.parametrize("method", ["page", "wap", "app", "qr"])
def test_an_attempt_may_bring_money_until_its_end_and_a_margin(engine: Engine, method: str) -> None:
    a_sku(engine)
    attempt = an_attempt(engine, placed(engine), method)
    assert attempt.payable_until == order(engine, attempt.order_id).pay_before + timedelta(minutes=2)


@pytest.mark.parametrize(("method", "seconds"), [("page", 60), ("wap", 300), ("app", 300)])
def test_an_attempt_made_late_lives_for_its_methods_minimum(engine: Engine, method: str, seconds: int) -> None:
    a_sku(engine)
    order_id = placed(engine)
    time_passes(engine, order_id, minutes=29.2)
    attempt = an_attempt(engine, order_id, method)
    assert attempt.offered_at is not None
    assert attempt.payable_until == attempt.offered_at + timedelta(seconds=seconds + 120)


def test_many_expiries_at_once_give_each_unit_back_once(engine: Engine) -> None:
    a_sku(engine, stock=30)
    for user_id in range(1, 21):
        time_passes(engine, placed(engine, user_id=user_id), minutes=31)
    at_once(lambda _: expire(engine), range(4))
    expire(engine)
    assert (stock_of(engine), row(engine, "skus", id="1").sales) == (30, 0)


def test_a_paid_order_does_not_expire(engine: Engine) -> None:
    a_sku(engine)
    order_id = paid(engine)
    time_passes(engine, order_id, minutes=100)
    assert expire(engine) == []
    assert (order(engine, order_id).status, due(engine)) == ("awaiting_shipment", [])


def test_a_worker_that_dies_while_asking_leaves_an_attempt_that_is_due_again(engine: Engine, late: Payment) -> None:
    expire(engine)
    assert len(due(engine)) == 1
    assert due(engine) == []
    time_passes(engine, late.order_id, minutes=queries.LEASE_SECONDS / 60)
    assert len(due(engine)) == 1


def test_beats_scan_closes_what_is_over(engine: Engine, in_process: Callable[..., None]) -> None:
    in_process()
    from tasks import maintenance

    a_sku(engine, stock=10)
    ids = [placed(engine, user_id=user_id) for user_id in (1, 2, 3)]
    for order_id in ids[:2]:
        time_passes(engine, order_id, minutes=31)
    maintenance.expire_orders()
    assert [order(engine, order_id).status for order_id in ids] == ["closed", "closed", "awaiting_payment"]


def test_an_answer_that_the_database_refuses_is_for_a_person_and_asked_again(engine: Engine, late: Payment) -> None:
    with transaction(engine) as connection:
        connection.execute(sql("ALTER TABLE payments ADD CHECK (trade_no NOT LIKE '2026%')"))
    ask(engine, says(late, "TRADE_SUCCESS"))
    assert [(alarm.kind, alarm.subject) for alarm in rows(engine, "alarms")] == [("query_failed", late.out_trade_no)]
    [attempt] = attempts(engine, late.order_id)
    assert (attempt.status, attempt.due_at is not None, stock_of(engine)) == ("open", True, 4)
