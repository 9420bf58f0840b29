"""When a SKU is gone, the door refuses further orders itself; the stock decides, never the hint."""

from __future__ import annotations

import pytest

from checkout.db import Engine, transaction
from checkout.orders import acceptance
from checkout.orders.acceptance import Accepted, Request
from checkout.stock import units
from tests.shared.client import Client, an_order_body
from tests.shared.factories import a_request, a_sku, order, place_all, placed, rows, topics
from tests.shared.processes import eventually


def accept(engine: Engine, suspects: set[str], *requests: Request) -> list[Accepted]:
    with transaction(engine) as connection:
        return acceptance.accept(connection, requests, suspects)


def test_an_order_for_what_is_gone_is_rejected_at_the_door(engine: Engine) -> None:
    a_sku(engine, stock=0)
    [accepted] = accept(engine, {"1"}, a_request())
    stored = order(engine, accepted.order_id)
    assert (stored.status, stored.reason, stored.version) == ("rejected", "out_of_stock", 2)
    assert stored.shortages == [{"sku_id": "1", "wanted": 1, "available": 0}]
    assert topics(engine, accepted.order_id) == ["order.rejected"]
    assert (rows(engine, "arrivals"), accepted.rejected) == ([], True)


def test_a_hint_alone_refuses_nothing(engine: Engine) -> None:
    a_sku(engine, stock=1)
    [accepted] = accept(engine, {"1", "other"}, a_request())
    assert (accepted.rejected, order(engine, accepted.order_id).status) == (False, "accepted")


def test_without_a_hint_the_worker_decides(engine: Engine) -> None:
    a_sku(engine, stock=0)
    [accepted] = accept(engine, set(), a_request())
    assert order(engine, accepted.order_id).status == "accepted"


@pytest.mark.parametrize("lines", [{"unknown": 1}, {"2": 1}])
def test_only_what_is_out_of_stock_is_refused_at_the_door(engine: Engine, lines: dict[str, int]) -> None:
    a_sku(engine, "2", stock=0, on_sale=False)
    [accepted] = accept(engine, set(lines), a_request(lines=lines))
    assert order(engine, accepted.order_id).status == "accepted"


def test_a_refused_order_is_remembered_by_its_key(engine: Engine) -> None:
    a_sku(engine, stock=0)
    request = a_request(1, "k")
    [first] = accept(engine, {"1"}, request)
    [again] = accept(engine, set(), request)
    assert (again.order_id, again.replayed, len(rows(engine, "orders"))) == (first.order_id, True, 1)


def test_one_batch_may_hold_both_kinds(engine: Engine) -> None:
    a_sku(engine, "1", stock=0), a_sku(engine, "2")
    answers = accept(
        engine, {"1"}, a_request(lines={"1": 1}), a_request(lines={"2": 1}), a_request(lines={"1": 1, "2": 1})
    )
    assert [order(engine, answer.order_id).status for answer in answers] == ["rejected", "accepted", "rejected"]


def test_the_api_hears_what_is_gone_and_sells_again_after_a_restock(client: Client, engine: Engine) -> None:
    from tasks.place import place_orders

    a_sku(engine, stock=1)
    placed(engine, user_id=9)
    first = int(client.order("first").json["id"])
    place_orders([first])
    assert order(engine, first).status == "rejected"

    def is_refused_at_the_door() -> bool:
        result = client.order(f"k{len(rows(engine, 'orders'))}", an_order_body())
        assert result.status_code == 202
        if result.json["status"] == "rejected":
            return True
        place_orders([int(result.json["id"])])  # It is told again: perhaps nobody listened yet.
        return False

    eventually(is_refused_at_the_door, "the door has heard")
    with transaction(engine) as connection:
        units.add(connection, "1", 5)
    result = client.order("restocked")
    assert result.json["status"] == "accepted"
    place_all(engine, [int(result.json["id"])])
    assert order(engine, int(result.json["id"])).status == "awaiting_payment"
