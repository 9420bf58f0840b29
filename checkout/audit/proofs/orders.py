"""Invariants 2 and 3: every order exists once, is placed in time, and its totals are those of its lines."""

from __future__ import annotations

from checkout.audit.proofs import Proof

PROOFS = (
    Proof(
        "keys_unique_per_user",
        "within the days that keys are remembered, each made one order",
        """
        SELECT digest AS id FROM order_keys WHERE day >= (now() AT TIME ZONE 'UTC')::date - 8
        GROUP BY digest HAVING count(*) > 1
        """,
    ),
    Proof(
        "orders_match_keys",
        "each key has its order, and each order of the last 7 days its one key",
        """
        SELECT COALESCE(o.id, k.order_id) AS id
        FROM (
            SELECT id FROM orders
            WHERE (accepted_at AT TIME ZONE 'UTC')::date >= (now() AT TIME ZONE 'UTC')::date - 7
        ) o
        FULL JOIN (
            SELECT order_id, count(*) AS keys FROM order_keys WHERE day >= (now() AT TIME ZONE 'UTC')::date - 7
            GROUP BY order_id
        ) k ON k.order_id = o.id
        WHERE o.id IS NULL OR k.keys IS DISTINCT FROM 1
        """,
    ),
    Proof(
        "accepted_orders_have_arrivals",
        "exactly the accepted orders wait to be placed",
        """
        SELECT COALESCE(o.id, a.order_id) AS id
        FROM (SELECT id FROM orders WHERE status = 'accepted') o FULL JOIN arrivals a ON a.order_id = o.id
        WHERE o.id IS NULL OR a.order_id IS NULL
        """,
    ),
    Proof(
        "none_accepted_too_long",
        "no order waits longer than 60 s to be placed while workers run, but for those that are parked",
        # One that a person has just had tried again counts from there; all, from when workers ran again.
        """
        SELECT o.id FROM orders o JOIN arrivals a ON a.order_id = o.id
        WHERE o.status = 'accepted' AND NOT a.parked AND a.alone_at IS NULL
            AND GREATEST(o.accepted_at, a.since, (SELECT since FROM heartbeats WHERE loop = 'queue orders'))
                < now() - interval '60 seconds'
        """,
    ),
    Proof(
        "placed_orders_have_lines",
        "a placed order has the lines that were asked for, any other has none",
        """
        SELECT DISTINCT COALESCE(o.id, l.order_id) AS id
        FROM (
            SELECT id, unnest(sku_ids) AS sku_id, unnest(quantities) AS quantity
            FROM orders WHERE stock IS NOT NULL
        ) o
        FULL JOIN order_lines l ON l.order_id = o.id AND l.sku_id = o.sku_id
        WHERE o.quantity IS DISTINCT FROM l.quantity
        """,
    ),
    Proof(
        "totals_equal_lines",
        "goods and discount = the lines', total = goods - discount + freight",
        """
        SELECT o.id FROM orders o
        LEFT JOIN (
            SELECT order_id, sum(quantity * unit_price_fen) AS goods_fen, sum(discount_fen) AS discount_fen
            FROM order_lines GROUP BY order_id
        ) l ON l.order_id = o.id
        WHERE o.stock IS NOT NULL AND o.accepted_at >= CAST(:since AS timestamptz)
            AND (o.goods_fen IS DISTINCT FROM l.goods_fen OR o.discount_fen IS DISTINCT FROM l.discount_fen
                OR o.total_fen IS DISTINCT FROM o.goods_fen - o.discount_fen + o.freight_fen)
        """,
    ),
    Proof(
        "open_orders_of_users",
        "a user's count of orders that hold stock unpaid is what they are",
        """
        SELECT COALESCE(u.id, o.user_id) AS id
        FROM users u
        FULL JOIN (
            SELECT user_id, count(*) AS held FROM orders
            WHERE stock = 'held' AND paid_at IS NULL GROUP BY user_id
        ) o ON o.user_id = u.id
        WHERE COALESCE(u.open_orders, 0) <> COALESCE(o.held, 0)
        """,
    ),
)
