"""What Alipay says of a trade is believed once, forward only, whichever way and in whatever order it comes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from checkout.db import Engine, transaction
from checkout.orders import closing, shipping
from checkout.orders.ledger import Payment
from tests.shared.databases import on_each_way
from tests.shared.factories import (
    a_sku,
    a_trade,
    an_attempt,
    attempts,
    order,
    paid,
    placed,
    row,
    rows,
    stock_of,
    time_passes,
    told,
    topics,
)
from tests.shared.threads import at_once

pytestmark = on_each_way


@pytest.fixture
def attempt(engine: Engine) -> Payment:
    """An attempt in the buyer's hands, for 20.00."""
    a_sku(engine)
    return an_attempt(engine, placed(engine))


def expired(engine: Engine, attempt: Payment) -> Payment:
    """Its order closed unpaid, and the stock went back."""
    time_passes(engine, attempt.order_id, minutes=40)
    with transaction(engine) as connection:
        closing.expire(connection, 10)
    told(engine, a_trade(attempt, "TRADE_CLOSED"))
    assert order(engine, attempt.order_id).reason == "expired"
    return attempt


def cancelled(engine: Engine, attempt: Payment) -> Payment:
    with transaction(engine) as connection:
        closing.cancel(connection, attempt.order_id, None)
    return attempt


def test_paid_money_is_kept_and_the_order_goes_on(engine: Engine, attempt: Payment) -> None:
    applied = told(engine, a_trade(attempt))
    stored, [kept] = order(engine, attempt.order_id), attempts(engine, attempt.order_id)
    assert (applied.outcomes, stored.status, stored.stock) == (["applied"], "awaiting_shipment", "held")
    assert (kept.status, kept.kept, kept.paid_fen, kept.due_at) == ("paid", True, 2000, None)
    assert stored.paid_at == kept.paid_at
    assert kept.trade_no.startswith("2026")
    assert applied.wakes == [(attempt.order_id, stored.version)]
    assert topics(engine, attempt.order_id)[2:] == ["payment.succeeded", "order.paid"]
    assert row(engine, "users", id=1).open_orders == 0


@pytest.mark.parametrize("status", ["TRADE_SUCCESS", "TRADE_FINISHED"])
def test_either_word_means_paid(engine: Engine, attempt: Payment, status: str) -> None:
    told(engine, a_trade(attempt, status))
    assert order(engine, attempt.order_id).status == "awaiting_shipment"


def test_the_same_news_changes_nothing_twice(engine: Engine, attempt: Payment) -> None:
    told(engine, a_trade(attempt))
    version = order(engine, attempt.order_id).version
    again = told(engine, a_trade(attempt), a_trade(attempt, "TRADE_FINISHED"), a_trade(attempt, "WAIT_BUYER_PAY"))
    assert (again.outcomes, again.wakes) == (["unchanged"] * 3, [])
    assert order(engine, attempt.order_id).version == version


def test_doubles_within_a_batch_and_at_the_same_instant_pay_once(engine: Engine, attempt: Payment) -> None:
    at_once(lambda _: told(engine, a_trade(attempt), a_trade(attempt)), range(6))
    assert topics(engine, attempt.order_id).count("order.paid") == 1


def test_older_news_that_comes_later_changes_nothing(engine: Engine, attempt: Payment) -> None:
    outcomes = told(engine, a_trade(attempt), a_trade(attempt, "WAIT_BUYER_PAY")).outcomes
    assert outcomes == ["applied", "unchanged"]
    assert attempts(engine, attempt.order_id)[0].status == "paid"


def test_an_attempt_that_alipay_closed_leaves_the_order_payable(engine: Engine, attempt: Payment) -> None:
    told(engine, a_trade(attempt, "TRADE_CLOSED"))
    stored, [closed] = order(engine, attempt.order_id), attempts(engine, attempt.order_id)
    assert (stored.status, stored.stock) == ("awaiting_payment", "held")
    assert (closed.status, closed.evidence, closed.due_at) == ("closed", "closed_at_alipay", stored.pay_before)
    second = an_attempt(engine, attempt.order_id)
    assert (second.n, second.out_trade_no != attempt.out_trade_no) == (2, True)
    told(engine, a_trade(second))
    assert order(engine, attempt.order_id).status == "awaiting_shipment"


def test_an_order_whose_attempts_are_all_closed_still_expires(engine: Engine, attempt: Payment) -> None:
    told(engine, a_trade(attempt, "TRADE_CLOSED"))
    time_passes(engine, attempt.order_id, minutes=31)
    with transaction(engine) as connection:
        assert closing.expire(connection, 10)[0] == []
    assert (order(engine, attempt.order_id).reason, stock_of(engine)) == ("expired", 5)


def test_money_of_another_amount_is_not_believed(engine: Engine, attempt: Payment) -> None:
    assert told(engine, a_trade(attempt, total_fen=1)).outcomes == ["amount_differs"]
    assert attempts(engine, attempt.order_id)[0].status == "open"


def test_a_trade_that_is_not_ours_is_left_alone(engine: Engine, attempt: Payment) -> None:
    mine, other = a_trade(attempt), a_trade(attempt, out_trade_no="20200101000000000001N1RFFFFFFFFFF")
    assert told(engine, other, mine).outcomes == ["unknown_payment", "applied"]


def test_a_trade_older_than_its_attempt_is_another_databases(engine: Engine, attempt: Payment) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=1)
    assert told(engine, a_trade(attempt, created_at=long_ago)).outcomes == ["too_old"]
    assert attempts(engine, attempt.order_id)[0].status == "open"
    a_minute_ago = datetime.now(UTC) - timedelta(minutes=1)
    assert told(engine, a_trade(attempt, created_at=a_minute_ago)).outcomes == ["applied"]


def test_late_money_reinstates_an_expired_order_whose_stock_is_there(engine: Engine, attempt: Payment) -> None:
    expired(engine, attempt)
    told(engine, a_trade(attempt))
    stored, [kept] = order(engine, attempt.order_id), attempts(engine, attempt.order_id)
    assert (stored.status, stored.stock, stored.reason, stored.closed_at) == ("awaiting_shipment", "held", None, None)
    assert (kept.status, kept.kept, stock_of(engine)) == ("paid", True, 4)
    assert (row(engine, "skus", id="1").sales, row(engine, "spus", id="1").sales) == (1, 1)
    assert row(engine, "users", id=1).open_orders == 0
    assert topics(engine, attempt.order_id)[-2:] == ["payment.succeeded", "order.reinstated"]


def test_late_money_goes_back_when_the_stock_is_gone(engine: Engine, attempt: Payment) -> None:
    expired(engine, attempt)
    placed(engine, user_id=2, lines={"1": 5})
    told(engine, a_trade(attempt))
    stored, [late] = order(engine, attempt.order_id), attempts(engine, attempt.order_id)
    assert (stored.status, stored.reason, late.kept) == ("closed", "expired", False)
    [refund] = rows(engine, "refunds", order_id=attempt.order_id)
    assert (refund.source, refund.status, refund.amount_fen) == ("late", "requested", 2000)
    assert (late.refunding_fen, refund.out_request_no.startswith(attempt.out_trade_no)) == (2000, True)
    assert (stock_of(engine), topics(engine, attempt.order_id)[-1]) == (0, "refund.requested")


def test_late_money_goes_back_when_the_shop_wants_it_so(engine: Engine, attempt: Payment) -> None:
    from checkout.payments.trades import Rules

    expired(engine, attempt)
    told(engine, a_trade(attempt), rules=Rules(reinstate=False))
    assert (order(engine, attempt.order_id).status, stock_of(engine)) == ("closed", 5)
    assert [refund.source for refund in rows(engine, "refunds")] == ["late"]


def test_money_for_a_cancelled_order_goes_back_and_so_does_the_stock(engine: Engine, attempt: Payment) -> None:
    cancelled(engine, attempt)
    assert stock_of(engine) == 4
    told(engine, a_trade(attempt))
    stored = order(engine, attempt.order_id)
    assert (stored.status, stored.reason, stored.stock, stock_of(engine)) == ("closed", "cancelled", "returned", 5)
    assert [refund.source for refund in rows(engine, "refunds")] == ["late"]
    assert row(engine, "users", id=1).open_orders == 0


def test_money_for_a_cancelled_order_goes_back_after_its_stock_did(engine: Engine, attempt: Payment) -> None:
    cancelled(engine, attempt)
    told(engine, a_trade(attempt, "TRADE_CLOSED"))
    told(engine, a_trade(attempt))
    assert (order(engine, attempt.order_id).reason, stock_of(engine)) == ("cancelled", 5)
    assert [refund.source for refund in rows(engine, "refunds")] == ["late"]


@pytest.mark.parametrize("in_one_batch", [True, False])
def test_the_second_of_two_paid_attempts_goes_back(engine: Engine, attempt: Payment, in_one_batch: bool) -> None:
    second = an_attempt(engine, attempt.order_id, "wap")
    trades = [a_trade(second), a_trade(attempt)]
    for batch in [trades] if in_one_batch else [[trade] for trade in trades]:
        told(engine, *batch)
    first, other = attempts(engine, attempt.order_id)
    assert (first.kept, other.kept, first.refunding_fen, other.refunding_fen) == (False, True, 2000, 0)
    assert [refund.source for refund in rows(engine, "refunds")] == ["double"]
    assert order(engine, attempt.order_id).status == "awaiting_shipment"


def test_when_one_attempt_is_paid_the_others_are_due_to_be_closed(engine: Engine, attempt: Payment) -> None:
    second = an_attempt(engine, attempt.order_id, "wap")
    told(engine, a_trade(attempt))
    _, other = attempts(engine, attempt.order_id)
    assert (other.status, other.due_at is not None) == ("open", True)
    told(engine, a_trade(second, "TRADE_CLOSED"))
    assert [payment.due_at for payment in attempts(engine, attempt.order_id)] == [None, None]


def test_two_late_payments_in_one_batch_take_the_stock_once(engine: Engine, attempt: Payment) -> None:
    second = an_attempt(engine, attempt.order_id, "wap")
    told(engine, a_trade(second, "TRADE_CLOSED"))
    expired(engine, attempt)
    told(engine, a_trade(attempt), a_trade(second))
    assert order(engine, attempt.order_id).status == "awaiting_shipment"
    assert (stock_of(engine), row(engine, "skus", id="1").sales) == (4, 1)
    assert [refund.amount_fen for refund in rows(engine, "refunds")] == [2000]
    assert [payment.kept for payment in attempts(engine, attempt.order_id)].count(True) == 1


def test_late_money_that_alipay_has_sent_back_already_reinstates_nothing(engine: Engine, attempt: Payment) -> None:
    expired(engine, attempt)
    told(engine, a_trade(attempt), a_trade(attempt, "TRADE_CLOSED", refunded_fen=2000))
    stored, [gone] = order(engine, attempt.order_id), attempts(engine, attempt.order_id)
    assert (stored.status, stored.reason, stock_of(engine)) == ("closed", "expired", 5)
    assert (gone.status, gone.kept, gone.refunded_fen, gone.refunding_fen) == ("refunded", False, 2000, 0)


def test_late_money_of_which_a_part_was_sent_back_goes_back_in_full(engine: Engine, attempt: Payment) -> None:
    expired(engine, attempt)
    told(engine, a_trade(attempt), a_trade(attempt, refunded_fen=500))
    assert order(engine, attempt.order_id).status == "closed"
    [gone] = attempts(engine, attempt.order_id)
    assert (gone.kept, gone.refunded_fen, gone.refunding_fen) == (False, 500, 1500)


def test_a_refund_made_in_alipays_console_is_taken_in_as_external(engine: Engine, attempt: Payment) -> None:
    told(engine, a_trade(attempt), a_trade(attempt, refunded_fen=500))
    told(engine, a_trade(attempt, refunded_fen=500), a_trade(attempt, refunded_fen=800))
    refunds = rows(engine, "refunds")
    assert [(refund.source, refund.status, refund.amount_fen) for refund in refunds] == [
        ("external", "succeeded", 500),
        ("external", "succeeded", 300),
    ]
    assert attempts(engine, attempt.order_id)[0].refunded_fen == 800
    assert order(engine, attempt.order_id).status == "awaiting_shipment"


def test_a_smaller_cumulative_refund_that_comes_late_changes_nothing(engine: Engine, attempt: Payment) -> None:
    told(engine, a_trade(attempt), a_trade(attempt, refunded_fen=800), a_trade(attempt, refunded_fen=500))
    assert attempts(engine, attempt.order_id)[0].refunded_fen == 800


@pytest.mark.parametrize("full", [{"status": "TRADE_CLOSED"}, {"refunded_fen": 2000}])
def test_a_full_external_refund_closes_the_order_and_returns_the_stock(
    engine: Engine, attempt: Payment, full: dict[str, Any]
) -> None:
    told(engine, a_trade(attempt), a_trade(attempt, **full))
    stored = order(engine, attempt.order_id)
    assert (stored.status, stored.reason, stored.stock, stock_of(engine)) == ("closed", "refunded", "returned", 5)
    assert attempts(engine, attempt.order_id)[0].status == "refunded"
    assert topics(engine, attempt.order_id)[-2:] == ["refund.succeeded", "order.closed"]


def test_goods_that_have_left_do_not_come_back(engine: Engine) -> None:

    a_sku(engine)
    order_id = paid(engine)
    with transaction(engine) as connection:
        shipping.ship(connection, order_id)
    [payment] = attempts(engine, order_id)
    told(engine, a_trade(payment, "TRADE_CLOSED"))
    stored = order(engine, order_id)
    assert (stored.status, stored.reason, stored.stock, stock_of(engine)) == ("closed", "refunded", "left", 4)
