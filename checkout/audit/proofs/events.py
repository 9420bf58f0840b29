"""Invariant 6: every state change has its event in the log, once. It goes back as far as the log does."""

from __future__ import annotations

from checkout.audit.proofs import Proof, yuan

# An order's first event may carry an earlier time than its acceptance: its transaction may have begun before.
_KEPT = "at >= CAST(:logged AS timestamptz) - interval '1 minute'"
# All members at once: each ->> would parse the whole text again, which took half of the audit's time. What is no object
# says nothing.
_SAID = """
    json_to_record(CASE json_typeof(data) WHEN 'object' THEN data ELSE '{}' END) AS said (order_id text,
        user_id text, payment_id text, refund_id text, sku_id text, stock text, total_amount text, pay_method text,
        status text, reason text, amount text, out_trade_no text, trade_no text, source text)
"""

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
    Proof(
        "events_tell_the_truth",
        "what an event says of its order, attempt or refund is what stands there",
        f"""
        SELECT e.id FROM (SELECT id, at, topic, subject, said.* FROM events, {_SAID} WHERE {_KEPT}) AS e
        LEFT JOIN orders o ON o.id::text = e.subject AND e.topic NOT LIKE 'stock.%'
        LEFT JOIN payments p ON p.order_id = o.id AND p.order_id || '-' || p.n = e.payment_id
        LEFT JOIN refunds r ON r.order_id = o.id AND r.id::text = e.refund_id
        WHERE NOT COALESCE(CASE
            WHEN e.topic IN ('stock.sold_out', 'stock.restocked') THEN e.sku_id = e.subject
                AND (e.stock::bigint > 0) = (e.topic = 'stock.restocked')
            WHEN e.order_id <> e.subject OR e.user_id <> o.user_id::text THEN false
            WHEN e.topic = 'order.placed' THEN e.total_amount = {yuan("o.total_fen")}
                AND e.pay_method = o.pay_method::text AND e.status
                    = CASE o.pay_method WHEN 'cash' THEN 'awaiting_shipment' ELSE 'awaiting_payment' END
            WHEN e.topic = 'order.rejected' THEN e.reason = o.reason AND e.status = 'rejected'
            WHEN e.topic IN ('order.paid', 'order.reinstated') THEN p.kept AND e.status = 'awaiting_shipment'
            WHEN e.topic IN ('order.shipped', 'order.completed', 'order.closed')
                THEN e.topic = 'order.' || e.status
                AND (e.topic <> 'order.closed' OR e.reason IN ('expired', 'cancelled', 'refunded'))
            WHEN e.topic = 'payment.created' THEN e.amount = {yuan("p.amount_fen")}
                AND e.out_trade_no = p.out_trade_no AND e.status = 'open'
            WHEN e.topic = 'payment.succeeded' THEN e.amount = {yuan("p.amount_fen")}
                AND e.out_trade_no = p.out_trade_no AND e.trade_no = p.trade_no
                AND e.status = 'paid'
            WHEN e.topic = 'payment.closed' THEN e.amount = {yuan("p.amount_fen")}
                AND e.out_trade_no = p.out_trade_no AND e.status = 'closed'
            WHEN e.topic IN ('refund.requested', 'refund.succeeded', 'refund.failed')
                THEN e.amount = {yuan("r.amount_fen")} AND e.source = r.source::text
                AND e.topic = 'refund.' || e.status
            ELSE false
        END, false) OR e.at > now() + interval '1 minute'
        """,  # noqa: S608 - the bound is ours
    ),
    Proof(
        "stock_events_follow",
        "a SKU's events are numbered without a gap, and what came back had sold out before",
        """
        SELECT DISTINCT subject AS id FROM (
            SELECT subject, sequence, topic, lag(sequence) OVER w AS before, lag(topic) OVER w AS last
            FROM events WHERE topic LIKE 'stock.%' WINDOW w AS (PARTITION BY subject ORDER BY id)
        ) AS told WHERE sequence <> before + 1 OR topic = last
        """,
    ),
    Proof(
        "last_order_event",
        "the last event about an order's course leads to what it is now",
        f"""
        SELECT o.id FROM orders o JOIN (
            SELECT DISTINCT ON (subject) subject::bigint AS order_id, topic, data->>'reason' AS reason FROM events
            WHERE topic LIKE 'order.%' AND {_KEPT} ORDER BY subject, id DESC
        ) AS told ON told.order_id = o.id
        WHERE o.accepted_at >= CAST(:logged AS timestamptz) AND NOT COALESCE(CASE told.topic
            WHEN 'order.placed' THEN o.status = CASE o.pay_method
                WHEN 'cash' THEN 'awaiting_shipment'::order_status ELSE 'awaiting_payment' END
            WHEN 'order.paid' THEN o.status = 'awaiting_shipment'
            WHEN 'order.reinstated' THEN o.status = 'awaiting_shipment'
            WHEN 'order.closed' THEN o.status = 'closed' AND o.reason = told.reason
            ELSE told.topic = 'order.' || o.status END, false)
        """,  # noqa: S608 - the bound is ours
    ),
)
