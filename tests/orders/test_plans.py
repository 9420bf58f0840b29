"""A plan is made once, maybe beside empty tables: it must not read all of them for each row when they have grown."""

from __future__ import annotations

import itertools

import pytest
from sqlalchemy import text

from checkout import db
from checkout.db import Engine, transaction
from checkout.orders import views
from checkout.postgres import sessions
from tests.shared.databases import on_each_version
from tests.shared.factories import a_sku, many_orders, paid, place_all, placed, refunded, shipped

pytestmark = on_each_version


def planned(url: str) -> dict[str, str]:
    """The plans, by statement, of a session that has taken an order all its way since its users were analysed."""
    engine = db.connect(url, size=1)
    with engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE users")
    a_sku(engine, stock=9)
    a_sku(engine, "2", stock=9, limit=3)
    placed(engine, lines={"1": 1, "2": 2})
    order_id = paid(engine, lines={"1": 2, "2": 1})
    shipped(engine, order_id, sku_1=1)
    refunded(engine, order_id, {"2": 1})
    place_all(engine, [])
    found = {}
    with transaction(engine) as connection:
        prepared = connection.exec_driver_sql(
            "SELECT name, statement, cardinality(parameter_types) AS count FROM pg_prepared_statements"
        )
        for name, statement, count in prepared.all():
            arguments = f"({', '.join(['NULL'] * count)})" if count else ""
            plan = connection.execute(text(f"EXPLAIN (COSTS off) EXECUTE {name}{arguments}")).scalars()
            found[statement] = "\n".join(plan)
    engine.dispose()
    return found


def kept_to_be_read_again(plans: dict[str, str]) -> dict[str, str]:
    return {statement: plan for statement, plan in plans.items() if "Materialize" in plan}


def test_no_statement_reads_a_table_again_for_each_row_of_a_batch(database_url: str) -> None:
    plans = planned(database_url)
    assert len(plans) > 30
    assert kept_to_be_read_again(plans) == {}


def test_a_planner_left_free_reads_all_users_for_each_user_of_a_batch(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sessions.BY_INDEX, "enable_material", "on")
    assert [plan for plan in kept_to_be_read_again(planned(database_url)).values() if "users_pkey" in plan]


INDEXES = {
    "out_trade_no": "payments_out_trade_no_key",
    "trade_no": "payments_trade",
    "reference": "orders_of_reference",
    "user": "orders_of_user",
    "all": "orders_pkey",
}


@pytest.mark.parametrize("name", views._SEARCHES)
def test_each_search_follows_its_index(engine: Engine, name: str) -> None:
    """In a shop of many users; what the tests before have left of statistics is forgotten."""
    many_orders(engine, 300)
    with engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE orders")
    values = views.Sought(user_id=1)._asdict() | {"first": 0, "before": 2**62, "most": 50}
    with transaction(engine) as connection:
        plan = connection.execute(text(f"EXPLAIN (COSTS off) {views._SEARCHES[name].text}"), values).scalars().all()
    assert any("Index Cond" in after for line, after in itertools.pairwise(plan) if f"using {INDEXES[name]} " in line)
    assert not any("Seq Scan" in line for line in plan)
