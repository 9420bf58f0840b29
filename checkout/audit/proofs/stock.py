"""Invariant 1, and that stock comes back neither too early nor never (5)."""

from __future__ import annotations

from checkout.audit.proofs import Proof

PROOFS = (
    Proof(
        "stock_not_negative",
        "no SKU's stock is negative",
        "SELECT id FROM skus WHERE stock < 0",
    ),
    Proof(
        "stock_equals_adjustments_minus_held",
        "stock = its adjustments - the units that orders hold, or that are out",
        """
        SELECT COALESCE(s.id, a.sku_id, h.sku_id) AS id
        FROM skus s
        FULL JOIN (SELECT sku_id, sum(delta) AS units FROM stock_adjustments GROUP BY sku_id) a ON a.sku_id = s.id
        FULL JOIN (
            SELECT l.sku_id, sum(l.quantity - l.returned_quantity - l.restocked_quantity) AS units
            FROM order_lines l JOIN orders o ON o.id = l.order_id
            WHERE o.stock IN ('held', 'left') GROUP BY l.sku_id
        ) h ON h.sku_id = s.id
        WHERE s.id IS NULL OR s.stock <> COALESCE(a.units, 0) - COALESCE(h.units, 0)
        """,
    ),
    Proof(
        "sales_of_sku",
        "a SKU's sales = the units that orders hold, or that are out",
        """
        SELECT COALESCE(s.id, h.sku_id) AS id
        FROM skus s
        FULL JOIN (
            SELECT l.sku_id, sum(l.quantity - l.returned_quantity - l.restocked_quantity) AS units
            FROM order_lines l JOIN orders o ON o.id = l.order_id
            WHERE o.stock IN ('held', 'left') GROUP BY l.sku_id
        ) h ON h.sku_id = s.id
        WHERE s.id IS NULL OR s.sales <> COALESCE(h.units, 0)
        """,
    ),
    Proof(
        "sales_of_spu",
        "an SPU's sales = the units that orders hold, or that are out",
        """
        SELECT COALESCE(s.id, h.spu_id) AS id
        FROM spus s
        FULL JOIN (
            SELECT l.spu_id, sum(l.quantity - l.returned_quantity - l.restocked_quantity) AS units
            FROM order_lines l JOIN orders o ON o.id = l.order_id
            WHERE o.stock IN ('held', 'left') GROUP BY l.spu_id
        ) h ON h.spu_id = s.id
        WHERE s.id IS NULL OR s.sales <> COALESCE(h.units, 0)
        """,
    ),
    Proof(
        "no_stock_back_while_open",
        "no stock went back while an attempt could still succeed",
        """
        SELECT DISTINCT o.id FROM orders o JOIN payments p ON p.order_id = o.id
        WHERE o.stock = 'returned' AND p.status = 'open' AND o.accepted_at >= CAST(:since AS timestamptz)
        """,
    ),
    Proof(
        "no_stock_kept_by_closed_orders",
        "a closed order holds stock only while an attempt could still succeed",
        """
        SELECT o.id FROM orders o
        LEFT JOIN (SELECT DISTINCT order_id FROM payments WHERE status = 'open') p ON p.order_id = o.id
        WHERE o.status = 'closed' AND o.stock = 'held' AND p.order_id IS NULL
            AND o.accepted_at >= CAST(:since AS timestamptz)
        """,
    ),
    Proof(
        "closed_attempts_have_evidence",
        "every closed attempt has the evidence that it can bring no money",
        """
        SELECT order_id || '-' || n AS id FROM payments
        WHERE status = 'closed' AND created_at >= CAST(:since AS timestamptz) AND (CASE evidence
            WHEN 'never_offered' THEN offered_at IS NULL
            WHEN 'closed_at_alipay' THEN offered_at IS NOT NULL
            WHEN 'expired_unborn' THEN closed_at >= payable_until
        END) IS NOT TRUE
        """,
    ),
)
