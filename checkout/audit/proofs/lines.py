"""Invariant 7: per line, bought = held + out + returned; what went back is what refunds by line say; limits hold."""

from __future__ import annotations

from checkout.audit.proofs import Proof

PROOFS = (
    Proof(
        "units_of_lines",
        "of a line no more units are somewhere than were bought, and none is in two places",
        """
        SELECT order_id || '/' || sku_id AS id FROM order_lines
        WHERE LEAST(shipped_quantity, restocked_quantity, returned_quantity, aside_quantity, refunding_quantity,
                refunded_quantity) < 0
            OR shipped_quantity + returned_quantity + aside_quantity > quantity OR restocked_quantity > shipped_quantity
            OR refunding_quantity + refunded_quantity > quantity OR aside_quantity > refunding_quantity
            OR discount_fen NOT BETWEEN 0 AND quantity * unit_price_fen
        """,
    ),
    Proof(
        "stock_mark_of_lines",
        "an order's mark says where the units are of which its lines say nothing",
        """
        SELECT o.id FROM orders o JOIN (
            SELECT order_id, sum(shipped_quantity) AS shipped,
                sum(quantity - shipped_quantity - returned_quantity) AS rest
            FROM order_lines GROUP BY order_id
        ) l ON l.order_id = o.id
        WHERE CASE o.stock
            WHEN 'left' THEN CASE WHEN l.shipped = 0 THEN o.shipped_at IS NULL ELSE l.rest > 0 END
            WHEN 'held' THEN o.shipped_at IS NOT NULL AND l.rest = 0 AND o.status <> 'closed'
            ELSE l.shipped > 0 END
        """,
    ),
    Proof(
        "parcels_of_lines",
        "what has left of a line is what its parcels hold; what older code shipped is in none, and left as a whole",
        """
        SELECT COALESCE(l.order_id, p.order_id) || '/' || COALESCE(l.sku_id, p.sku_id) AS id
        FROM (SELECT order_id, sku_id, quantity, shipped_quantity FROM order_lines) l
        FULL JOIN (
            SELECT order_id, sku_id, sum(units) AS units
            FROM shipments, unnest(sku_ids, quantities) AS u (sku_id, units) GROUP BY order_id, sku_id
        ) p ON p.order_id = l.order_id AND p.sku_id = l.sku_id
        LEFT JOIN (SELECT DISTINCT order_id FROM shipments) s ON s.order_id = COALESCE(l.order_id, p.order_id)
        WHERE l.order_id IS NULL OR COALESCE(p.units, 0) <> CASE WHEN s.order_id IS NULL
            AND l.shipped_quantity = l.quantity THEN 0 ELSE l.shipped_quantity END
        """,
    ),
    Proof(
        "awaiting_shipment_has_units",
        "an order awaits shipment only while a unit can be shipped, or none is out and money is on its way back",
        """
        SELECT o.id FROM orders o JOIN (
            SELECT order_id, sum(quantity - shipped_quantity - returned_quantity - aside_quantity) AS free,
                sum(shipped_quantity - restocked_quantity) AS out, sum(aside_quantity) AS aside
            FROM order_lines GROUP BY order_id
        ) l ON l.order_id = o.id
        WHERE o.status = 'awaiting_shipment' AND l.free = 0 AND (l.out > 0 OR l.aside = 0)
        """,
    ),
    Proof(
        "refunds_of_lines",
        "units refunded, being refunded, set aside and for sale again are those of the refunds by line",
        """
        SELECT COALESCE(l.order_id, r.order_id) || '/' || COALESCE(l.sku_id, r.sku_id) AS id
        FROM (SELECT l.*, o.stock = 'left' AND o.status = 'closed' AS may_be_more FROM order_lines l
            JOIN orders o ON o.id = l.order_id) l
        FULL JOIN (
            SELECT r.order_id, f.sku_id,
                COALESCE(sum(f.quantity) FILTER (WHERE r.finished_at IS NULL), 0) AS refunding,
                COALESCE(sum(f.aside_quantity) FILTER (WHERE r.finished_at IS NULL), 0) AS aside,
                COALESCE(sum(f.quantity) FILTER (WHERE r.status = 'succeeded'), 0) AS refunded,
                COALESCE(sum(f.aside_quantity) FILTER (WHERE r.status = 'succeeded'), 0) AS returned,
                COALESCE(sum(f.restock_quantity) FILTER (WHERE r.status = 'succeeded'), 0) AS restocked
            FROM refunds r JOIN refund_lines f ON f.refund_id = r.id GROUP BY r.order_id, f.sku_id
        ) r ON r.order_id = l.order_id AND r.sku_id = l.sku_id
        WHERE l.order_id IS NULL OR l.refunding_quantity <> COALESCE(r.refunding, 0)
            OR l.aside_quantity <> COALESCE(r.aside, 0) OR l.refunded_quantity <> COALESCE(r.refunded, 0)
            OR l.restocked_quantity <> COALESCE(r.restocked, 0) OR l.returned_quantity < COALESCE(r.returned, 0)
            OR l.returned_quantity > COALESCE(r.returned, 0) AND NOT l.may_be_more
        """,
    ),
    Proof(
        "money_of_lines",
        "a unit's share is its line's amount by the units in whole fen, and the last one takes the rest",
        """
        SELECT l.order_id || '/' || l.sku_id AS id FROM (
            SELECT *, quantity * unit_price_fen - discount_fen AS fen,
                (quantity * unit_price_fen - discount_fen) / quantity AS share FROM order_lines
        ) l JOIN (
            SELECT r.order_id, f.sku_id, f.quantity, f.amount_fen, r.status FROM refunds r
            JOIN refund_lines f ON f.refund_id = r.id
        ) f ON f.order_id = l.order_id AND f.sku_id = l.sku_id
        GROUP BY l.order_id, l.sku_id, l.fen, l.share, l.quantity
        HAVING bool_or(f.amount_fen NOT IN (l.share * f.quantity, l.share * f.quantity + l.fen - l.share * l.quantity))
            OR sum(f.amount_fen) FILTER (WHERE f.status <> 'failed') > l.fen
            OR sum(f.quantity) FILTER (WHERE f.status <> 'failed') = l.quantity
                AND sum(f.amount_fen) FILTER (WHERE f.status <> 'failed') <> l.fen
        """,
    ),
    Proof(
        "amounts_of_refunds_by_line",
        "a refund by line is of its lines and the freight, which goes back once",
        """
        SELECT r.id FROM refunds r LEFT JOIN (
            SELECT refund_id, sum(amount_fen) AS fen, sum(restock_quantity) AS restocked
            FROM refund_lines GROUP BY refund_id
        ) f ON f.refund_id = r.id
        WHERE (f.fen IS NOT NULL OR r.freight_fen > 0) AND r.amount_fen <> COALESCE(f.fen, 0) + r.freight_fen
            OR f.restocked > 0 AND NOT r.restock OR f.fen IS NOT NULL AND r.source <> 'operator'
        UNION ALL
        SELECT o.id FROM orders o JOIN refunds r ON r.order_id = o.id AND r.status <> 'failed'
        GROUP BY o.id, o.freight_fen HAVING sum(r.freight_fen) > o.freight_fen
        """,
    ),
    Proof(
        "limits_equal_what_orders_hold",
        "what counts against a user's limit of a SKU is what his orders hold or took since it was set",
        """
        SELECT COALESCE(p.user_id, h.user_id) || '/' || COALESCE(p.sku_id, h.sku_id) AS id
        FROM purchases p
        FULL JOIN (
            SELECT o.user_id, l.sku_id, l.limit_epoch,
                sum(l.quantity - l.returned_quantity - l.restocked_quantity) AS units
            FROM order_lines l JOIN orders o ON o.id = l.order_id
            WHERE o.stock IN ('held', 'left') AND l.limit_epoch > 0 GROUP BY o.user_id, l.sku_id, l.limit_epoch
        ) h ON h.user_id = p.user_id AND h.sku_id = p.sku_id AND h.limit_epoch = p.epoch
        WHERE COALESCE(p.units, 0) <> COALESCE(h.units, 0)
        """,
    ),
    Proof(
        "limits_have_epochs",
        "a SKU that has a limit knows since which time it counts, and no line counts under a later one",
        """
        SELECT id FROM skus WHERE limit_per_user IS NOT NULL AND limit_epoch < 1
        UNION ALL
        SELECT l.sku_id FROM order_lines l JOIN skus s ON s.id = l.sku_id WHERE l.limit_epoch > s.limit_epoch
        """,
    ),
    Proof(
        "shipped_orders_are_completed",
        "a shipped order has a time from which it completes by itself; no parcel of it is newer",
        """
        SELECT o.id FROM orders o LEFT JOIN completions c ON c.order_id = o.id
        LEFT JOIN (SELECT order_id, max(shipped_at) AS at FROM shipments GROUP BY order_id) s ON s.order_id = o.id
        WHERE o.status = 'shipped' AND (SELECT finished >= 4 FROM schema_version)
            AND NOT COALESCE(c.shipped_at >= COALESCE(s.at, o.shipped_at)
                AND c.shipped_at <= now() + interval '1 minute', false)
        """,
    ),
)
