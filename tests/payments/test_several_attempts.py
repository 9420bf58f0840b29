"""Several attempts of one order: one's money is kept, all other money goes back."""

from __future__ import annotations

import pytest

from checkout.orders.ledger import Payment
from checkout.payments import queries
from tests.payments.shop import Shop
from tests.shared.factories import RULES, order, rows, time_passes
from tests.shared.threads import at_once

METHODS = ("page", "wap", "app")


def paid_thrice(shop: Shop) -> list[Payment]:
    """Three attempts of one order, each of them paid; we do not know it yet."""
    order_id = shop.order()
    made = [shop.offered(method, order_id) for method in METHODS]
    for payment in made:
        shop.pay(payment)
    return made


def assert_one_is_kept(shop: Shop, made: list[Payment]) -> None:
    stored = [shop.row(payment) for payment in made]
    assert sorted((row.kept, row.status) for row in stored) == [(False, "paid")] * 2 + [(True, "paid")]
    assert shop.send_refunds() == 2
    assert {(refund.source, refund.amount_fen) for refund in rows(shop.engine, "refunds")} == {("double", 2000)}
    assert sorted(shop.row(payment).status for payment in made) == ["paid", "refunded", "refunded"]
    assert order(shop.engine, made[0].order_id).status == "awaiting_shipment"
    for payment in made:
        shop.assert_even(payment)
    shop.assert_sound()


def test_of_three_payments_the_first_is_kept(shop: Shop) -> None:
    made = paid_thrice(shop)
    for payment in reversed(made):
        shop.ask(payment)
    assert [shop.row(payment).kept for payment in made] == [False, False, True]
    assert_one_is_kept(shop, made)


def test_of_three_answers_at_once_one_is_kept(shop: Shop) -> None:
    made = paid_thrice(shop)
    turns = [due for payment in made if (due := shop.turn_of(payment))]
    at_once(lambda due: queries.ask(shop.engine, shop.alipay, due, RULES, 1), turns)
    assert_one_is_kept(shop, made)


def test_of_three_notifies_in_one_batch_one_is_kept(shop: Shop) -> None:
    made = paid_thrice(shop)
    for payment in made:
        shop.gateway.admin("POST", "notifies/resend", {"out_trade_no": payment.out_trade_no})
    for payment in made:
        shop.gateway.wait_for_notify(payment.out_trade_no, "acknowledged")
    assert shop.apply_notifies() == ["applied"] * 3
    assert_one_is_kept(shop, made)


def test_when_one_is_paid_the_others_are_closed_at_alipay(shop: Shop) -> None:
    order_id = shop.order()
    first, second = shop.offered("page", order_id), shop.offered("wap", order_id)
    shop.log_in(second)
    shop.pay(first)
    shop.ask(first)
    shop.ask(second)
    assert shop.gateway.trade(second.out_trade_no)["trade_status"] == "TRADE_CLOSED"
    assert shop.row(second).evidence == "closed_at_alipay"
    shop.gateway.admin("POST", "pay", shop.ways_in(second), status=409)


@pytest.mark.parametrize("is_living", [True, False])
def test_a_refunded_order_keeps_no_second_payment(shop: Shop, is_living: bool) -> None:
    payment = shop.paid()
    other = None
    if is_living:
        order_id = shop.order()
        payment, other = shop.offered("page", order_id), shop.offered("wap", order_id)
        shop.pay(payment)
        shop.ask(payment)
    shop.refund(payment, 2000)
    shop.send_refunds()
    assert order(shop.engine, payment.order_id).reason == "refunded"
    if other:
        shop.pay(other)
        shop.ask(other)
        assert shop.send_refunds() == 1
        shop.assert_even(other)
        assert order(shop.engine, payment.order_id).reason == "refunded"
    shop.assert_sound()


def test_stock_waits_for_every_attempt_of_an_expired_order(shop: Shop) -> None:
    order_id = shop.order()
    made = [shop.offered(method, order_id) for method in METHODS]
    time_passes(shop.engine, order_id, minutes=33)
    shop.scan()
    for payment in made:
        assert (order(shop.engine, order_id).stock, shop.seen(order_id).units) == ("held", 9)
        shop.ask(payment)
    assert (order(shop.engine, order_id).reason, shop.seen(order_id).units) == ("expired", 10)
    shop.assert_sound()
