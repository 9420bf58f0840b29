"""Each page of shop, cashier and console, on every width, in both languages and both schemes: nothing is cut off to the
side, and axe finds nobody shut out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from ops.up import RunningStack
from tests.demo.matrix.scenes import Scene
from tests.shared.browser import a_page as watched
from tests.shared.browser import barriers, needs_chromium
from tests.shared.pages import a_page, overflow

pytestmark = [needs_chromium, pytest.mark.matrix, pytest.mark.timeout(600)]

WIDTHS = (320, 768, 1280, 1920)
# What axe looks for hangs on the layout, of which there are two, and on the colours.
_BY_AXE: dict[int, Literal["light", "dark"]] = {320: "light", 1280: "dark"}
both_languages = pytest.mark.parametrize("locale", ["zh-CN", "en-GB"])
Go = Callable[[Page, Scene], None]


def looks(page: Page) -> list[str]:
    """What is wrong with the page as it stands there, with the width and scheme that show it."""
    wrong = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        wrong += [f"{width} px: it is wider than its window"] if overflow(page) else []
        if scheme := _BY_AXE.get(width):
            page.emulate_media(color_scheme=scheme)
            wrong += [f"{width} px, {scheme}: {one}" for one in barriers(page)]
    return wrong


def at(path: str) -> Go:
    """The shop's page there."""

    def go(page: Page, scene: Scene) -> None:
        page.goto(path.format(scene=scene))
        expect(page.locator("main:not([aria-busy]) :is(h1, .empty)").first).to_be_visible()

    return go


def cart(page: Page, scene: Scene) -> None:
    at("/")(page, scene)
    expect(page.locator("#order:not([aria-disabled])")).to_be_visible()


def question(page: Page, scene: Scene) -> None:
    at("/orders/{scene.waiting}")(page, scene)
    page.locator("#cancel").click()


SHOP: dict[str, Go] = {
    "cart": cart,
    "waiting": at("/orders/{scene.waiting}"),
    "question": question,
    "paid": at("/orders/{scene.paid}"),
    "sent": at("/orders/{scene.sent}"),
    "cash": at("/orders/{scene.cash}"),
    "cancelled": at("/orders/{scene.cancelled}"),
    "nobody's": at("/orders/987654"),
    "flash": at("/flash"),
}


@both_languages
@pytest.mark.parametrize("name", SHOP)
def test_the_shop(stack: RunningStack, scene: Scene, browser: Browser, locale: str, name: str) -> None:
    with a_page(browser, stack, may_fail=name == "nobody's", locale=locale) as page:
        SHOP[name](page, scene)
        assert looks(page) == []


def cashier(page: Page, scene: Scene) -> None:
    at("/orders/{scene.waiting}")(page, scene)
    page.locator("#pay").click()
    expect(page.locator(".amount")).to_be_visible()


def logged_in(page: Page, scene: Scene) -> None:
    cashier(page, scene)
    page.locator("form[action$='/login'] button").click()
    expect(page.locator("form[action$='/pay'] button")).to_be_visible()


def left(page: Page, scene: Scene) -> None:
    cashier(page, scene)
    page.locator("form[action$='/leave'] button").click()
    expect(page.get_by_role("link", name="返回商家")).to_be_visible()


def refused(page: Page, scene: Scene) -> None:
    cashier(page, scene)
    page.goto(page.url.split("&sign=")[0] + "&sign=none")
    expect(page.locator("h1")).to_contain_text("调试错误")


CASHIER: dict[str, Go] = {"opened": cashier, "left": left, "refused": refused, "logged in": logged_in}


@pytest.mark.parametrize("name", CASHIER)
def test_the_cashier_in_its_two_languages_at_once(
    stack: RunningStack, scene: Scene, browser: Browser, name: str
) -> None:
    with a_page(browser, stack) as page:
        CASHIER[name](page, scene)
        assert looks(page) == []


def test_the_local_alipays_own_page(stack: RunningStack, scene: Scene, browser: Browser) -> None:
    with a_page(browser, stack) as page:
        page.goto(stack.alipay_url)
        expect(page.locator("table")).to_contain_text(f"订单 {scene.paid}")
        assert looks(page) == []


def console(path: str, *clicks: str) -> Go:
    """The console's page there, after clicks on what has these selectors."""

    def go(page: Page, scene: Scene) -> None:
        page.goto(f"/console#/{path.format(scene=scene)}")
        expect(page.locator("main h1, main h2").first).to_be_attached()
        for selector in clicks:
            page.locator(selector).first.click()
        if clicks:
            expect(page.get_by_role("dialog")).to_be_visible()

    return go


CONSOLE: dict[str, Go] = {
    "desk": console(""),
    "settled": console("", ".matter button"),
    "orders": console("orders"),
    "found": console("orders?find=1001"),
    "not found": console("orders?find=nothing"),
    "order": console("orders/{scene.sent}"),
    "waiting": console("orders/{scene.waiting}"),
    "ship": console("orders/{scene.sent}", "#ship"),
    "refund": console("orders/{scene.sent}", "#refund"),
    "cancel": console("orders/{scene.waiting}", "#cancel"),
    "goods": console("skus"),
    "price": console("skus", "#price-1"),
    "stock": console("skus", "#stock-1"),
}


@both_languages
@pytest.mark.parametrize("name", CONSOLE)
def test_the_console(stack: RunningStack, scene: Scene, browser: Browser, locale: str, name: str) -> None:
    with watched(browser, stack.api_url, locale=locale) as page:
        page.add_init_script(f"sessionStorage.setItem('console.token', '{scene.operator}')")
        CONSOLE[name](page, scene)
        assert looks(page) == []


@both_languages
def test_the_consoles_door(stack: RunningStack, browser: Browser, locale: str) -> None:
    with watched(browser, stack.api_url, locale=locale) as page:
        page.goto("/console")
        expect(page.locator("#token")).to_be_visible()
        assert looks(page) == []


def test_what_is_wrong_with_a_page_is_seen(browser: Browser) -> None:
    with watched(browser, "data:") as page:
        page.set_content(
            "<html lang=en><title>x</title><main><h1>x</h1><p style='width:700px;color:#999'>grey</p></main>"
        )
        found = looks(page)
    assert "320 px: it is wider than its window" in found
    assert [one for one in found if one.startswith("320 px, light: color-contrast")]
