"""Time runs out, and money comes when nobody waits for it any more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from ops.demo.stories import TIME_SCALE
from ops.up import RunningStack
from sandbox.alipay.door import token_of
from tests.demo.matrix.scenes import shop_of
from tests.shared.browser import needs_chromium
from tests.shared.pages import a_page, a_stack, order, set_stock, visit
from tests.shared.processes import HTTP, eventually

pytestmark = [needs_chromium, pytest.mark.matrix, pytest.mark.timeout(300)]
# Long enough to come to the cashier on a busy machine, short enough to wait for.
_PAY_WINDOW = "60s"
_BEFORE_THE_END = 30
# The window, and until Alipay has been asked whether somebody has paid.
_END_MILLISECONDS = 180_000
_PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    directory = tmp_path_factory.mktemp("time") / "data"
    with a_stack(directory, pay_window=_PAY_WINDOW, time_scale=TIME_SCALE) as running:
        yield running


def the_cashier(page: Page) -> Page:
    """Another tab, at the cashier, where nobody has logged in yet: Alipay knows of no trade."""
    page.locator("#pay").click()
    expect(page.locator("h1")).to_have_text("支付宝沙箱收银台")
    other = page.context.new_page()
    other.goto(page.url)
    page.go_back()
    return other


def pay_too_late(stack: RunningStack, page: Page, cashier: Page) -> str:
    """On a phone the trade is made and paid in one step. Alipay's clock is set back before the order's end, so that its
    door is open however long the machine took to come here. Returns the order's id.
    """
    order_id = page.url.rpartition("/")[2]
    end = datetime.fromisoformat(shop_of(stack).buyer(1001).call("GET", f"/v1/orders/{order_id}")["pay_before"])
    skew = {"skew_seconds": (end - timedelta(seconds=_BEFORE_THE_END) - datetime.now(UTC)).total_seconds()}
    bearer = {"Authorization": f"Bearer {token_of(stack.data_dir / 'alipay')}"}
    assert HTTP.request("POST", f"{stack.alipay_url}/admin/clock", json=skew, headers=bearer).status == 200
    cashier.locator("form[action$='/pay'] button").click()
    return order_id


def test_an_order_that_nobody_pays_expires_and_its_goods_are_back(stack: RunningStack, browser: Browser) -> None:
    set_stock(stack, "11", 1)
    with a_page(browser, stack) as page:
        order(page, "11")
        expect(page.locator("h1")).to_contain_text("剩余")
        expect(page.locator("h1")).to_have_text("已关闭 · 超时未付款", timeout=_END_MILLISECONDS)
        expect(page.locator(".meaning")).to_contain_text("库存已释放")
        expect(page.locator("#pay, #cancel")).to_have_count(0)
        visit(page, "1001")
        expect(page.locator("#add-11")).to_be_enabled()


def test_money_for_an_order_that_was_cancelled_goes_back_in_full(stack: RunningStack, browser: Browser) -> None:
    with a_page(browser, stack, viewport=_PHONE) as page:
        order(page, "7")
        cashier = the_cashier(page)
        page.locator("#cancel").click()
        page.get_by_role("button", name="取消订单").last.click()
        expect(page.locator("h1")).to_have_text("已关闭 · 已取消")
        order_id = pay_too_late(stack, page, cashier)
        path = f"/v1/orders/{order_id}/refunds"
        eventually(lambda: "succeeded" in str(shop_of(stack).buyer(1001).call("GET", path)), "the money goes back")
        page.reload()
        expect(page.get_by_text("已退回")).to_be_visible()
        expect(page.locator("h1")).to_have_text("已关闭 · 已取消")


def test_money_that_comes_after_the_end_brings_the_order_back(stack: RunningStack, browser: Browser) -> None:
    with a_page(browser, stack, viewport=_PHONE) as page:
        order(page, "7")
        cashier = the_cashier(page)
        expect(page.locator("h1")).to_have_text("已关闭 · 超时未付款", timeout=_END_MILLISECONDS)
        pay_too_late(stack, page, cashier)
        expect(page.locator("h1")).to_have_text("待发货")
