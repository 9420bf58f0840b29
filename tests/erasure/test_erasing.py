"""Nobody knows any more for whom an order was: by wish or by age, at its end, and whatever comes later."""

from __future__ import annotations

from datetime import datetime

import pytest

from checkout import schema
from checkout.db import Engine, sql, transaction
from checkout.erasure import wishes
from checkout.errors import UpgradeUnfinished
from checkout.orders import closing, shipping
from tests.erasure.steps import (
    NAMED,
    a_full_order,
    a_minute_passes,
    again,
    erase,
    expired,
    is_erased,
    placed_now,
    run,
    whole,
)
from tests.shared.client import Client
from tests.shared.databases import on_each_way
from tests.shared.factories import (
    ADDRESS,
    a_sku,
    a_trade,
    an_attempt,
    an_order,
    order,
    paid,
    placed,
    refund_ends,
    refunded,
    row,
    rows,
    shipped,
    told,
    topics,
)
from tests.shared.threads import at_once

pytestmark = on_each_way


def test_an_order_that_has_ended_is_erased_and_keeps_what_books_need(engine: Engine) -> None:
    a_sku(engine, stock=9)
    order_id = a_full_order(engine)
    with transaction(engine) as connection:
        closing.cancel(connection, order_id, 1)
    before = order(engine, order_id)
    erase(engine, 1)
    after = order(engine, order_id)
    assert is_erased(engine, order_id)
    assert after.version > before.version
    changed = {*NAMED, "erased_at", "version"}
    assert all(getattr(after, name) == getattr(before, name) for name in after._fields if name not in changed)
    assert whole(engine)


def test_orders_on_their_way_are_erased_at_their_end(engine: Engine) -> None:
    a_sku(engine, stock=20)
    open_one, on_its_way, accepted = a_full_order(engine), paid(engine), an_order(engine)
    erase(engine, 1)
    assert [is_erased(engine, one) for one in (open_one, on_its_way, accepted)] == [False] * 3
    with transaction(engine) as connection:
        closing.cancel(connection, open_one, 1)
    shipped(engine, on_its_way)
    again(engine)
    assert [is_erased(engine, one) for one in (open_one, on_its_way, accepted)] == [True, False, False]
    with transaction(engine) as connection:
        shipping.complete(connection, on_its_way, 1)
        closing.cancel(connection, accepted, 1)
    again(engine)
    assert [is_erased(engine, one) for one in (open_one, on_its_way, accepted)] == [True] * 3
    assert rows(engine, "erasures_due") == []
    assert whole(engine)


def test_the_wish_holds_for_orders_to_come(engine: Engine) -> None:
    a_sku(engine, stock=9)
    erase(engine, 1)
    later = a_full_order(engine)
    others = a_full_order(engine, user_id=2)
    with transaction(engine) as connection:
        closing.cancel(connection, later, 1)
        closing.cancel(connection, others, 2)
    a_minute_passes(engine)
    erase(engine)
    assert (is_erased(engine, later), is_erased(engine, others)) == (True, False)


def test_a_user_with_many_orders_loses_all_of_them(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wishes, "ORDERS_AT_ONCE", 50)
    orders = [an_order(engine) for _ in range(230)]
    a_minute_passes(engine)
    with transaction(engine) as connection:
        connection.execute(sql("UPDATE orders SET status = 'rejected', reason = 'out_of_stock'"))
        connection.execute(sql("DELETE FROM arrivals"))
    erase(engine, 1)
    assert all(is_erased(engine, one) for one in orders)


def test_an_order_whose_refund_is_under_way_waits_for_it(engine: Engine) -> None:
    a_sku(engine, stock=9)
    order_id = paid(engine)
    shipped(engine, order_id)
    with transaction(engine) as connection:
        shipping.complete(connection, order_id, 1)
    refund = refunded(engine, order_id, {"1": 1})
    erase(engine, 1)
    assert not is_erased(engine, order_id)
    refund_ends(engine, refund)
    again(engine)
    assert is_erased(engine, order_id)


def test_an_attempt_that_may_still_bring_money_is_waited_for(engine: Engine) -> None:
    a_sku(engine, stock=9)
    order_id = placed(engine)
    an_attempt(engine, order_id)
    with transaction(engine) as connection:
        closing.cancel(connection, order_id, 1)
    erase(engine, 1)
    assert (order(engine, order_id).status, is_erased(engine, order_id)) == ("closed", False)


def test_late_money_for_an_erased_order_goes_back_and_reinstates_nothing(engine: Engine) -> None:
    a_sku(engine, stock=9)
    (erased, late), (kept, as_late) = expired(engine), expired(engine, method="wap")
    with transaction(engine) as connection:
        wishes.store(connection, 1)
        connection.execute(sql("DELETE FROM erasures_due WHERE order_id = :id"), {"id": kept})
    erase(engine)
    assert (is_erased(engine, erased), is_erased(engine, kept)) == (True, False)
    told(engine, a_trade(late), a_trade(as_late))
    assert (order(engine, erased).status, topics(engine, erased)[-1]) == ("closed", "refund.requested")
    assert row(engine, "refunds", order_id=erased).source == "late"
    assert (order(engine, kept).status, topics(engine, kept)[-1]) == ("awaiting_shipment", "order.reinstated")
    assert whole(engine)


def test_a_mini_program_s_buyer_is_forgotten(engine: Engine) -> None:
    a_sku(engine, stock=9)
    order_id, _ = expired(engine, method="mini")
    assert row(engine, "payments", order_id=order_id).buyer_open_id
    erase(engine, 1)
    payment = row(engine, "payments", order_id=order_id)
    assert (payment.buyer_open_id, payment.buyer_id) == (None, None)


def aged(engine: Engine, order_id: int, days: int) -> None:
    with transaction(engine) as connection:
        for column in ("accepted_at", "completed_at", "closed_at"):
            moved = f"UPDATE orders SET {column} = {column} - make_interval(days => :days) WHERE id = :id"
            connection.execute(sql(moved), {"days": days, "id": order_id})


def test_orders_of_a_certain_age_are_erased_for_everybody(engine: Engine) -> None:
    a_sku(engine, stock=20)
    old, young, on_its_way = a_full_order(engine), a_full_order(engine, user_id=2), paid(engine, user_id=3)
    with transaction(engine) as connection:
        closing.cancel(connection, old, None)
        closing.cancel(connection, young, None)
    for order_id, days in ((old, 31), (young, 29), (on_its_way, 40)):
        aged(engine, order_id, days)
    erase(engine, retention_seconds=30 * 86400)
    assert [is_erased(engine, one) for one in (old, young, on_its_way)] == [True, False, False]
    aged(engine, young, 2)
    erase(engine, retention_seconds=30 * 86400)
    assert is_erased(engine, young)
    with transaction(engine) as connection:
        [due] = connection.execute(sql("SELECT order_id, due_at - now() < interval '2 hours' FROM erasures_due"))
    assert tuple(due) == (on_its_way, True)
    assert whole(engine)


def test_an_order_that_ended_long_after_it_came_is_kept_for_its_time(engine: Engine) -> None:
    a_sku(engine, stock=20)
    order_id = paid(engine)
    aged(engine, order_id, 100)
    shipped(engine, order_id)
    with transaction(engine) as connection:
        shipping.complete(connection, order_id, 1)
    erase(engine, retention_seconds=30 * 86400)
    assert not is_erased(engine, order_id)
    [waiting] = rows(engine, "erasures_due")
    ended: datetime = order(engine, order_id).completed_at
    assert (waiting.due_at - ended).days == 30


def test_without_an_age_nobody_is_erased_by_it(engine: Engine) -> None:
    a_sku(engine, stock=20)
    order_id = a_full_order(engine)
    with transaction(engine) as connection:
        closing.cancel(connection, order_id, None)
    aged(engine, order_id, 10_000)
    erase(engine)
    assert not is_erased(engine, order_id)


def test_while_older_code_may_run_nothing_is_erased(engine: Engine) -> None:
    """It would reinstate an order of which nobody knows where it goes."""
    with transaction(engine) as connection:
        connection.execute(sql(f"UPDATE schema_version SET finished = {schema.ERASURE_SINCE - 1}"))
    with pytest.raises(UpgradeUnfinished), transaction(engine) as connection:
        wishes.store(connection, 1)
    with transaction(engine) as connection:
        connection.execute(sql("UPDATE schema_version SET finished = version"))


def test_its_frontend_hears_of_it_and_sees_nothing(client: Client, engine: Engine) -> None:
    a_sku(engine, stock=9)
    order_id = a_full_order(engine)
    with transaction(engine) as connection:
        closing.cancel(connection, order_id, 1)
    before = client.get(f"/v1/orders/{order_id}")
    erase(engine, 1)
    after = client.get(f"/v1/orders/{order_id}", headers={"If-None-Match": before.headers["etag"]})
    assert after.status_code == 200
    assert after.json["address"] == {"recipient": "", "phone": "", "region": ADDRESS.region, "detail": ""}
    assert (after.json["remark"], after.json["metadata"]) == ("", {})
    assert after.json["total_amount"] == before.json["total_amount"]


def test_what_is_placed_meanwhile_is_not_held_up(engine: Engine) -> None:
    a_sku(engine, stock=9)
    with transaction(engine) as connection:
        wishes.store(connection, 1)
    order_id = an_order(engine)
    at_once(run, [lambda: erase(engine), lambda: placed_now(engine, order_id)])
    assert order(engine, order_id).status == "awaiting_payment"
