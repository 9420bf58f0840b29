"""The pictures of the documents, taken of a fresh stack: the same orders each time, and every time of day the same."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from ops.up import RunningStack
from tests.demo.matrix.scenes import Scene, play
from tests.shared.browser import a_page as watched
from tests.shared.browser import needs_chromium
from tests.shared.pages import a_page, a_stack
from tests.shared.processes import ROOT


def speaks_chinese() -> bool:
    """Whether this machine has a font for it; without one the pictures would show boxes."""
    found = shutil.which("fc-list") and subprocess.run(("fc-list", ":lang=zh"), capture_output=True, check=True).stdout
    return bool(found)


pytestmark = [
    needs_chromium,
    pytest.mark.matrix,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not speaks_chinese(), reason="no font here has Chinese (Debian: fonts-noto-cjk)"),
]

FOLDER = ROOT / "docs" / "shots"
_SALE_MILLISECONDS = 240_000
_WIDE = {"width": 1280, "height": 800}
_PHONE = {"width": 390, "height": 844}
_STEADY = """() => {
  const rules = [
    [/\\b\\d\\d:\\d\\d(:\\d\\d)?/g, (_, seconds) => (seconds ? "09:30:00" : "09:30")],
    [/20\\d\\d-\\d\\d-\\d\\d/g, "2026-11-28"], [/\\d+月\\d+日/g, "11月28日"],
    [/\\d+ (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\\b/g, "28 Nov"],
    [/\\d+ (s|min) ago/g, "1 min ago"], [/\\d+ (秒|分)前/g, "1 分前"],
    [/20\\d{6}(\\d*N\\d+R)[0-9A-F]+/g, "20261128$17F3A09C2"], [/20\\d{6}22001\\d{15}/g, "2026112822001000000000000001"],
  ];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    let text = walker.currentNode.data;
    for (const [moving, still] of rules) text = text.replace(moving, still);
    if (text !== walker.currentNode.data) walker.currentNode.data = text;
  }
}"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with a_stack(tmp_path_factory.mktemp("pictures") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def scene(stack: RunningStack) -> Scene:
    return play(stack)


def take(page: Page, name: str) -> None:
    """What moves from one run to the next is written as it was once."""
    page.evaluate("document.fonts.ready")
    page.evaluate(_STEADY)
    FOLDER.mkdir(exist_ok=True)
    page.screenshot(path=FOLDER / f"{name}.png", animations="disabled")


def look(locale: str, scheme: str = "light", size: dict[str, int] = _WIDE) -> dict[str, Any]:
    return {"locale": locale, "color_scheme": scheme, "viewport": size, "timezone_id": "Asia/Shanghai"}


@contextmanager
def the_console(browser: Browser, stack: RunningStack, scene: Scene, **settings: Any) -> Iterator[Page]:
    """An operator's page, signed in."""
    with watched(browser, stack.api_url, **settings) as page:
        page.add_init_script(f"sessionStorage.setItem('console.token', '{scene.operator}')")
        yield page


LANGUAGES = pytest.mark.parametrize(("locale", "short"), [("zh-CN", "zh"), ("en-GB", "en")])


@LANGUAGES
def test_the_shop_with_its_cart(stack: RunningStack, scene: Scene, browser: Browser, locale: str, short: str) -> None:
    del scene  # It has filled the cart.
    with a_page(browser, stack, **look(locale)) as page:
        page.goto("/")
        expect(page.locator("#order:not([aria-disabled])")).to_be_visible()
        take(page, f"shop-{short}")


def test_an_order_on_a_phone_in_the_dark(stack: RunningStack, scene: Scene, browser: Browser) -> None:
    with a_page(browser, stack, **look("zh-CN", "dark", _PHONE)) as page:
        page.goto(f"/orders/{scene.waiting}")
        expect(page.locator("#pay")).to_be_visible()
        take(page, "phone-zh")


def test_an_order_that_was_sent(stack: RunningStack, scene: Scene, browser: Browser) -> None:
    with a_page(browser, stack, **look("en-GB")) as page:
        page.goto(f"/orders/{scene.sent}")
        expect(page.get_by_text("has gone back")).to_be_visible()
        take(page, "order-en")


def test_the_cashier(stack: RunningStack, scene: Scene, browser: Browser) -> None:
    with a_page(browser, stack, **look("zh-CN", size=_PHONE)) as page:
        page.goto(f"/orders/{scene.waiting}")
        page.locator("#pay").click()
        expect(page.locator("h1")).to_have_text("支付宝沙箱收银台")
        take(page, "cashier")


@pytest.fixture(scope="module")
def a_sale(stack: RunningStack, browser: Browser) -> None:
    with a_page(browser, stack) as page:
        page.goto("/flash")
        page.locator("#start").click()
        expect(page.locator(".verdict")).to_be_visible(timeout=_SALE_MILLISECONDS)


@pytest.mark.usefixtures("a_sale")
@LANGUAGES
def test_a_flash_sale(stack: RunningStack, browser: Browser, locale: str, short: str) -> None:
    with a_page(browser, stack, **look(locale)) as page:
        page.goto("/flash")
        expect(page.locator(".verdict.good")).to_be_visible()
        take(page, f"flash-{short}")


@LANGUAGES
def test_the_consoles_desk(stack: RunningStack, scene: Scene, browser: Browser, locale: str, short: str) -> None:
    with the_console(browser, stack, scene, **look(locale)) as page:
        page.goto("/console")
        expect(page.locator(".tile").first).to_be_visible()
        take(page, f"desk-{short}")


def test_one_order_in_the_console(stack: RunningStack, scene: Scene, browser: Browser) -> None:
    with the_console(browser, stack, scene, **look("en-GB")) as page:
        page.goto(f"/console#/orders/{scene.sent}")
        expect(page.locator(".timeline")).to_be_visible()
        take(page, "story-en")


def test_a_refund_in_the_dark(stack: RunningStack, scene: Scene, browser: Browser) -> None:
    with the_console(browser, stack, scene, **look("en-GB", "dark")) as page:
        page.goto(f"/console#/orders/{scene.sent}")
        page.locator("#refund").click()
        page.get_by_role("spinbutton").first.fill("1")
        take(page, "refund-en")
