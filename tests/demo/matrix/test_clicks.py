"""Clicks that come twice, too late, from another tab, or through a connection that breaks: one order, and the truth."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from ops.demo.stories import at_the_cashier
from ops.demo.timeline import Record
from ops.up import RunningStack
from tests.demo.matrix.scenes import shop_of
from tests.shared.browser import needs_chromium
from tests.shared.pages import a_page, order, put_in_cart, set_stock, visit
from tests.shared.processes import eventually

pytestmark = [needs_chromium, pytest.mark.matrix, pytest.mark.timeout(300)]


def orders_of(stack: RunningStack, buyer: int) -> int:
    """How many he has."""
    return len(shop_of(stack).buyer(buyer).call("GET", "/v1/orders?limit=100")["orders"])


def test_a_double_click_makes_one_order(stack: RunningStack, browser: Browser) -> None:
    before = orders_of(stack, 1002)
    with a_page(browser, stack) as page:
        visit(page, "1002")
        put_in_cart(page, "7")
        page.locator("#order:not([aria-disabled])").dblclick()
        expect(page.locator("#pay")).to_be_visible()
    assert orders_of(stack, 1002) == before + 1


def test_an_order_whose_answer_was_lost_is_the_same_when_it_is_clicked_again(
    stack: RunningStack, browser: Browser
) -> None:
    before, lost = orders_of(stack, 1002), list[int]()

    def lose_the_first_answer(route: Route) -> None:
        if route.request.method != "POST" or lost:
            return route.continue_()
        lost.append(route.fetch().status)
        return route.abort()

    with a_page(browser, stack, may_fail=True) as page:
        visit(page, "1002")
        put_in_cart(page, "8")
        page.route("**/v1/orders", lose_the_first_answer)
        page.locator("#order:not([aria-disabled])").click()
        expect(page.locator("#notice.bad")).to_contain_text("暂时联系不上服务")
        page.locator("#order:not([aria-disabled])").click()
        expect(page.locator("#pay")).to_be_visible()
    assert lost == [202]
    assert orders_of(stack, 1002) == before + 1


def test_what_is_gone_at_the_click_is_named(stack: RunningStack, browser: Browser) -> None:
    set_stock(stack, "12", 1)
    with a_page(browser, stack, may_fail=True) as page:
        visit(page, "1003")
        put_in_cart(page, "12")
        expect(page.locator("#order:not([aria-disabled])")).to_be_visible()
        sold_out(stack, "12")
        page.locator("#order").click()
        expect(page.locator("#notice.bad")).to_have_text("阳澄湖大闸蟹 母蟹三两 限量 已售罄。")
        expect(page.locator(".problems")).to_contain_text("已售罄")
        page.locator("#less-12").click()
        expect(page.locator("#less-12")).to_have_count(0)


def sold_out(stack: RunningStack, sku_id: str) -> None:
    """Nothing is left, and the door knows: who wants one is refused at once."""
    set_stock(stack, sku_id, 0)
    buyer = shop_of(stack).buyer()
    eventually(lambda: buyer.ask(sku_id).status == 409, "the door has heard of it")


def test_what_is_put_into_a_cart_that_cannot_be_reached_is_taken_out_again(
    stack: RunningStack, browser: Browser
) -> None:
    with a_page(browser, stack, may_fail=True) as page:
        visit(page, "1002")
        page.route("**/v1/cart**", lambda route: route.abort())
        page.locator("#add-5").click()
        expect(page.locator("#notice.bad")).to_contain_text("暂时联系不上服务")
        expect(page.locator("#less-5")).to_have_count(0)


def test_a_clock_that_is_hours_off_hides_no_way_to_pay(stack: RunningStack, browser: Browser) -> None:
    with a_page(browser, stack) as page:
        page.clock.set_system_time(datetime.now(UTC) + timedelta(hours=3))
        order(page, "9")
        expect(page.locator(".left")).to_have_text(re.compile(r"剩余 [23]\d:\d\d"))


def test_the_way_back_shows_what_is_true_by_then(stack: RunningStack, browser: Browser) -> None:
    with a_page(browser, stack) as page:
        order(page, "9", buyer="1002")
        page.locator("#pay").click()
        expect(page.locator("h1")).to_have_text("支付宝沙箱收银台")
        elsewhere = {"amount": "19.80", "out_trade_no": "", "pay_url": page.url}
        at_the_cashier(Record(), shop_of(stack).buyer(1002), elsewhere).press("pay")
        page.go_back()
        expect(page.locator("h1")).to_have_text("待发货")
        expect(page.locator("#pay")).to_have_count(0)
        page.go_back()
        expect(page.locator(".basket")).to_contain_text("空空如也")
        expect(page.locator(".orders li").first).to_contain_text("待发货")


def test_two_tabs_tell_the_same(stack: RunningStack, browser: Browser) -> None:
    with a_page(browser, stack) as page:
        order(page, "10", buyer="1003")
        other = page.context.new_page()
        other.goto(page.url)
        expect(other.locator("#pay")).to_be_visible()
        page.locator("#cancel").click()
        page.get_by_role("button", name="取消订单").last.click()
        expect(page.locator("h1")).to_have_text("已关闭 · 已取消")
        expect(other.locator("h1")).to_have_text("已关闭 · 已取消")
        expect(other.locator("#pay")).to_have_count(0)


def test_the_cart_of_two_tabs_is_ordered_once(stack: RunningStack, browser: Browser) -> None:
    before = orders_of(stack, 1003)
    with a_page(browser, stack, may_fail=True) as page:
        visit(page, "1003")
        put_in_cart(page, "1")
        other = page.context.new_page()
        other.goto("/")
        for one in (page, other):
            expect(one.locator("#order:not([aria-disabled])")).to_be_visible()
        _order(page)
        other.locator("#order").click()
        expect(other.locator("#notice.bad")).to_be_visible()
    assert orders_of(stack, 1003) == before + 1


def _order(page: Page) -> None:
    page.locator("#order").click()
    expect(page.locator("#pay")).to_be_visible()
