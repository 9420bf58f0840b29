"""Notifies: what they carry, when they stop, and how they go wrong on demand."""

from collections.abc import Callable

import pytest

from tests.gateway.merchant import Listener, Merchant, is_signed, new_order
from tests.gateway.process import LocalAlipay
from tests.shared.processes import eventually


def paid_order(alipay: LocalAlipay, merchant: Merchant, listener: Listener, **more: str) -> str:
    order = new_order()
    alipay.pay(pay_url=merchant.page(order, notify_url=listener.url, **more))
    return order


def test_a_notify_carries_the_full_realistic_set(alipay: LocalAlipay, merchant: Merchant, listener: Listener) -> None:
    paid_order(alipay, merchant, listener)
    (notify,) = listener.wait(1)
    assert 23 <= len(notify) <= 26
    assert all(notify.values())
    assert (notify["notify_type"], notify["version"], notify["sign_type"]) == ("trade_status_sync", "1.0", "RSA2")
    assert (notify["app_id"], notify["seller_id"]) == (alipay.keys.app_id, alipay.keys.seller_id)
    assert (len(notify["trade_no"]), len(notify["notify_id"])) == (28, 34)
    assert notify["fund_bill_list"] == '[{"amount":"88.88","fundChannel":"ALIPAYACCOUNT"}]'
    assert notify["subject"] == "一双袜子"


def test_what_the_shop_passes_on_comes_back(alipay: LocalAlipay, merchant: Merchant, listener: Listener) -> None:
    paid_order(alipay, merchant, listener, passback_params="a=1&b=甲", body="红色")
    (notify,) = listener.wait(1)
    assert (notify["passback_params"], notify["body"]) == ("a=1&b=甲", "红色")
    assert is_signed(notify, alipay.keys)


def test_an_acknowledged_notify_is_not_sent_again(alipay: LocalAlipay, merchant: Merchant, listener: Listener) -> None:
    order = paid_order(alipay, merchant, listener)
    sent = alipay.wait_for_notify(order, "acknowledged")
    assert [attempt["outcome"] for attempt in sent["attempts"]] == ["success"]


@pytest.mark.parametrize(
    "reply", [(200, b"fail"), (200, b"success\n"), (200, b'"success"'), (200, b"SUCCESS"), (500, b"success")]
)
def test_anything_but_success_is_retried(
    alipay: LocalAlipay, merchant: Merchant, listener: Listener, reply: tuple[int, bytes]
) -> None:
    listener.reply = lambda count: (200, b"success") if count else reply
    order = paid_order(alipay, merchant, listener)
    first, second = listener.wait(2)
    assert first["notify_id"] == second["notify_id"]
    assert is_signed(second, alipay.keys)
    assert len(alipay.wait_for_notify(order, "acknowledged")["attempts"]) == 2


def test_retries_end_after_eight_deliveries(start: Callable[[float], LocalAlipay], listener: Listener) -> None:
    alipay = start(200_000)
    listener.reply = lambda _count: (200, b"failure")
    merchant = Merchant(alipay.keys, alipay.gateway_url)
    order = paid_order(alipay, merchant, listener)
    gone = alipay.wait_for_notify(order, "exhausted")
    assert [attempt["outcome"] for attempt in gone["attempts"]] == ["failure"] * 8
    assert len({notify["notify_id"] for notify in listener.received}) == 1


def test_a_redirect_is_not_followed(alipay: LocalAlipay, merchant: Merchant, listener: Listener) -> None:
    listener.reply = lambda count: (200, b"success") if count else (302, b"success")
    order = paid_order(alipay, merchant, listener)
    outcomes = [attempt["outcome"] for attempt in alipay.wait_for_notify(order, "acknowledged")["attempts"]]
    assert outcomes == ["HTTP 302: success", "success"]


def test_face_to_face_resends_at_once(alipay: LocalAlipay, merchant: Merchant, listener: Listener) -> None:
    alipay.switch(first_retry=3_600_000)
    listener.reply = lambda _count: (200, b"failure")
    order = new_order()
    answer = merchant.api_alipay_trade_precreate("袜子", order, "1.00", notify_url=listener.url)
    alipay.pay(qr_code=answer["qr_code"])
    assert len(listener.wait(4)) == 4
    assert alipay.notifies(order)[0]["state"] == "due"


def test_without_notify_url_there_is_no_notify(alipay: LocalAlipay, merchant: Merchant) -> None:
    order = new_order()
    alipay.pay(pay_url=merchant.page(order))
    assert alipay.notifies(order) == []


def test_closing_notifies_only_where_the_table_says_so(
    alipay: LocalAlipay, merchant: Merchant, listener: Listener
) -> None:
    quiet, loud = new_order(), new_order()
    make = merchant.api_alipay_trade_wap_pay
    alipay.admin("POST", "login", {"order_string": make("袜子", quiet, "1.00", notify_url=listener.url)})
    merchant.api_alipay_trade_close(out_trade_no=quiet)
    alipay.switch(triggers="2019")
    alipay.admin("POST", "login", {"order_string": make("袜子", loud, "1.00", notify_url=listener.url)})
    merchant.api_alipay_trade_close(out_trade_no=loud)
    (notify,) = listener.wait(1)
    assert (notify["out_trade_no"], notify["trade_status"]) == (loud, "TRADE_CLOSED")
    assert "gmt_close" in notify
    assert "gmt_payment" not in notify
    assert alipay.notifies(quiet) == []


def test_the_end_of_the_refund_window_notifies_by_the_table(
    alipay: LocalAlipay, merchant: Merchant, listener: Listener
) -> None:
    alipay.switch(triggers="2021")
    order = new_order()
    alipay.pay(order_string=merchant.api_alipay_trade_app_pay("袜子", order, "1.00", notify_url=listener.url))
    listener.wait(1)
    alipay.admin("POST", "finish", {"out_trade_no": order})
    assert listener.wait(2)[1]["trade_status"] == "TRADE_FINISHED"


@pytest.mark.parametrize(("rule", "count"), [("by_triggers", 2), ("never", 1)])
def test_refund_notifies_can_follow_the_table_or_fall_silent(
    alipay: LocalAlipay, merchant: Merchant, listener: Listener, rule: str, count: int
) -> None:
    alipay.switch(refund_notifies=rule)
    order = paid_order(alipay, merchant, listener)
    merchant.api_alipay_trade_refund("8.88", out_trade_no=order, out_request_no="part")
    alipay.skew(1)
    merchant.api_alipay_trade_refund("80.00", out_trade_no=order, out_request_no="rest")
    assert len(alipay.notifies(order)) == count


@pytest.mark.parametrize(
    ("kind", "header"),
    [
        ("plain", "application/x-www-form-urlencoded; charset=UTF-8"),
        ("malformed", "application/x-www-form-urlencoded; text/html; charset=UTF-8"),
        ("text_html", "text/html; charset=UTF-8"),
    ],
)
def test_the_content_type_can_be_malformed(
    alipay: LocalAlipay, merchant: Merchant, listener: Listener, kind: str, header: str
) -> None:
    alipay.switch(notify_content_type=kind)
    paid_order(alipay, merchant, listener)
    listener.wait(1)
    assert listener.headers[0]["Content-Type"] == header


def test_a_notify_can_be_gbk(alipay: LocalAlipay, merchant: Merchant, listener: Listener) -> None:
    alipay.switch(notify_charset="gbk")
    paid_order(alipay, merchant, listener)
    (notify,) = listener.wait(1)
    assert (notify["charset"], notify["subject"]) == ("GBK", "一双袜子")
    assert is_signed(notify, alipay.keys, "gbk")
    assert "subject=%D2%BB" in listener.bodies[0].decode()


def test_a_lost_notify_never_comes_until_it_is_resent(
    alipay: LocalAlipay, merchant: Merchant, listener: Listener
) -> None:
    alipay.fault("notify_lost", times=1)
    lost = paid_order(alipay, merchant, listener)
    other = paid_order(alipay, merchant, listener)
    assert listener.wait(1)[0]["out_trade_no"] == other
    assert alipay.notifies(lost)[0]["state"] == "lost"
    assert alipay.admin("POST", "notifies/resend", {"out_trade_no": lost}) == {"resent": 1}
    assert listener.wait(2)[1]["out_trade_no"] == lost


def test_a_doubled_notify_comes_twice_with_one_id(alipay: LocalAlipay, merchant: Merchant, listener: Listener) -> None:
    alipay.fault("notify_doubled", times=1, copies=3)
    paid_order(alipay, merchant, listener)
    assert len({notify["notify_id"] for notify in listener.wait(3)}) == 1


def test_a_late_notify_comes_later(alipay: LocalAlipay, merchant: Merchant, listener: Listener) -> None:
    alipay.fault("notify_late", times=1, seconds=3600)
    late = paid_order(alipay, merchant, listener)
    alipay.fault("notify_late", times=1, seconds=0.1)
    soon = paid_order(alipay, merchant, listener)
    assert listener.wait(1)[0]["out_trade_no"] == soon
    assert [(notify["state"], notify["attempts"]) for notify in alipay.notifies(late)] == [("due", [])]


def test_reordered_notifies_of_one_trade_change_places(
    alipay: LocalAlipay, merchant: Merchant, listener: Listener
) -> None:
    alipay.fault("notify_reordered", times=1, seconds=60)
    order = paid_order(alipay, merchant, listener)
    merchant.api_alipay_trade_refund("1.00", out_trade_no=order, out_request_no="r1")
    first, second = listener.wait(2)
    assert "refund_fee" in first
    assert "refund_fee" not in second


def test_an_unreachable_shop_is_tried_again(alipay: LocalAlipay, merchant: Merchant) -> None:
    order = new_order()
    alipay.pay(pay_url=merchant.page(order, notify_url="http://127.0.0.1:9/notify"))
    eventually(lambda: len(alipay.notifies(order)[0]["attempts"]) > 1, "a second attempt")
    assert alipay.notifies(order)[0]["attempts"][0]["outcome"] == "NewConnectionError"
