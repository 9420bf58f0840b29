"""What an order, an attempt or a refund says it is agrees with the times it has stored.

The tables' CHECKs say some of this, too: they refuse our own mistakes, and the proofs find what came in behind them.
Transactions that wait for each other may store times in another order than they end, hence the tolerance of a minute.
"""

from __future__ import annotations

from checkout.audit.proofs import Proof

PROOFS = (
    Proof(
        "status_of_orders",
        "an order's status, reason and stock agree with its times",
        """
        SELECT id FROM orders WHERE accepted_at >= CAST(:since AS timestamptz) AND NOT COALESCE(CASE status
            WHEN 'accepted' THEN num_nonnulls(placed_at, paid_at, shipped_at, completed_at, closed_at, reason) = 0
            WHEN 'rejected' THEN num_nonnulls(placed_at, paid_at, shipped_at, completed_at, closed_at) = 0 AND reason IN
                ('out_of_stock', 'price_changed', 'unknown_sku', 'not_on_sale', 'limit_exceeded', 'total_too_large')
                AND (reason <> 'out_of_stock' OR shortages IS NOT NULL)
            WHEN 'awaiting_payment' THEN placed_at IS NOT NULL AND pay_method = 'alipay'
                AND num_nonnulls(paid_at, shipped_at, completed_at, closed_at, reason) = 0
            WHEN 'awaiting_shipment' THEN placed_at IS NOT NULL AND (pay_method = 'cash' OR paid_at IS NOT NULL)
                AND num_nonnulls(shipped_at, completed_at, closed_at, reason) = 0
            WHEN 'shipped' THEN shipped_at IS NOT NULL AND num_nonnulls(completed_at, closed_at, reason) = 0
            WHEN 'completed' THEN completed_at IS NOT NULL AND shipped_at IS NOT NULL
                AND num_nonnulls(closed_at, reason) = 0
            WHEN 'closed' THEN closed_at IS NOT NULL AND CASE reason
                WHEN 'expired' THEN placed_at IS NOT NULL AND paid_at IS NULL
                WHEN 'cancelled' THEN paid_at IS NULL AND shipped_at IS NULL
                WHEN 'refunded' THEN paid_at IS NOT NULL END
        END, false)
        """,
    ),
    Proof(
        "order_of_times",
        "nothing of an order happened before what it follows from",
        """
        SELECT id FROM orders WHERE accepted_at >= CAST(:since AS timestamptz) AND (
            accepted_at > now() + interval '1 minute'
            OR placed_at < accepted_at - interval '1 minute' OR paid_at < placed_at - interval '1 minute'
            OR shipped_at < COALESCE(paid_at, placed_at) - interval '1 minute'
            OR completed_at < shipped_at - interval '1 minute' OR closed_at < accepted_at - interval '1 minute'
            OR GREATEST(placed_at, paid_at, shipped_at, completed_at, closed_at) > now() + interval '1 minute')
        """,
    ),
    Proof(
        "closing_of_orders",
        "exactly closed orders, and unpaid ones after their time, have begun to close",
        """
        SELECT id FROM orders WHERE accepted_at >= CAST(:since AS timestamptz) AND NOT COALESCE(CASE status
            WHEN 'closed' THEN closing_at IS NOT NULL
            WHEN 'awaiting_payment' THEN closing_at IS NULL OR closing_at >= pay_before
            ELSE closing_at IS NULL END, false)
        """,
    ),
    Proof(
        "pay_before_of_orders",
        "exactly placed Alipay orders have a time to pay: whole seconds, at most 15 days after they were placed",
        """
        SELECT id FROM orders WHERE accepted_at >= CAST(:since AS timestamptz) AND CASE
            WHEN pay_method = 'alipay' AND placed_at IS NOT NULL THEN NOT COALESCE(
                pay_before > placed_at - interval '1 second' AND pay_before <= placed_at + interval '15 days'
                AND date_trunc('second', pay_before) = pay_before, false)
            ELSE pay_before IS NOT NULL END
        """,
    ),
    Proof(
        "stock_mark_of_orders",
        "all units of a closed order went back or have left, and those of a living one are held or have left",
        """
        SELECT id FROM orders WHERE accepted_at >= CAST(:since AS timestamptz) AND NOT COALESCE(CASE
            WHEN placed_at IS NULL THEN stock IS NULL
            WHEN shipped_at IS NOT NULL AND status <> 'closed' THEN stock IN ('held', 'left')
            WHEN status = 'closed' THEN stock IS NOT NULL
            ELSE stock = 'held' END, false)
        """,
    ),
    Proof(
        "status_of_attempts",
        "an attempt's status agrees with its times and its money",
        """
        SELECT order_id || '-' || n AS id FROM payments
        WHERE created_at >= CAST(:since AS timestamptz) AND (
            NOT COALESCE(CASE status
                WHEN 'open' THEN num_nonnulls(paid_at, closed_at, evidence) = 0 AND paid_fen = 0
                WHEN 'closed' THEN closed_at IS NOT NULL AND paid_at IS NULL AND paid_fen = 0 AND evidence IS NOT NULL
                WHEN 'paid' THEN paid_at IS NOT NULL AND paid_fen = amount_fen AND refunded_fen < paid_fen
                WHEN 'refunded' THEN paid_at IS NOT NULL AND paid_fen = amount_fen AND refunded_fen = paid_fen
            END, false)
            OR (paid_at IS NOT NULL) <> (trade_no IS NOT NULL)
                AND NOT (method = 'mini' AND paid_at IS NULL) OR kept AND paid_at IS NULL
            OR offered_at < created_at - interval '1 minute' OR paid_at < created_at - interval '1 minute')
        """,
    ),
    Proof(
        "payable_until_of_attempts",
        "an attempt in a buyer's hands is believed payable beyond its order's time, by its method's minimum at most",
        """
        SELECT p.order_id || '-' || p.n AS id FROM payments p JOIN orders o ON o.id = p.order_id
        WHERE p.created_at >= CAST(:since AS timestamptz) AND CASE WHEN p.offered_at IS NULL
            THEN p.payable_until IS NOT NULL OR p.method IS NOT NULL
            ELSE NOT COALESCE(p.method IS NOT NULL AND p.payable_until > GREATEST(o.pay_before, p.offered_at)
                AND p.payable_until <= interval '120 s' + GREATEST(o.pay_before, p.offered_at + interval '300 s'),
                false)
        END
        """,
    ),
    Proof(
        "paid_together",
        "an order was paid in the moment in which its money was kept",
        """
        SELECT o.id FROM orders o JOIN payments p ON p.order_id = o.id AND p.kept
        WHERE o.accepted_at >= CAST(:since AS timestamptz) AND o.paid_at IS DISTINCT FROM p.paid_at
        """,
    ),
    Proof(
        "status_of_refunds",
        "a refund's status agrees with its times, and its reason with what became of the money",
        """
        SELECT r.id FROM refunds r JOIN payments p ON p.order_id = r.order_id AND p.n = r.n
        WHERE (r.status IN ('succeeded', 'failed')) <> (r.finished_at IS NOT NULL)
            OR r.finished_at < r.requested_at - interval '1 minute' OR r.requested_at > now() + interval '1 minute'
            OR CASE r.source WHEN 'operator' THEN NOT p.kept WHEN 'external' THEN r.status <> 'succeeded'
                ELSE p.kept END
        """,
    ),
)
