"""The pages and the admin API, as a person and a script meet them."""

from tests.gateway.merchant import Merchant, new_order
from tests.gateway.process import HTTP, LocalAlipay


def test_the_front_page_shows_the_trades(alipay: LocalAlipay, merchant: Merchant) -> None:
    order = new_order()
    alipay.pay(pay_url=merchant.page(order, subject="<b>袜子"))
    page = HTTP.request("GET", f"{alipay.url}/").data.decode()
    assert order in page
    assert "&lt;b&gt;袜子" in page
    assert "<b>袜子" not in page


def test_the_pages_load_nothing_from_outside(alipay: LocalAlipay, merchant: Merchant) -> None:
    for url in (f"{alipay.url}/", merchant.page(new_order())):
        page = HTTP.request("GET", url).data.decode()
        assert "http://" not in page
        assert "https://" not in page


def test_trades_are_listed_newest_first_and_bounded(alipay: LocalAlipay, merchant: Merchant) -> None:
    orders = [new_order() for _ in range(3)]
    for order, skew in zip(orders, (600, 0, 0), strict=True):
        alipay.skew(skew)
        alipay.pay(pay_url=merchant.page(order))
    listed = alipay.admin("GET", "trades?limit=2")["trades"]
    assert [trade["out_trade_no"] for trade in listed] == [orders[2], orders[1]]
    alipay.admin("GET", "trades?limit=100000", status=400)


def test_an_unknown_trade_is_not_found(alipay: LocalAlipay) -> None:
    assert alipay.admin("GET", "trades/nobody", status=404)["error"] == "ACQ.TRADE_NOT_EXIST"
    alipay.admin("POST", "pay", {"out_trade_no": "nobody"}, status=404)
    alipay.admin("POST", "pay", {"pay_url": "http://127.0.0.1/cashier/nobody"}, status=404)
    alipay.admin("POST", "pay", {"pay_url": "http://[/"}, status=409)


def test_a_forged_payment_link_is_not_paid(alipay: LocalAlipay, merchant: Merchant) -> None:
    forged = merchant.page(new_order()).replace("88.88", "0.01")
    assert alipay.admin("POST", "pay", {"pay_url": forged}, status=409)["error"] == "isv.invalid-signature"


def test_paying_tells_where_the_browser_goes(alipay: LocalAlipay, merchant: Merchant) -> None:
    paid = alipay.pay(pay_url=merchant.page(new_order(), return_url="http://shop.example/back"))
    assert paid["return_url"].startswith("http://shop.example/back?app_id=")
    assert alipay.pay(pay_url=merchant.page(new_order()))["return_url"] is None
