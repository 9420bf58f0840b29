"""What leaves: erased orders name nobody, and webhooks skip nothing."""

from __future__ import annotations

from checkout.audit.proofs import Proof

PROOFS = (
    Proof(
        "erased_orders_have_ended",
        "what was erased had ended, and no attempt could bring money any more",
        """
        SELECT id FROM orders o WHERE erased_at IS NOT NULL AND (status NOT IN ('rejected', 'closed', 'completed')
            OR EXISTS (SELECT FROM payments p WHERE p.order_id = o.id AND p.status = 'open'))
        """,
    ),
    Proof(
        "erased_orders_name_nobody",
        "neither an erased order nor its attempts nor their notifies say for whom it was",
        """
        SELECT id::text FROM orders WHERE erased_at IS NOT NULL
            AND (recipient, phone, detail, remark) IS DISTINCT FROM ('', '', '', '') OR
            erased_at IS NOT NULL AND metadata IS NOT NULL
        UNION ALL
        SELECT p.order_id || '-' || p.n FROM payments p JOIN orders o ON o.id = p.order_id
        WHERE o.erased_at IS NOT NULL AND num_nonnulls(p.buyer_open_id, p.buyer_id) > 0
        UNION ALL
        SELECT 'notify ' || t.id FROM notifies t
            JOIN payments p ON p.out_trade_no = t.out_trade_no JOIN orders o ON o.id = p.order_id
        WHERE o.erased_at IS NOT NULL AND t.applied_at IS NOT NULL
            AND (t.blanked_at IS NULL OR t.params ?| ARRAY['buyer_id', 'buyer_logon_id', 'buyer_open_id', 'sign'])
        """,
    ),
    Proof(
        "wishes_reach_every_order",
        "what the walk over a user's orders has passed is erased, or will be",
        """
        SELECT o.id FROM erasures e JOIN orders o ON o.user_id = e.user_id AND o.id <= e.walked
        WHERE o.erased_at IS NULL AND NOT EXISTS (SELECT FROM erasures_due d WHERE d.order_id = o.id)
        """,
    ),
    Proof(
        "blanked_notifies_keep_their_facts",
        "a notify without its buyer still says what was applied",
        """
        SELECT id FROM notifies WHERE blanked_at IS NOT NULL AND (outcome IS NULL
            OR NOT params ?& ARRAY['out_trade_no', 'trade_no', 'trade_status', 'total_amount']
            OR params->>'out_trade_no' <> out_trade_no)
        """,
    ),
    Proof(
        "webhooks_skip_nothing",
        "no endpoint's place lies beyond the log, and no lease is held for long",
        """
        SELECT id FROM webhook_endpoints
        WHERE reached > (SELECT last_value FROM events_id_seq) OR leased_until > now() + interval '2 minutes'
        """,
    ),
    Proof(
        "webhook_subjects_wait_in_the_log",
        "a subject that was set aside waits for an event that was drawn, and will be tried again",
        """
        SELECT endpoint_id || ' ' || subject AS id FROM webhook_subjects
        WHERE event_id > (SELECT last_value FROM events_id_seq) OR next_try_at > now() + interval '5 hours'
        """,
    ),
)
