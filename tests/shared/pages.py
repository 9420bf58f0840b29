"""The demo shop in a real browser: what it logs as an error, whom it asks, and what a buyer does there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from api import auth
from checkout import settings
from ops.up import RunningStack, start_stack
from tests.shared import ports
from tests.shared.processes import HTTP

EXECUTABLE = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(EXECUTABLE is None, reason="there is no Chromium here")
LONGEST_MILLISECONDS = 60_000
_OPERATOR = 1


@contextmanager
def a_stack(directory: Path, **options: Any) -> Iterator[RunningStack]:
    """All of `checkout up`, on ports and data of its own."""
    own = {name: value for name, value in settings.environment().items() if not name.startswith(settings.PREFIX)}
    with start_stack(
        directory,
        port=ports.free(),
        flower_port=ports.free(),
        alipay_port=ports.free(),
        environ=own | {"PYTHONUTF8": "1"},
        **options,
    ) as stack:
        yield stack


@contextmanager
def a_browser() -> Iterator[Browser]:
    """The system's own Chromium, which has no sandbox when it runs as root."""
    flags = ["--no-proxy-server", "--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    expect.set_options(timeout=LONGEST_MILLISECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=flags)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def a_page(browser: Browser, stack: RunningStack, *, may_fail: bool = False, **look: Any) -> Iterator[Page]:
    """A buyer's page, which ends without an error in its console and without a request to another host.

    `may_fail`: a refusal or a lost connection is part of the test; the browser itself logs it as an error.
    """
    faults: list[str] = []
    hosts = {urlsplit(url).netloc for url in (stack.shop_url, stack.api_url, stack.alipay_url)}
    context = browser.new_context(**{"base_url": stack.shop_url, "locale": "zh-CN"} | look)
    context.set_default_timeout(LONGEST_MILLISECONDS)
    page = context.new_page()
    page.on("console", lambda message: faults.extend(_errors(message, may_fail=may_fail)))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda asked: None if urlsplit(asked.url).netloc in hosts else faults.append(asked.url))
    try:
        yield page
        assert not faults, faults
    finally:
        context.close()


def _errors(message: ConsoleMessage, *, may_fail: bool) -> list[str]:
    is_expected = may_fail and message.text.startswith("Failed to load resource")
    return [message.text] if message.type == "error" and not is_expected else []


def set_stock(stack: RunningStack, sku_id: str, units: int) -> None:
    """As an operator does."""
    secret = settings.stored(stack.data_dir)["CHECKOUT_JWT_SECRET"]
    token = auth.issue(secret, _OPERATOR, is_operator=True, ttl_seconds=60)
    headers = {"Authorization": f"Bearer {token}"}
    answer = HTTP.request("POST", f"{stack.api_url}/v1/skus/{sku_id}/stock", json={"set": units}, headers=headers)
    assert answer.status == 200, answer.data


def visit(page: Page, buyer: str) -> None:
    """The shop as that buyer sees it."""
    page.goto("/")
    expect(page.locator("main:not([aria-busy]) h1")).to_be_visible()
    page.locator("#buyer").select_option(buyer)
    expect(page.locator("main:not([aria-busy]) h1")).to_be_visible()


def put_in_cart(page: Page, sku_id: str) -> None:
    """One more of it, seen in the cart with its quote."""
    page.locator(f"#add-{sku_id}").click()
    expect(page.locator(f"#less-{sku_id}")).to_be_visible()


def order(page: Page, sku_id: str, buyer: str = "1001") -> None:
    """Orders one, and waits until it can be paid."""
    visit(page, buyer)
    put_in_cart(page, sku_id)
    page.locator("#order:not([aria-disabled])").click()
    expect(page.locator("#pay")).to_be_visible()


def pay_at_cashier(page: Page) -> None:
    """Logs in, pays, and comes back to the order."""
    page.locator("#pay").click()
    page.locator("form[action$='/login'] button").click()
    page.locator("form[action$='/pay'] button").click()


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def barriers(page: Page) -> list[str]:
    """What axe finds that shuts somebody out: its rules that are serious or critical, with where they are broken."""
    return [
        f"{one['id']}: {', '.join(str(node['target']) for node in one['nodes'])}"
        for one in Axe().run(page).response["violations"]
        if one["impact"] in ("serious", "critical")
    ]
