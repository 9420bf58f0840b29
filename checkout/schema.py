"""Brings an empty database to `schema.sql`."""

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
    connection.exec_driver_sql(SCHEMA.read_text().replace("%", "%%"))
