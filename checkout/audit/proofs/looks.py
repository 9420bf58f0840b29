"""Invariant 8: whatever is not final has somebody who will look at it, and not in some distant future."""

from __future__ import annotations

from checkout.audit.proofs import Proof

PROOFS = (
    Proof(
        "attempts_are_looked_at",
        "every open attempt is due, within the longest step between two questions or with its order's time",
        """
        SELECT p.order_id || '-' || p.n AS id FROM payments p JOIN orders o ON o.id = p.order_id
        WHERE p.status = 'open' AND NOT COALESCE(
            p.due_at <= CASE WHEN p.offered_at IS NULL THEN o.pay_before ELSE now() + interval '31 minutes' END, false)
            OR p.leased_until > now() + interval '2 minutes'
        """,
    ),
    Proof(
        "waiting_orders_are_looked_at",
        "an order that waits for money is looked at when its time is over, and no final attempt of others is",
        """
        SELECT o.id FROM orders o JOIN payments p ON p.order_id = o.id
        GROUP BY o.id HAVING CASE WHEN o.status = 'awaiting_payment' AND o.closing_at IS NULL
            THEN NOT COALESCE(bool_or(p.due_at <= GREATEST(o.pay_before, now())), false)
            ELSE bool_or(p.status <> 'open' AND p.due_at IS NOT NULL) END
        """,
    ),
    Proof(
        "closing_orders_are_closed",
        "an order that closes waits for an open attempt; without any it is closed",
        """
        SELECT o.id FROM orders o
        WHERE o.status = 'awaiting_payment' AND o.closing_at IS NOT NULL
            AND NOT EXISTS (SELECT FROM payments p WHERE p.order_id = o.id AND p.status = 'open')
        """,
    ),
    Proof(
        "refunds_are_looked_at",
        "exactly the refunds that have not ended are tried again, within an hour and some",
        """
        SELECT id FROM refunds WHERE CASE WHEN finished_at IS NULL
            THEN NOT COALESCE(next_try_at <= now() + interval '61 minutes', false) ELSE next_try_at IS NOT NULL END
        """,
    ),
    Proof(
        "notifies_took_effect",
        "no notify of money is marked as applied while its attempt is not paid",
        """
        SELECT t.id FROM notifies t JOIN payments p ON p.out_trade_no = t.out_trade_no
        WHERE t.outcome IN ('applied', 'unchanged') AND t.params->>'trade_status' IN ('TRADE_SUCCESS', 'TRADE_FINISHED')
            AND p.status NOT IN ('paid', 'refunded')
            OR (t.applied_at IS NULL) <> (t.outcome IS NULL)
        """,
    ),
    Proof(
        "watermark_behind_events",
        "what the relay takes for sent has been sent, and nobody holds its lease for long",
        """
        SELECT 'relay' AS id WHERE NOT EXISTS (SELECT FROM relay)
        UNION ALL
        SELECT 'relay' FROM relay r WHERE r.leased_until > now() + interval '1 minute'
            OR r.published <> r.sent_through OR r.published > (SELECT last_value FROM events_id_seq)
        """,
    ),
    Proof(
        "identities_are_ahead",
        "no id is drawn twice",
        """
        SELECT drawn.id FROM (
            SELECT 'orders', last_value >= (SELECT COALESCE(max(id), 0) FROM orders) FROM orders_id_seq
            UNION ALL SELECT 'refunds', last_value >= (SELECT COALESCE(max(id), 0) FROM refunds) FROM refunds_id_seq
            UNION ALL SELECT 'notifies', last_value >= (SELECT COALESCE(max(id), 0) FROM notifies) FROM notifies_id_seq
            UNION ALL SELECT 'events', last_value >= (SELECT COALESCE(max(id), 0) FROM events) FROM events_id_seq
        ) AS drawn (id, is_ahead) WHERE NOT is_ahead
        """,
    ),
    Proof(
        "clearings_are_of_cart_orders",
        "only carts of placed orders that came from one wait to be cleared, each for its owner",
        """
        SELECT c.order_id AS id FROM cart_clearings c LEFT JOIN orders o ON o.id = c.order_id
        WHERE NOT COALESCE(o.from_cart AND o.user_id = c.user_id AND o.placed_at IS NOT NULL, false)
        """,
    ),
    Proof(
        "bills_are_whole",
        "a bill that was read has all its lines",
        """
        SELECT b.day AS id FROM bills b
        WHERE b.lines IS NOT NULL AND b.lines <> (SELECT count(*) FROM bill_lines l WHERE l.day = b.day)
        """,
    ),
)
