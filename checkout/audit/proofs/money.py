"""Invariant 4: what was asked, paid, kept and given back."""

from __future__ import annotations

from checkout.audit.proofs import Proof

PROOFS = (
    Proof(
        "attempts_ask_the_total",
        "each attempt collects its order's total, and each Alipay order that was placed has one",
        """
        SELECT o.id FROM orders o LEFT JOIN payments p ON p.order_id = o.id
        WHERE o.accepted_at >= CAST(:since AS timestamptz) AND CASE WHEN p.order_id IS NULL
            THEN o.placed_at IS NOT NULL AND o.pay_method = 'alipay'
            ELSE o.pay_method <> 'alipay' OR p.amount_fen IS DISTINCT FROM o.total_fen
        END
        """,
    ),
    Proof(
        "refunds_within_paid",
        "refunded and being refunded are the sums of the refunds, and no more than was paid",
        """
        SELECT p.order_id || '-' || p.n AS id FROM payments p
        LEFT JOIN (
            SELECT order_id, n, sum(amount_fen) FILTER (WHERE status = 'succeeded') AS done_fen,
                sum(amount_fen) FILTER (WHERE status IN ('requested', 'unknown')) AS doing_fen
            FROM refunds GROUP BY order_id, n
        ) r ON r.order_id = p.order_id AND r.n = p.n
        WHERE p.refunded_fen <> COALESCE(r.done_fen, 0) OR p.refunding_fen <> COALESCE(r.doing_fen, 0)
            OR p.refunded_fen + p.refunding_fen > p.paid_fen
        """,
    ),
    Proof(
        "one_kept_payment",
        "at most one attempt of an order is kept, and it was paid in full",
        """
        SELECT order_id AS id FROM payments WHERE kept
        GROUP BY order_id HAVING count(*) > 1 OR sum(paid_fen) <> sum(amount_fen)
        """,
    ),
    Proof(
        "paid_orders_have_kept_payment",
        "exactly the paid orders have an attempt that was kept",
        """
        SELECT COALESCE(o.id, p.order_id) AS id
        FROM (SELECT id FROM orders WHERE paid_at IS NOT NULL) o
        FULL JOIN (SELECT DISTINCT order_id FROM payments WHERE kept) p ON p.order_id = o.id
        WHERE o.id IS NULL OR p.order_id IS NULL
        """,
    ),
    Proof(
        "unkept_money_goes_back",
        "money that was not kept is refunded or being refunded, all of it",
        """
        SELECT order_id || '-' || n AS id FROM payments
        WHERE NOT kept AND paid_fen <> refunded_fen + refunding_fen
        """,
    ),
    Proof(
        "refunded_orders_are_closed",
        "exactly the orders whose kept money went back in full, or all of whose units did, are closed as refunded",
        """
        SELECT COALESCE(o.id, b.order_id) AS id
        FROM (SELECT id FROM orders WHERE status = 'closed' AND reason = 'refunded') o
        FULL JOIN (
            SELECT order_id FROM payments WHERE kept AND refunded_fen = paid_fen
            UNION
            SELECT order_id FROM order_lines GROUP BY order_id
            HAVING sum(quantity) = sum(returned_quantity + restocked_quantity)
        ) b ON b.order_id = o.id
        WHERE o.id IS NULL OR b.order_id IS NULL
        """,
    ),
)
