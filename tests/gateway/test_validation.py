"""biz_content: what Alipay's field documentation allows and what it refuses."""

from typing import Any

import pytest

from tests.gateway.merchant import Merchant, new_order
from tests.gateway.process import HTTP, LocalAlipay


def precreate(merchant: Merchant, **changes: Any) -> dict[str, Any]:
    biz = {"out_trade_no": new_order(), "total_amount": "1.00", "subject": "袜子", **changes}
    wanted = {name: value for name, value in biz.items() if value is not None}
    return dict(merchant.server_api("alipay.trade.precreate", wanted))


@pytest.mark.parametrize("amount", ["0.01", "1", "1.5", 88.88, 7, "100000000", "100000000.00"])
def test_good_amounts_are_taken(merchant: Merchant, amount: str | float) -> None:
    assert precreate(merchant, total_amount=amount)["code"] == "10000"


@pytest.mark.parametrize("amount", ["0.00", "0.001", "-1", "1,00", "1e3", "", " 1", "一", True, [1]])
def test_bad_amounts_are_refused(merchant: Merchant, amount: object) -> None:
    answer = precreate(merchant, total_amount=amount)
    assert (answer["code"], answer["sub_code"]) == ("40004", "ACQ.INVALID_PARAMETER")


def test_more_than_a_hundred_million_is_refused(merchant: Merchant) -> None:
    assert precreate(merchant, total_amount="100000000.01")["sub_code"] == "ACQ.TOTAL_FEE_EXCEED"


@pytest.mark.parametrize(
    "changes",
    [
        {"out_trade_no": None},
        {"out_trade_no": "with-hyphen"},
        {"out_trade_no": "x" * 65},
        {"out_trade_no": "汉字"},
        {"out_trade_no": 7},
        {"subject": None},
        {"subject": "a/b"},
        {"subject": "a=b"},
        {"subject": "a&b"},
        {"subject": "x" * 257},
        {"subject": "\ud800"},
        {"product_code": "FAST_INSTANT_TRADE_PAY"},
        {"time_expire": "2026-13-01 00:00:00"},
        {"time_expire": "2099-01-01 00:00:00"},
        {"timeout_express": "0m"},
        {"timeout_express": "1.5h"},
        {"timeout_express": "16d"},
        {"passback_params": "x" * 513},
        {"enable_pay_channels": "balance", "disable_pay_channels": "credit"},
    ],
)
def test_what_does_not_fit_is_refused(merchant: Merchant, changes: dict[str, Any]) -> None:
    answer = precreate(merchant, **changes)
    assert (answer["code"], answer["sub_code"]) == ("40004", "ACQ.INVALID_PARAMETER")


@pytest.mark.parametrize("timeout", ["1m", "90m", "3h", "15d", "1c"])
def test_good_timeouts_are_taken(merchant: Merchant, timeout: str) -> None:
    assert precreate(merchant, timeout_express=timeout)["code"] == "10000"


def test_a_deadline_in_the_past_is_refused(merchant: Merchant) -> None:
    answer = precreate(merchant, time_expire="2020-01-01 00:00:00")
    assert answer["sub_code"] == "ACQ.NOW_TIME_AFTER_EXPIRE_TIME_ERROR"


def test_a_page_payment_needs_its_product_code(merchant: Merchant) -> None:
    text = HTTP.request("GET", merchant.page(new_order(), product_code="QUICK_WAP_WAY")).data.decode("gbk")
    assert "INVALID_PARAMETER" in text


def test_the_wap_product_code_can_be_the_official_one_alone(alipay: LocalAlipay, merchant: Merchant) -> None:
    link = f"{alipay.gateway_url}?{merchant.api_alipay_trade_wap_pay('袜子', new_order(), '1.00')}"
    assert b"/login" in HTTP.request("GET", link).data
    alipay.switch(wap_product_codes=["QUICK_WAP_WAY"])
    assert "INVALID_PARAMETER" in HTTP.request("GET", link).data.decode("gbk")


def test_unknown_keys_can_be_refused(alipay: LocalAlipay, merchant: Merchant) -> None:
    assert precreate(merchant, notify_url="http://shop.example/")["code"] == "10000"
    alipay.switch(unknown_biz_keys="refuse")
    assert precreate(merchant, notify_url="http://shop.example/")["sub_code"] == "ACQ.INVALID_PARAMETER"


def test_half_a_character_is_no_name(merchant: Merchant) -> None:
    assert merchant.api_alipay_trade_query(trade_no="\ud800")["sub_code"] == "ACQ.INVALID_PARAMETER"
    assert merchant.api_alipay_trade_close(out_trade_no="\udfff")["sub_code"] == "ACQ.INVALID_PARAMETER"


def test_a_query_needs_a_name(merchant: Merchant) -> None:
    answer = merchant.server_api("alipay.trade.query", {"query_options": ["fund_bill_list"]})
    assert answer["sub_code"] == "ACQ.INVALID_PARAMETER"
