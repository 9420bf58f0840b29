"""Many workers fight for the last units: nothing is sold twice, and nothing stays unsold."""

from __future__ import annotations

import threading
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace

import pytest
from sqlalchemy.exc import IntegrityError

from checkout.db import Connection, Engine, sql, transaction
from checkout.orders import placement, turns
from checkout.stock import units
from checkout.stock.units import Sku
from tests.shared.databases import on_each_way
from tests.shared.factories import TERMS, a_sku, an_order, many_orders, place_all, row, rows, stock_of
from tests.shared.threads import at_once

pytestmark = on_each_way


def place_alone(engine: Engine, order_id: int) -> None:
    turns.run_alone(engine, order_id, TERMS)


def statuses(engine: Engine, ids: list[int]) -> dict[str, int]:
    found = [order.status for order in rows(engine, "orders") if order.id in ids]
    return {status: found.count(status) for status in sorted(set(found))}


def test_twenty_buyers_fight_for_five_units_and_five_win(engine: Engine) -> None:
    a_sku(engine, stock=5)
    ids = many_orders(engine, 20)
    at_once(lambda order_id: place_alone(engine, order_id), ids[:12])
    at_once(lambda order_id: place_alone(engine, order_id), ids[12:])
    assert statuses(engine, ids) == {"awaiting_payment": 5, "rejected": 15}
    assert (stock_of(engine), row(engine, "skus", id="1").sales) == (0, 5)


def test_batches_of_several_workers_share_the_orders(engine: Engine) -> None:
    a_sku(engine, stock=300)
    ids = many_orders(engine, 400)
    done = at_once(lambda _: place_all(engine, ids[:1]), range(4))
    assert sum(batch.count for batches in done for batch in batches) == 400
    assert statuses(engine, ids) == {"awaiting_payment": 300, "rejected": 100}
    assert stock_of(engine) == 0


def test_orders_whose_lines_meet_in_opposite_order_all_end(engine: Engine) -> None:
    for sku in "abcd":
        a_sku(engine, sku, stock=30, spu_id=sku)
    pairs = [{"a": 1, "d": 1}, {"d": 1, "b": 1}, {"c": 1, "a": 1}, {"b": 1, "c": 1}] * 12
    ids = [an_order(engine, user_id=place % 7, lines=pair) for place, pair in enumerate(pairs)]
    for start in range(0, len(ids), 12):
        at_once(lambda order_id: place_alone(engine, order_id), ids[start : start + 12])
    assert statuses(engine, ids) == {"awaiting_payment": 48}
    assert [stock_of(engine, sku) for sku in "abcd"] == [6, 6, 6, 6]


def test_the_cap_of_one_user_is_exact_when_many_workers_place_at_once(engine: Engine) -> None:
    a_sku(engine, stock=100)
    ids = [an_order(engine, user_id=1) for _ in range(12)]
    terms = replace(TERMS, max_open_orders=4)
    at_once(lambda order_id: turns.run_alone(engine, order_id, terms), ids)
    assert statuses(engine, ids) == {"awaiting_payment": 4, "rejected": 8}
    assert row(engine, "users", id=1).open_orders == 4


def test_placing_against_a_restock_loses_no_unit(engine: Engine) -> None:
    a_sku(engine, stock=5)
    ids = many_orders(engine, 10)

    def restock(_: int) -> None:
        with transaction(engine) as connection:
            units.add(connection, "1", 1)

    at_once(lambda job: job[0](job[1]), [(lambda n: place_alone(engine, n), id_) for id_ in ids] + [(restock, 0)] * 4)
    sold = statuses(engine, ids)["awaiting_payment"]
    assert sold >= 5
    assert stock_of(engine) == 9 - sold
    assert sum(change.delta for change in rows(engine, "stock_adjustments")) == 9


@pytest.fixture
def careless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two orders read the stock without a lock, and neither goes on before the other has read it, too."""
    both_have_read = threading.Barrier(2)

    def read(connection: Connection, sku_ids: Collection[str]) -> dict[str, Sku]:
        found = units.peek(connection, sku_ids)
        both_have_read.wait(30)
        return found

    monkeypatch.setattr(units, "lock", read)


@pytest.mark.usefixtures("careless")
def test_without_the_row_locks_the_race_would_be_lost(engine: Engine) -> None:
    """The negative control: the race above can fail, and PostgreSQL's CHECK is what then stops it."""
    a_sku(engine, stock=1)
    ids = [an_order(engine, user_id=user) for user in (1, 2)]
    refused: list[str] = []

    def carelessly(order_id: int) -> None:
        try:
            with transaction(engine) as connection:
                placement.place_alone(connection, order_id, TERMS)
        except IntegrityError as error:
            refused.append(str(error.orig))

    at_once(carelessly, ids)
    assert len(refused) == 1
    assert "skus_stock_check" in refused[0]


@pytest.mark.usefixtures("careless")
def test_without_locks_and_without_the_check_more_is_sold_than_there_is(engine: Engine) -> None:
    """Neither sees that it sells out, or the log would have two events of one sequence and refuse the second."""
    a_sku(engine, stock=3)
    with transaction(engine) as connection:
        connection.execute(sql("ALTER TABLE skus DROP CONSTRAINT skus_stock_check"))
    ids = [an_order(engine, user_id=user, lines={"1": 2}) for user in (1, 2)]
    at_once(lambda order_id: place_alone(engine, order_id), ids)
    assert stock_of(engine) == -1


def test_the_database_itself_refuses_negative_stock(engine: Engine) -> None:
    a_sku(engine, stock=1)
    with suppress(IntegrityError), transaction(engine) as connection:
        connection.execute(sql("UPDATE skus SET stock = stock - 2"))
    assert stock_of(engine) == 1
