"""A wish reaches every order of its user, however they come in, and whoever else plans them."""

from __future__ import annotations

import threading

from sqlalchemy import TextClause

from checkout.db import Engine, array, sql, transaction
from checkout.erasure import wishes
from tests.erasure.steps import a_full_order, a_minute_passes, erase
from tests.shared.databases import on_each_way
from tests.shared.factories import a_sku, row, rows
from tests.shared.processes import eventually

pytestmark = on_each_way


def test_an_order_that_was_accepted_by_a_slow_transaction_is_not_passed_by(engine: Engine) -> None:
    """Its id was drawn before those of others that are there already."""
    a_sku(engine, stock=9)
    erase(engine, 1)
    with transaction(engine) as slow:
        first = slow.execute(sql("SELECT nextval(pg_get_serial_sequence('orders', 'id'))")).scalar_one()
        others = a_full_order(engine)
        erase(engine)
        [wish] = rows(engine, "erasures")
        assert wish.walked < first < others
    a_minute_passes(engine)
    erase(engine)
    [wish] = rows(engine, "erasures")
    assert wish.walked == others
    assert [one.order_id for one in rows(engine, "erasures_due")] == [others]


def test_an_order_that_began_later_and_has_a_lower_id_is_not_passed_by(engine: Engine) -> None:
    """Its transaction began after the other's, and drew its id before."""
    a_sku(engine, stock=9)
    erase(engine, 1)
    lower, higher = a_full_order(engine), a_full_order(engine)
    began = sql("UPDATE orders SET accepted_at = now() - make_interval(secs => :seconds) WHERE id = :id")
    with transaction(engine) as connection:
        for order_id, seconds in ((lower, 57), (higher, 62)):
            connection.execute(began, {"id": order_id, "seconds": seconds})
    erase(engine)
    assert row(engine, "erasures").walked < lower
    a_minute_passes(engine)
    erase(engine)
    assert sorted(one.order_id for one in rows(engine, "erasures_due")) == [lower, higher]


def test_who_wishes_it_and_who_walks_plan_in_one_order(engine: Engine) -> None:
    """Each waits for the other's rows: one that had taken a later one first would wait in a ring."""
    a_sku(engine, stock=9)
    first, second = a_full_order(engine), a_full_order(engine)
    a_plan = sql("INSERT INTO erasures_due (order_id) VALUES (:id) ON CONFLICT DO NOTHING")
    has_wished = threading.Event()

    def wish() -> None:
        erase(engine, 1)
        has_wished.set()

    wishing = threading.Thread(target=wish)
    with transaction(engine) as connection:
        connection.execute(a_plan, {"id": first})
        connection.execute(sql("SELECT 1"))
        wishing.start()
        waiting = sql("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid')")
        eventually(lambda: is_so(engine, waiting), "the wish waits")
        connection.execute(a_plan, {"id": second})
        connection.execute(sql("SELECT 1"))
    wishing.join(100)
    assert has_wished.is_set()
    assert sorted(one.order_id for one in rows(engine, "erasures_due")) == [first, second]


def is_so(engine: Engine, question: TextClause) -> bool:
    with transaction(engine) as connection:
        return bool(connection.execute(question).scalar_one())


def test_a_wish_that_is_said_again_while_it_is_walked_is_walked_again(engine: Engine) -> None:
    a_sku(engine, stock=9)
    before, order_id = a_full_order(engine), a_full_order(engine)
    a_minute_passes(engine)
    with transaction(engine) as connection:
        wishes.store(connection, 1)
        connection.execute(sql("UPDATE erasures SET walked = :id"), {"id": before})
    with transaction(engine) as connection:
        [seen] = connection.execute(wishes._NEW, {"limit": 1, "settled": 0}).all()
        assert (seen.walked, seen.id) == (before, order_id)
        with transaction(engine) as other:
            wishes.store(other, 1)
        values = {"user_ids": array([1]), "walked": array([seen.walked]), "last": array([seen.id])}
        connection.execute(wishes._WALKED, values)
    assert row(engine, "erasures").walked == 0
