"""docs/scaling.md lists the statements that would cross shards, as PostgreSQL plans them."""

from __future__ import annotations

from bench import shards
from checkout.db import Engine


def test_the_page_says_of_every_statement_what_its_plan_says(engine: Engine) -> None:
    assert shards.table(shards.classify(engine)) in shards.DOCUMENT.read_text(encoding="utf-8"), (
        "python -m bench.shards writes it anew"
    )


def test_one_shard_is_known_by_the_order_and_not_by_time(engine: Engine) -> None:
    found = {one.name: one.verdict for one in shards.classify(engine)}
    assert found["orders.ledger.lock_orders"] == "one shard"
    assert found["orders.placement.lock_users"] == "one shard"
    assert found["orders.views.searches trade_no"] == "every shard"
    assert found["stock.units.lock"] == "stock"
    assert "orders and stock" not in found.values()
