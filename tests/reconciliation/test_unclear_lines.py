"""A line of a bill that can be read in several ways is a matter of its own; its day is compared without it."""

from __future__ import annotations

from datetime import UTC, datetime

from checkout.orders.ledger import Payment
from checkout.reconciliation import bills, comparison
from checkout.reconciliation.bills import Bill
from checkout.reconciliation.comparison import Report
from tests.reconciliation.papers import packed, row, trades
from tests.reconciliation.shop import Shop, at
from tests.shared.factories import rows


def compared(shop: Shop, *listed: str) -> Report:
    """Yesterday with this bill."""
    bills.keep(shop.engine, Bill(shop.yesterday, datetime.now(UTC), None), packed(trades(listed)))
    return comparison.run(shop.resources, shop.yesterday)


def paid(shop: Shop) -> Payment:
    """Yesterday at noon."""
    payment = shop.paid()
    shop.notes(payment, "paid_at", at(shop.yesterday, 12))
    return payment


def open_alarms(shop: Shop) -> list[tuple[str, str]]:
    return [(one.kind, one.subject) for one in rows(shop.engine, "alarms") if one.resolved_at is None]


def test_a_payment_in_doubt_is_an_alarm_and_not_the_days(shop: Shop) -> None:
    clear, doubtful = paid(shop).out_trade_no, paid(shop).out_trade_no
    report = compared(shop, row(clear, "20.00"), row(doubtful, "20.00", buyer="甲,9.00"))
    assert report.is_clean, report.discrepancies
    assert (report.theirs.payments, report.theirs.payments_fen) == (1, 2000)
    assert open_alarms(shop) == [("bill_line_unclear", doubtful)]


def test_a_refund_in_doubt_is_an_alarm_and_not_the_days(shop: Shop) -> None:
    payment = paid(shop)
    number = shop.refund(payment, 500)
    shop.notes(payment, "finished_at", at(shop.yesterday, 13))
    refunded = row(payment.out_trade_no, "-5.00", kind="退款", request=number, buyer="甲,-4.00")
    assert compared(shop, row(payment.out_trade_no, "20.00"), refunded).is_clean
    assert open_alarms(shop) == [("bill_line_unclear", payment.out_trade_no)]


def test_what_is_missing_is_still_the_days(shop: Shop) -> None:
    missing, doubtful = paid(shop).out_trade_no, paid(shop).out_trade_no
    report = compared(shop, row(doubtful, "20.00", buyer="甲,9.00"))
    assert [(one.kind, one.out_trade_no) for one in report.discrepancies] == [("ours_only", missing)]
