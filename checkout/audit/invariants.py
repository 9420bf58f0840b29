"""The invariants, proven against the live database in one snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from checkout.audit.proofs import Proof, events, leaving, lines, looks, money, numbers, orders, stock, times
from checkout.db import Connection, sql

PROOFS: tuple[Proof, ...] = (
    *stock.PROOFS,
    *orders.PROOFS,
    *times.PROOFS,
    *money.PROOFS,
    *numbers.PROOFS,
    *lines.PROOFS,
    *looks.PROOFS,
    *events.PROOFS,
    *leaving.PROOFS,
)


class Finding(NamedTuple):
    """What one proof came to; `detail` names the first offenders."""

    name: str
    ok: bool
    detail: str


# Tables that have just grown look small to the planner, and a nested loop over them would not end.
_PLAN_FOR_WHOLE_TABLES = sql("SET LOCAL enable_nestloop = off; SET LOCAL jit = off; SET LOCAL work_mem = '64MB'")
# The event log keeps 31 days; one more is the margin for orders that changed while a partition was dropped.
_LOGGED = sql("SELECT GREATEST(CAST(:since AS timestamptz), now() - interval '30 days')::text")
# Everything is counted: a LIMIT would tempt the planner to search row by row.
_COUNT = "SELECT count(*), (array_agg(id::text ORDER BY id))[1:5] FROM ({}) AS breaches"


def run(connection: Connection, since: datetime | None = None) -> Iterator[Finding]:
    """Proves one after the other. `connection` holds one snapshot (`db.reading`), so that work may go on meanwhile."""
    connection.execute(_PLAN_FOR_WHOLE_TABLES)
    bounds = {"since": since.isoformat() if since else "-infinity"}
    bounds["logged"] = connection.execute(_LOGGED, bounds).scalar_one()
    for proof in PROOFS:
        yield _prove(connection, proof, bounds)


def _prove(connection: Connection, proof: Proof, bounds: dict[str, str]) -> Finding:
    count, ids = connection.execute(sql(_COUNT.format(proof.breaches)), bounds).one()
    if not count:
        return Finding(proof.name, True, proof.says)
    shown = ", ".join(ids) + (", …" if count > len(ids) else "")
    return Finding(proof.name, False, f"{count} not so: {shown} ({proof.says})")
