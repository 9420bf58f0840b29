"""`python -m bench.shards`: which statements would stay on one shard, were orders spread over several by their users.

Each is planned by PostgreSQL as a serving connection plans it, and its plan says by which columns it finds its rows. An
order's rows lie where their user's do, and an order's id would tell where that is; so would what we make of it.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
from sqlalchemy import TextClause
from sqlalchemy.dialects.postgresql import psycopg2

import checkout
from checkout import db
from checkout.db import Engine, transaction
from checkout.postgres import statements
from checkout.schema import migrations
from sandbox import postgres

DOCUMENT = Path(__file__).parent.parent / "docs" / "scaling.md"
_BLOCK = re.compile(r"(?<=<!-- statements -->\n).*?(?=\n<!-- end -->)", re.DOTALL)

# Columns that say on which shard a row of the table lies.
LOCATED = {
    "orders": {"id", "user_id"},
    "users": {"id"},
    "purchases": {"user_id"},
    "erasures": {"user_id"},
    "order_keys": {"digest"},
    "order_lines": {"order_id"},
    "shipments": {"order_id"},
    "completions": {"order_id"},
    "arrivals": {"order_id"},
    "cart_clearings": {"order_id"},
    "alipay_answers": {"order_id"},
    "erasures_due": {"order_id"},
    "payments": {"order_id", "out_trade_no"},
    "refunds": {"order_id", "out_request_no"},
    "refund_lines": {"order_id"},
    "notifies": {"out_trade_no"},
    "events": {"subject"},
    "webhook_deliveries": {"subject"},
}
STOCK = {"skus", "spus", "stock_adjustments"}
# What is no part of serving: the schema itself, and the audit, which runs shard by shard.
_LEFT_OUT = ("checkout.schema", "checkout.audit", "checkout.books")


class Found(NamedTuple):
    """`asks_all`: tables of orders whose rows it does not find by their key; `stock`: whether it touches stock."""

    name: str
    tables: frozenset[str]
    asks_all: frozenset[str]

    @property
    def verdict(self) -> str:
        of_orders = self.tables & LOCATED.keys()
        if of_orders and self.tables & STOCK:
            return "orders and stock"
        if self.asks_all:
            return "every shard"
        return "one shard" if of_orders else "stock" if self.tables & STOCK else "the shop's own"


def ours() -> Iterator[tuple[str, str]]:
    """Every statement that a serving module holds, by its name."""
    for module in pkgutil.walk_packages(checkout.__path__, "checkout."):
        if module.name.startswith(_LEFT_OUT):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            for key, one in (value if isinstance(value, dict) else {"": value}).items():
                if isinstance(one, TextClause):
                    compiled = one.compile(dialect=psycopg2.dialect())  # type: ignore[no-untyped-call] # SQLAlchemy's.
                    yield (
                        f"{module.name.removeprefix('checkout.')}.{name.strip('_').lower()}{key and f' {key}'}",
                        str(compiled),
                    )


def classify(engine: Engine) -> list[Found]:
    """All of ours that read or write rows."""
    found = []
    for name, statement in ours():
        if re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", statement):
            plan = _plan(engine, statement)
            tables, known = set[str](), set[str]()
            _look(plan, tables, known)
            found.append(Found(name, frozenset(tables), frozenset((tables & LOCATED.keys()) - known)))
    return found


def _plan(engine: Engine, statement: str) -> dict[str, Any]:
    numbers = statements.Numbers()
    with transaction(engine) as connection:
        connection.exec_driver_sql(f"PREPARE probe AS {statement % numbers}".replace("%", "%%"))
        values = f"({', '.join(['NULL'] * len(numbers))})" if numbers else ""
        plan = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON, COSTS off) EXECUTE probe{values}").scalar_one()
        connection.exec_driver_sql("DEALLOCATE probe")
    whole: dict[str, Any] = plan[0]["Plan"]
    return whole


def _look(node: dict[str, Any], tables: set[str], known: set[str]) -> None:
    """The tables of a plan, and those whose rows it finds by a key that tells their shard."""
    if relation := _table(str(node.get("Relation Name", ""))):
        tables.add(relation)
        conditions = " ".join(str(node.get(f"{kind} Cond", "")) for kind in ("Index", "Recheck"))
        columns = set(re.findall(r"\b([a-z_]+)\b", f"{conditions} {node.get('Filter', '')}"))
        is_added = node["Node Type"] == "ModifyTable" and node.get("Operation") == "Insert"
        if is_added or columns & LOCATED.get(relation, set()):
            known.add(relation)
    for child in node.get("Plans", ()):
        _look(child, tables, known)


def _table(relation: str) -> str:
    """A day's partition is its table."""
    return re.sub(r"_(?:other|[0-9]{8})$", "", relation)


def table(found: list[Found]) -> str:
    """Counts by verdict, and the names of those that are not alone on one shard."""
    lines = ["| where | how many | which |", "| --- | ---: | --- |"]
    for verdict in ("one shard", "every shard", "orders and stock", "stock", "the shop's own"):
        some = sorted(one.name for one in found if one.verdict == verdict)
        names = ", ".join(f"`{name}`" for name in some) if verdict in ("every shard", "orders and stock") else ""
        lines.append(f"| {verdict} | {len(some)} | {names} |")
    return "\n".join(lines)


@click.command()
def main() -> None:
    """Write the table of docs/scaling.md anew."""
    with postgres.temporary_server() as server:
        engine = db.connect(postgres.create_database(server.url(), "shards"))
        with transaction(engine) as connection:
            migrations.create(connection)
        text = table(classify(engine))
        engine.dispose()
    document = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(_BLOCK.sub(lambda _: text, document), encoding="utf-8")
    click.echo(text)


if __name__ == "__main__":
    main()
