"""Money that comes when nobody expects it any more: kept where that can be, else sent back in full."""

from __future__ import annotations

from checkout.db import transaction
from checkout.payments.trades import Rules
from checkout.stock import units
from tests.payments.scenes import scene
from tests.payments.shop import Shop
from tests.shared.factories import order, placed, row, stock_of, time_passes, topics


def test_it_reinstates_an_expired_order_whose_stock_is_there(shop: Shop) -> None:
    late = scene(shop, "expired").attempt
    shop.pay(late)
    shop.hear(late, "TRADE_SUCCESS")
    stored = order(shop.engine, late.order_id)
    assert (stored.status, stored.reason, stored.stock, stock_of(shop.engine)) == ("awaiting_shipment", None, "held", 9)
    assert topics(shop.engine, late.order_id)[-1] == "order.reinstated"
    shop.assert_sound()


def test_it_goes_back_when_the_stock_was_sold_meanwhile(shop: Shop) -> None:
    late = scene(shop, "expired").attempt
    placed(shop.engine, lines={"1": 10})
    shop.pay(late)
    shop.hear(late, "TRADE_SUCCESS")
    assert shop.send_refunds() == 1
    assert (order(shop.engine, late.order_id).reason, shop.row(late).status) == ("expired", "refunded")
    assert row(shop.engine, "refunds").source == "late"
    shop.assert_even(late)
    shop.assert_sound()


def test_it_goes_back_when_the_shop_says_so(shop: Shop) -> None:
    late = scene(shop, "expired").attempt
    shop.pay(late)
    shop.gateway.admin("POST", "notifies/resend", {"out_trade_no": late.out_trade_no})
    shop.gateway.wait_for_notify(late.out_trade_no, "acknowledged")
    assert shop.apply_notifies(Rules(reinstate=False)) == ["applied"]
    assert shop.send_refunds() == 1
    assert (order(shop.engine, late.order_id).reason, shop.row(late).status) == ("expired", "refunded")
    shop.assert_even(late)


def test_it_always_goes_back_after_a_cancel(shop: Shop) -> None:
    late = scene(shop, "cancelled").attempt
    shop.pay(late)
    shop.hear(late, "TRADE_SUCCESS")
    assert f"money_not_kept {late.id}" in shop.stuck()
    assert shop.send_refunds() == 1
    assert (order(shop.engine, late.order_id).reason, stock_of(shop.engine), shop.stuck()) == ("cancelled", 10, [])
    shop.assert_even(late)


def test_of_two_late_payments_one_reinstates_and_one_goes_back(shop: Shop) -> None:
    order_id = shop.order()
    both = shop.offered("page", order_id), shop.offered("wap", order_id)
    time_passes(shop.engine, order_id, minutes=33)
    shop.scan()
    for payment in both:
        shop.ask(payment)
    for payment in both:
        shop.pay(payment)
        shop.gateway.admin("POST", "notifies/resend", {"out_trade_no": payment.out_trade_no})
    for payment in both:
        shop.gateway.wait_for_notify(payment.out_trade_no, "acknowledged")
    shop.apply_notifies()
    assert shop.send_refunds() == 1
    assert sorted(shop.row(payment).status for payment in both) == ["paid", "refunded"]
    assert (order(shop.engine, order_id).status, stock_of(shop.engine)) == ("awaiting_shipment", 9)
    shop.assert_sound()


def test_a_restock_lets_late_money_reinstate(shop: Shop) -> None:
    late = scene(shop, "expired").attempt
    placed(shop.engine, lines={"1": 10})
    with transaction(shop.engine) as connection:
        units.add(connection, "1", 1)
    shop.pay(late)
    shop.hear(late, "TRADE_SUCCESS")
    assert (order(shop.engine, late.order_id).status, stock_of(shop.engine)) == ("awaiting_shipment", 0)


def test_a_reinstated_order_is_refunded_like_any_other(shop: Shop) -> None:
    late = scene(shop, "expired").attempt
    shop.pay(late)
    shop.hear(late, "TRADE_SUCCESS")
    shop.refund(late, 2000)
    shop.send_refunds()
    assert (order(shop.engine, late.order_id).reason, stock_of(shop.engine)) == ("refunded", 10)
    shop.assert_sound()


def test_a_trade_that_finishes_a_year_later_changes_nothing(shop: Shop) -> None:
    old = scene(shop, "completed").attempt
    time_passes(shop.engine, old.order_id, minutes=365 * 24 * 60)
    before = shop.seen(old.order_id)
    shop.finish(old)
    shop.hear(old, "TRADE_FINISHED")
    assert shop.seen(old.order_id) == before
