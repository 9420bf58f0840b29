"""A page payment: the trade is born at the cashier, and the browser comes back with a signed address."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.gateway.merchant import Listener, Merchant, is_signed, new_order
from tests.gateway.process import HTTP, LocalAlipay


def form_actions(html: str) -> list[str]:
    return [part.split('"', 1)[0] for part in html.split('action="')[1:]]


def test_no_trade_exists_before_the_buyer_logs_in(alipay: LocalAlipay, merchant: Merchant) -> None:
    order = new_order()
    page = HTTP.request("GET", merchant.page(order)).data.decode()
    assert "88.88" in page
    assert merchant.api_alipay_trade_query(out_trade_no=order)["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    assert merchant.api_alipay_trade_close(out_trade_no=order)["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    login = next(action for action in form_actions(page) if action.endswith("/login"))
    HTTP.request("POST", alipay.url + login)
    answer = merchant.api_alipay_trade_query(out_trade_no=order)
    assert (answer["code"], answer["trade_status"]) == ("10000", "WAIT_BUYER_PAY")


def test_a_browser_walks_through_the_cashier_and_comes_back_signed(alipay: LocalAlipay, merchant: Merchant) -> None:
    order = new_order()
    back = "http://shop.example/back?lang=zh"
    page = HTTP.request("GET", merchant.page(order, return_url=back)).data.decode()
    (login,) = (action for action in form_actions(page) if action.endswith("/login"))
    page = HTTP.request("POST", alipay.url + login, redirect=True, retries=3).data.decode()
    (pay,) = (action for action in form_actions(page) if action.endswith("/pay"))
    answer = HTTP.request("POST", alipay.url + pay, redirect=False)
    assert answer.status == 302
    address = answer.headers["Location"]
    assert address.startswith("http://shop.example/back?lang=zh&app_id=")
    params = dict(parse_qsl(urlsplit(address).query))
    assert params.pop("lang") == "zh"
    assert params["method"] == "alipay.trade.page.pay.return"
    assert (params["out_trade_no"], params["total_amount"]) == (order, "88.88")
    assert is_signed(params, alipay.keys)
    assert "trade_status" not in params
    assert merchant.verify(params, params.pop("sign"))


def test_a_paid_order_tells_everything_in_a_query(alipay: LocalAlipay, merchant: Merchant) -> None:
    order = new_order()
    paid = alipay.pay(pay_url=merchant.page(order))
    answer = merchant.api_alipay_trade_query(trade_no=paid["trade_no"])
    assert (answer["out_trade_no"], answer["trade_status"]) == (order, "TRADE_SUCCESS")
    assert (answer["total_amount"], answer["receipt_amount"]) == ("88.88", "88.88")
    assert answer["buyer_user_id"].startswith("2088")
    assert answer["send_pay_date"]


def test_leaving_the_cashier_closes_nothing(alipay: LocalAlipay, merchant: Merchant) -> None:
    order = new_order()
    page = HTTP.request("GET", merchant.page(order)).data.decode()
    leave = next(action for action in form_actions(page) if action.endswith("/leave"))
    assert HTTP.request("POST", alipay.url + leave).status == 200
    assert alipay.pay(out_trade_no=order)["trade_status"] == "TRADE_SUCCESS"


def test_a_paid_order_cannot_be_paid_again(alipay: LocalAlipay, merchant: Merchant) -> None:
    order = new_order()
    link = merchant.page(order)
    alipay.pay(pay_url=link)
    answer = HTTP.request("GET", link)
    assert answer.headers["Content-Type"] == "text/html;charset=GBK"
    assert "TRADE_HAS_SUCCESS" in answer.data.decode("gbk")
    assert alipay.admin("POST", "pay", {"pay_url": link}, status=409)["error"] == "ACQ.TRADE_HAS_SUCCESS"


def test_a_closed_order_cannot_be_paid(alipay: LocalAlipay, merchant: Merchant) -> None:
    order = new_order()
    link = merchant.page(order)
    alipay.admin("POST", "login", {"pay_url": link})
    assert merchant.api_alipay_trade_close(out_trade_no=order)["code"] == "10000"
    assert alipay.admin("POST", "pay", {"pay_url": link}, status=409)["error"] == "ACQ.TRADE_HAS_CLOSE"
    assert merchant.api_alipay_trade_query(out_trade_no=order)["trade_status"] == "TRADE_CLOSED"


def test_the_same_order_with_another_amount_is_inconsistent(alipay: LocalAlipay, merchant: Merchant) -> None:
    order = new_order()
    other = merchant.page(order, "1.00")
    alipay.admin("POST", "open", {"pay_url": other})
    alipay.admin("POST", "login", {"pay_url": merchant.page(order)})
    assert alipay.admin("POST", "pay", {"pay_url": other}, status=409)["error"] == "ACQ.CONTEXT_INCONSISTENT"


def beijing(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=8, seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S")


def test_time_expire_closes_an_unpaid_trade_to_the_second(alipay: LocalAlipay, merchant: Merchant) -> None:
    order = new_order()
    alipay.admin("POST", "login", {"pay_url": merchant.page(order, time_expire=beijing(600), timeout_express="1d")})
    alipay.skew(300)
    assert merchant.api_alipay_trade_query(out_trade_no=order)["trade_status"] == "WAIT_BUYER_PAY"
    alipay.skew(601)
    assert merchant.api_alipay_trade_query(out_trade_no=order)["trade_status"] == "TRADE_CLOSED"
    trade = alipay.trade(order)
    assert trade["closed_at"] == trade["expires_at"]


def test_after_time_expire_no_trade_is_born(alipay: LocalAlipay, merchant: Merchant) -> None:
    order = new_order()
    alipay.admin("POST", "open", {"pay_url": merchant.page(order, time_expire=beijing(120))})
    alipay.skew(121)
    alipay.admin("POST", "pay", {"out_trade_no": order}, status=409)
    assert merchant.api_alipay_trade_query(out_trade_no=order)["sub_code"] == "ACQ.TRADE_NOT_EXIST"


@pytest.mark.parametrize("product", ["wap", "app"])
def test_a_relative_timeout_of_a_phone_starts_with_the_buyer(
    alipay: LocalAlipay, merchant: Merchant, product: str
) -> None:
    order = new_order()
    make = getattr(merchant, f"api_alipay_trade_{product}_pay")
    request = make("一双袜子", order, "5.00", timeout_express="15m")
    alipay.admin("POST", "open", {"order_string": request})
    alipay.skew(3600)
    assert merchant.api_alipay_trade_query(out_trade_no=order)["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    assert alipay.pay(out_trade_no=order)["trade_status"] == "TRADE_SUCCESS"


def test_a_relative_timeout_of_a_page_starts_anew_when_shown_again(alipay: LocalAlipay, merchant: Merchant) -> None:
    order = new_order()
    link = merchant.page(order, timeout_express="5m")
    alipay.admin("POST", "login", {"pay_url": link})
    alipay.skew(200)
    alipay.admin("POST", "login", {"pay_url": link})
    alipay.skew(400)
    assert merchant.api_alipay_trade_query(out_trade_no=order)["trade_status"] == "WAIT_BUYER_PAY"
    alipay.skew(501)
    assert merchant.api_alipay_trade_query(out_trade_no=order)["trade_status"] == "TRADE_CLOSED"


def test_the_shop_hears_of_the_payment(alipay: LocalAlipay, merchant: Merchant, listener: Listener) -> None:
    order = new_order()
    alipay.pay(pay_url=merchant.page(order, notify_url=listener.url))
    (notify,) = listener.wait(1)
    assert (notify["out_trade_no"], notify["trade_status"]) == (order, "TRADE_SUCCESS")
    assert is_signed(notify, alipay.keys)
    assert merchant.verify(notify, notify.pop("sign"))


def test_the_countdown_of_a_page_can_run_from_the_first_request(alipay: LocalAlipay, merchant: Merchant) -> None:
    alipay.switch(page_timer="first_request")
    order = new_order()
    link = merchant.page(order, timeout_express="5m")
    alipay.admin("POST", "login", {"pay_url": link})
    alipay.skew(200)
    alipay.admin("POST", "login", {"pay_url": link})
    alipay.skew(301)
    assert merchant.api_alipay_trade_query(out_trade_no=order)["trade_status"] == "TRADE_CLOSED"


def test_a_timed_out_page_can_be_made_to_reopen(alipay: LocalAlipay, merchant: Merchant) -> None:
    alipay.switch(reopen_page_after_timeout=True)
    order = new_order()
    link = merchant.page(order, timeout_express="5m")
    alipay.admin("POST", "login", {"pay_url": link})
    alipay.skew(301)
    assert merchant.api_alipay_trade_query(out_trade_no=order)["trade_status"] == "TRADE_CLOSED"
    assert alipay.pay(pay_url=link)["trade_status"] == "TRADE_SUCCESS"


def test_a_short_deadline_is_exact_raised_or_refused(start: Callable[[float], LocalAlipay]) -> None:
    """The minimum of a page payment is one minute where nothing is scaled."""
    alipay = start(1)
    merchant = Merchant(alipay.keys, alipay.gateway_url)
    exact, raised, refused = new_order(), new_order(), new_order()
    alipay.admin("POST", "login", {"pay_url": merchant.page(exact, time_expire=beijing(20))})
    alipay.switch(short_expiry="refuse")
    page = HTTP.request("GET", merchant.page(refused, time_expire=beijing(20))).data.decode("gbk")
    assert "INVALID_PARAMETER" in page
    alipay.switch(short_expiry="minimum")
    alipay.admin("POST", "login", {"pay_url": merchant.page(raised, time_expire=beijing(20))})
    alipay.skew(30)
    assert merchant.api_alipay_trade_query(out_trade_no=exact)["trade_status"] == "TRADE_CLOSED"
    assert merchant.api_alipay_trade_query(out_trade_no=raised)["trade_status"] == "WAIT_BUYER_PAY"
    alipay.skew(61)
    assert merchant.api_alipay_trade_query(out_trade_no=raised)["trade_status"] == "TRADE_CLOSED"


def test_a_late_cashier_turns_the_buyer_away(alipay: LocalAlipay, merchant: Merchant) -> None:
    order = new_order()
    opened = alipay.admin("POST", "open", {"pay_url": merchant.page(order, time_expire=beijing(120))})
    alipay.skew(121)
    assert "TRADE_HAS_CLOSE" in HTTP.request("GET", opened["cashier_url"]).data.decode("gbk")
