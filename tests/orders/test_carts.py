"""The cart in Redis: what an order takes from it, and what leaves it, once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from redis import Redis

from checkout.db import Engine, sql, transaction
from checkout.orders import cart
from checkout.orders.cart import CartItem, Clearing
from tests.shared.client import Client, an_order_body, problem
from tests.shared.factories import a_sku, order, place_all, rows

FROM_CART = an_order_body(items=None, from_cart=True)


@pytest.fixture
def worker(in_process: Callable[..., None]) -> None:
    in_process()


def place(order_id: int) -> None:
    from tasks.place import place_orders

    place_orders([order_id])


def test_the_cart_holds_what_was_put_there(client: Client) -> None:
    assert client.get("/v1/cart").json == {"items": []}
    client.put("/v1/cart/items/b", json={"quantity": 2})
    result = client.put("/v1/cart/items/a", json={"quantity": 1, "selected": False})
    assert result.json == {
        "items": [
            {"sku_id": "a", "quantity": 1, "selected": False},
            {"sku_id": "b", "quantity": 2, "selected": True},
        ]
    }
    assert client.get("/v1/cart", user=2).json == {"items": []}
    client.put("/v1/cart/items/a", json={"quantity": 7, "selected": True})
    assert client.delete("/v1/cart/items/b").json == {"items": [{"sku_id": "a", "quantity": 7, "selected": True}]}


def test_the_keys_in_redis_are_those_of_the_contract(client: Client, redis: Redis) -> None:
    client.put("/v1/cart/items/a", json={"quantity": 2}, user=7)
    assert redis.hgetall("cart_7") == {b"a": b"2"}
    assert redis.smembers("cart_selected_7") == {b"a"}
    client.put("/v1/cart/items/a", json={"quantity": 2, "selected": False}, user=7)
    assert redis.smembers("cart_selected_7") == set()


def test_a_full_cart_takes_no_other_sku(client: Client, redis: Redis) -> None:
    for number in range(cart.MOST_ITEMS):
        cart.put(redis, 1, CartItem(f"s{number}", 1, True))
    full = client.put("/v1/cart/items/other", json={"quantity": 1})
    assert problem(full) == (422, "cart_full")
    assert "100 different SKUs, as many as an order takes" in full.json["detail"]
    assert client.put("/v1/cart/items/s1", json={"quantity": 9}).status_code == 200


def test_a_full_cart_is_an_order(client: Client, engine: Engine, redis: Redis) -> None:
    for number in range(cart.MOST_ITEMS):
        a_sku(engine, f"s{number}")
        cart.put(redis, 1, CartItem(f"s{number}", 1, True))
    body = an_order_body(items=None, from_cart=True)
    assert client.post("/v1/orders", json=body, headers={"Idempotency-Key": "full"}).status_code == 202


@pytest.mark.parametrize("noise", ["abc", "-1", "0", "1000", "1.5", "", "²"])
def test_noise_of_other_programs_is_left_out(client: Client, redis: Redis, noise: str) -> None:
    redis.hset("cart_1", "x", noise)
    cart.put(redis, 1, CartItem("y", 1, True))
    assert [item["sku_id"] for item in client.get("/v1/cart").json["items"]] == ["y"]


@pytest.mark.parametrize("key", [b"\x00", b"a\x00b", b"\xff\xfe", b"", b"x" * 65, "茶".encode()])
def test_what_is_no_sku_is_left_out(client: Client, redis: Redis, key: bytes) -> None:
    redis.hset("cart_1", mapping={key: 1, "a": 2})
    redis.sadd("cart_selected_1", key, "a")
    assert [item["sku_id"] for item in client.get("/v1/cart").json["items"]] == ["a"]


def test_a_spoilt_cart_is_its_owners_affair_alone(client: Client, redis: Redis, engine: Engine) -> None:
    """Orders from carts are stored together, whoever's they are."""
    a_sku(engine, stock=100)
    for user in range(1, 9):
        cart.put(redis, user, CartItem("1", 1, True))
    redis.hset("cart_1", mapping={b"\x00": 1, "9" * 5000: 1})
    redis.hset("cart_2", "2", "9" * 5000)
    redis.delete("cart_3", "cart_selected_4")
    redis.set("cart_3", "a text")
    redis.lpush("cart_selected_4", "1")
    calls = [
        client.call("POST", "/v1/orders", user=user, json=FROM_CART, headers={"Idempotency-Key": "k"})
        for user in range(1, 9)
    ]
    answers = client.together(calls)
    assert [answer.status_code for answer in answers] == [202, 202, 422, 422, 202, 202, 202, 202]


def test_a_cart_ends_after_thirty_days(client: Client, redis: Redis) -> None:
    client.put("/v1/cart/items/a", json={"quantity": 2})
    assert cart.CART_SECONDS - 60 < redis.ttl("cart_1") <= cart.CART_SECONDS
    assert cart.CART_SECONDS - 60 < redis.ttl("cart_selected_1") <= cart.CART_SECONDS


def test_a_new_database_on_an_old_redis_does_not_find_its_marks(redis: Redis) -> None:
    for since in (1, 2):
        cart.put(redis, 1, CartItem("1", 5, True))
        cart.clear(redis, Clearing(7, 1, since, ["1"], [2]))
        assert redis.hget("cart_1", "1") == b"3"
    cart.clear(redis, Clearing(7, 1, 2, ["1"], [2]))
    assert redis.hget("cart_1", "1") == b"3"


def test_an_order_takes_what_is_selected(client: Client, redis: Redis, engine: Engine) -> None:
    cart.put(redis, 1, CartItem("a", 2, True))
    cart.put(redis, 1, CartItem("b", 1, False))
    result = client.order("k", FROM_CART)
    assert result.json["items"] == [{"sku_id": "a", "quantity": 2}]
    assert order(engine, int(result.json["id"])).from_cart


def test_an_empty_cart_is_refused_and_nothing_stored(client: Client, redis: Redis, engine: Engine) -> None:
    cart.put(redis, 1, CartItem("a", 2, False))
    assert problem(client.order("k", FROM_CART)) == (422, "empty_cart")
    assert (rows(engine, "orders"), rows(engine, "order_keys")) == ([], [])


@pytest.mark.usefixtures("worker")
def test_the_key_is_looked_up_before_the_cart(client: Client, redis: Redis, engine: Engine) -> None:
    a_sku(engine)
    cart.put(redis, 1, CartItem("1", 2, True))
    first = client.order("k", FROM_CART)
    place(int(first.json["id"]))
    assert cart.read(redis, 1) == []
    again = client.order("k", FROM_CART)
    assert (again.status_code, again.json["id"], again.json["status"]) == (202, first.json["id"], "awaiting_payment")


@pytest.mark.usefixtures("worker")
def test_exactly_what_was_bought_leaves_the_cart(client: Client, redis: Redis, engine: Engine) -> None:
    a_sku(engine, "1"), a_sku(engine, "2")
    cart.put(redis, 1, CartItem("1", 2, True))
    cart.put(redis, 1, CartItem("2", 1, False))
    order_id = int(client.order("k", FROM_CART).json["id"])
    cart.put(redis, 1, CartItem("1", 5, True))
    place(order_id)
    assert cart.read(redis, 1) == [CartItem("1", 3, True), CartItem("2", 1, False)]
    assert rows(engine, "cart_clearings") == []


@pytest.mark.usefixtures("worker")
def test_clearing_twice_takes_nothing_twice(client: Client, redis: Redis, engine: Engine) -> None:
    a_sku(engine)
    cart.put(redis, 1, CartItem("1", 2, True))
    order_id = int(client.order("k", FROM_CART).json["id"])
    place_all(engine, [order_id])
    with transaction(engine) as connection:
        clearings = cart.to_clear(connection, [order_id], 60)
    cart.put(redis, 1, CartItem("1", 10, True))
    for _ in range(3):
        for clearing in clearings:
            cart.clear(redis, clearing)
    assert cart.read(redis, 1) == [CartItem("1", 8, True)]


@pytest.mark.usefixtures("worker")
def test_a_cart_that_was_spoilt_meanwhile_holds_up_no_other(client: Client, redis: Redis, engine: Engine) -> None:
    a_sku(engine)
    for user in (1, 2, 3, 4):
        cart.put(redis, user, CartItem("1", 1, True))
    ids = [int(client.order("k", FROM_CART, user=user).json["id"]) for user in (1, 2, 3, 4)]
    redis.delete("cart_1", "cart_selected_2")
    redis.set("cart_1", "a text")
    redis.lpush("cart_selected_2", "1")
    redis.hset("cart_3", "1", "noise")
    place_all(engine, ids)
    from tasks.place import clear_carts

    clear_carts(ids, 60)
    assert rows(engine, "cart_clearings") == []
    assert (redis.get("cart_1"), redis.exists("cart_2", "cart_3", "cart_4")) == (b"a text", 0)


@pytest.mark.usefixtures("worker")
def test_a_rejected_order_leaves_the_cart_alone(client: Client, redis: Redis) -> None:
    cart.put(redis, 1, CartItem("unknown", 2, True))
    place(int(client.order("k", FROM_CART).json["id"]))
    assert cart.read(redis, 1) == [CartItem("unknown", 2, True)]


@pytest.mark.usefixtures("worker")
def test_an_order_by_items_leaves_the_cart_alone(client: Client, redis: Redis, engine: Engine) -> None:
    a_sku(engine)
    cart.put(redis, 1, CartItem("1", 2, True))
    place(int(client.order("k").json["id"]))
    assert cart.read(redis, 1) == [CartItem("1", 2, True)]


@pytest.mark.usefixtures("worker")
def test_a_cart_left_behind_is_cleared_by_the_sweep(client: Client, redis: Redis, engine: Engine) -> None:
    from tasks import maintenance

    a_sku(engine)
    cart.put(redis, 1, CartItem("1", 2, True))
    place_all(engine, [int(client.order("k", FROM_CART).json["id"])])
    assert cart.read(redis, 1) != []
    with transaction(engine) as connection:
        connection.execute(sql("UPDATE cart_clearings SET since = since - interval '1 minute'"))
    maintenance.sweep_up()
    assert (cart.read(redis, 1), rows(engine, "cart_clearings")) == ([], [])


def test_more_skus_than_an_order_may_have_are_refused(client: Client, redis: Redis, engine: Engine) -> None:
    """Another program of the shop may have put them in."""
    many = [f"s{number}" for number in range(cart.MOST_ITEMS + 1)]
    redis.hset("cart_1", mapping=dict.fromkeys(many, 1))
    redis.sadd("cart_selected_1", *many)
    assert problem(client.order("k", FROM_CART)) == (422, "invalid")
    assert rows(engine, "orders") == []
