"""Faults on demand: calls that fail before or after they were executed, and buyers with bad timing."""

import time
import urllib.error
from http.client import HTTPException
from typing import Any

import pytest

from tests.gateway.merchant import Merchant, new_order
from tests.gateway.process import HTTP, LocalAlipay
from tests.shared.processes import eventually

REFUND = "alipay.trade.refund"


@pytest.fixture
def order(alipay: LocalAlipay, merchant: Merchant) -> str:
    """A paid order of 10.00."""
    number = new_order()
    alipay.pay(pay_url=merchant.page(number, "10.00"))
    return number


def refund(merchant: Merchant, order: str) -> dict[str, Any]:
    return dict(merchant.api_alipay_trade_refund("4.00", out_trade_no=order, out_request_no="r1"))


@pytest.mark.parametrize(
    ("fault", "code", "sub_code", "moved"),
    [
        ("call_limited", "40005", "isv.app-call-limited", "0.00"),
        ("unknown_error_not_executed", "20000", "isp.unknow-error", "0.00"),
        ("unknown_error_executed", "20000", "isp.unknow-error", "4.00"),
        ("system_error_not_executed", "40004", "ACQ.SYSTEM_ERROR", "0.00"),
        ("system_error_executed", "40004", "ACQ.SYSTEM_ERROR", "4.00"),
    ],
)
def test_an_error_says_nothing_about_execution(
    alipay: LocalAlipay, merchant: Merchant, order: str, fault: str, code: str, sub_code: str, moved: str
) -> None:
    alipay.fault(fault, method=REFUND, out_trade_no=order, times=1)
    answer = refund(merchant, order)
    assert (answer["code"], answer["sub_code"]) == (code, sub_code)
    assert alipay.trade(order)["refunded_amount"] == moved
    assert refund(merchant, order)["refund_fee"] == "4.00"


@pytest.mark.parametrize(("fault", "moved"), [("timeout_executed", "4.00"), ("timeout_not_executed", "0.00")])
def test_a_connection_may_be_held_or_closed(
    alipay: LocalAlipay, merchant: Merchant, order: str, fault: str, moved: str
) -> None:
    impatient = Merchant(alipay.keys, alipay.gateway_url, timeout=0.5)
    rule = alipay.fault(fault, method=REFUND, out_trade_no=order, times=1, seconds=2)
    with pytest.raises(TimeoutError):
        refund(impatient, order)
    eventually(lambda: hits(alipay, rule) == 1 and alipay.trade(order)["refunded_amount"] == moved, "it has struck")
    alipay.fault(fault, method=REFUND, out_trade_no=order, times=1, how="close")
    with pytest.raises((urllib.error.URLError, HTTPException, ConnectionError)):
        refund(merchant, order)


def hits(alipay: LocalAlipay, rule: dict[str, Any]) -> int:
    return sum(one["hits"] for one in alipay.admin("GET", "faults")["faults"] if one["id"] == rule["id"])


def test_a_bad_gateway_answers_html(alipay: LocalAlipay, merchant: Merchant, order: str) -> None:
    alipay.fault("bad_gateway", times=1)
    with pytest.raises(urllib.error.HTTPError, match="502"):
        refund(merchant, order)


def test_the_buyer_pays_between_query_and_close(alipay: LocalAlipay, merchant: Merchant) -> None:
    order = new_order()
    alipay.admin("POST", "login", {"pay_url": merchant.page(order)})
    alipay.fault("buyer_pays_before_close", out_trade_no=order, times=1)
    assert merchant.api_alipay_trade_query(out_trade_no=order)["trade_status"] == "WAIT_BUYER_PAY"
    assert merchant.api_alipay_trade_close(out_trade_no=order)["sub_code"] == "ACQ.TRADE_STATUS_ERROR"
    assert merchant.api_alipay_trade_query(out_trade_no=order)["trade_status"] == "TRADE_SUCCESS"


def test_the_buyer_pays_after_the_close_found_nothing(alipay: LocalAlipay, merchant: Merchant) -> None:
    order = new_order()
    HTTP.request("GET", merchant.page(order))
    alipay.fault("buyer_pays_after_close", out_trade_no=order, times=1, seconds=0.1)
    assert merchant.api_alipay_trade_close(out_trade_no=order)["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    wait_until_paid(merchant, order)


def test_a_buyer_can_be_told_to_come_later(alipay: LocalAlipay, merchant: Merchant) -> None:
    order = new_order()
    alipay.pay(pay_url=merchant.page(order), after_seconds=0.1)
    wait_until_paid(merchant, order)


def wait_until_paid(merchant: Merchant, order: str) -> None:
    def is_paid() -> bool:
        return bool(merchant.api_alipay_trade_query(out_trade_no=order).get("trade_status") == "TRADE_SUCCESS")

    eventually(is_paid, "the buyer pays")


def test_a_rule_strikes_as_often_as_it_was_told(alipay: LocalAlipay, merchant: Merchant, order: str) -> None:
    alipay.fault("call_limited", method="alipay.trade.query", times=2)
    codes = [merchant.api_alipay_trade_query(out_trade_no=order)["code"] for _ in range(3)]
    assert codes == ["40005", "40005", "10000"]
    (rule,) = alipay.admin("GET", "faults")["faults"]
    assert (rule["fault"], rule["hits"]) == ("call_limited", 2)


def test_random_rules_repeat_with_their_seed(alipay: LocalAlipay, merchant: Merchant, order: str) -> None:
    def run(seed: int) -> list[str]:
        alipay.admin("DELETE", "faults")
        alipay.fault("call_limited", probability=0.5, seed=seed)
        return [merchant.api_alipay_trade_query(out_trade_no=order)["code"] for _ in range(20)]

    first = run(7)
    assert {"40005", "10000"} == set(first)
    assert run(7) == first
    assert run(8) != first


def test_one_rule_can_be_cleared(alipay: LocalAlipay, merchant: Merchant, order: str) -> None:
    rule = alipay.fault("call_limited")
    alipay.fault("bad_gateway", method="alipay.trade.cancel")
    assert alipay.admin("DELETE", f"faults/{rule['id']}") == {"cleared": 1}
    assert merchant.api_alipay_trade_query(out_trade_no=order)["code"] == "10000"
    assert len(alipay.admin("GET", "faults")["faults"]) == 1


def test_a_rule_that_does_not_exist_is_refused(alipay: LocalAlipay) -> None:
    alipay.admin("POST", "faults", {"fault": "earthquake"}, status=422)
    alipay.admin("POST", "faults", {"fault": "call_limited", "sometimes": True}, status=422)
    alipay.admin("PUT", "switches", {"triggers": "1999"}, status=422)
    alipay.admin("POST", "close-day", {"date": "yesterday"}, status=422)
    alipay.admin("POST", "clock", {}, status=422)


def test_the_clock_of_alipay_can_be_wrong(alipay: LocalAlipay, merchant: Merchant) -> None:
    alipay.skew(-3600)
    order = new_order()
    before = an_hour_ago()
    alipay.pay(pay_url=merchant.page(order))
    assert alipay.admin("GET", "clock")["skew_seconds"] == -3600
    assert before <= merchant.api_alipay_trade_query(out_trade_no=order)["send_pay_date"] <= an_hour_ago()


def an_hour_ago() -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() + 7 * 3600))
