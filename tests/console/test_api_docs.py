"""The API's own documents as a developer reads them in a browser: all operations, offline, nothing run but its own."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from api.app import TABLE
from checkout.db import Engine
from tests.shared.browser import a_page, needs_chromium
from tests.shared.factories import a_sku

# Swagger UI computes long before it shows an operation, and longer where many processes share a core.
pytestmark = [needs_chromium, pytest.mark.timeout(400)]
LONGEST_MILLISECONDS = 150_000


def operation(page: Page, operation_id: str) -> Locator:
    """The operation, opened."""
    block = page.locator(f".opblock[id$='-{operation_id}']")
    block.get_by_role("button").first.click(timeout=LONGEST_MILLISECONDS)
    expect(block.locator(".opblock-body .responses-wrapper")).to_be_visible(timeout=LONGEST_MILLISECONDS)
    return block


def test_every_operation_is_shown_and_can_be_opened_and_tried(browser: Browser, url: str, engine: Engine) -> None:
    a_sku(engine, "a-jar-of-plums")
    with a_page(browser, url) as page:
        page.goto("/docs")
        expect(page.get_by_role("heading", level=1)).to_contain_text("Checkout")
        expect(page.locator(".opblock")).to_have_count(len(TABLE))
        expect(page.locator(".errors-wrapper")).to_have_count(0)
        place = operation(page, "orders_place")
        expect(place).to_contain_text("Idempotency-Key")
        expect(place.locator(".opblock-section-request-body")).to_contain_text("pay_method")
        for status in ("202", "409", "422"):
            expect(place.locator(f".response[data-code='{status}']")).to_be_visible()
        skus = operation(page, "skus_page")
        skus.get_by_role("button", name="Try it out").click()
        skus.get_by_role("button", name="Execute").click()
        expect(skus.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
        expect(skus.locator(".live-responses-table")).to_contain_text("a-jar-of-plums")


def test_it_is_read_on_a_telephone_in_either_scheme(browser: Browser, url: str) -> None:
    size = {"width": 320, "height": 640}
    with a_page(browser, url, color_scheme="dark", viewport=size) as page:
        page.goto("/docs")
        operation(page, "skus_page")
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        body = page.locator("body")
        expect(body).not_to_have_css("background-color", "rgb(255, 255, 255)")
        page.emulate_media(color_scheme="light")
        expect(body).to_have_css("background-color", "rgb(255, 255, 255)")
