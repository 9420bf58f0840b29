"""Refunds that meet those of Alipay's own console, or whose tries end differently: nothing is lost, nothing doubled."""

from __future__ import annotations

from typing import Any

import pytest

from checkout.alipay.client import Done, Refused, Result, Unknown
from checkout.db import Engine, sql, transaction
from checkout.orders import closing
from checkout.orders.ledger import Payment
from checkout.payments import refund_calls, refunds
from tests.shared.answers import Answers
from tests.shared.databases import on_each_way
from tests.shared.factories import a_sku, a_trade, an_attempt, attempts, paid, placed, row, rows, told

pytestmark = on_each_way

NOTHING = Done({})
REFUSED = Refused("REFUND_AMT_NOT_EQUAL_TOTAL", "退款金额超限")


@pytest.fixture
def late(engine: Engine) -> Payment:
    """An attempt whose order was cancelled, and whose money comes now."""
    a_sku(engine)
    attempt = an_attempt(engine, placed(engine))
    with transaction(engine) as connection:
        closing.cancel(connection, attempt.order_id, None)
    return attempt


def made(engine: Engine) -> list[tuple[str, str, int]]:
    return [(refund.source, refund.status, refund.amount_fen) for refund in rows(engine, "refunds")]


def test_of_late_money_only_the_rest_is_sent_back(engine: Engine, late: Payment) -> None:
    told(engine, a_trade(late, refunded_fen=500))
    assert made(engine) == [("external", "succeeded", 500), ("late", "requested", 1500)]
    [attempt] = attempts(engine, late.order_id)
    assert (attempt.refunded_fen, attempt.refunding_fen) == (500, 1500)


def test_a_part_that_the_console_gave_back_meanwhile_makes_room_for_the_rest(engine: Engine, late: Payment) -> None:
    told(engine, a_trade(late))
    assert made(engine) == [("late", "requested", 2000)]
    told(engine, a_trade(late, refunded_fen=500))
    assert made(engine) == [("late", "failed", 2000), ("external", "succeeded", 500), ("late", "requested", 1500)]
    told(engine, a_trade(late, refunded_fen=500))
    assert len(made(engine)) == 3


def test_what_our_own_refund_may_have_moved_is_not_taken_for_the_consoles(engine: Engine, late: Payment) -> None:
    told(engine, a_trade(late))
    told(engine, a_trade(late, "TRADE_CLOSED", refunded_fen=2000))
    assert made(engine) == [("late", "requested", 2000)]


def test_a_kept_payment_keeps_what_the_console_did_not_give_back(engine: Engine) -> None:
    a_sku(engine)
    order_id = paid(engine)
    [attempt] = attempts(engine, order_id)
    told(engine, a_trade(attempt, refunded_fen=500))
    assert made(engine) == [("external", "succeeded", 500)]


def test_an_older_sum_is_not_compared_with_a_refund_that_ended_after_it(engine: Engine) -> None:
    """Two of ours moved; the answer to the first was lost, and what Alipay said between the two is heard last."""
    a_sku(engine)
    order_id = paid(engine)
    with transaction(engine) as connection:
        first, second = (refunds.create(connection, order_id, fen, "", f"k{fen}")[0] for fen in (534, 59))
    assert turn(engine, Unknown("no answer"), of=first).status == "unknown"
    assert turn(engine, Done({"fund_change": "Y", "refund_fee": "5.93"}), of=second).status == "succeeded"
    [attempt] = attempts(engine, order_id)
    told(engine, a_trade(attempt, refunded_fen=534))
    assert made(engine) == [("operator", "unknown", 534), ("operator", "succeeded", 59)]
    assert turn(engine, moved(first, "5.34"), of=first).status == "succeeded"
    told(engine, a_trade(attempt, refunded_fen=1000))
    assert made(engine)[-1] == ("external", "succeeded", 407)


_ITS_TURN = sql("""
    UPDATE refunds SET next_try_at = now() + CASE WHEN id = COALESCE(:id, id) THEN '0'::interval ELSE '1 hour' END
    WHERE next_try_at IS NOT NULL
""")


def turn(engine: Engine, *answers: Result, of: refunds.Refund | None = None) -> Any:
    """One turn of the refund that waits, or of the one that is named; what became of it."""
    with transaction(engine) as connection:
        connection.execute(_ITS_TURN, {"id": of.id if of else None})
        connection.execute(sql("UPDATE payments SET refund_called_at = NULL"))
        due = refund_calls.claim(connection, 1)
    assert due is not None
    alipay = Answers(*answers)
    refund_calls.send(engine, alipay, due, 1)
    assert alipay.answers == []
    return row(engine, "refunds", id=due.id)


@pytest.fixture
def asked(engine: Engine) -> refunds.Refund:
    """An operator's refund whose first try has an unknown outcome."""
    a_sku(engine)
    order_id = paid(engine)
    with transaction(engine) as connection:
        refund = refunds.create(connection, order_id, 500, "", "k")[0]
    assert turn(engine, Unknown("no answer")).status == "unknown"
    return refund


def moved(refund: refunds.Refund, amount: str = "5.00") -> Done:
    return Done({"out_request_no": refund.out_request_no, "refund_amount": amount, "refund_status": "REFUND_SUCCESS"})


def test_a_refusal_after_an_unknown_try_is_asked_about_before_it_counts(engine: Engine, asked: refunds.Refund) -> None:
    refund = turn(engine, NOTHING, REFUSED)
    assert (refund.status, refund.finished_at) == ("unknown", None)
    assert turn(engine, moved(asked)).status == "succeeded"


def test_it_counts_when_alipay_knows_of_no_earlier_one(engine: Engine, asked: refunds.Refund) -> None:
    turn(engine, NOTHING, REFUSED)
    refund = turn(engine, NOTHING)
    assert (refund.status, refund.error) == ("failed", "REFUND_AMT_NOT_EQUAL_TOTAL: 退款金额超限")
    assert asked.status == "requested"


def test_it_does_not_count_while_nobody_knows(engine: Engine, asked: refunds.Refund) -> None:
    turn(engine, NOTHING, REFUSED)
    assert turn(engine, Unknown("no answer")).status == "unknown"
    assert turn(engine, moved(asked)).status == "succeeded"


def test_a_first_try_that_is_refused_has_failed(engine: Engine) -> None:
    a_sku(engine)
    order_id = paid(engine)
    with transaction(engine) as connection:
        refunds.create(connection, order_id, 500, "", "k")
    assert turn(engine, REFUSED).status == "failed"


def test_an_answer_that_tells_of_less_than_was_asked_is_no_success(engine: Engine) -> None:
    a_sku(engine)
    order_id = paid(engine)
    with transaction(engine) as connection:
        refunds.create(connection, order_id, 500, "", "k")
    refund = turn(engine, Done({"fund_change": "Y", "refund_fee": "4.99"}))
    assert (refund.status, row(engine, "alarms").kind) == ("unknown", "answer_differs")


def test_an_older_form_of_the_answer_says_that_money_went_back(engine: Engine, asked: refunds.Refund) -> None:
    fields = {"out_request_no": asked.out_request_no, "refund_amount": "5.00"}
    assert turn(engine, Done(fields)).status == "succeeded"
