"""A day on which both sides tell the same, or do once Alipay has confirmed what we had missed."""

from __future__ import annotations

from typing import Any

from checkout.audit import stuck
from checkout.db import transaction
from checkout.orders import attempts, closing
from checkout.orders.ledger import Ledger
from checkout.reconciliation.comparison import Sums
from tests.reconciliation.shop import Shop
from tests.shared import factories


def everything(shop: Shop) -> list[Any]:
    tables = ("bill_lines", "discrepancies", "payments", "refunds", "orders", "events")
    return [factories.rows(shop.engine, table) for table in tables]


def test_payments_and_refunds_agree(shop: Shop) -> None:
    first, second = shop.paid(), shop.paid()
    shop.refund(first, 500)
    report = shop.reconcile()
    assert (report.is_clean, report.discrepancies) == (True, [])
    assert report.ours == report.theirs == Sums(2, first.amount_fen + second.amount_fen, 1, 500)


def test_money_whose_notify_was_lost_is_found_and_applied(shop: Shop) -> None:
    payment = shop.offered()
    shop.pay(payment)
    report = shop.reconcile()
    assert report.is_clean
    assert shop.row(payment).kept
    assert factories.order(shop.engine, payment.order_id).status == "awaiting_shipment"
    assert factories.topics(shop.engine, payment.order_id)[-2:] == ["payment.succeeded", "order.paid"]
    found = factories.row(shop.engine, "discrepancies")
    assert (found.kind, found.resolved_at is not None) == ("state", True)


def test_late_money_for_a_cancelled_order_is_found_and_goes_back(shop: Shop) -> None:
    payment = shop.offered()
    shop.pay(payment)
    with transaction(shop.engine) as connection:
        closing.cancel(connection, payment.order_id, None)
        ledger = Ledger(connection, [payment.order_id])
        order = ledger.orders[payment.order_id]
        attempts.close(ledger, order, order.payments[0], "expired_unborn")
        ledger.save()
    assert shop.reconcile().is_clean
    assert (shop.row(payment).paid_fen, shop.row(payment).refunding_fen) == (2000, 2000)


def test_a_refund_whose_answer_was_lost_is_confirmed(shop: Shop) -> None:
    payment = shop.paid()
    number = shop.request_refund(payment, 700)
    shop.resources.alipay.refund(payment.out_trade_no, number, 700, "")
    report = shop.reconcile()
    assert report.is_clean
    assert factories.row(shop.engine, "refunds").status == "succeeded"
    assert shop.row(payment).refunded_fen == 700


def test_refunds_made_in_alipays_console_are_taken_in(shop: Shop) -> None:
    payment = shop.paid()
    shop.refund_in_console(payment, "3.00")
    shop.refund_in_console(payment, "2.50")
    report = shop.reconcile()
    assert report.is_clean
    taken_in = factories.row(shop.engine, "refunds")
    assert (taken_in.source, taken_in.status, taken_in.amount_fen) == ("external", "succeeded", 550)
    assert report.theirs.refunds == 2
    shop.refund_in_console(payment, "1.00")
    assert shop.reconcile().is_clean
    assert shop.row(payment).refunded_fen == 650


def test_money_that_came_and_went_back_unheard_closes_the_order_as_refunded(shop: Shop) -> None:
    payment = shop.offered()
    shop.pay(payment)
    shop.refund_in_console(payment, "20.00")
    assert shop.reconcile().is_clean
    order = factories.order(shop.engine, payment.order_id)
    assert (shop.row(payment).status, order.status, order.reason) == ("refunded", "closed", "refunded")
    assert factories.stock_of(shop.engine) == 100


def test_run_twice_it_changes_nothing_twice(shop: Shop) -> None:
    shop.paid()
    shop.pay(shop.offered())
    shop.refund_in_console(shop.paid(), "3.00")
    foreign = shop.paid_by_a_stranger()
    first = shop.reconcile(shop.today)
    stored = everything(shop)
    second = shop.reconcile(shop.today)
    assert everything(shop) == stored
    assert second == first
    with transaction(shop.engine) as connection:
        assert [matter.subject.split("/")[1] for matter in stuck.find(connection)] == [foreign]
