"""The pages and the admin API, as a person and a script meet them."""

import base64

import pytest

from sandbox.alipay.door import token_of
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


def ask(alipay: LocalAlipay, **headers: str) -> int:
    return HTTP.request("GET", f"{alipay.url}/admin/trades", headers=headers).status


def test_the_counter_needs_the_token_of_the_data_directory(alipay: LocalAlipay) -> None:
    token = token_of(alipay.data_dir)
    assert (alipay.data_dir / "admin.token").stat().st_mode & 0o777 == 0o600
    assert ask(alipay) == 401
    assert ask(alipay, Authorization=f"Bearer {token}x") == 401
    assert ask(alipay, Authorization="Basic ???") == 401
    assert ask(alipay, Authorization=f"Bearer {token}") == 200
    person = base64.b64encode(f"me:{token}".encode()).decode()  # What a browser sends that has asked for a password.
    assert ask(alipay, Authorization=f"Basic {person}") == 200


@pytest.mark.parametrize(
    "smuggled",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:8088"},
        {"Host": "127.0.0.1.evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
    ],
)
def test_a_web_page_does_not_come_behind_the_counter(alipay: LocalAlipay, smuggled: dict[str, str]) -> None:
    assert ask(alipay, Authorization=f"Bearer {token_of(alipay.data_dir)}", **smuggled) == 403


def test_the_token_outlives_a_restart(alipay: LocalAlipay) -> None:
    before = token_of(alipay.data_dir)
    alipay.kill()
    alipay.start_again()
    assert token_of(alipay.data_dir) == before
    assert ask(alipay, Authorization=f"Bearer {before}", Origin=alipay.url) == 200
