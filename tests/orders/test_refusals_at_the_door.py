"""An order for more than is left is refused at once, and nothing of it is kept; the stock decides, never the hint."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from api import counters, limits
from api.shelf import Shelf
from checkout.db import Engine, command, sql, transaction
from checkout.events import waking
from checkout.orders import acceptance
from checkout.orders.acceptance import Accepted, Request
from checkout.orders.allocation import Refusal
from checkout.settings import parse
from checkout.stock import units
from tests.shared.client import Client, an_order_body, serving
from tests.shared.databases import on_each_version
from tests.shared.factories import a_request, a_sku, order, place_all, placed, row, rows
from tests.shared.processes import eventually


def look(engine: Engine, *requests: Request) -> list[Accepted | Refusal | None]:
    with transaction(engine) as connection:
        return acceptance.look(connection, requests)


@on_each_version
def test_what_is_gone_is_refused_and_nothing_is_written(engine: Engine) -> None:
    a_sku(engine, stock=0)
    [refusal] = look(engine, a_request())
    assert refusal == Refusal("out_of_stock", [{"sku_id": "1", "wanted": 1, "available": 0}])
    assert [rows(engine, table) for table in ("orders", "order_keys", "events", "arrivals")] == [[]] * 4


@on_each_version
def test_a_line_that_wants_more_than_is_left_is_refused_with_every_shortage(engine: Engine) -> None:
    a_sku(engine, "1", stock=2), a_sku(engine, "2", stock=9), a_sku(engine, "3", stock=0)
    [refusal] = look(engine, a_request(lines={"1": 3, "2": 9, "3": 1}))
    short = [{"sku_id": "1", "wanted": 3, "available": 2}, {"sku_id": "3", "wanted": 1, "available": 0}]
    assert refusal == Refusal("out_of_stock", short)


@pytest.mark.parametrize("lines", [{"unknown": 1}, {"2": 1}, {"1": 1}])
def test_everything_else_comes_in(engine: Engine, lines: dict[str, int]) -> None:
    """Whether it is known and on sale the workers say."""
    a_sku(engine, "1", stock=1), a_sku(engine, "2", stock=0, on_sale=False)
    assert look(engine, a_request(lines=lines)) == [None]


@on_each_version
def test_a_key_that_made_an_order_before_gets_it_though_its_sku_is_gone(engine: Engine) -> None:
    a_sku(engine, stock=1)
    request = a_request(1, "k")
    with transaction(engine) as connection:
        [first] = acceptance.accept(connection, [request])
    place_all(engine, [first.order_id])
    assert row(engine, "skus").stock == 0
    again, other, stranger = look(
        engine, request, a_request(1, "k", lines={"1": 2}), a_request(2, "k"),
    )  # fmt: skip
    assert again == Accepted(first.order_id, None, replayed=True)
    assert other == Accepted(first.order_id, None, replayed=True, reused=True)
    assert isinstance(stranger, Refusal)


def short(client: Client, **left: int) -> None:
    """The API has heard that so many were left."""
    client.runtime.shelf.ran_short({sku_id.removeprefix("sku_"): units for sku_id, units in left.items()})


def test_the_answer_is_a_problem_with_its_shortages_and_the_key_stays_free(client: Client, engine: Engine) -> None:
    a_sku(engine, stock=0)
    short(client, sku_1=0)
    before = counters.refused._value.get()
    refused = client.order("k")
    assert (refused.status_code, refused.headers["content-type"]) == (409, "application/problem+json")
    told = {name: refused.json[name] for name in ("code", "status", "shortages")}
    assert told == {"code": "out_of_stock", "status": 409, "shortages": [{"sku_id": "1", "wanted": 1, "available": 0}]}
    assert counters.refused._value.get() == before + 1
    assert (rows(engine, "orders"), rows(engine, "order_keys")) == ([], [])
    with transaction(engine) as connection:
        units.add(connection, "1", 5)
    bought = client.order("k", an_order_body(items=[{"sku_id": "1", "quantity": 2}]))
    assert (bought.status_code, bought.json["status"]) == (202, "accepted")


def test_what_is_restocked_sells_at_once(client: Client, engine: Engine) -> None:
    """A hint alone refuses nothing."""
    a_sku(engine, stock=0)
    short(client, sku_1=0)
    assert client.order("first").status_code == 409
    with transaction(engine) as connection:
        units.add(connection, "1", 1)
    result = client.order("second")
    assert result.status_code == 202
    place_all(engine, [int(result.json["id"])])
    assert order(engine, int(result.json["id"])).status == "awaiting_payment"


def test_a_door_that_believed_the_hint_would_sell_nothing_after_a_restock(
    client: Client, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: what was heard decides, and not the stock."""
    a_sku(engine, stock=1)
    short(client, sku_1=0)
    monkeypatch.setattr(units, "peek", lambda *_: {"1": units.Sku("1", "s", "t", 1, 0, on_sale=True)})
    assert client.order("k").status_code == 409


def test_an_order_from_the_cart_is_refused_too_and_the_cart_stays(client: Client, engine: Engine) -> None:
    a_sku(engine, stock=0)
    short(client, sku_1=0)
    client.put("/v1/cart/items/1", json={"quantity": 2})
    refused = client.order("k", an_order_body(items=None, from_cart=True))
    assert (refused.status_code, refused.json["shortages"][0]["wanted"]) == (409, 2)
    assert client.get("/v1/cart").json["items"][0]["quantity"] == 2


def test_a_retry_gets_its_order_also_at_a_process_that_knows_it_gone(client: Client, engine: Engine) -> None:
    a_sku(engine, stock=1)
    first = client.order("k")
    place_all(engine, [int(first.json["id"])])
    short(client, sku_1=0)
    again = client.order("k")
    assert (again.status_code, again.json["id"]) == (202, first.json["id"])
    assert (again.json["status"], again.headers["idempotent-replayed"]) == ("awaiting_payment", "true")
    reused = client.order("k", an_order_body(items=[{"sku_id": "1", "quantity": 2}]))
    assert (reused.status_code, reused.json["code"]) == (422, "idempotency_key_reused")


def retried(client: Client, engine: Engine) -> tuple[Any, int]:
    """The first try is held before its commit at one process, and tried again at another that knows the SKU gone."""
    a_sku(engine, stock=0)
    short(client, sku_1=0)
    answers: list[Any] = []
    retry = threading.Thread(target=lambda: answers.append(client.order("k")))
    with transaction(engine) as connection:
        [first] = acceptance.accept(connection, [a_request(1, "k")])
        retry.start()
        eventually(lambda: waits_for_a_key(engine) or not retry.is_alive(), "the retry waits, or is answered")
    retry.join(100)
    return answers[0], first.order_id


def waits_for_a_key(engine: Engine) -> bool:
    with transaction(engine) as connection:
        waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)"
        return bool(connection.execute(sql(waiting)).scalar_one())


def test_a_retry_beside_its_own_uncommitted_first_try_waits_for_it(client: Client, engine: Engine) -> None:
    answer, order_id = retried(client, engine)
    assert (answer.status_code, answer.json["id"]) == (202, str(order_id))


def test_a_retry_that_does_not_wait_would_be_refused(
    client: Client, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: without the door's lock on the key the first try is not seen."""
    look = acceptance.look

    def careless(connection: Any, requests: Any) -> Any:
        monkeypatch.setattr(acceptance, "_LOCK_KEYS", command("SELECT CAST(:keys AS bigint[])"))
        return look(connection, requests)

    monkeypatch.setattr(acceptance, "look", careless)
    answer, _ = retried(client, engine)
    assert answer.status_code == 409


@pytest.mark.usefixtures("in_process")
def test_the_rate_of_a_user_is_that_of_orders_not_of_refusals(
    environment: dict[str, str], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MINUTE_SECONDS", 10**9)  # It does not end during the test.
    a_sku(engine, stock=0)
    with serving(parse(environment | {"CHECKOUT_RATE_PER_USER": "1"})) as client:
        short(client, sku_1=0)
        assert [client.order(f"k{number}").status_code for number in range(3)] == [409] * 3
        with transaction(engine) as connection:
            units.add(connection, "1", 5)
        assert [client.order(f"k{number}").status_code for number in range(2)] == [202, 429]


def test_the_workers_tell_every_door_what_ran_short(client: Client, engine: Engine) -> None:
    from tasks.place import place_orders

    a_sku(engine, stock=3)
    placed(engine, user_id=9, lines={"1": 1})
    first = client.order("first", an_order_body(items=[{"sku_id": "1", "quantity": 3}]))
    place_orders([int(first.json["id"])])
    assert order(engine, int(first.json["id"])).status == "rejected"

    def is_heard() -> bool:
        """It is told again: perhaps nobody listened yet."""
        waking.tell_short(client.runtime.resources.redis, {"1": 2})
        return client.runtime.shelf.may_lack([("1", 3)])

    eventually(is_heard, "the door has heard")
    assert client.order("more", an_order_body(items=[{"sku_id": "1", "quantity": 3}])).status_code == 409
    assert client.order("fewer", an_order_body(items=[{"sku_id": "1", "quantity": 2}])).status_code == 202


def test_a_shelf_remembers_how_many_were_left(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf()
    assert not shelf.may_lack([("1", 999)])
    shelf.ran_short({"1": 2})
    assert [shelf.may_lack([("1", quantity)]) for quantity in (1, 2, 3)] == [False, False, True]
    assert shelf.may_lack([("2", 1), ("1", 3)])
    shelf.had_enough([("1", 3)])
    assert not shelf.may_lack([("1", 3)])
    monkeypatch.setattr("api.shelf.MOST_SKUS", 10)
    for number in range(100):
        shelf.ran_short({str(number): 0})
        assert len(shelf._left) <= 10
    assert shelf.may_lack([("99", 1)])
