"""What a buyer goes through in the demo shop, in a real browser on a whole running stack.

These five journeys are part of `make test`; all others are in `tests/demo/matrix/`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from ops.up import RunningStack
from tests.shared.browser import a_browser, barriers, needs_chromium
from tests.shared.pages import (
    a_page,
    a_stack,
    order,
    overflow,
    pay_at_cashier,
    put_in_cart,
    set_stock,
    visit,
)

pytestmark = [needs_chromium, pytest.mark.timeout(240)]
_MOST_TABS = 80


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with a_stack(tmp_path_factory.mktemp("journeys") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with a_browser() as started:
        yield started


def test_a_buyer_sees_the_freight_before_he_orders(stack: RunningStack, browser: Browser) -> None:
    with a_page(browser, stack) as page:
        page.goto("/")
        put_in_cart(page, "1")
        expect(page.locator(".basket")).to_contain_text("¥10.00")
        expect(page.locator(".basket .total")).to_contain_text("¥138.00")
        assert barriers(page) == []
        page.locator("#order:not([aria-disabled])").click()
        expect(page.locator("#pay")).to_be_visible()
        expect(page.locator(".total")).to_contain_text("应付")
        assert barriers(page) == []


def test_a_buyer_pays_at_the_cashier_and_comes_back(stack: RunningStack, browser: Browser) -> None:
    with a_page(browser, stack) as page:
        order(page, "2", buyer="1003")
        page.locator("#pay").click()
        expect(page.locator("h1")).to_have_text("支付宝沙箱收银台")
        assert barriers(page) == []
        page.go_back()
        pay_at_cashier(page)
        expect(page.locator("h1")).to_have_text("待发货")
        expect(page.locator(".total")).to_contain_text("已付")


def test_a_buyer_who_cancels_is_asked_first(stack: RunningStack, browser: Browser) -> None:
    with a_page(browser, stack, locale="en-GB", viewport={"width": 320, "height": 640}) as page:
        page.goto("/")
        expect(page.locator("#add-5")).to_be_visible()
        assert overflow(page) == 0
        order(page, "5", buyer="1002")
        page.locator("#cancel").click()
        page.get_by_role("button", name="Keep it").click()
        expect(page.locator("#cancel")).to_be_focused()
        expect(page.locator("h1")).to_contain_text("Awaiting payment")
        page.locator("#cancel").click()
        page.get_by_role("button", name="Cancel it").click()
        expect(page.locator("h1")).to_have_text("Closed: cancelled")


def test_what_is_sold_out_is_refused_in_words(stack: RunningStack, browser: Browser) -> None:
    set_stock(stack, "11", 1)
    with a_page(browser, stack, may_fail=True) as page:
        visit(page, "1003")
        put_in_cart(page, "11")
        page.locator("#more-11").click()
        expect(page.locator(".problems")).to_contain_text("只剩 1 件，您要 2 件")
        page.locator("#less-11").click()
        expect(page.locator("#order:not([aria-disabled])")).to_be_visible()
        set_stock(stack, "11", 0)
        page.locator("#order").click()
        expect(page.locator("h1, #notice").filter(has_text=re.compile("库存不足|已售罄"))).to_be_visible()


def test_the_keyboard_alone_orders_on_the_narrowest_screen(stack: RunningStack, browser: Browser) -> None:
    with a_page(browser, stack, viewport={"width": 320, "height": 640}) as page:
        page.goto("/")
        expect(page.locator("#add-3")).to_be_visible()
        _tab_to(page, "#add-3")
        page.keyboard.press("Enter")
        expect(page.locator("#notice")).to_contain_text("已加入购物车")
        expect(page.locator("#add-3")).to_be_focused()
        _tab_to(page, "#more-3")
        page.keyboard.press("Enter")
        expect(page.locator("#more-3")).to_be_focused()
        expect(page.locator("#order:not([aria-disabled])")).to_be_visible()
        assert overflow(page) == 0
        # Whatever redraws the cart meanwhile: an element that has just been replaced has no box.
        page.wait_for_function("document.querySelector('#more-3')?.getBoundingClientRect().height >= 44")
        assert barriers(page) == []
        _tab_to(page, "#order")
        page.keyboard.press("Enter")
        expect(page.locator("#pay")).to_be_visible()
        assert overflow(page) == 0
        _tab_to(page, "#pay")
        page.keyboard.press("Enter")
        page.locator("form[action$='/leave'] button").click()
        expect(page.locator("h1")).to_contain_text("待付款")
        expect(page.locator("#pay")).to_be_visible()


def _tab_to(page: Page, selector: str) -> None:
    """Presses Tab until the focus is there."""
    for _ in range(_MOST_TABS):
        page.keyboard.press("Tab")
        if page.locator(selector).evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"Tab never comes to {selector}")
