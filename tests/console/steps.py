"""What an operator does in the console, and what stands there."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Locator, Page, Route, expect

from checkout.settings import Settings
from tests.shared.client import token

OPERATOR = 99


def sign_in(page: Page, settings: Settings) -> None:
    """An operator who has a token sees the desk."""
    page.goto("/console")
    page.get_by_label("Operator's token").fill(token(settings, OPERATOR, is_operator=True))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Needs a person")).to_be_visible()


def find(page: Page, number: str) -> None:
    """By what a customer reads out."""
    page.get_by_role("searchbox", name="Find orders by any number").fill(number)
    page.get_by_role("button", name="Find", exact=True).click()


def card(page: Page, title: str) -> Locator:
    """A part of the order's page."""
    return page.locator("section.card").filter(has=page.get_by_role("heading", name=title, exact=True))


def says(page: Page) -> Locator:
    """What the page has said last."""
    return page.locator("#notice")


def losing_the_first_answer(lost: list[int]) -> Callable[[Route], None]:
    """For `page.route`: the first POST is done, and its answer's status is in `lost` and nowhere else."""

    def lose(route: Route) -> None:
        if route.request.method != "POST" or lost:
            route.continue_()
            return
        lost.append(route.fetch().status)
        route.abort()

    return lose
