"""QR codes, phones and apps: the same trades, born at other moments."""

from tests.gateway.merchant import Merchant, new_order
from tests.gateway.process import HTTP, LocalAlipay


def qr_code(merchant: Merchant, order: str, **more: str) -> str:
    answer = merchant.api_alipay_trade_precreate("一双袜子", order, "9.90", **more)
    assert answer["code"] == "10000", answer
    return str(answer["qr_code"])


def status(merchant: Merchant, order: str) -> str:
    answer = merchant.api_alipay_trade_query(out_trade_no=order)
    return str(answer.get("trade_status") or answer["sub_code"])


def test_a_qr_code_leads_to_the_cashier_and_the_scan_makes_the_trade(alipay: LocalAlipay, merchant: Merchant) -> None:
    order = new_order()
    code = qr_code(merchant, order)
    page = HTTP.request("GET", code).data.decode()
    assert status(merchant, order) == "ACQ.TRADE_NOT_EXIST"
    login = page.split('action="')[1].split('"')[0]
    HTTP.request("POST", alipay.url + login)
    assert status(merchant, order) == "WAIT_BUYER_PAY"
    assert alipay.pay(qr_code=code)["trade_status"] == "TRADE_SUCCESS"
    assert merchant.api_alipay_trade_precreate("一双袜子", order, "9.90")["sub_code"] == "ACQ.TRADE_HAS_SUCCESS"


def test_the_same_order_asked_twice_gets_the_same_code_or_a_refusal(alipay: LocalAlipay, merchant: Merchant) -> None:
    order = new_order()
    assert qr_code(merchant, order) == qr_code(merchant, order)
    alipay.switch(qr_repeat="refuse")
    answer = merchant.api_alipay_trade_precreate("一双袜子", order, "9.90")
    assert answer["sub_code"] == "ACQ.APPLY_PC_MERCHANT_CODE_ERROR"


def test_a_qr_code_is_worthless_after_two_hours(alipay: LocalAlipay, merchant: Merchant) -> None:
    order = new_order()
    code = qr_code(merchant, order, timeout_express="1d")
    alipay.skew(7201)
    alipay.admin("POST", "pay", {"qr_code": code}, status=409)
    assert status(merchant, order) == "ACQ.TRADE_NOT_EXIST"


def test_an_inconsistent_precreate_is_refused(alipay: LocalAlipay, merchant: Merchant) -> None:
    order = new_order()
    alipay.admin("POST", "login", {"qr_code": qr_code(merchant, order)})
    answer = merchant.api_alipay_trade_precreate("一双袜子", order, "9.91")
    assert answer["sub_code"] == "ACQ.CONTEXT_INCONSISTENT"


def test_a_closed_precreate_needs_a_new_number(alipay: LocalAlipay, merchant: Merchant) -> None:
    order = new_order()
    alipay.admin("POST", "login", {"qr_code": qr_code(merchant, order)})
    merchant.api_alipay_trade_close(out_trade_no=order)
    assert merchant.api_alipay_trade_precreate("一双袜子", order, "9.90")["sub_code"] == "ACQ.TRADE_HAS_CLOSE"


def test_an_app_trade_is_born_with_the_payment_password(alipay: LocalAlipay, merchant: Merchant) -> None:
    order = new_order()
    order_string = merchant.api_alipay_trade_app_pay("一双袜子", order, "3.00")
    assert alipay.admin("POST", "open", {"order_string": order_string})["cashier_url"].startswith(alipay.url)
    assert alipay.admin("POST", "login", {"order_string": order_string})["trade"] is None
    assert status(merchant, order) == "ACQ.TRADE_NOT_EXIST"
    alipay.pay(order_string=order_string)
    assert status(merchant, order) == "TRADE_SUCCESS"


def test_an_app_trade_can_be_born_at_login(alipay: LocalAlipay, merchant: Merchant) -> None:
    alipay.switch(app_trade_born="login")
    order = new_order()
    alipay.admin("POST", "login", {"order_string": merchant.api_alipay_trade_app_pay("一双袜子", order, "3.00")})
    assert status(merchant, order) == "WAIT_BUYER_PAY"


def test_a_phone_page_goes_back_to_the_shop(alipay: LocalAlipay, merchant: Merchant) -> None:
    order = new_order()
    request = merchant.api_alipay_trade_wap_pay(
        "一双袜子", order, "3.00", return_url="http://shop.example/back", quit_url="http://shop.example/quit"
    )
    page = HTTP.request("GET", f"{alipay.gateway_url}?{request}").data.decode()
    token = page.split('action="/cashier/')[1].split("/")[0]
    left = HTTP.request("POST", f"{alipay.url}/cashier/{token}/leave", redirect=False)
    assert left.headers["Location"] == "http://shop.example/quit"
    paid = HTTP.request("POST", f"{alipay.url}/cashier/{token}/pay", redirect=False)
    assert "method=alipay.trade.wap.pay.return" in paid.headers["Location"]


def test_a_wap_trade_can_be_born_with_the_password(alipay: LocalAlipay, merchant: Merchant) -> None:
    alipay.switch(wap_trade_born="pay")
    order = new_order()
    request = merchant.api_alipay_trade_wap_pay("一双袜子", order, "3.00")
    alipay.admin("POST", "login", {"order_string": request})
    assert status(merchant, order) == "ACQ.TRADE_NOT_EXIST"


def test_cancelling_nothing_succeeds_without_an_action(alipay: LocalAlipay, merchant: Merchant) -> None:
    order = new_order()
    code = qr_code(merchant, order)
    answer = merchant.api_alipay_trade_cancel(out_trade_no=order)
    assert (answer["code"], answer["retry_flag"]) == ("10000", "N")
    assert "action" not in answer
    assert alipay.pay(qr_code=code)["trade_status"] == "TRADE_SUCCESS"


def test_cancelling_nothing_can_kill_the_code(alipay: LocalAlipay, merchant: Merchant) -> None:
    alipay.switch(cancel_kills_unscanned_qr=True)
    order = new_order()
    code = qr_code(merchant, order)
    merchant.api_alipay_trade_cancel(out_trade_no=order)
    alipay.admin("POST", "pay", {"qr_code": code}, status=404)


def test_cancelling_closes_what_is_unpaid_and_refunds_what_is_paid(alipay: LocalAlipay, merchant: Merchant) -> None:
    unpaid, paid = new_order(), new_order()
    alipay.admin("POST", "login", {"qr_code": qr_code(merchant, unpaid)})
    alipay.pay(qr_code=qr_code(merchant, paid))
    assert merchant.api_alipay_trade_cancel(out_trade_no=unpaid)["action"] == "close"
    assert merchant.api_alipay_trade_cancel(out_trade_no=paid)["action"] == "refund"
    assert merchant.api_alipay_trade_cancel(out_trade_no=paid)["action"] == "refund"
    assert (status(merchant, unpaid), status(merchant, paid)) == ("TRADE_CLOSED", "TRADE_CLOSED")
    assert alipay.trade(paid)["refunded_amount"] == "9.90"


def test_cancelling_after_a_day_is_too_late(alipay: LocalAlipay, merchant: Merchant) -> None:
    order = new_order()
    alipay.pay(qr_code=qr_code(merchant, order))
    alipay.skew(86401)
    assert merchant.api_alipay_trade_cancel(out_trade_no=order)["sub_code"] == "ACQ.TRADE_CANCEL_TIME_OUT"


def test_closing_a_paid_or_closed_trade_is_a_status_error(alipay: LocalAlipay, merchant: Merchant) -> None:
    order = new_order()
    alipay.pay(qr_code=qr_code(merchant, order))
    assert merchant.api_alipay_trade_close(out_trade_no=order)["sub_code"] == "ACQ.TRADE_STATUS_ERROR"
    merchant.api_alipay_trade_cancel(out_trade_no=order)
    assert merchant.api_alipay_trade_close(out_trade_no=order)["sub_code"] == "ACQ.TRADE_STATUS_ERROR"


def test_a_code_counts_from_the_request_or_from_the_scan(alipay: LocalAlipay, merchant: Merchant) -> None:
    from_request, from_scan = new_order(), new_order()
    first = qr_code(merchant, from_request, timeout_express="10m")
    second = qr_code(merchant, from_scan, timeout_express="10m")
    alipay.skew(500)
    alipay.admin("POST", "login", {"qr_code": first})
    alipay.switch(qr_timer="scan")
    alipay.admin("POST", "login", {"qr_code": second})
    alipay.skew(700)
    assert (status(merchant, from_request), status(merchant, from_scan)) == ("TRADE_CLOSED", "WAIT_BUYER_PAY")
    alipay.skew(1101)
    assert status(merchant, from_scan) == "TRADE_CLOSED"
