"""What the last whole audit found, for all who watch: it is a loop whose rounds somebody's timer starts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from checkout.audit import heartbeats
from checkout.audit.invariants import Finding
from checkout.db import Connection, sql

LOOP = "audit"
# It is due once a day.
LONGEST_AGE = timedelta(hours=36)


class Result(NamedTuple):
    """Which proofs failed, by their names; empty: none."""

    at: datetime
    age: timedelta
    broken: str


# A fault of that very round has its time: both are written in one transaction.
_LAST = sql("""
    SELECT at, now() - at AS age, CASE WHEN last_fault_at = at THEN last_fault ELSE '' END AS broken
    FROM heartbeats WHERE loop = 'audit'
""")


def keep(connection: Connection, findings: Sequence[Finding]) -> None:
    """The audit is done; what is broken is the loop's fault of this round."""
    heartbeats.beat(connection, LOOP)
    if broken := [finding.name for finding in findings if not finding.ok]:
        heartbeats.fault(connection, LOOP, ", ".join(broken), len(broken))


def last(connection: Connection) -> Result | None:
    """What the last whole audit found; None when there never was one."""
    row = connection.execute(_LAST).first()
    return None if row is None else Result(*row)
