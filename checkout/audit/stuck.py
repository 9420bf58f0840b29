"""Money and orders that need a person, or at least a look: what `checkout stuck` lists."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from checkout.db import Connection, sql

MOST_OF_A_KIND = 100


class Matter(NamedTuple):
    """`subject` is what the matter is about, `detail` what is known, `cure` what a person can do."""

    kind: str
    subject: str
    since: datetime
    detail: str
    cure: str


# Each selects subject, since, detail, from a small table or along an index: looking must not cost what exists.
_KINDS = {
    "alarm": (
        "SELECT kind || ' ' || subject, raised_at, detail::text FROM alarms WHERE resolved_at IS NULL",
        "compare with Alipay's console",
    ),
    "order_parked": (
        """
        SELECT a.order_id::text, o.accepted_at, a.error FROM arrivals a JOIN orders o ON o.id = a.order_id
        WHERE a.error IS NOT NULL
        """,
        "mend what the error names, then checkout orders retry ID, or cancel it",
    ),
    "order_not_placed": (
        """
        SELECT a.order_id::text, o.accepted_at, 'rung again ' || a.rings || ' times'
        FROM arrivals a JOIN orders o ON o.id = a.order_id
        WHERE a.error IS NULL AND o.accepted_at < now() - interval '60 seconds'
        """,
        "see that workers of the queue orders run (checkout doctor)",
    ),
    "money_not_kept": (
        """
        SELECT DISTINCT p.order_id || '-' || p.n, p.paid_at, 'paid ' || p.paid_fen || ' fen, went back '
            || p.refunded_fen || ', on its way back ' || p.refunding_fen
        FROM refunds r JOIN payments p ON p.order_id = r.order_id AND p.n = r.n
        WHERE r.source IN ('late', 'double') AND p.refunded_fen < p.paid_fen
        """,
        "wait for its refund; see checkout payments show ID",
    ),
    "refund_unknown": (
        """
        SELECT id::text, requested_at, 'order ' || order_id || ', try ' || tries || ': ' || COALESCE(error, '')
        FROM refunds WHERE next_try_at IS NOT NULL AND status = 'unknown'
        """,
        "it is asked about again; compare with Alipay's console when it lasts",
    ),
    "refund_tried_often": (
        """
        SELECT id::text, requested_at, 'order ' || order_id || ', try ' || tries || ': ' || COALESCE(error, '')
        FROM refunds WHERE next_try_at IS NOT NULL AND status = 'requested' AND tries >= 4
        """,
        "see the error: the account's balance, the buyer's account",
    ),
    "refund_overdue": (
        """
        SELECT id::text, requested_at, 'order ' || order_id || ', due ' || next_try_at
        FROM refunds WHERE next_try_at < now() - interval '60 seconds'
        """,
        "see that beat and the workers of the queue alipay run (checkout doctor)",
    ),
    "refund_failed": (
        """
        SELECT r.id::text, r.finished_at, 'order ' || r.order_id || ': ' || COALESCE(r.error, '')
        FROM refunds r
        WHERE r.status = 'failed' AND r.source = 'operator' AND NOT EXISTS (
            SELECT FROM refunds l WHERE l.order_id = r.order_id AND l.n = r.n AND l.id > r.id AND l.status <> 'failed')
        """,
        "mend what the error names, then checkout refunds create ID, or pay it back elsewhere",
    ),
    "step_overdue": (
        """
        SELECT p.order_id || '-' || p.n, p.due_at, 'the order is ' || o.status
            || CASE WHEN o.closing_at IS NULL THEN '' ELSE ' and closes' END
        FROM payments p JOIN orders o ON o.id = p.order_id WHERE p.due_at < now() - interval '60 seconds'
        """,
        "see that beat and the workers of the queue alipay run (checkout doctor)",
    ),
    "outcome_unknown": (
        """
        SELECT order_id || '-' || n, payable_until, 'asked ' || queries || ' times, Alipay does not say'
        FROM payments
        WHERE due_at IS NOT NULL AND status = 'open' AND payable_until < now() - interval '10 minutes'
        """,
        "see that Alipay answers (checkout doctor); the order's stock is held until then",
    ),
    "notify_not_applied": (
        """
        SELECT id::text, received_at, out_trade_no FROM notifies
        WHERE applied_at IS NULL AND received_at < now() - interval '60 seconds'
        """,
        "see that workers of the queue orders run (checkout doctor)",
    ),
    "events_not_sent": (
        """
        SELECT 'event ' || id, at, 'the oldest that has not left' FROM events
        WHERE id = (SELECT min(id) FROM events WHERE id > (SELECT published FROM relay))
            AND at < now() - interval '60 seconds'
        """,
        "see that the event broker answers and beat runs (checkout doctor)",
    ),
    "bill_differs": (
        """
        SELECT day || ' ' || out_trade_no || ' ' || request_no, found_at,
            kind || ', ours ' || COALESCE(ours_fen::text, 'none') || ' fen, theirs '
                || COALESCE(theirs_fen::text, 'none') || ' fen: ' || action
        FROM discrepancies WHERE resolved_at IS NULL AND NOT held
        """,
        "do what it says, then checkout reconcile the day again",
    ),
}


def find(connection: Connection) -> list[Matter]:
    """All matters, kind by kind, the oldest first; `MOST_OF_A_KIND` of each at the most."""
    return [matter for kind in _KINDS for matter in _of(connection, kind)]


def _of(connection: Connection, kind: str) -> Iterator[Matter]:
    query, cure = _KINDS[kind]
    ordered = sql(f"SELECT * FROM ({query}) AS matter (subject, since, detail) ORDER BY since LIMIT {MOST_OF_A_KIND}")  # noqa: S608 - ours
    for row in connection.execute(ordered):
        yield Matter(kind, row.subject, row.since, row.detail, cure)
