"""The same money may be of another day by the other side's clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from checkout.audit import stuck
from checkout.db import transaction
from tests.reconciliation.shop import Shop, at, listed
from tests.shared import factories


def test_what_we_noted_before_midnight_waits_for_the_next_bill(shop: Shop) -> None:
    payment = shop.paid()
    shop.notes(payment, "paid_at", at(shop.yesterday, 23, 59, 58))
    report = shop.reconcile(shop.yesterday)
    assert listed(report) == [("ours_only", payment.out_trade_no, "")]
    assert (report.discrepancies[0].held, report.is_clean) == (True, True)
    with transaction(shop.engine) as connection:
        assert stuck.find(connection) == []
    assert shop.reconcile(shop.today).discrepancies == []
    assert factories.row(shop.engine, "discrepancies").resolved_at is not None


def test_what_the_next_bill_lacks_too_is_raised(shop: Shop) -> None:
    payment = shop.offered()
    shop.apply(payment)
    shop.notes(payment, "paid_at", at(shop.yesterday, 23, 59, 58))
    assert shop.reconcile(shop.yesterday).is_clean
    assert shop.reconcile(shop.today).is_clean
    raised = factories.row(shop.engine, "discrepancies")
    assert (raised.day, raised.held, raised.resolved_at) == (shop.yesterday, False, None)
    assert not shop.reconcile(shop.yesterday).is_clean


def test_what_waits_for_a_bill_that_never_comes_is_raised(shop: Shop) -> None:
    payment, day = shop.offered(), shop.today - timedelta(days=4)
    shop.apply(payment)
    shop.notes(payment, "paid_at", at(day, 23, 59, 58))
    assert not shop.reconcile(day).is_clean


def test_what_we_heard_after_midnight_is_on_the_bill_before(shop: Shop) -> None:
    payment = shop.offered()
    since = datetime.now(UTC) - at(shop.yesterday, 23, 59)
    factories.time_passes(shop.engine, payment.order_id, minutes=since.total_seconds() / 60)
    shop.gateway.skew(-since.total_seconds())
    shop.pay(payment)
    shop.gateway.skew(0)
    shop.hear(payment)
    shop.notes(payment, "paid_at", at(shop.today, 0, 0, 3))
    assert shop.reconcile(shop.yesterday).is_clean
    assert shop.reconcile(shop.today).discrepancies == []
