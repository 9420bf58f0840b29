"""docs/from-django.md, command by command; and what the shop is when it has been walked along."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urljoin

import psycopg2
import pytest
from redis import Redis

from bench.storefront import Buyer, Shop, ask, buy, click, rush, total
from checkout.events import bus
from tests.django_shop.adopted import (
    CANCELED,
    UNPAID,
    UNSEND,
    api,
    becomes,
    buys,
    has_left,
    set_stock,
    shows,
    status_of,
    stock_of,
)
from tests.django_shop.gate import LOST, gate
from tests.django_shop.scenes import cart_of, held, put_in_cart, units_sold
from tests.django_shop.walk import CART, COMPARISON, GOODS, OPEN, Walk, shown
from tests.shared.databases import libpq
from tests.shared.processes import HTTP, LONGEST_SECONDS, ROOT, eventually

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here"),
]
NOBODY = "http://127.0.0.1:9"


def test_the_goods_go_over_with_the_units_that_no_open_order_has(walk: Walk, old: list[Buyer]) -> None:
    walk.until(GOODS)
    assert click(walk.url, old[0]).status == 503
    assert [said for command, said in walk.said.items() if "catalog" in command] == [
        "exported 10\n",
        "added 10, updated 0\n",
    ]
    skus = api(walk, "GET", "/v1/skus")["items" if "items" in api(walk, "GET", "/v1/skus") else "skus"]
    moved = {(sku["id"], sku["spu_id"], sku["title"], sku["price"]) for sku in skus}
    assert moved == set(walk.shop.rows("SELECT id::text, spu_id::text, name, price::text FROM shop_sku"))
    assert (stock_of(walk, 1), stock_of(walk, 3)) == (100, 97)


def test_both_see_the_same_cart(walk: Walk, old: list[Buyer], redis: Redis) -> None:
    walk.until(GOODS)
    put_in_cart(redis, old[0], 1, units=2)
    walk.until(CART)
    [seen] = [said for command, said in walk.said.items() if "curl" in command]
    assert json.loads(seen) == {"items": [{"sku_id": "1", "quantity": 2, "selected": True}]}
    api(walk, "DELETE", "/v1/cart/items/1", old[0].user_id)
    assert cart_of(redis, old[0]) == {}


def test_a_rush_sells_exactly_what_is_there_and_loses_no_order(walk: Walk, buyers: list[Buyer], redis: Redis) -> None:
    set_stock(walk, 1, 10)
    for buyer in buyers:
        put_in_cart(redis, buyer, 1)
    clicks = rush(walk.url, buyers, 16)
    assert Counter(one.status for one in clicks) == {200: 10, 409: len(buyers) - 10}
    for one in clicks:
        if one.status == 200:
            becomes(walk, one.body["order_id"], UNPAID)
            [found] = api(walk, "GET", f"/v1/orders?reference={one.body['order_id']}")["orders"]
            assert (found["status"], found["user_id"]) == ("awaiting_payment", str(one.buyer.user_id))
        has_left(redis, one.buyer, {} if one.status == 200 else {b"1": b"1"})
    assert (units_sold(walk.shop, 1), stock_of(walk, 1)) == (10, 0)
    eventually(lambda: walk.shop.rows("SELECT stock, sales FROM shop_sku WHERE id = 1") == [(0, 10)], "the mirror is 0")
    assert walk.shop.one("SELECT sales FROM shop_spu WHERE id = 1") == 10 + walk.shop.one(
        "SELECT sales FROM shop_sku WHERE id = 2"
    )


def test_a_double_click_is_one_order(walk: Walk, buyers: list[Buyer], redis: Redis) -> None:
    buyer = buyers[0]
    put_in_cart(redis, buyer, 5)
    seen = total(walk.url, buyer)
    with ThreadPoolExecutor(2) as clicks:
        both = list(clicks.map(lambda _: buy(walk.url, buyer, seen), range(2)))
    late = buy(walk.url, buyer, seen)
    assert {one.status for one in (*both, late)} == {200}
    [number] = {one.body["order_id"] for one in (*both, late)}
    becomes(walk, number, UNPAID)
    assert units_sold(walk.shop, 5) == 1
    has_left(redis, buyer, {})
    assert total(walk.url, buyer) == ""
    assert buy(walk.url, buyer).status == 400  # The page had nothing to click.
    assert buy(walk.url, buyer, seen).status == 409  # Another order, of an empty cart.


def test_what_goes_into_the_cart_meanwhile_stays(
    walk: Walk, buyers: list[Buyer], redis: Redis, database_url: str
) -> None:
    buyer = buyers[1]
    put_in_cart(redis, buyer, 6)
    seen = total(walk.url, buyer)
    with ThreadPoolExecutor(1) as clicks:
        with held(psycopg2.connect(libpq(database_url)), "skus WHERE id = '6'") as waited_for:
            order = clicks.submit(buy, walk.url, buyer, seen)
            waited_for(1)
            redis.hincrby(f"cart_{buyer.user_id}", "6", 5)
        assert order.result(LONGEST_SECONDS).status == 200
    has_left(redis, buyer, {b"6": b"5"})


def test_who_clicks_again_after_no_answer_has_one_order(walk: Walk, buyers: list[Buyer], redis: Redis) -> None:
    buyer = buyers[2]
    put_in_cart(redis, buyer, 7)
    seen = total(walk.url, buyer)
    away = Shop(walk.environment, walk.shop.log, walk.shop.directory)
    with away.serving("checkout", workers=1, CHECKOUT_URL=NOBODY) as url:
        nothing = click(url, buyer, seen)
        assert (nothing.status, status_of(walk, nothing.body["order_id"])) == (503, 0)
    again = buy(walk.url, buyer, seen)
    assert (again.status, again.body["order_id"]) == (200, nothing.body["order_id"])
    becomes(walk, again.body["order_id"], UNPAID)


def test_who_pays_at_the_cashier_awaits_the_goods(walk: Walk, buyers: list[Buyer], redis: Redis) -> None:
    buyer = buyers[3]
    number = buys(walk, redis, buyer, 8)
    sent = ask(f"{walk.url}/orders/{number}/pay/", buyer)
    assert sent.status == 302
    pay_url = sent.headers["Location"]
    page = HTTP.request("GET", pay_url).data.decode()
    [cashier] = re.findall(r'action="(/cashier/[0-9a-f]+)/login"', page)
    for step in ("login", "pay"):
        left = HTTP.request("POST", urljoin(pay_url, f"{cashier}/{step}"), redirect=False)
        assert left.status in (302, 303)
    back = HTTP.request("GET", left.headers["Location"], redirect=False)  # By way of checkout.
    becomes(walk, number, UNSEND)
    assert ask(back.headers["Location"], buyer).json()["status"] == "待发货"


def test_units_of_a_cancelled_order_are_seen_again(walk: Walk, buyers: list[Buyer], redis: Redis) -> None:
    buyer = buyers[4]
    set_stock(walk, 9, 1)
    number = buys(walk, redis, buyer, 9)
    shows(walk, 9, 0)
    order_id = walk.shop.one("SELECT checkout_id FROM shop_orderinfo WHERE order_id = %s", number)
    api(walk, "POST", f"/v1/orders/{order_id}/cancel", buyer.user_id, is_operator=False)
    becomes(walk, number, CANCELED)
    shows(walk, 9, 1)


_ALL = "SELECT order_id, status, total_count, total_amount, sequence FROM shop_orderinfo ORDER BY 1"
_COUNTS = "SELECT id, stock, sales, sequence FROM shop_sku ORDER BY 1"


def test_a_follower_that_lost_its_place_hears_what_it_missed_and_nothing_twice(
    walk: Walk, buyers: list[Buyer], redis: Redis
) -> None:
    [follow] = [command for command in walk.said if "follow_checkout" in command]
    walk.stop("follow_checkout")
    before = (walk.shop.rows(_ALL), walk.shop.rows(_COUNTS))
    number = buys(walk, redis, buyers[5], 10)
    bus.drop(walk.environment["CHECKOUT_EVENTS_URL"], "django_shop")
    walk.shop.rows("UPDATE shop_bookmark SET event_id = 0")
    walk.start("follow_checkout", follow)
    becomes(walk, number, UNPAID)
    assert [row for row in walk.shop.rows(_ALL) if row[0] != number] == before[0]
    assert [row for row in walk.shop.rows(_COUNTS) if row[0] != 10] == [row for row in before[1] if row[0] != 10]


_LATE = """
    UPDATE shop_orderinfo SET create_time = create_time - interval '1 hour' WHERE checkout_id = '' AND user_id = %s
"""


def test_old_orders_that_nobody_pays_give_their_units_to_checkout_once(
    walk: Walk, old: list[Buyer], buyers: list[Buyer]
) -> None:
    assert buyers
    walk.shop.rows(_LATE, old[0].user_id)
    before = stock_of(walk, 3)
    walk.until(OPEN)
    [said] = [said for command, said in walk.said.items() if "let_out" in command]
    assert said == "let out 1, gave back 1, wait for money 1, for goods 1\n"
    walk.shop.rows(_LATE, old[1].user_id)
    with pytest.raises(subprocess.CalledProcessError) as away:
        walk.manage("let_out", "--minutes=30", CHECKOUT_URL=NOBODY)
    assert away.value.stdout.decode() == "let out 1, gave back 0, wait for money 0, for goods 1\n"
    again = "let out 0, gave back 1, wait for money 0, for goods 1\n"
    assert walk.manage("let_out", "--minutes=30") == again  # Nothing was sent, so nothing is in doubt.
    assert stock_of(walk, 3) == before + 2


_GIVEN_BACK = """
    INSERT INTO shop_givenback (order_id, sku_id, count)
    SELECT (SELECT min(order_id) FROM shop_orderinfo WHERE user_id = %s), sku_id, 1
    FROM unnest(%s) WITH ORDINALITY AS wanted (sku_id, place) ORDER BY place
"""
_ONLY_HERE = """
    INSERT INTO shop_sku (spu_id, name, price, stock, sales, is_launched) VALUES (1, 'only here', 10, 0, 0, true)
    RETURNING id
"""
_WAITING = "SELECT sku_id, asked_at IS NOT NULL FROM shop_givenback WHERE done_at IS NULL ORDER BY id"


def given_back(walk: Walk, buyer: Buyer, *sku_ids: int) -> None:
    walk.shop.rows(_GIVEN_BACK, buyer.user_id, list(sku_ids))


def lets_out_with_a_fault(walk: Walk, **told: str) -> None:
    with pytest.raises(subprocess.CalledProcessError) as fault:
        walk.manage("let_out", "--minutes=30", **told)
    assert fault.value.returncode == 1


def test_a_row_that_is_refused_keeps_nobody_from_going_and_is_named(walk: Walk, old: list[Buyer]) -> None:
    walk.until(OPEN)
    unknown = walk.shop.one(_ONLY_HERE)
    before = stock_of(walk, 3)
    given_back(walk, old[0], unknown, 3)
    lets_out_with_a_fault(walk)
    assert f"1 of SKU {unknown} are refused" in walk.shop.log.read_text(encoding="utf-8")
    assert (walk.shop.rows(_WAITING), stock_of(walk, 3)) == ([(unknown, False)], before + 1)
    walk.shop.rows("DELETE FROM shop_givenback WHERE sku_id = %s; DELETE FROM shop_sku WHERE id = %s", unknown, unknown)


def test_an_answer_that_was_lost_leaves_one_row_in_doubt_and_not_all(walk: Walk, old: list[Buyer]) -> None:
    walk.until(OPEN)
    before = stock_of(walk, 3)
    given_back(walk, old[0], 3, 3)
    with gate(walk.environment["CHECKOUT_URL"]) as way, way.spoiling("POST /v1/skus/", LOST):
        lets_out_with_a_fault(walk, CHECKOUT_URL=way.url)
        assert len(way.seen) == 1
    assert walk.shop.rows(_WAITING) == [(3, True), (3, False)]
    walk.manage("let_out", "--minutes=30")
    assert (walk.shop.rows(_WAITING), stock_of(walk, 3)) == ([(3, True)], before + 2)


def test_the_walk_is_all_that_the_page_shows_and_its_end_is_good(walk: Walk, buyers: list[Buyer]) -> None:
    assert buyers
    walk.until(list(shown())[-1])
    every = [command for commands in shown().values() for command in commands if not command.startswith(COMPARISON)]
    assert list(walk.said) == every
    assert "✗" not in walk.said["checkout audit"]


@pytest.mark.skipif("CHECKOUT_TEST_COMPARISON" not in os.environ, reason="CHECKOUT_TEST_COMPARISON asks for it")
def test_the_comparison_runs_and_the_adopted_shop_oversells_nothing() -> None:
    [command] = [line for lines in shown().values() for line in lines if line.startswith(COMPARISON)]
    done = subprocess.run([sys.executable, *command.split()[1:], "--buyers=40"], cwd=ROOT, check=False)
    assert done.returncode == 0
