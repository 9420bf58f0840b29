"""Purchase limits (限购): exact under concurrency, given back by what ends, counted from when they were set."""

from __future__ import annotations

import pytest

from checkout.audit import invariants
from checkout.db import Engine, reading, transaction
from checkout.orders import closing
from checkout.stock import catalog
from checkout.stock.catalog import Item
from tests.shared.client import Client
from tests.shared.factories import (
    a_sku,
    a_trade,
    an_attempt,
    an_order,
    attempts,
    order,
    paid,
    place_all,
    placed,
    refund_ends,
    refunded,
    rows,
    shipped,
    stock_of,
    time_passes,
    told,
    topics,
)
from tests.shared.threads import at_once


def set_limit(engine: Engine, limit: int, sku_id: str = "1") -> None:
    with transaction(engine) as connection:
        catalog.load(connection, [Item(sku_id, "1", "SKU", "10.00", limit_per_user=limit)])


def counted(engine: Engine, user_id: int = 1) -> int:
    """What counts against the user's limit now."""
    epoch = rows(engine, "skus")[0].limit_epoch
    return sum(row.units for row in rows(engine, "purchases", user_id=user_id) if row.epoch == epoch)


def reason(engine: Engine, order_id: int) -> str | None:
    found: str | None = order(engine, order_id).reason
    return found


def assert_sound(engine: Engine) -> None:
    with reading(engine) as snapshot:
        assert [finding for finding in invariants.run(snapshot) if not finding.ok] == []


def test_who_has_bought_his_share_is_refused_and_told_what_is_left_to_him(client: Client, engine: Engine) -> None:
    a_sku(engine, stock=9, limit=3)
    assert reason(engine, placed(engine, lines={"1": 2})) is None
    refused = placed(engine, lines={"1": 2})
    body = client.get(f"/v1/orders/{refused}").json
    assert (body["reason"], body["shortages"]) == ("limit_exceeded", [{"sku_id": "1", "wanted": 2, "available": 1}])
    assert reason(engine, placed(engine, lines={"1": 1})) is None
    assert reason(engine, placed(engine, user_id=2, lines={"1": 3})) is None
    assert (counted(engine), counted(engine, 2), stock_of(engine)) == (3, 3, 3)
    assert client.get("/v1/skus/1").json["limit_per_user"] == 3
    assert_sound(engine)


def test_orders_of_one_batch_and_lines_of_one_order_count_together(engine: Engine) -> None:
    a_sku(engine, stock=9, limit=3), a_sku(engine, "2", stock=9)
    ids = [an_order(engine, lines={"1": count, "2": 1}) for count in (2, 2, 1)]
    place_all(engine, ids)
    assert [reason(engine, order_id) for order_id in ids] == [None, "limit_exceeded", None]
    assert_sound(engine)


def test_many_workers_keep_the_limit(engine: Engine) -> None:
    a_sku(engine, stock=99, limit=3)
    ids = [an_order(engine, lines={"1": 1}) for _ in range(12)]
    at_once(lambda first: place_all(engine, [first]), ids[::3])
    place_all(engine, ids)
    assert sum(reason(engine, order_id) is None for order_id in ids) == 3
    assert counted(engine) == 3
    assert_sound(engine)


def test_what_is_cancelled_or_expires_may_be_bought_again(engine: Engine) -> None:
    a_sku(engine, stock=9, limit=2)
    cancelled, expired = placed(engine), placed(engine)
    with transaction(engine) as connection:
        closing.cancel(connection, cancelled, 1)
    assert counted(engine) == 1
    time_passes(engine, expired, minutes=31)
    with transaction(engine) as connection:
        closing.expire(connection, 10)
    assert counted(engine) == 0
    assert reason(engine, placed(engine, lines={"1": 2})) is None
    assert_sound(engine)


def test_what_comes_back_may_be_bought_again_and_what_is_only_paid_back_may_not(engine: Engine) -> None:
    a_sku(engine, stock=9, limit=3)
    order_id = paid(engine, lines={"1": 3})
    refund_ends(engine, refunded(engine, order_id, {"1": 1}))
    assert counted(engine) == 2
    shipped(engine, order_id)
    refund_ends(engine, refunded(engine, order_id, {"1": 1}))
    assert counted(engine) == 2
    refund_ends(engine, refunded(engine, order_id, {"1": 1}, restock=True))
    assert counted(engine) == 1
    assert_sound(engine)


def test_a_limit_counts_from_when_it_was_set(engine: Engine) -> None:
    a_sku(engine, stock=20)
    before = placed(engine, lines={"1": 5})
    set_limit(engine, 2)
    assert (counted(engine), reason(engine, placed(engine, lines={"1": 2}))) == (0, None)
    with transaction(engine) as connection:
        closing.cancel(connection, before, 1)
    assert counted(engine) == 2
    set_limit(engine, 3)  # Another number is the same limit.
    assert (counted(engine), reason(engine, placed(engine, lines={"1": 2}))) == (2, "limit_exceeded")
    set_limit(engine, 0)
    assert reason(engine, placed(engine, lines={"1": 2})) is None
    set_limit(engine, 2)
    assert (counted(engine), reason(engine, placed(engine, lines={"1": 2}))) == (0, None)
    assert_sound(engine)


def late(engine: Engine) -> int:
    """An expired order of two whose buyer still has the page open."""
    order_id = placed(engine, lines={"1": 2})
    an_attempt(engine, order_id)
    time_passes(engine, order_id, minutes=31)
    with transaction(engine) as connection:
        closing.expire(connection, 10)
    told(engine, a_trade(attempts(engine, order_id)[0], "TRADE_CLOSED"))
    return order_id


def test_late_money_reinstates_within_the_limit(engine: Engine) -> None:
    a_sku(engine, stock=9, limit=2)
    order_id = late(engine)
    assert counted(engine) == 0
    told(engine, a_trade(attempts(engine, order_id)[0]))
    assert (topics(engine, order_id)[-1], counted(engine)) == ("order.reinstated", 2)
    assert_sound(engine)


def test_late_money_beyond_the_limit_goes_back(engine: Engine) -> None:
    a_sku(engine, stock=9, limit=2)
    order_id = late(engine)
    placed(engine)
    told(engine, a_trade(attempts(engine, order_id)[0]))
    assert (reason(engine, order_id), counted(engine)) == ("expired", 1)
    assert [refund.source for refund in rows(engine, "refunds")] == ["late"]
    assert_sound(engine)


def test_of_two_late_payments_only_as_many_live_as_the_limit_allows(engine: Engine) -> None:
    a_sku(engine, stock=9, limit=3)
    first, second = late(engine), late(engine)
    told(engine, *(a_trade(attempts(engine, order_id)[0]) for order_id in (first, second)))
    assert [order(engine, order_id).status for order_id in (first, second)] == ["awaiting_shipment", "closed"]
    assert counted(engine) == 2
    assert_sound(engine)


def test_a_limit_that_came_meanwhile_counts_what_lives_again(engine: Engine) -> None:
    a_sku(engine, stock=9)
    order_id = late(engine)
    set_limit(engine, 2)
    told(engine, a_trade(attempts(engine, order_id)[0]))
    assert (order(engine, order_id).status, counted(engine)) == ("awaiting_shipment", 2)
    assert_sound(engine)


@pytest.mark.parametrize("turn", range(3))
def test_late_money_against_a_new_order_keeps_the_limit(engine: Engine, turn: int) -> None:
    a_sku(engine, stock=9, limit=2)
    order_id = late(engine)
    fresh = an_order(engine, lines={"1": 2 if turn else 1})

    def act(what: str) -> None:
        if what == "money":
            told(engine, a_trade(attempts(engine, order_id)[0]))
        else:
            place_all(engine, [fresh])

    at_once(act, ["money", "order"] if turn < 2 else ["order", "money"])
    lives = [found for found in rows(engine, "orders") if found.stock == "held"]
    assert len(lives) == 1
    assert counted(engine) <= 2
    assert_sound(engine)


def test_a_quote_tells_what_is_left_to_its_user(client: Client, engine: Engine) -> None:
    a_sku(engine, stock=9, limit=3)
    placed(engine, lines={"1": 2})
    found = client.post("/v1/quotes", json={"items": [{"sku_id": "1", "quantity": 2}]}).json
    assert found["problems"] == [{"code": "limit_exceeded", "sku_id": "1", "wanted": 2, "available": 1}]
