"""Answers of checkout that the shop does not get, or cannot trust, and events that come before their order's row.

Whatever the buyer does then, it is one order.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest
from redis import Redis

from bench.storefront import Buyer, Shop, buy, click, look, total
from tests.django_shop.adopted import CANCELED, UNPAID, api, becomes
from tests.django_shop.gate import LOST, Gate, Own, gate
from tests.django_shop.scenes import held, put_in_cart
from tests.django_shop.walk import Walk
from tests.shared.databases import libpq
from tests.shared.processes import LONGEST_SECONDS, eventually

pytestmark = pytest.mark.timeout(400)
TOTAL = "20.00"  # Of a unit of SKU 1, with the freight.
ASK, READ = "POST /v1/orders", "GET /v1/orders/"


@pytest.fixture(scope="module")
def way(walk: Walk, buyers: list[Buyer]) -> Iterator[Gate]:
    assert buyers  # The walk has come to what checkout tells.
    with gate(walk.environment["CHECKOUT_URL"]) as opened:
        yield opened


@pytest.fixture(scope="module")
def lossy(walk: Walk, way: Gate) -> Iterator[str]:
    """The adopted shop behind that gate, beside the one of the walk."""
    shop = Shop(walk.environment, walk.shop.log, walk.shop.directory)
    with shop.serving("checkout", workers=1, CHECKOUT_URL=way.url) as url:
        yield url


@pytest.fixture
def buyer(buyers: list[Buyer], redis: Redis) -> Buyer:
    """One who has not been here before, with a unit of SKU 1 in his cart."""
    taken = buyers.pop()
    put_in_cart(redis, taken, 1)
    return taken


def has_one_order(walk: Walk, buyer: Buyer, number: str) -> None:
    becomes(walk, number, UNPAID)
    orders = api(walk, "GET", f"/v1/orders?user_id={buyer.user_id}")["orders"]
    assert [order["reference"] for order in orders] == [number]


def loses_the_answer(way: Gate, url: str, buyer: Buyer) -> str:
    """A click whose order is stored; returns its number."""
    seen = total(url, buyer)
    with way.spoiling(ASK, LOST):
        lost = click(url, buyer, seen)
    assert lost.status == 503
    return str(lost.body["order_id"])


def test_an_address_that_is_edited_after_a_lost_answer_makes_no_second_order(
    walk: Walk, way: Gate, lossy: str, buyer: Buyer
) -> None:
    number = loses_the_answer(way, lossy, buyer)
    walk.shop.rows("UPDATE shop_address SET place = 'elsewhere' WHERE id = %s", buyer.address)
    assert buy(lossy, buyer, TOTAL).body == {"order_id": number}
    has_one_order(walk, buyer, number)


DOOR = [Own(401, "unauthorized"), Own(403, "forbidden"), Own(408, "request_timeout"), Own(429, "too_many_orders")]
OTHERS = [Own(422, "idempotency_key_reused"), Own(404)]


@pytest.mark.parametrize("own", [*DOOR, *OTHERS], ids=lambda own: own.code or str(own.status))
def test_a_repeat_that_is_turned_away_is_no_word_about_the_order(
    walk: Walk, way: Gate, lossy: str, buyer: Buyer, own: Own
) -> None:
    number = loses_the_answer(way, lossy, buyer)
    with way.spoiling(ASK, own):
        assert click(lossy, buyer, TOTAL).status == 503
    assert look(lossy, buyer) == {"order_id": number}
    has_one_order(walk, buyer, number)


def test_a_stored_order_that_is_not_shown_is_still_one_order(walk: Walk, way: Gate, lossy: str, buyer: Buyer) -> None:
    seen = total(lossy, buyer)
    with way.spoiling(READ, Own(404, "not_found")):
        hidden = click(lossy, buyer, seen)
    assert hidden.status == 503
    assert look(lossy, buyer) == {"order_id": hidden.body["order_id"]}
    has_one_order(walk, buyer, hidden.body["order_id"])


def test_what_goes_into_the_cart_after_a_lost_answer_is_shown_only_when_the_order_is_known(
    walk: Walk, way: Gate, lossy: str, buyer: Buyer, redis: Redis
) -> None:
    number = loses_the_answer(way, lossy, buyer)
    put_in_cart(redis, buyer, 2)
    with way.spoiling(ASK, LOST):
        assert look(lossy, buyer)["order_id"] == number
    assert look(lossy, buyer) == {"order_id": number}
    other = buy(lossy, buyer, total(lossy, buyer))
    assert (other.status, other.body["order_id"] != number) == (200, True)
    becomes(walk, other.body["order_id"], UNPAID)
    assert walk.shop.rows("SELECT sku_id FROM shop_ordergoods WHERE order_id = %s", number) == [(1,)]
    assert walk.shop.rows("SELECT sku_id FROM shop_ordergoods WHERE order_id = %s", other.body["order_id"]) == [(2,)]


def test_a_click_that_never_arrived_orders_no_cart_that_its_page_did_not_show(
    walk: Walk, way: Gate, lossy: str, buyer: Buyer, redis: Redis
) -> None:
    seen = total(lossy, buyer)
    with way.spoiling(ASK, Own(503, "unavailable")):
        number = click(lossy, buyer, seen).body["order_id"]
    put_in_cart(redis, buyer, 1, 2)
    assert look(lossy, buyer)["errmsg"] == "price_changed"
    becomes(walk, number, CANCELED)
    assert buy(lossy, buyer, total(lossy, buyer)).body["order_id"] != number


def test_a_total_that_changed_since_the_page_is_refused(lossy: str, buyer: Buyer, redis: Redis) -> None:
    seen = total(lossy, buyer)
    put_in_cart(redis, buyer, 1, units=2)
    refused = buy(lossy, buyer, seen)
    assert (refused.status, refused.body["errmsg"]) == (409, "price_changed")


@pytest.fixture
def atomic(walk: Walk) -> Iterator[str]:
    """The adopted shop with a transaction around each of its views."""
    settings = "from shop.settings import *\n\nDATABASES['default']['ATOMIC_REQUESTS'] = True\n"
    (walk.shop.directory / "shop" / "atomic.py").write_text(settings, encoding="utf-8")
    shop = Shop(walk.environment, walk.shop.log, walk.shop.directory)
    with shop.serving("checkout", workers=1, DJANGO_SETTINGS_MODULE="shop.atomic") as url:
        yield url


def test_the_row_is_there_while_the_view_waits_whatever_the_settings_say(
    walk: Walk, atomic: str, buyer: Buyer, database_url: str
) -> None:
    seen = total(atomic, buyer)
    with ThreadPoolExecutor(1) as clicks:
        with held(psycopg2.connect(libpq(database_url)), "skus WHERE id = '1'") as waited_for:
            order = clicks.submit(buy, atomic, buyer, seen)
            waited_for(1)
            written = walk.shop.one("SELECT count(*) FROM shop_orderinfo WHERE user_id = %s", buyer.user_id)
        placed = order.result(LONGEST_SECONDS)
    assert (written, placed.status) == (1, 200)
    becomes(walk, placed.body["order_id"], UNPAID)


_ROW = """
    INSERT INTO shop_orderinfo
        (order_id, user_id, address_id, pay_method, status, total_count, total_amount, freight, create_time)
    VALUES (%s, %s, %s, 2, 0, 0, 0, 0, now())
"""
OWN = "20260101120000000000001abcdef"


def test_an_event_that_comes_before_its_row_is_not_dropped(walk: Walk, buyer: Buyer) -> None:
    before = walk.shop.one("SELECT event_id FROM shop_bookmark")
    to = {"recipient": "李雷", "phone": "13800000000", "region": "上海市", "detail": "某路 1 号"}
    wanted = {"items": [{"sku_id": "1", "quantity": 1}], "pay_method": "alipay", "address": to, "reference": OWN}
    api(walk, "POST", "/v1/orders", buyer.user_id, is_operator=False, headers={"Idempotency-Key": OWN}, json=wanted)
    eventually(lambda: OWN in str(api(walk, "GET", f"/v1/events?after={before}")), "the event is sent")
    time.sleep(2)  # Enough for the follower to hear of it.
    walk.shop.rows(_ROW, OWN, buyer.user_id, buyer.address)
    becomes(walk, OWN, UNPAID)


_HEAR = """
from datetime import timedelta
from django.utils import timezone
from shop import events
event = {"type": "checkout.order.closed", "id": "0", "subject": "1", "sequence": 1, "data": {"reference": "REFERENCE"}}
print(events._heard({**event, "time": (timezone.now() - timedelta(seconds=AGE)).isoformat()}))
"""
ANOTHERS = OWN[::-1].upper()


@pytest.mark.parametrize(
    ("reference", "age", "is_done_with"),
    [(ANOTHERS, 0, True), (OWN.replace("abc", "123"), 0, False), (OWN.replace("abc", "123"), 3600, True)],
)
def test_a_row_that_never_comes_is_waited_for_a_while_only_if_its_number_is_of_this_shop(
    walk: Walk, way: Gate, reference: str, age: int, is_done_with: bool
) -> None:
    assert way
    asked = _HEAR.replace("REFERENCE", reference).replace("AGE", str(age))
    assert walk.manage("shell", "--no-imports", "-c", asked).strip() == str(is_done_with)
