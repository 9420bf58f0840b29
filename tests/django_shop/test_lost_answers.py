"""Answers of checkout that the shop does not get, or cannot trust: whatever the buyer does then, it is one order."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis

from bench.storefront import Buyer, Shop, buy, click, look
from tests.django_shop.adopted import UNPAID, api, becomes
from tests.django_shop.gate import LOST, Gate, Own, gate
from tests.django_shop.scenes import put_in_cart
from tests.django_shop.walk import Walk

pytestmark = pytest.mark.timeout(400)
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
    look(url, buyer)
    with way.spoiling(ASK, LOST):
        lost = click(url, buyer)
    assert lost.status == 503
    return str(lost.body["order_id"])


def test_an_address_that_is_edited_after_a_lost_answer_makes_no_second_order(
    walk: Walk, way: Gate, lossy: str, buyer: Buyer
) -> None:
    number = loses_the_answer(way, lossy, buyer)
    walk.shop.rows("UPDATE shop_address SET place = 'elsewhere' WHERE id = %s", buyer.address)
    assert buy(lossy, buyer).body == {"order_id": number}
    has_one_order(walk, buyer, number)


DOOR = [Own(401, "unauthorized"), Own(403, "forbidden"), Own(408, "request_timeout"), Own(429, "too_many_orders")]
OTHERS = [Own(422, "idempotency_key_reused"), Own(404)]


@pytest.mark.parametrize("own", [*DOOR, *OTHERS], ids=str)
def test_a_repeat_that_is_turned_away_is_no_word_about_the_order(
    walk: Walk, way: Gate, lossy: str, buyer: Buyer, own: Own
) -> None:
    number = loses_the_answer(way, lossy, buyer)
    with way.spoiling(ASK, own):
        assert click(lossy, buyer).status == 503
    look(lossy, buyer)
    assert buy(lossy, buyer).body == {"order_id": number}
    has_one_order(walk, buyer, number)


def test_a_stored_order_that_is_not_shown_is_still_one_order(walk: Walk, way: Gate, lossy: str, buyer: Buyer) -> None:
    look(lossy, buyer)
    with way.spoiling(READ, Own(404, "not_found")):
        hidden = click(lossy, buyer)
    assert hidden.status == 503
    look(lossy, buyer)
    assert buy(lossy, buyer).body == {"order_id": hidden.body["order_id"]}
    has_one_order(walk, buyer, hidden.body["order_id"])
