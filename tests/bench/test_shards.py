"""docs/scaling.md lists the statements that would cross shards, as PostgreSQL plans them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench import shards
from bench.shards import Found
from checkout import db
from checkout.db import transaction
from checkout.schema import migrations
from tests.shared.databases import Server, create, drop


@pytest.fixture(scope="module")
def found(server: Server) -> Iterator[list[Found]]:
    """In a database of its own: what other tests leave of statistics in theirs would change the plans."""
    engine = db.connect(create(server, "shards"))
    with transaction(engine) as connection:
        migrations.create(connection)
    yield shards.classify(engine)
    engine.dispose()
    drop(server, "shards")


def test_the_page_says_of_every_statement_what_its_plan_says(found: list[Found]) -> None:
    assert shards.table(found) in shards.DOCUMENT.read_text(encoding="utf-8"), "python -m bench.shards writes it anew"


def test_one_shard_is_known_by_the_order_and_not_by_time(found: list[Found]) -> None:
    verdicts = {one.name: one.verdict for one in found}
    assert verdicts["orders.ledger.lock_orders"] == "one shard"
    assert verdicts["orders.placement.lock_users"] == "one shard"
    assert verdicts["orders.views.searches trade_no"] == "every shard"
    assert verdicts["stock.units.lock"] == "stock"
    assert "orders and stock" not in verdicts.values()
