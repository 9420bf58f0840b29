"""All ways to pay: what the buyer is given, and that Alipay takes it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from checkout import clock
from checkout.db import transaction
from checkout.orders.ledger import Payment, attempts_of
from tests.payments.shop import Shop
from tests.shared.factories import OPEN_ID, attempts, order

GIVEN = {
    "page": "pay_url",
    "wap": "pay_url",
    "app": "order_string",
    "qr": "qr_code",
    "order_code": "qr_code",
    "mini": "trade_no",
}
METHODS = sorted(GIVEN)


def ask_for(shop: Shop, order_id: int, method: str) -> Any:
    buyer = {"buyer_open_id": OPEN_ID} if method == "mini" else {}
    return shop.call("POST", f"/v1/orders/{order_id}/payments", {"method": method} | buyer)


def the_attempt(shop: Shop, order_id: int, n: int = 1) -> Payment:
    with transaction(shop.engine) as connection:
        return attempts_of(connection, order_id)[n - 1]


@pytest.mark.parametrize("method", METHODS)
def test_each_method_is_paid_at_alipay_and_kept(shop: Shop, method: str) -> None:
    order_id = shop.order()
    answer = ask_for(shop, order_id, method)
    body = answer.json()
    assert (answer.status, body["method"], body["status"], body["amount"]) == (201, method, "open", "20.00")
    assert {name for name in GIVEN.values() if name in body} == {GIVEN[method]}
    paid = shop.gateway.pay(**{GIVEN[method]: body[GIVEN[method]]})
    assert (paid["product"], paid["out_trade_no"]) == (method, body["out_trade_no"])
    shop.ask(the_attempt(shop, order_id))
    assert order(shop.engine, order_id).status == "awaiting_shipment"
    shop.assert_sound()


@pytest.mark.parametrize("method", METHODS)
def test_alipay_takes_money_until_pay_before_and_not_longer(shop: Shop, method: str) -> None:
    order_id = shop.order()
    body = ask_for(shop, order_id, method).json()
    expires_at = datetime.fromisoformat(body["expires_at"])
    assert expires_at == order(shop.engine, order_id).pay_before.replace(microsecond=expires_at.microsecond)
    way = {GIVEN[method]: body[GIVEN[method]]}
    trade = shop.gateway.admin("POST", "login", way)["trade"]
    if method != "app":  # Its trade is born with the password.
        assert trade["expires_at"] == clock.beijing(expires_at)
    shop.gateway.skew(30 * 60)
    shop.gateway.admin("POST", "pay", way, status=409)


@pytest.mark.parametrize("method", METHODS)
def test_a_live_attempt_is_handed_out_again_as_it_was(shop: Shop, method: str) -> None:
    order_id = shop.order()
    first, again = (ask_for(shop, order_id, method).json() for _ in range(2))
    assert first == again
    assert len(attempts(shop.engine, order_id)) == 1


def test_another_method_is_another_attempt_with_a_number_of_its_own(shop: Shop) -> None:
    order_id = shop.order()
    numbers = {ask_for(shop, order_id, method).json()["out_trade_no"] for method in METHODS}
    assert len(numbers) == len(METHODS)
    assert all(number.isalnum() and len(number) <= 64 for number in numbers)


@pytest.mark.parametrize(
    "fault", ["timeout_executed", "system_error_not_executed", "unknown_error_executed", "bad_gateway", "call_limited"]
)
def test_an_unknown_code_is_a_503_and_the_next_request_makes_another_attempt(shop: Shop, fault: str) -> None:
    order_id = shop.order()
    shop.gateway.fault(fault, method="alipay.trade.precreate", times=1, how="close")
    lost = ask_for(shop, order_id, "qr")
    assert (lost.status, lost.json()["code"], "Retry-After" in lost.headers) == (503, "unavailable", True)
    made = ask_for(shop, order_id, "qr").json()
    old, new = attempts(shop.engine, order_id)
    assert (old.status, old.due_at is not None, old.qr_code) == ("open", True, None)
    assert (new.out_trade_no, new.qr_code) == (made["out_trade_no"], made["qr_code"])
    assert ask_for(shop, order_id, "qr").json() == made
    shop.assert_sound()


def test_money_for_a_code_whose_answer_was_lost_is_found(shop: Shop) -> None:
    order_id = shop.order()
    shop.gateway.fault("timeout_executed", method="alipay.trade.precreate", times=1, how="close")
    assert ask_for(shop, order_id, "qr").status == 503
    old = the_attempt(shop, order_id)
    shop.gateway.pay(out_trade_no=old.out_trade_no)
    shop.ask(old)
    assert order(shop.engine, order_id).status == "awaiting_shipment"
    shop.assert_even(old)


def test_an_order_that_waits_for_no_money_gives_no_attempt(shop: Shop) -> None:
    cancelled = shop.order()
    shop.cancel(cancelled)
    for order_id in (shop.paid().order_id, cancelled, shop.order(pay_method="cash")):
        answer = ask_for(shop, order_id, "page")
        assert (answer.status, answer.json()["code"]) == (409, "not_payable")
