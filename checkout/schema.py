"""Brings an empty database to `schema.sql`, and turns its day partitions."""

from __future__ import annotations

from pathlib import Path

from checkout.db import Connection, sql
from checkout.errors import CheckoutError

SCHEMA = Path(__file__).parent.parent / "schema.sql"
TABLES = frozenset(("orders", "arrivals", "payments", "events", "relay", "skus", "users"))

_TABLES = sql("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")


class NotEmpty(CheckoutError):
    """The database has tables already."""

    code = "database_not_empty"


def tables(connection: Connection) -> set[str]:
    return set(connection.execute(_TABLES).scalars())


def is_current(connection: Connection) -> bool:
    """Whether this database has our tables."""
    return tables(connection) >= TABLES


def migrate(connection: Connection) -> None:
    """Applies `schema.sql`. Raises NotEmpty for a database with any table in it."""
    found = tables(connection)
    if found:
        raise NotEmpty(f"the database has tables already ({', '.join(sorted(found)[:3])}, …); name an empty one")
    connection.exec_driver_sql(SCHEMA.read_text(encoding="utf-8").replace("%", "%%"))


_KEPT_DAYS = {"order_keys": 8, "events": 31}
# Whoever reads the whole log, like the audit, would otherwise make us wait, and behind us everybody who writes it.
_HURRY = sql("SET LOCAL lock_timeout = '1s'")
_MAKE = sql("""
    SELECT make_partitions((now() AT TIME ZONE 'UTC')::date, (now() AT TIME ZONE 'UTC')::date + 7)
""")
_DROP = sql("SELECT drop_partitions(:parent, (now() AT TIME ZONE 'UTC')::date - CAST(:days AS int))")


def turn_partitions(connection: Connection) -> int:
    """Makes the coming days' partitions and drops those that nobody needs any more; returns how many it dropped."""
    connection.execute(_HURRY)
    connection.execute(_MAKE)
    return sum(
        connection.execute(_DROP, {"parent": parent, "days": days}).scalar_one() for parent, days in _KEPT_DAYS.items()
    )
