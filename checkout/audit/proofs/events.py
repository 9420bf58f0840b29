"""Invariant 6: every state change has its event in the log, once. It goes back as far as the log does."""

from __future__ import annotations

from checkout.audit.proofs import Proof

# An order's first event may carry an earlier time than its acceptance: its transaction may have begun before.
_KEPT = "at >= CAST(:logged AS timestamptz) - interval '1 minute'"

PROOFS = (
    Proof(
        "order_events",
        "placing, rejecting, paying, shipping, completing, closing and reinstating each have their one event",
        f"""
        SELECT COALESCE(o.id, e.id) AS id
        FROM orders o
        FULL JOIN (
            SELECT subject::bigint AS id,
                count(*) FILTER (WHERE topic = 'order.placed') AS placed,
                count(*) FILTER (WHERE topic = 'order.rejected') AS rejected,
                count(*) FILTER (WHERE topic = 'order.paid') AS paid,
                count(*) FILTER (WHERE topic = 'order.reinstated') AS reinstated,
                count(*) FILTER (WHERE topic = 'order.shipped') AS shipped,
                count(*) FILTER (WHERE topic = 'order.completed') AS completed,
                count(*) FILTER (WHERE topic = 'order.closed') AS closed
            FROM events WHERE topic LIKE 'order.%' AND {_KEPT} GROUP BY subject
        ) e ON e.id = o.id
        WHERE o.id IS NULL OR (o.accepted_at >= CAST(:logged AS timestamptz) AND (
            COALESCE(e.placed, 0) <> (o.placed_at IS NOT NULL)::int
            OR COALESCE(e.rejected, 0) <> (o.status = 'rejected')::int
            OR COALESCE(e.paid + e.reinstated, 0) <> (o.paid_at IS NOT NULL)::int
            OR COALESCE(e.shipped, 0) <> (o.shipped_at IS NOT NULL)::int
            OR COALESCE(e.completed, 0) <> (o.completed_at IS NOT NULL)::int
            OR COALESCE(e.closed - e.reinstated, 0) <> (o.status = 'closed')::int
        ))
        """,  # noqa: S608 - the bound is ours
    ),
    Proof(
        "payment_events",
        "every attempt's creation, success and closing has its one event",
        f"""
        SELECT COALESCE(p.id, e.id) AS id
        FROM (
            SELECT order_id || '-' || n AS id, paid_at, closed_at, created_at FROM payments
        ) p
        FULL JOIN (
            SELECT data->>'payment_id' AS id,
                count(*) FILTER (WHERE topic = 'payment.created') AS created,
                count(*) FILTER (WHERE topic = 'payment.succeeded') AS succeeded,
                count(*) FILTER (WHERE topic = 'payment.closed') AS closed
            FROM events WHERE topic LIKE 'payment.%' AND {_KEPT} GROUP BY data->>'payment_id'
        ) e ON e.id = p.id
        WHERE p.id IS NULL OR (p.created_at >= CAST(:logged AS timestamptz) AND (
            COALESCE(e.created, 0) <> 1
            OR COALESCE(e.succeeded, 0) <> (p.paid_at IS NOT NULL)::int
            OR COALESCE(e.closed, 0) <> (p.closed_at IS NOT NULL)::int
        ))
        """,  # noqa: S608 - the bound is ours
    ),
    Proof(
        "refund_events",
        "every refund's request and end has its one event; an external one is only told when it is done",
        f"""
        SELECT COALESCE(r.id, e.id) AS id
        FROM refunds r
        FULL JOIN (
            SELECT (data->>'refund_id')::bigint AS id,
                count(*) FILTER (WHERE topic = 'refund.requested') AS requested,
                count(*) FILTER (WHERE topic = 'refund.succeeded') AS succeeded,
                count(*) FILTER (WHERE topic = 'refund.failed') AS failed
            FROM events WHERE topic LIKE 'refund.%' AND {_KEPT} GROUP BY (data->>'refund_id')::bigint
        ) e ON e.id = r.id
        WHERE r.id IS NULL OR (r.requested_at >= CAST(:logged AS timestamptz) AND (
            COALESCE(e.requested, 0) <> (r.source <> 'external')::int
            OR COALESCE(e.succeeded, 0) <> (r.status = 'succeeded')::int
            OR COALESCE(e.failed, 0) <> (r.status = 'failed')::int
        ))
        """,  # noqa: S608 - the bound is ours
    ),
    Proof(
        "stock_events",
        "a SKU's last event has the sequence that the SKU counts",
        """
        SELECT COALESCE(s.id, e.subject) AS id
        FROM skus s
        FULL JOIN (
            SELECT subject, max(sequence) AS sequence FROM events WHERE topic LIKE 'stock.%' GROUP BY subject
        ) e ON e.subject = s.id
        WHERE e.sequence <> s.sequence OR s.id IS NULL
        """,
    ),
    Proof(
        "event_sequence",
        "the log tells each subject's events in a growing sequence, none twice",
        """
        SELECT DISTINCT subject AS id FROM (
            SELECT subject, sequence, lag(sequence) OVER (
                PARTITION BY subject, topic LIKE 'stock.%' ORDER BY id
            ) AS before FROM events
        ) AS told WHERE sequence <= before
        """,
    ),
    Proof(
        "events_within_version",
        "no event is newer than its order's version",
        """
        SELECT o.id FROM orders o
        JOIN (
            SELECT subject::bigint AS id, max(sequence) AS sequence FROM events
            WHERE topic NOT LIKE 'stock.%' GROUP BY subject
        ) e ON e.id = o.id
        WHERE e.sequence > o.version
        """,
    ),
)
