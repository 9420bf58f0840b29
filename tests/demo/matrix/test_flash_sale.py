"""A thousand buyers want fifty units."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from ops.up import RunningStack
from tests.shared.browser import barriers, needs_chromium
from tests.shared.pages import a_page, kill_api

pytestmark = [needs_chromium, pytest.mark.matrix, pytest.mark.timeout(400)]
_SALE_MILLISECONDS = 240_000


def test_a_thousand_want_fifty_and_exactly_fifty_are_sold(stack: RunningStack, browser: Browser) -> None:
    with a_page(browser, stack) as page:
        page.goto("/flash")
        page.locator("#start").click()
        expect(page.locator(".verdict")).to_contain_text("50 件全部卖出", timeout=_SALE_MILLISECONDS)
        expected = {"请求": "1000", "拒绝": "950", "剩余库存": "0", "成交": "50", "已付款": "50"}
        assert {name: value for name, value in figures(page).items() if name in expected} == expected
        assert barriers(page) == []


def test_whoever_hears_nothing_asks_again_and_buys_once(stack: RunningStack, browser: Browser) -> None:
    with a_page(browser, stack) as page:
        page.goto("/flash")
        page.locator("#start").click()
        page.wait_for_function("() => Number(document.querySelectorAll('.figures dd')[0]?.textContent) > 50")
        kill_api(stack)
        expect(page.locator(".verdict")).to_contain_text("50 件全部卖出", timeout=_SALE_MILLISECONDS)
        seen = figures(page)
        assert (seen["请求"], seen["剩余库存"], seen["成交"], "出错" in seen) == ("1000", "0", "50", False)


def test_who_watches_a_shop_that_is_gone_is_told(stack: RunningStack, browser: Browser) -> None:
    with a_page(browser, stack, may_fail=True) as page:
        asked: list[str] = []
        selling = {"state": "selling", "buyers": 1000, "units": 50, "stock": 50, "counts": {}, "points": []}
        page.route("**/flash/sale", lambda route: _fall_silent(route, asked, selling | {"p50": None, "p99": None}))
        page.clock.install()
        page.goto("/flash")
        expect(page.locator(".meaning")).to_have_text("正在抢购…")
        page.clock.run_for(1000)
        expect(page.locator(".meaning")).to_have_text("联系不上商店，正在重试…")
        for _ in range(60):
            page.clock.run_for(2000)
        expect(page.locator(".meaning")).to_contain_text("恢复后请刷新页面")
        often = len(asked)
        page.clock.run_for(60_000)
        assert len(asked) == often


def _fall_silent(route: Route, asked: list[str], first: dict[str, Any]) -> None:
    """Answers once, and never again."""
    asked.append(route.request.method)
    if len(asked) == 1:
        route.fulfill(json=first)
    else:
        route.abort()


def figures(page: Page) -> dict[str, str]:
    """What stands there, by name."""
    names, values = (page.locator(f".figures {kind}").all_inner_texts() for kind in ("dt", "dd"))
    return dict(zip(names, values, strict=True))
