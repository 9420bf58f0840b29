"""Which tables the database has: `schema.sql` for an empty one, `migrations/` for an older one, and day partitions."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from checkout.db import SCHEMA_VERSION, Connection, sql
from checkout.errors import UpgradeUnfinished

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "schema.sql"
TABLES = frozenset(("orders", "arrivals", "payments", "events", "relay", "skus", "users"))
# The oldest schema that this code can work with.
OLDEST_SCHEMA = 9

_TABLES = sql("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
_VERSION = sql("SELECT version, oldest_code, steps_done FROM schema_version")


class State(NamedTuple):
    """`steps_done` are those of the next migration."""

    version: int
    oldest_code: int
    steps_done: int = 0


def tables(connection: Connection) -> set[str]:
    return set(connection.execute(_TABLES).scalars())


def state(connection: Connection) -> State | None:
    """What the database has; None when it has not our tables. The first schema did not know its number."""
    found = tables(connection)
    if "schema_version" in found:
        return State(*connection.execute(_VERSION).one())
    return State(1, 1) if found >= TABLES else None


def misfit(connection: Connection) -> str:
    """Why this code cannot work with this database, and the cure; empty when it can."""
    found = state(connection)
    if found is None:
        return "our tables are not there: run checkout migrate on an empty database"
    if found.version < OLDEST_SCHEMA:
        return f"its schema is number {found.version}, and this code needs {OLDEST_SCHEMA}: run checkout migrate"
    if found.oldest_code > SCHEMA_VERSION:
        needed = f"its schema is number {found.version}, for code that knows {found.oldest_code} or more"
        return f"{needed}, and this code knows {SCHEMA_VERSION}: install the newer one"
    return ""


# From here on the database may hold what older code would get wrong: discounts, parcels, refunds by line, limits.
LINES_SINCE = 4
# And an order of an erased user, which older code would reinstate.
ERASURE_SINCE = 6
_FINISHED = sql("SELECT finished FROM schema_version")


def is_finished(connection: Connection, since: int = LINES_SINCE) -> bool:
    """Whether no process of code before `since` runs any more."""
    return bool(connection.execute(_FINISHED).scalar_one() >= since)


def require_finished(connection: Connection, since: int = LINES_SINCE) -> None:
    """Raises UpgradeUnfinished."""
    if not is_finished(connection, since):
        raise UpgradeUnfinished("processes of older code may still run: end them, then run checkout migrate --finish")


def is_current(connection: Connection) -> bool:
    """Whether this code can work with this database."""
    return not misfit(connection)


_KEPT_DAYS = {"order_keys": 8, "events": 31, "webhook_deliveries": 31}
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
