"""What needs a person: shown with its sentence, and settled by a note; and who may see it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from checkout.audit import alarms
from checkout.audit.alarms import Alarm
from checkout.db import Engine, sql, transaction
from checkout.settings import Settings
from tests.console.steps import card, losing_the_first_answer, says, sign_in
from tests.shared.browser import a_page, barriers, needs_chromium
from tests.shared.client import token
from tests.shared.factories import a_sku, an_order, attempts, order, paid, placed, rows

pytestmark = needs_chromium

WEBHOOK = Alarm("webhook_falls_behind", "3", "webhook 3 has taken nothing for an hour")


def raised(engine: Engine, *matters: Alarm) -> None:
    with transaction(engine) as connection:
        for matter in matters:
            alarms.raise_alarm(connection, matter)


def parked(engine: Engine, order_id: int) -> None:
    with transaction(engine) as connection:
        statement = sql("UPDATE arrivals SET error = '22003 out of range', parked = true WHERE order_id = :id")
        connection.execute(statement, {"id": order_id})


def test_an_operator_settles_a_matter_by_keyboard_alone(
    browser: Browser, url: str, settings: Settings, engine: Engine
) -> None:
    a_sku(engine)
    order_id = paid(engine)
    number = attempts(engine, order_id)[0].out_trade_no
    raised(engine, WEBHOOK, Alarm("notify_amount_differs", number, "Alipay tells of 12.00 yuan", order_id, 1200))
    with a_page(browser, url) as page:
        page.goto("/console")
        page.keyboard.type(token(settings, 99, is_operator=True))
        page.keyboard.press("Enter")
        first = page.locator(".matter").first
        expect(first).to_contain_text("¥12.00")  # Money first.
        expect(first).to_contain_text("Alipay tells of 12.00 yuan")
        for _ in range(40):
            if page.evaluate("document.activeElement.id") == f"resolve-notify_amount_differs-{number}":
                break
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.keyboard.type("compared with the console; the notify was a test")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(says(page)).to_have_text("Settled.")
        expect(page.locator(".matters")).not_to_contain_text("Alipay tells of 12.00 yuan")
        expect(page.get_by_role("button", name="Settled: Webhook falls behind 3")).to_be_focused()
        page.keyboard.press("/")
        page.keyboard.type(f"{order_id}-1")
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name=f"#{order_id}")).to_be_focused()
        page.keyboard.press("Enter")
        expect(card(page, "Timeline")).to_contain_text("compared with the console")
    [kept] = rows(engine, "resolutions")
    assert (kept.kind, kept.subject) == ("notify_amount_differs", number)


def test_it_speaks_both_languages_and_remembers_which(
    browser: Browser, url: str, settings: Settings, engine: Engine
) -> None:
    a_sku(engine)
    order_id, parked_id = placed(engine), an_order(engine)
    parked(engine, parked_id)
    raised(engine, WEBHOOK)
    with a_page(browser, url, locale="zh-CN", viewport={"width": 320, "height": 640}) as page:
        page.goto("/console")
        expect(page.get_by_role("heading", name="运营登录")).to_be_visible()
        assert barriers(page) == []
        page.get_by_role("button", name="English").click()
        sign_in(page, settings)
        page.get_by_role("button", name="中文").click()
        expect(page.get_by_role("heading", name="需要人工处理")).to_be_visible()
        expect(page.locator(".tile")).to_have_count(12)
        expect(page.locator(".matters")).to_contain_text(f"订单 {parked_id} 无法处理：22003 out of range")
        for address, heading in (
            ("", "需要人工处理"),
            ("orders", "最新订单"),
            (f"orders/{order_id}", "订单"),
            ("skus", "商品"),
        ):
            page.goto(f"/console#/{address}")
            expect(page.get_by_role("heading", name=heading).first).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") == 320, address
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                assert barriers(page) == [], scheme


def test_an_order_is_cancelled_after_a_question_and_goods_change(
    browser: Browser, url: str, settings: Settings, engine: Engine
) -> None:
    a_sku(engine, "tea", stock=5)
    order_id = placed(engine, lines={"tea": 1})
    with a_page(browser, url) as page:
        sign_in(page, settings)
        page.goto(f"/console#/orders/{order_id}")
        page.get_by_role("button", name="Cancel…").click()
        expect(page.get_by_role("button", name="Back")).to_be_focused()
        page.get_by_role("dialog").get_by_role("button", name="Cancel the order").click()
        expect(page.locator(".head")).to_contain_text("closed · cancelled")
        page.get_by_role("link", name="Goods").click()
        page.get_by_role("button", name="Stock of SKU tea").click()
        expect(page.get_by_role("dialog")).to_contain_text("5 there are")
        page.get_by_label("Units").fill("7")
        page.keyboard.press("Enter")
        expect(says(page)).to_have_text("SKU tea has 12 unit(s).")
        page.get_by_role("button", name="Price of SKU tea").click()
        page.get_by_label("Price in yuan").fill("12.50")
        page.keyboard.press("Enter")
        expect(page.locator(".skus")).to_contain_text("¥12.50")
    assert order(engine, order_id).status == "closed"


def test_a_change_of_stock_whose_answer_was_lost_is_sent_again_and_made_once(
    browser: Browser, url: str, settings: Settings, engine: Engine
) -> None:
    a_sku(engine, "cup", stock=5)
    lost: list[int] = []
    with a_page(browser, url, may_refuse=True) as page:
        sign_in(page, settings)
        page.goto("/console#/skus")
        page.route("**/v1/skus/cup/stock", losing_the_first_answer(lost))
        page.get_by_role("button", name="Stock of SKU cup").click()
        page.get_by_label("Units").fill("7")
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_contain_text("To send it again is safe")
        expect(page.get_by_label("Units")).to_be_disabled()  # Another number would be another change.
        page.keyboard.press("Enter")
        expect(says(page)).to_have_text("SKU cup has 12 unit(s).")
    assert lost == [200]


@pytest.mark.parametrize("reference", ["constructor", "__proto__", "paid", "2026-99-99T99:99"])
def test_what_somebody_wrote_is_shown_as_it_is(
    browser: Browser, url: str, settings: Settings, engine: Engine, reference: str
) -> None:
    a_sku(engine, "words", stock=9)
    order_id = placed(engine, lines={"words": 1}, reference=reference)
    with a_page(browser, url) as page:
        sign_in(page, settings)
        page.goto(f"/console#/orders/{order_id}")
        expect(page.locator(".timeline")).to_contain_text(f"reference{reference}")
        expect(page.get_by_role("button", name="Cancel…")).to_be_visible()


def test_an_order_that_changes_elsewhere_is_shown_as_it_is_and_said(
    browser: Browser, url: str, settings: Settings, engine: Engine
) -> None:
    a_sku(engine)
    order_id = placed(engine)
    with a_page(browser, url) as page:
        sign_in(page, settings)
        page.goto(f"/console#/orders/{order_id}")
        expect(page.locator(".head")).to_contain_text("awaiting payment")
        bearer = {"Authorization": f"Bearer {token(settings, 1)}"}
        assert page.request.post(f"/v1/orders/{order_id}/cancel", headers=bearer, data={}).ok
        expect(page.locator(".head")).to_contain_text("closed · cancelled")
        expect(says(page)).to_have_text("The order is now: closed · cancelled")


def test_who_is_no_operator_is_told_so_and_stays_outside(browser: Browser, url: str, settings: Settings) -> None:
    with a_page(browser, url, may_refuse=True) as page:
        for given, why in ((token(settings, 1), "lacks the scope operator"), ("no.token.atall", "does not hold")):
            page.goto("/console")
            page.get_by_label("Operator's token").fill(given)
            page.keyboard.press("Enter")
            expect(page.get_by_role("alert")).to_contain_text(why)
            expect(page.get_by_label("Operator's token")).to_be_focused()
            assert page.evaluate("sessionStorage.length") == 0
            assert given not in page.url
