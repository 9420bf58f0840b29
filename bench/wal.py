"""What an order writes to PostgreSQL's log, by relation: changes, and whole pages that a checkpoint makes it repeat."""

from __future__ import annotations

from typing import NamedTuple

from bench.stack import Stack
from checkout.db import sql, transaction

MOST_RELATIONS = 8

_LSN = sql("SELECT pg_current_wal_lsn()::text")
_EXTENSION = sql("CREATE EXTENSION IF NOT EXISTS pg_walinspect")
_WRITTEN = sql("""
    SELECT COALESCE(c.relname, 'others'), sum(COALESCE(b.block_fpi_length, 0))::bigint,
        sum(COALESCE(b.block_data_length, 0) + b.record_length / 4)::bigint
    FROM pg_get_wal_block_info(CAST(:first AS pg_lsn), CAST(:last AS pg_lsn), false) AS b
        LEFT JOIN pg_class c ON pg_relation_filenode(c.oid) = b.relfilenode
    GROUP BY 1 ORDER BY sum(COALESCE(b.block_fpi_length, 0)) + sum(COALESCE(b.block_data_length, 0)) DESC LIMIT :most
""")
_BYTES = sql("SELECT (CAST(:last AS pg_lsn) - CAST(:first AS pg_lsn))::bigint")


class Share(NamedTuple):
    """Bytes an order: of whole pages, and of changes (its records' heads are counted roughly)."""

    relation: str
    pages: float
    changes: float


class Written(NamedTuple):
    """Bytes of log an order, and the relations that took most of them."""

    bytes: float
    shares: list[Share]


def keep(stack: Stack) -> None:
    """The log is kept to be read: a checkpoint would remove what no replica asks for."""
    with stack.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ALTER SYSTEM SET wal_keep_size = '4GB'")
        connection.exec_driver_sql("SELECT pg_reload_conf()")


def place(stack: Stack) -> str:
    """Where the log ends now."""
    return str(stack.one(_LSN.text))


def since(stack: Stack, first: str, orders: int) -> Written:
    """What so many orders have written since that place."""
    with transaction(stack.engine) as connection:
        connection.execute(_EXTENSION)
    span = {"first": first, "last": place(stack)}
    total = stack.one(_BYTES.text, **span) / max(1, orders)
    rows = stack.rows(_WRITTEN.text, **span, most=MOST_RELATIONS)
    return Written(total, [Share(name, pages / orders, changes / orders) for name, pages, changes in rows])
