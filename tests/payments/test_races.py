"""Buyers with bad timing, and news that overtakes each other."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from checkout.alipay.client import Refused
from checkout.db import sql, transaction
from checkout.orders import closing
from checkout.payments import queries
from tests.payments.scenes import scene
from tests.payments.shop import HTTP, Shop
from tests.shared.factories import RULES, order, stock_of, time_passes, topics
from tests.shared.threads import at_once


def test_who_pays_between_our_query_and_our_close_has_bought(shop: Shop) -> None:
    late = scene(shop, "closing").attempt
    shop.log_in(late)
    shop.gateway.fault("buyer_pays_before_close", times=1)
    shop.ask(late)
    assert order(shop.engine, late.order_id).stock == "held"
    shop.ask(late)
    assert (order(shop.engine, late.order_id).status, stock_of(shop.engine)) == ("awaiting_shipment", 9)
    shop.assert_even(late)
    shop.assert_sound()


def test_who_pays_after_a_close_that_found_nothing_has_bought(shop: Shop) -> None:
    late = scene(shop, "closing").attempt
    shop.gateway.fault("buyer_pays_after_close", times=1, seconds=0)
    shop.gateway.admin("POST", "open", shop.ways_in(late))
    refusal = shop.alipay.close(late.out_trade_no)
    assert isinstance(refusal, Refused)
    assert refusal.code == "TRADE_NOT_EXIST"
    shop.gateway.wait_for_notify(late.out_trade_no, "lost")
    assert order(shop.engine, late.order_id).stock == "held"
    shop.ask(late)
    assert (order(shop.engine, late.order_id).status, stock_of(shop.engine)) == ("awaiting_shipment", 9)
    shop.assert_even(late)


def test_a_missing_trade_is_judged_by_when_it_was_asked_for(shop: Shop) -> None:
    """The answer took so long that `payable_until` has passed meanwhile; when it was given, the buyer could pay."""
    late = scene(shop, "closing").attempt
    due = shop.turn_of(late)
    assert due
    with transaction(shop.engine) as connection:
        connection.execute(sql("UPDATE payments SET payable_until = now()"))
    queries.ask(shop.engine, shop.alipay, due, RULES, 1)
    assert (shop.row(late).status, stock_of(shop.engine)) == ("open", 9)
    shop.pay(late)
    shop.ask(late)
    assert order(shop.engine, late.order_id).status == "awaiting_shipment"


def test_the_notify_may_come_before_the_browser(shop: Shop) -> None:
    payment = shop.offered("page")
    back = shop.pay(payment)["return_url"]
    shop.hear(payment, "TRADE_SUCCESS")
    answer = HTTP.request("GET", back, redirect=False)
    assert (answer.status, answer.headers["Location"]) == (
        302,
        f"{shop.settings.shop_url}/orders/{payment.order_id}",
    )
    assert order(shop.engine, payment.order_id).status == "awaiting_shipment"


def test_the_browser_that_comes_first_proves_nothing_but_has_alipay_asked_soon(shop: Shop) -> None:
    payment = shop.offered("page")
    back = shop.pay(payment)["return_url"]
    with transaction(shop.engine) as connection:
        connection.execute(sql("UPDATE payments SET due_at = now() + interval '1 hour'"))
    assert HTTP.request("GET", back, redirect=False).status == 302
    assert order(shop.engine, payment.order_id).status == "awaiting_payment"
    with transaction(shop.engine) as connection:
        soon = connection.execute(sql("SELECT due_at < now() + interval '10 seconds' FROM payments")).scalar_one()
    assert soon


def test_a_return_that_alipay_has_not_signed_leads_to_the_shop_and_nothing_more(shop: Shop) -> None:
    payment = shop.offered("page")
    back = urlsplit(shop.pay(payment)["return_url"])
    altered = back._replace(query=back.query.replace("total_amount=20.00", "total_amount=0.01")).geturl()
    answer = HTTP.request("GET", altered, redirect=False)
    assert (answer.status, answer.headers["Location"]) == (302, shop.settings.shop_url)


@pytest.mark.parametrize("step", ["cancel", "expire"])
def test_money_and_the_closing_of_its_order_at_the_same_instant_end_well(shop: Shop, step: str) -> None:
    payment = shop.offered()
    if step == "expire":
        time_passes(shop.engine, payment.order_id, minutes=31)
    shop.pay(payment)

    def closes() -> None:
        with transaction(shop.engine) as connection:
            if step == "expire":
                closing.expire(connection, 10)
            elif order(shop.engine, payment.order_id).status == "awaiting_payment":
                _cancel_or_not(shop, payment.order_id)

    at_once(lambda act: act(), [lambda: shop.ask(payment), closes])
    shop.send_refunds()
    stored = order(shop.engine, payment.order_id)
    assert stored.status == "awaiting_shipment" or (stored.reason, shop.row(payment).status) == (
        "cancelled",
        "refunded",
    )
    shop.assert_even(payment)
    shop.assert_sound()


def _cancel_or_not(shop: Shop, order_id: int) -> None:
    answer = shop.call("POST", f"/v1/orders/{order_id}/cancel")
    assert answer.status in (200, 409)


def test_a_refund_notify_that_overtakes_the_payments_own_leaves_nothing_kept(shop: Shop) -> None:
    payment = shop.offered()
    shop.pay(payment)
    shop.refund_in_console(payment)
    shop.hear(payment, "REFUND")
    shop.hear(payment, "TRADE_SUCCESS")
    stored = order(shop.engine, payment.order_id)
    assert (stored.status, stored.reason, stock_of(shop.engine)) == ("closed", "refunded", 10)
    assert topics(shop.engine, payment.order_id).count("order.paid") == 1
    shop.assert_even(payment)
    shop.assert_sound()
