"""Mini-programs, order codes and installments: what is their own beside the other ways to pay."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from checkout.alipay.client import Refused
from tests.payments.shop import Shop
from tests.payments.test_methods import the_attempt
from tests.shared.answers import Answers
from tests.shared.factories import OPEN_ID, attempts, order, row, stock_of, time_passes
from tests.shared.processes import HTTP

USER_ID = "2088102169345678"


def ask(shop: Shop, order_id: int, method: str = "mini", **members: Any) -> Any:
    return shop.call("POST", f"/v1/orders/{order_id}/payments", {"method": method} | members)


@pytest.mark.parametrize("buyer", [{"buyer_open_id": OPEN_ID}, {"buyer_id": USER_ID}])
def test_a_mini_program_gets_a_trade_that_exists_at_once(shop: Shop, buyer: dict[str, str]) -> None:
    order_id = shop.order()
    body = ask(shop, order_id, **buyer).json()
    trade = shop.gateway.trade(body["out_trade_no"])
    assert (trade["trade_no"], trade["trade_status"], trade["product"]) == (body["trade_no"], "WAIT_BUYER_PAY", "mini")
    assert ask(shop, order_id, **buyer).json() == body
    shop.gateway.pay(trade_no=body["trade_no"])  # As my.tradePay does.
    shop.hear(the_attempt(shop, order_id), "TRADE_SUCCESS")
    assert order(shop.engine, order_id).status == "awaiting_shipment"
    shop.assert_sound()


def test_another_buyer_is_another_attempt(shop: Shop) -> None:
    order_id = shop.order()
    first = ask(shop, order_id, buyer_open_id=OPEN_ID).json()
    second = ask(shop, order_id, buyer_id=USER_ID).json()
    assert first["out_trade_no"] != second["out_trade_no"]
    assert ask(shop, order_id, buyer_open_id=OPEN_ID).json() == first


@pytest.mark.parametrize("fault", ["timeout_executed", "timeout_not_executed", "system_error_executed", "call_limited"])
def test_an_unknown_answer_is_asked_for_again_under_the_same_number(shop: Shop, fault: str) -> None:
    order_id = shop.order()
    shop.gateway.fault(fault, method="alipay.trade.create", times=1, how="close")
    lost = ask(shop, order_id, buyer_open_id=OPEN_ID)
    assert (lost.status, lost.json()["code"]) == (503, "unavailable")
    made = ask(shop, order_id, buyer_open_id=OPEN_ID).json()
    [attempt] = attempts(shop.engine, order_id)
    assert (attempt.out_trade_no, attempt.trade_no) == (made["out_trade_no"], made["trade_no"])
    assert shop.gateway.trade(made["out_trade_no"])["trade_no"] == made["trade_no"]
    shop.assert_sound()


def test_a_refusal_is_told_with_alipays_code(shop: Shop) -> None:
    answer = ask(shop, shop.order(), buyer_id=shop.settings.alipay_seller_id)
    assert (answer.status, answer.json()["code"]) == (409, "alipay_refuses")
    assert "BUYER_SELLER_EQUAL" in answer.json()["detail"]


def test_a_cancelled_trade_is_closed_at_once(shop: Shop) -> None:
    """It exists, so nobody waits for `payable_until`."""
    payment = shop.offered("mini")
    shop.cancel(payment.order_id)
    assert stock_of(shop.engine) == 9
    shop.ask(payment)
    assert (shop.row(payment).evidence, stock_of(shop.engine)) == ("closed_at_alipay", 10)
    assert shop.gateway.trade(payment.out_trade_no)["trade_status"] == "TRADE_CLOSED"


def test_a_trade_that_alipay_denies_is_never_taken_for_unborn(shop: Shop) -> None:
    payment = shop.offered("mini")
    shop.cancel(payment.order_id)
    time_passes(shop.engine, payment.order_id, minutes=40)
    shop.ask(payment, Answers(Refused("TRADE_NOT_EXIST", "")))
    assert (shop.row(payment).status, stock_of(shop.engine)) == ("open", 9)
    assert f"trade_missing {payment.out_trade_no}" in shop.stuck()
    shop.ask(payment)
    assert (shop.row(payment).status, shop.stuck()) == ("closed", [])


def test_an_order_code_is_a_contract_of_its_own(shop: Shop) -> None:
    order_id = shop.order()
    body = ask(shop, order_id, "order_code").json()
    shop.gateway.pay(qr_code=body["qr_code"])
    assert shop.gateway.trade(body["out_trade_no"])["product"] == "order_code"
    other = ask(shop, shop.order(), "qr").json()
    shop.gateway.pay(qr_code=other["qr_code"])
    assert shop.gateway.trade(other["out_trade_no"])["product"] == "qr"


@pytest.mark.parametrize("method", ["page", "wap", "app"])
@pytest.mark.parametrize("number", [3, 6, 12])
def test_installments_reach_alipay_and_stand_in_the_attempt(shop: Shop, method: str, number: int) -> None:
    order_id = shop.order()
    body = ask(shop, order_id, method, installments=number).json()
    assert body["installments"] == number
    way = {"order_string" if method == "app" else "pay_url": body.get("pay_url") or body.get("order_string")}
    query = way.get("order_string") or urlsplit(str(way["pay_url"])).query
    biz = json.loads(parse_qs(query)["biz_content"][0])
    assert biz["extend_params"] == {"hb_fq_num": str(number), "hb_fq_seller_percent": "0"}
    assert shop.gateway.pay(**way)["installments"] == str(number)
    [told] = shop.gateway.notifies(body["out_trade_no"])
    assert json.loads(told["params"]["hb_fq_pay_info"]) == {"user_install_num": str(number)}
    shop.hear(the_attempt(shop, order_id), "TRADE_SUCCESS")
    assert order(shop.engine, order_id).status == "awaiting_shipment"
    listed = shop.call("GET", f"/v1/orders/{order_id}/payments").json()["payments"]
    assert listed[0]["installments"] == number


def test_who_leaves_a_phones_cashier_is_at_his_order_again(shop: Shop) -> None:
    order_id = shop.order()
    way = {"pay_url": ask(shop, order_id, "wap").json()["pay_url"]}
    cashier = shop.gateway.admin("POST", "open", way)["cashier_url"]
    left = HTTP.request("POST", f"{cashier}/leave", redirect=False)
    assert left.headers["Location"] == f"{shop.settings.shop_url}/orders/{order_id}"
    assert order(shop.engine, order_id).status == "awaiting_payment"


def test_other_installments_are_another_attempt(shop: Shop) -> None:
    order_id = shop.order()
    bodies = [ask(shop, order_id, "wap", **more).json() for more in ({}, {"installments": 3}, {"installments": 12}, {})]
    numbers = [body["out_trade_no"] for body in bodies]
    assert (len(set(numbers)), numbers[0] == numbers[3]) == (3, True)
    assert "installments" not in bodies[0]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"method": "mini"}, "buyer_open_id"),
        ({"method": "mini", "buyer_open_id": OPEN_ID, "buyer_id": USER_ID}, "buyer_open_id"),
        ({"method": "mini", "buyer_id": "1" * 16}, "buyer_id"),
        ({"method": "mini", "buyer_open_id": ""}, "buyer_open_id"),
        ({"method": "mini", "buyer_open_id": "a b"}, "buyer_open_id"),
        ({"method": "mini", "buyer_open_id": OPEN_ID, "installments": 3}, "installments"),
        ({"method": "page", "buyer_open_id": OPEN_ID}, "buyer_open_id"),
        ({"method": "qr", "installments": 3}, "installments"),
        ({"method": "wap", "installments": 4}, "installments"),
        ({"method": "wap", "installments": "3"}, "installments"),
        ({"method": "cash"}, "method"),
    ],
)
def test_what_does_not_fit_is_told_with_its_path(shop: Shop, body: dict[str, Any], path: str) -> None:
    order_id = shop.order()
    answer = shop.call("POST", f"/v1/orders/{order_id}/payments", body)
    assert (answer.status, answer.json()["errors"][0]["path"]) == (422, path), answer.data
    assert row(shop.engine, "payments", order_id=order_id).method is None


def test_answers_and_notifies_may_know_open_ids_alone(shop: Shop) -> None:
    shop.gateway.switch(buyer_ids="open_id")
    payment = shop.offered()
    shop.pay(payment)
    shop.hear(payment, "TRADE_SUCCESS")
    [told] = shop.gateway.notifies(payment.out_trade_no)
    assert ("buyer_id" in told["params"], told["params"]["buyer_open_id"]) == (False, OPEN_ID)
    assert order(shop.engine, payment.order_id).status == "awaiting_shipment"
    shop.assert_sound()
