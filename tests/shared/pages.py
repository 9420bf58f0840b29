"""The demo shop in a real browser: what a buyer does there."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from api import auth
from checkout import settings
from ops.up import RunningStack, start_stack
from tests.shared import ports
from tests.shared.browser import a_page as watched
from tests.shared.processes import HTTP

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
def a_page(browser: Browser, stack: RunningStack, *, may_fail: bool = False, **look: Any) -> Iterator[Page]:
    """A buyer's page, who goes from the shop to the API and to the cashier and to no other host.

    `may_fail`: a refusal or a lost connection is part of the test; the browser itself logs it as an error.
    """
    others = (stack.api_url, stack.alipay_url)
    with watched(browser, stack.shop_url, *others, may_refuse=may_fail, **{"locale": "zh-CN"} | look) as page:
        yield page


def set_stock(stack: RunningStack, sku_id: str, units: int) -> None:
    """As an operator does."""
    secret = settings.stored(stack.data_dir)["CHECKOUT_JWT_SECRET"]
    token = auth.issue(secret, _OPERATOR, is_operator=True, ttl_seconds=60)
    headers = {"Authorization": f"Bearer {token}"}
    answer = HTTP.request("POST", f"{stack.api_url}/v1/skus/{sku_id}/stock", json={"set": units}, headers=headers)
    assert answer.status == 200, answer.data


def kill_api(stack: RunningStack) -> None:
    """All of its processes, as the kernel does that runs out of memory; the supervisor starts it again."""
    for pid in stack.pids("api"):
        with suppress(ProcessLookupError):  # It has gone with the one before.
            os.kill(pid, signal.SIGKILL)


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
