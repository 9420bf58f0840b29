"""Numbers and digests derive from what they belong to, so that none of them can be another's."""

from __future__ import annotations

from checkout.audit.proofs import Proof

# As `acceptance.digest` makes it.
_DIGEST = "encode(substring(sha256({}) FROM 1 FOR 16), 'hex')::uuid"
_OF_KEY = _DIGEST.format(r"convert_to(o.user_id::text, 'UTF8') || '\x00'::bytea || convert_to(k.key, 'UTF8')")
_OF_REFUND = _DIGEST.format(r"convert_to(r.order_id::text, 'UTF8') || '\x00'::bytea || convert_to(r.key, 'UTF8')")

PROOFS = (
    Proof(
        "numbers_of_attempts",
        "an out_trade_no names its day, its order and its attempt, and attempts are numbered from 1",
        """
        SELECT order_id || '-' || n AS id FROM payments
        WHERE created_at >= CAST(:since AS timestamptz) AND NOT (
            starts_with(out_trade_no, to_char(created_at AT TIME ZONE 'UTC', 'YYYYMMDD')
                || lpad(order_id::text, 12, '0') || 'N' || n || 'R')
            AND out_trade_no ~ 'R[0-9A-F]{10}$')
        UNION ALL
        SELECT order_id::text FROM payments GROUP BY order_id HAVING max(n) <> count(*) OR min(n) <> 1
        """,
    ),
    Proof(
        "trades_pay_once",
        "no trade of Alipay pays for two attempts",
        """
        SELECT min(order_id || '-' || n) AS id FROM payments WHERE trade_no IS NOT NULL
        GROUP BY trade_no HAVING count(*) > 1
        """,
    ),
    Proof(
        "numbers_of_refunds",
        "an out_request_no is its attempt's out_trade_no, R and a number",
        """
        SELECT r.id FROM refunds r LEFT JOIN payments p ON p.order_id = r.order_id AND p.n = r.n
        WHERE NOT COALESCE(starts_with(r.out_request_no, p.out_trade_no || 'R')
            AND r.out_request_no ~ 'R[1-9][0-9]*$', false)
        """,
    ),
    Proof(
        "digests_of_order_keys",
        "the digest of a key is made of its user and its text, and it stands in the day of its order",
        f"""
        SELECT o.id FROM order_keys k JOIN orders o ON o.id = k.order_id
        WHERE k.digest <> {_OF_KEY} OR k.day <> (o.accepted_at AT TIME ZONE 'UTC')::date
        """,  # noqa: S608 - ours
    ),
    Proof(
        "digests_of_refund_keys",
        "the digest of a refund's key is made of its order and its text",
        f"""
        SELECT r.id FROM refunds r
        WHERE (r.source = 'operator') <> (r.digest IS NOT NULL) OR r.digest <> {_OF_REFUND}
        """,  # noqa: S608 - ours
    ),
)
