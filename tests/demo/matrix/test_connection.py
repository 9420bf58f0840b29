"""The API goes away while somebody looks at his order."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from ops.up import RunningStack
from tests.shared.browser import needs_chromium
from tests.shared.pages import a_page, kill_api, order

pytestmark = [needs_chromium, pytest.mark.matrix, pytest.mark.timeout(300)]


def test_a_connection_that_was_lost_comes_back_by_itself(stack: RunningStack, browser: Browser) -> None:
    with a_page(browser, stack, may_fail=True) as page:
        order(page, "9")
        kill_api(stack)
        expect(page.locator("#offline")).to_be_visible()
        page.goto("/")
        expect(page.locator("h1")).to_have_text(re.compile("暂时打不开|今日上架"))
        expect(page.locator("h1")).to_have_text("今日上架")
        page.locator(".orders a").first.click()
        expect(page.locator("#cancel")).to_be_visible()
        expect(page.locator("#offline")).to_be_hidden()
