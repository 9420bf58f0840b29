"""What Alipay and we do not agree on is listed, with what to do, until it agrees."""

from __future__ import annotations

import pytest

from checkout.audit import stuck
from checkout.db import sql, transaction
from checkout.reconciliation import discrepancies
from tests.reconciliation.shop import Shop, at, listed
from tests.shared import factories
from tests.shared.databases import on_each_way

pytestmark = on_each_way


def test_money_that_only_we_have_is_listed(shop: Shop) -> None:
    payment = shop.offered()
    shop.apply(payment)
    shop.notes(payment, "paid_at", at(shop.yesterday, 12))
    report = shop.reconcile(shop.yesterday)
    assert listed(report) == [("ours_only", payment.out_trade_no, "")]
    [one] = report.discrepancies
    assert (one.ours_fen, one.theirs_fen, one.held, report.is_clean) == (2000, None, False, False)
    assert "ask Alipay" in one.action
    assert (report.ours.payments, report.theirs.payments) == (1, 0)


def test_a_refund_that_only_we_have_is_listed(shop: Shop) -> None:
    payment = shop.paid()
    number = shop.request_refund(payment, 300)
    with transaction(shop.engine) as connection:
        connection.execute(sql("UPDATE refunds SET status = 'succeeded', finished_at = now()"))
    shop.notes(payment, "finished_at", at(shop.yesterday, 12))
    assert listed(shop.reconcile(shop.yesterday)) == [("ours_only", payment.out_trade_no, number)]


def test_money_for_a_strangers_order_is_listed_until_it_went_back(shop: Shop) -> None:
    foreign = shop.paid_by_a_stranger()
    report = shop.reconcile()
    assert listed(report) == [("theirs_only", foreign, "")]
    assert report.discrepancies[0].theirs_fen == 4200
    with transaction(shop.engine) as connection:
        assert [matter.kind for matter in stuck.find(connection)] == ["bill_differs"]


def test_a_refund_of_a_strangers_order_is_listed_too(shop: Shop) -> None:
    foreign = shop.paid_by_a_stranger()
    shop.gateway.admin("POST", "refund", {"out_trade_no": foreign, "amount": "2.00", "out_request_no": "away"})
    assert listed(shop.reconcile()) == [("theirs_only", foreign, ""), ("theirs_only", foreign, "away")]


def test_an_amount_that_differs_is_listed_with_both(shop: Shop) -> None:
    payment = shop.paid()
    with transaction(shop.engine) as connection:
        connection.execute(sql("UPDATE payments SET amount_fen = 1999, paid_fen = 1999"))
    report = shop.reconcile()
    assert listed(report) == [("amount", payment.out_trade_no, "")]
    assert (report.discrepancies[0].ours_fen, report.discrepancies[0].theirs_fen) == (1999, 2000)


def test_a_refund_of_another_amount_is_listed_with_both(shop: Shop) -> None:
    payment = shop.paid()
    number = shop.refund(payment, 500)
    with transaction(shop.engine) as connection:
        connection.execute(sql("UPDATE refunds SET amount_fen = 400"))
    report = shop.reconcile()
    assert listed(report) == [("amount", payment.out_trade_no, number)]
    assert (report.discrepancies[0].ours_fen, report.discrepancies[0].theirs_fen) == (400, 500)


def test_money_that_alipay_does_not_confirm_stays_listed(shop: Shop) -> None:
    payment = shop.offered()
    shop.pay(payment)
    shop.close(shop.today)
    shop.gateway.fault("system_error_not_executed", method="alipay.trade.query", times=1)
    report = shop.reconcile()
    assert listed(report) == [("state", payment.out_trade_no, "")]
    assert shop.row(payment).status == "open"
    assert shop.reconcile().is_clean


def test_a_difference_that_has_gone_is_resolved(shop: Shop) -> None:
    payment = shop.paid()
    with transaction(shop.engine) as connection:
        connection.execute(sql("UPDATE payments SET amount_fen = 1999, paid_fen = 1999"))
    assert not shop.reconcile().is_clean
    with transaction(shop.engine) as connection:
        connection.execute(sql("UPDATE payments SET amount_fen = 2000, paid_fen = 2000"))
    assert shop.reconcile().is_clean
    found = factories.row(shop.engine, "discrepancies", out_trade_no=payment.out_trade_no)
    assert found.resolved_at is not None


def test_differences_beyond_those_that_are_listed_stay_open(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discrepancies, "MOST_LISTED", 2)
    for n in range(4):
        shop.paid_by_a_stranger(f"ANOTHERSHOP{n}")
    for _ in range(2):
        report = shop.reconcile()
        assert (len(report.discrepancies), report.open, report.is_clean) == (2, 4, False)
        found = factories.rows(shop.engine, "discrepancies")
        assert [one.resolved_at for one in found] == [None] * 4
