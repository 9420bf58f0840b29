"""Refunds: a fixed request number, cumulative amounts, and what is refused."""

from collections.abc import Callable, Iterator

import pytest

from tests.gateway.merchant import Listener, Merchant, new_order
from tests.gateway.process import LocalAlipay
from tests.shared.processes import eventually


@pytest.fixture
def order(alipay: LocalAlipay, merchant: Merchant) -> Iterator[str]:
    """A paid order of 10.00."""
    number = new_order()
    alipay.pay(pay_url=merchant.page(number, "10.00"))
    yield number


def refund(merchant: Merchant, order: str, amount: str, request: str = "", **more: object) -> dict[str, str]:
    if request:
        more["out_request_no"] = request
    return dict(merchant.api_alipay_trade_refund(amount, out_trade_no=order, **more))


def test_partial_refunds_add_up_and_the_last_closes_the_trade(
    alipay: LocalAlipay, merchant: Merchant, order: str
) -> None:
    first = refund(merchant, order, "3.00", "r1", refund_reason="少发一只")
    assert (first["fund_change"], first["refund_fee"]) == ("Y", "3.00")
    assert merchant.api_alipay_trade_query(out_trade_no=order)["trade_status"] == "TRADE_SUCCESS"
    alipay.skew(1)
    second = refund(merchant, order, "7.00", "r2")
    assert (second["fund_change"], second["refund_fee"]) == ("Y", "10.00")
    assert merchant.api_alipay_trade_query(out_trade_no=order)["trade_status"] == "TRADE_CLOSED"
    assert refund(merchant, order, "1.00", "r3")["sub_code"] == "ACQ.TRADE_HAS_CLOSE"


def test_the_same_request_again_moves_nothing(alipay: LocalAlipay, merchant: Merchant, order: str) -> None:
    refund(merchant, order, "3.00", "r1")
    again = refund(merchant, order, "3.00", "r1")
    assert (again["code"], again["fund_change"], again["refund_fee"]) == ("10000", "N", "3.00")
    assert alipay.trade(order)["refunded_amount"] == "3.00"


def test_the_same_request_with_another_amount_is_discordant(merchant: Merchant, order: str) -> None:
    refund(merchant, order, "3.00", "r1")
    answer = refund(merchant, order, "4.00", "r1")
    assert (answer["sub_code"], answer["sub_msg"]) == ("ACQ.DISCORDANT_REPEAT_REQUEST", "退款金额不一致")


def test_more_than_was_paid_is_refused(alipay: LocalAlipay, merchant: Merchant, order: str) -> None:
    assert refund(merchant, order, "10.01", "r1")["sub_code"] == "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL"
    alipay.switch(over_refund_code="ACQ.REASON_TRADE_REFUND_FEE_ERR")
    assert refund(merchant, order, "10.01", "r1")["sub_code"] == "ACQ.REASON_TRADE_REFUND_FEE_ERR"


def test_only_a_full_refund_goes_without_a_request_number(merchant: Merchant, order: str) -> None:
    assert refund(merchant, order, "1.00")["sub_code"] == "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL"
    assert refund(merchant, order, "10.00")["fund_change"] == "Y"
    found = merchant.api_alipay_trade_fastpay_refund_query(order, out_trade_no=order)
    assert (found["refund_status"], found["refund_amount"]) == ("REFUND_SUCCESS", "10.00")


def test_two_refunds_must_be_three_seconds_apart(start: Callable[[float], LocalAlipay]) -> None:
    alipay = start(0.01)  # No test takes the five minutes that three seconds are.
    merchant, order = Merchant(alipay.keys, alipay.gateway_url), new_order()
    alipay.pay(pay_url=merchant.page(order, "10.00"))
    refund(merchant, order, "1.00", "r1")
    assert refund(merchant, order, "1.00", "r2")["sub_code"] == "ACQ.SYSTEM_ERROR"
    assert alipay.trade(order)["refunded_amount"] == "1.00"
    alipay.skew(301)
    assert refund(merchant, order, "1.00", "r2")["fund_change"] == "Y"


def test_an_unpaid_trade_cannot_be_refunded(alipay: LocalAlipay, merchant: Merchant) -> None:
    order = new_order()
    assert refund(merchant, order, "1.00", "r1")["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    alipay.admin("POST", "login", {"pay_url": merchant.page(order)})
    assert refund(merchant, order, "1.00", "r1")["sub_code"] == "ACQ.TRADE_STATUS_ERROR"


def test_a_finished_trade_cannot_be_refunded(alipay: LocalAlipay, merchant: Merchant, order: str) -> None:
    assert alipay.admin("POST", "finish", {"out_trade_no": order})["trade_status"] == "TRADE_FINISHED"
    assert refund(merchant, order, "1.00", "r1")["sub_code"] == "ACQ.TRADE_HAS_FINISHED"
    assert merchant.api_alipay_trade_query(out_trade_no=order)["trade_status"] == "TRADE_FINISHED"


def test_a_refund_query_tells_one_refund(merchant: Merchant, order: str) -> None:
    refund(merchant, order, "3.00", "r1")
    found = merchant.api_alipay_trade_fastpay_refund_query("r1", out_trade_no=order)
    assert (found["refund_amount"], found["total_amount"]) == ("3.00", "10.00")
    assert found["refund_status"] == "REFUND_SUCCESS"


def test_a_refund_query_for_an_unknown_number_is_an_empty_success(merchant: Merchant, order: str) -> None:
    found = merchant.api_alipay_trade_fastpay_refund_query("never", out_trade_no=order)
    assert found == {"code": "10000", "msg": "Success"}
    missing = merchant.api_alipay_trade_fastpay_refund_query("r1", out_trade_no="nobody")
    assert missing["sub_code"] == "ACQ.TRADE_NOT_EXIST"


def test_a_refund_may_move_its_money_later(alipay: LocalAlipay, merchant: Merchant, order: str) -> None:
    alipay.fault("refund_pending", out_trade_no=order, times=1, seconds=3600)
    answer = refund(merchant, order, "3.00", "r1")
    assert (answer["code"], answer["fund_change"], answer["refund_fee"]) == ("10000", "N", "0.00")
    assert "refund_status" not in merchant.api_alipay_trade_fastpay_refund_query("r1", out_trade_no=order)
    assert refund(merchant, order, "8.00", "r2")["sub_code"] == "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL"
    assert alipay.trade(order)["refunded_amount"] == "0.00"


def test_a_refund_that_moves_its_money_later_does_so(alipay: LocalAlipay, merchant: Merchant, order: str) -> None:
    alipay.fault("refund_pending", out_trade_no=order, times=1, seconds=0.1)
    assert refund(merchant, order, "3.00", "r1")["fund_change"] == "N"

    def has_arrived() -> bool:
        return "refund_status" in merchant.api_alipay_trade_fastpay_refund_query("r1", out_trade_no=order)

    eventually(has_arrived, "the refund arrives")
    assert alipay.trade(order)["refunded_amount"] == "3.00"


def test_an_empty_account_refuses_until_it_is_filled(alipay: LocalAlipay, merchant: Merchant, order: str) -> None:
    alipay.fault("seller_balance_not_enough", out_trade_no=order, times=1)
    assert refund(merchant, order, "3.00", "r1")["sub_code"] == "ACQ.SELLER_BALANCE_NOT_ENOUGH"
    assert refund(merchant, order, "3.00", "r1")["fund_change"] == "Y"


def test_the_shop_hears_of_refunds(alipay: LocalAlipay, merchant: Merchant, listener: Listener) -> None:
    order = new_order()
    alipay.pay(pay_url=merchant.page(order, "10.00", notify_url=listener.url))
    listener.wait(1)
    refund(merchant, order, "4.00", "r1")
    listener.wait(2)
    alipay.skew(1)
    refund(merchant, order, "6.00", "r2")
    paid, partial, full = listener.wait(3)
    assert "refund_fee" not in paid
    assert (partial["trade_status"], partial["refund_fee"], partial["out_biz_no"]) == ("TRADE_SUCCESS", "4.00", "r1")
    assert (full["trade_status"], full["refund_fee"], full["out_biz_no"]) == ("TRADE_CLOSED", "10.00", "r2")
    assert partial["gmt_refund"][-4] == "."
    assert len({paid["notify_id"], partial["notify_id"], full["notify_id"]}) == 3


def test_a_refund_from_the_console_is_external(alipay: LocalAlipay, merchant: Merchant, listener: Listener) -> None:
    order = new_order()
    alipay.pay(pay_url=merchant.page(order, "10.00", notify_url=listener.url))
    listener.wait(1)
    made = alipay.admin("POST", "refund", {"out_trade_no": order, "amount": "2.50"})
    assert made["refunded_amount"] == "2.50"
    assert alipay.trade(order)["refunds"][0]["external"] is True
    assert listener.wait(2)[1]["out_biz_no"] == made["out_request_no"]
