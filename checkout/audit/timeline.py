"""Everything that is known of one order, in the order of time: what was asked, what Alipay said, who was told."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from checkout.db import Connection, sql

MOST_ENTRIES = 1000


class Entry(NamedTuple):
    """`kind` is order, payment, refund, parcel, notify, alipay, bill, webhook, alarm or resolution."""

    at: datetime
    kind: str
    what: str
    detail: dict[str, Any]


# Events tell each change while the log keeps them; the rows themselves tell the main ones for ever.
_TIMELINE = sql("""
    WITH mine AS MATERIALIZED (SELECT * FROM orders WHERE id = :id),
    attempts AS MATERIALIZED (SELECT * FROM payments WHERE order_id = :id),
    back AS MATERIALIZED (SELECT * FROM refunds WHERE order_id = :id),
    told AS MATERIALIZED (
        SELECT * FROM events WHERE subject = CAST(:id AS bigint)::text AND topic NOT LIKE 'stock.%'),
    remembered (at, topic, of_what, detail) AS (
        SELECT t.at, t.topic, t.of_what, jsonb_strip_nulls(t.detail) FROM mine, LATERAL (VALUES
            (placed_at, 'order.placed', '', jsonb_build_object('total_amount', yuan(total_fen))),
            (paid_at, 'order.paid', '', '{}'), (shipped_at, 'order.shipped', '', '{}'),
            (completed_at, 'order.completed', '', '{}'),
            (closed_at, 'order.closed', '', jsonb_build_object('reason', reason))) AS t (at, topic, of_what, detail)
        UNION ALL
        SELECT t.at, t.topic, order_id || '-' || n, jsonb_strip_nulls(jsonb_build_object(
            'payment_id', order_id || '-' || n, 'out_trade_no', out_trade_no, 'trade_no', t.trade_no,
            'amount', yuan(amount_fen), 'evidence', t.evidence))
        FROM attempts, LATERAL (VALUES (created_at, 'payment.created', NULL, NULL),
            (paid_at, 'payment.succeeded', trade_no, NULL), (closed_at, 'payment.closed', NULL, evidence::text)
        ) AS t (at, topic, trade_no, evidence)
        UNION ALL
        SELECT t.at, t.topic, id::text, jsonb_strip_nulls(jsonb_build_object('refund_id', id::text,
            'payment_id', order_id || '-' || n, 'amount', yuan(amount_fen), 'source', source, 'error', t.error))
        FROM back, LATERAL (VALUES (requested_at, 'refund.requested', NULL),
            (finished_at, 'refund.' || status, error)) AS t (at, topic, error)
    )
    SELECT at, kind, what, detail FROM (
        SELECT 0 AS rank, accepted_at AS at, 'order' AS kind, 'accepted' AS what,
            jsonb_strip_nulls(jsonb_build_object('user_id', user_id::text, 'pay_method', pay_method,
                'reference', NULLIF(reference, ''))) AS detail FROM mine
        UNION ALL
        SELECT 1, at, split_part(topic, '.', 1), topic, data::jsonb - 'order_id' - 'user_id' - 'reference' FROM told
        UNION ALL
        SELECT 1, at, split_part(topic, '.', 1), topic, detail FROM remembered r WHERE at IS NOT NULL AND NOT EXISTS (
            SELECT FROM told t WHERE t.topic = r.topic
                AND r.of_what IN ('', t.data->>'payment_id', t.data->>'refund_id'))
        UNION ALL
        SELECT 2, offered_at, 'payment', 'handed to the buyer', jsonb_build_object('payment_id', order_id || '-' || n,
            'method', method, 'payable_until', payable_until) FROM attempts WHERE offered_at IS NOT NULL
        UNION ALL
        SELECT 2, shipped_at, 'parcel', 'sent', jsonb_build_object('n', n, 'carrier', carrier,
            'tracking_number', tracking_number, 'sku_ids', sku_ids, 'quantities', quantities)
        FROM shipments WHERE order_id = :id
        UNION ALL
        SELECT 0, t.received_at, 'notify', t.params->>'trade_status', jsonb_strip_nulls(jsonb_build_object(
            'id', t.id::text, 'out_trade_no', t.out_trade_no, 'trade_no', t.params->>'trade_no',
            'total_amount', t.params->>'total_amount', 'refund_fee', t.params->>'refund_fee',
            'outcome', t.outcome, 'applied_at', t.applied_at, 'blanked_at', t.blanked_at))
        FROM attempts p JOIN notifies t ON t.out_trade_no = p.out_trade_no
        UNION ALL
        SELECT 0, first_at, 'alipay', call, jsonb_strip_nulls(jsonb_build_object('payment_id', order_id || '-' || n,
            'request_no', NULLIF(request_no, ''), 'said', said, 'times', times, 'last_at', last_at))
        FROM alipay_answers WHERE order_id = :id
        UNION ALL
        SELECT 2, d.found_at, 'bill', d.kind, jsonb_strip_nulls(jsonb_build_object('day', d.day,
            'out_trade_no', d.out_trade_no, 'request_no', NULLIF(d.request_no, ''), 'ours', yuan(d.ours_fen),
            'theirs', yuan(d.theirs_fen), 'resolved_at', d.resolved_at))
        FROM discrepancies d JOIN attempts p ON p.out_trade_no = d.out_trade_no
        UNION ALL
        SELECT 2, at, 'webhook', topic, jsonb_build_object('webhook_id', endpoint_id::text, 'event_id', event_id::text,
            'taken', taken, 'answer', answer)
        FROM webhook_deliveries WHERE subject = CAST(:id AS bigint)::text AND topic NOT LIKE 'stock.%'
        UNION ALL
        SELECT 2, raised_at, 'alarm', kind, jsonb_strip_nulls(jsonb_build_object('subject', subject, 'says', says,
            'resolved_at', resolved_at))
        FROM alarms WHERE subject IN (SELECT out_trade_no FROM attempts UNION ALL SELECT out_request_no FROM back)
        UNION ALL
        SELECT DISTINCT 2, resolved_at, 'resolution', kind, jsonb_build_object('subject', subject, 'note', note)
        FROM (SELECT CAST(:id AS bigint)::text, '%'
            UNION ALL SELECT order_id || '-' || n, '%' FROM attempts UNION ALL SELECT out_trade_no, '%' FROM attempts
            UNION ALL SELECT out_request_no, '%' FROM back
            UNION ALL SELECT id::text, 'refund%' FROM back) AS own (subject, kinds)
            JOIN resolutions USING (subject) WHERE kind LIKE kinds
        UNION ALL
        SELECT 3, erased_at, 'order', 'erased', '{}' FROM mine WHERE erased_at IS NOT NULL
    ) AS entries ORDER BY at, rank, what LIMIT :limit
""")


def of_order(connection: Connection, order_id: int) -> list[Entry]:
    """Its entries, oldest first; one more than `MOST_ENTRIES` when there are more."""
    return [Entry(*row) for row in connection.execute(_TIMELINE, {"id": order_id, "limit": MOST_ENTRIES + 1})]
