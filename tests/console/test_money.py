"""An operator finds an order by a number that the buyer reads out, and gives money back, once."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from checkout.db import Engine
from checkout.settings import Settings
from tests.console.steps import card, find, losing_the_first_answer, says, sign_in
from tests.shared.browser import a_page, barriers, needs_chromium
from tests.shared.factories import a_sku, attempts, paid, rows

pytestmark = needs_chromium


def a_paid_order(engine: Engine) -> int:
    a_sku(engine, "1", stock=20, price="10.00"), a_sku(engine, "2", stock=20, price="58.50")
    return paid(engine, user_id=1001, lines={"1": 2, "2": 1}, reference="WX-7")


def ask_for_a_refund(page: Page) -> None:
    """One unit of the first line."""
    page.get_by_role("button", name="Refund…").click()
    page.get_by_role("spinbutton", name="SKU 1").fill("1")


def test_one_line_of_an_order_that_is_found_by_its_number_goes_back(
    browser: Browser, url: str, settings: Settings, engine: Engine
) -> None:
    order_id = a_paid_order(engine)
    posted: list[str] = []
    with a_page(browser, url) as page:
        page.on("request", lambda request: posted.append(request.url) if request.method == "POST" else None)
        sign_in(page, settings)
        find(page, attempts(engine, order_id)[0].out_trade_no)
        found = page.get_by_role("link", name=f"#{order_id}")
        for told in ("awaiting shipment", "¥88.50", "WX-7", "SKU 2 × 1"):
            expect(found).to_contain_text(told)
        found.click()
        ask_for_a_refund(page)
        expect(page.get_by_role("status").filter(has_text="¥10.00")).to_be_visible()
        assert barriers(page) == []
        page.get_by_role("dialog").get_by_role("button", name="Refund").dblclick()
        expect(says(page)).to_have_text("A refund of ¥10.00 is on its way.")
        expect(page.get_by_role("button", name="Refund…")).to_be_focused()
        expect(card(page, "Refunds")).to_contain_text("SKU 1 × 1 ¥10.00")
        for told in ("Order came in", "Payment succeeded", "Refund requested"):
            expect(card(page, "Timeline")).to_contain_text(told)
        assert barriers(page) == []
    assert posted == [f"{url}/v1/orders/{order_id}/refunds"]
    assert [refund.amount_fen for refund in rows(engine, "refunds", order_id=order_id)] == [1000]


def test_a_refund_whose_answer_was_lost_is_sent_again_as_the_same(
    browser: Browser, url: str, settings: Settings, engine: Engine
) -> None:
    order_id = a_paid_order(engine)
    lost: list[int] = []
    with a_page(browser, url, may_refuse=True) as page:
        sign_in(page, settings)
        page.route(f"**/v1/orders/{order_id}/refunds", losing_the_first_answer(lost))
        page.goto(f"/console#/orders/{order_id}")
        ask_for_a_refund(page)
        page.get_by_role("dialog").get_by_role("button", name="Refund").click()
        expect(page.get_by_role("alert")).to_contain_text("whether it was done is not known")
        expect(page.get_by_role("alert")).to_contain_text("To send it again is safe")
        page.reload()
        page.get_by_role("button", name="Refund…").click()
        expect(page.get_by_role("button", name="Send it again")).to_be_focused()
        page.keyboard.press("Enter")
        expect(says(page)).to_have_text("A refund of ¥10.00 is on its way.")
    assert lost == [202]
    assert len(rows(engine, "refunds", order_id=order_id)) == 1


def test_what_does_not_fit_is_said_in_words_beside_its_field(
    browser: Browser, url: str, settings: Settings, engine: Engine
) -> None:
    order_id = a_paid_order(engine)
    with a_page(browser, url, may_refuse=True) as page:
        sign_in(page, settings)
        page.goto(f"/console#/orders/{order_id}")
        page.get_by_role("button", name="Ship…").click()
        page.get_by_label("Carrier").fill("SF")
        page.get_by_role("dialog").get_by_role("button", name="Ship").click()
        expect(page.get_by_role("alert")).to_contain_text("tracking_number at least 1 character")
        expect(page.get_by_label("Tracking number")).to_be_focused()
        page.get_by_label("Tracking number").fill("SF1002")
        page.keyboard.press("Enter")
        expect(says(page)).to_have_text("Parcel 1 is sent.")
        expect(card(page, "Parcels")).to_contain_text("SF1002")
        page.get_by_role("button", name="Refund…").click()
        page.get_by_label("By amount").check()
        page.get_by_label("Amount in yuan").fill("88.51")
        page.get_by_role("dialog").get_by_role("button", name="Refund").click()
        expect(page.get_by_role("alert")).to_contain_text("That is more than is left of what was paid.")
