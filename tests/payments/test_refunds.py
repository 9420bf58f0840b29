"""Refunds: exact to the fen, once each, whoever asks how often, and also when they were made elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from checkout.db import transaction
from checkout.errors import NotShippable
from checkout.orders import shipping
from checkout.orders.ledger import Payment
from checkout.payments import refund_calls
from tests.payments.shop import Shop
from tests.shared.factories import order, row, rows, stock_of, topics
from tests.shared.threads import at_once


def ask_for(shop: Shop, payment: Payment, amount: str, key: str = "") -> Any:
    body = {"amount": amount, "reason": "尺码不对"}
    return shop.call("POST", f"/v1/orders/{payment.order_id}/refunds", body, user=0, key=key)


def test_a_part_goes_back_and_the_order_goes_on(shop: Shop) -> None:
    payment = shop.paid()
    answer = ask_for(shop, payment, "5.00")
    assert (answer.status, answer.json()["status"], answer.json()["source"]) == (202, "requested", "operator")
    assert shop.send_refunds() == 1
    shown = shop.call("GET", f"/v1/refunds/{answer.json()['id']}").json()
    assert (shown["status"], shown["amount"]) == ("succeeded", "5.00")
    assert order(shop.engine, payment.order_id).status == "awaiting_shipment"
    assert topics(shop.engine, payment.order_id)[-2:] == ["refund.requested", "refund.succeeded"]
    shop.assert_even(payment)


def test_parts_that_sum_to_everything_close_the_order_and_return_its_stock(shop: Shop) -> None:
    payment = shop.paid()
    for amount in ("0.01", "14.99", "5.00"):
        assert order(shop.engine, payment.order_id).status == "awaiting_shipment"
        assert ask_for(shop, payment, amount).status == 202
        assert shop.send_refunds() == 1
    stored = order(shop.engine, payment.order_id)
    assert (stored.status, stored.reason, stock_of(shop.engine)) == ("closed", "refunded", 10)
    assert shop.gateway.trade(payment.out_trade_no)["trade_status"] == "TRADE_CLOSED"
    shop.assert_even(payment)
    shop.assert_sound()


def test_stock_that_has_left_does_not_return(shop: Shop) -> None:
    payment = shop.paid()
    with transaction(shop.engine) as connection:
        shipping.ship(connection, payment.order_id)
    shop.refund(payment, 2000)
    shop.send_refunds()
    assert (order(shop.engine, payment.order_id).reason, stock_of(shop.engine)) == ("refunded", 9)


def test_goods_do_not_leave_while_all_of_their_money_is_on_its_way_back(shop: Shop) -> None:
    payment = shop.paid()
    refund = shop.refund(payment, 1900)
    with transaction(shop.engine) as connection:
        assert shipping.ship(connection, payment.order_id)
    other = shop.paid()
    shop.refund(other, 2000)
    with pytest.raises(NotShippable), transaction(shop.engine) as connection:
        shipping.ship(connection, other.order_id)
    shop.send_refunds()
    assert (order(shop.engine, other.order_id).reason, stock_of(shop.engine)) == ("refunded", 9)
    assert row(shop.engine, "refunds", id=refund.id).status == "succeeded"


def test_more_than_was_paid_is_refused(shop: Shop) -> None:
    payment = shop.paid()
    assert ask_for(shop, payment, "15.00").status == 202
    answer = ask_for(shop, payment, "5.01")
    assert (answer.status, answer.json()["code"]) == (422, "refund_exceeds_paid")
    assert ask_for(shop, payment, "5.00").status == 202


def test_refunds_at_the_same_instant_never_exceed_what_was_paid(shop: Shop) -> None:
    payment = shop.paid()
    answers = at_once(lambda _: ask_for(shop, payment, "3.00").status, range(12))
    assert sorted(answers) == [202] * 6 + [422] * 6
    shop.send_refunds()
    assert shop.row(payment).refunded_fen == 1800
    shop.assert_even(payment)
    shop.assert_sound()


def test_the_same_key_is_the_same_refund(shop: Shop) -> None:
    payment = shop.paid()
    first, *others = at_once(lambda _: ask_for(shop, payment, "3.00", key="once").json()["id"], range(6))
    assert set(others) == {first}
    again = ask_for(shop, payment, "4.00", key="once")
    assert (again.status, again.json()["code"]) == (422, "idempotency_key_reused")
    assert shop.row(payment).refunding_fen == 300


def test_two_workers_send_one_refund_once(shop: Shop) -> None:
    payment = shop.paid()
    shop.refund(payment, 500)
    with transaction(shop.engine) as connection:
        due = refund_calls.claim(connection, 1)
    assert due
    late = due._replace(tries=2)  # The lease was over before the first had its answer.
    at_once(lambda turn: refund_calls.send(shop.engine, shop.alipay, turn, 1), [due, late])
    shop.send_refunds()
    assert [refund["amount"] for refund in shop.gateway.trade(payment.out_trade_no)["refunds"]] == ["5.00"]
    assert (shop.row(payment).refunded_fen, shop.row(payment).refunding_fen) == (500, 0)


def test_refunds_of_one_trade_are_three_seconds_apart(shop: Shop) -> None:
    payment, other = shop.paid(), shop.paid(user_id=2)
    for refunded in (payment, payment, other):
        shop.refund(refunded, 500)
    with transaction(shop.engine) as connection:
        claimed = [refund_calls.claim(connection, 1) for _ in range(3)]
    assert [due and due.order_id for due in claimed] == [payment.order_id, other.order_id, None]


def test_alipay_that_finds_two_refunds_too_close_gets_the_second_again(shop: Shop) -> None:
    payment = shop.paid()
    shop.refund(payment, 500), shop.refund(payment, 300)
    shop.gateway.skew(60)
    assert shop.send_refunds() >= 1
    shop.gateway.skew(59.999)  # Alipay's clock has hardly moved on since the first.
    shop.send_refunds()
    shop.gateway.skew(120)
    shop.send_refunds()
    assert shop.row(payment).refunded_fen == 800
    assert len(shop.gateway.trade(payment.out_trade_no)["refunds"]) == 2


def test_refunds_made_in_the_console_are_taken_in_and_leave_less(shop: Shop) -> None:
    payment = shop.paid()
    shop.refund_in_console(payment, "12.00")
    shop.hear(payment, "REFUND")
    refund = row(shop.engine, "refunds")
    assert (refund.source, refund.status, refund.amount_fen) == ("external", "succeeded", 1200)
    assert ask_for(shop, payment, "8.01").status == 422
    assert ask_for(shop, payment, "8.00").status == 202
    shop.send_refunds()
    assert order(shop.engine, payment.order_id).reason == "refunded"
    shop.assert_even(payment)


def test_ours_and_the_consoles_are_told_apart_by_their_sum(shop: Shop) -> None:
    payment = shop.paid()
    shop.refund(payment, 500)
    shop.send_refunds()
    shop.refund_in_console(payment, "3.00")
    shop.hear(payment, "REFUND")
    booked = [(refund.source, refund.amount_fen) for refund in rows(shop.engine, "refunds")]
    assert booked == [("operator", 500), ("external", 300)]
    shop.assert_even(payment)
    shop.assert_sound()
