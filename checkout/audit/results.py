"""What the last whole audit found, for all who watch: it is a loop whose rounds somebody's timer starts."""

from __future__ import annotations

from collections.abc import Sequence

from checkout.audit import heartbeats
from checkout.audit.invariants import Finding
from checkout.db import Connection

LOOP = "audit"


def keep(connection: Connection, findings: Sequence[Finding]) -> None:
    """The audit is done; what is broken is the loop's fault of this round."""
    heartbeats.beat(connection, LOOP)
    if broken := [finding.name for finding in findings if not finding.ok]:
        heartbeats.fault(connection, LOOP, ", ".join(broken), len(broken))
