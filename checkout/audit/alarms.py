"""What only a person can settle: raised once per kind and subject, told in a sentence, shown by `checkout stuck`."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from checkout.db import Connection, array, command

# Each with its cure. Those that tell of money come first, as a person should look at them.
CURES = {
    "notify_of_unknown_payment": "find the trade in Alipay's console; refund it there if it is not the shop's",
    "notify_amount_differs": "compare with the trade in Alipay's console, and refund there what is wrong",
    "query_amount_differs": "compare with the trade in Alipay's console, and refund there what is wrong",
    "trade_differs": "look both trades up in Alipay's console; refund there the one that pays for nothing",
    "trade_older_than_attempt": "find the trade in Alipay's console: another database of this merchant account made it",
    "query_too_old": "find the trade in Alipay's console: another database of this merchant account made it",
    "refund_refused": "mend what Alipay names, or pay it back in its console; it is tried each hour",
    "bill_unreadable": "look at the day in Alipay's console; checkout reconcile the day again with --fetch-again",
    "bill_line_unclear": "compare the trade with Alipay's console; its day was compared without it",
    "notify_failed": "mend what the error names; Alipay is asked about the attempt meanwhile",
    "query_failed": "mend what the error names; the attempt is asked about again",
    "answer_differs": "ask Alipay's support: a signed answer spoke of something else; it is asked again",
    "trade_missing": "look the trade up in Alipay's console: it was made there, and Alipay denies it",
    "webhook_falls_behind": "see checkout webhooks show ID: mend the receiver, or remove it; the log keeps 30 days",
    "webhook_full": "see checkout webhooks show ID: mend the receiver, then checkout webhooks replay ID",
    "webhook_gone": "the receiver wants nothing more: checkout webhooks remove ID, or replay ID when it does again",
    "notify_for_another": "see CHECKOUT_ALIPAY_APP_ID and CHECKOUT_ALIPAY_SELLER_ID, and who uses this address",
}
# These are over when their attempt is final, or their refund has ended, whatever made it so.
_PASSING = ["notify_failed", "query_failed", "answer_differs", "trade_missing", "refund_refused", "bill_unreadable"]
OF_WEBHOOKS = ["webhook_falls_behind", "webhook_full", "webhook_gone"]


class Alarm(NamedTuple):
    """`subject` is an out_trade_no, or a refund's out_request_no; `says` is a whole sentence without personal data."""

    kind: str
    subject: str
    says: str
    order_id: int | None = None
    fen: int | None = None


# Said again in the same words it is no news: a person may have settled it. Settled by itself and back, it is.
_RAISE = command("""
    INSERT INTO alarms AS a (kind, subject, says, order_id, fen) VALUES (:kind, :subject, :says, :order_id, :fen)
    ON CONFLICT (subject, kind) DO UPDATE SET says = excluded.says, order_id = excluded.order_id, fen = excluded.fen,
        raised_at = CASE WHEN a.resolved_at IS NULL AND a.says = excluded.says THEN a.raised_at ELSE now() END,
        resolved_at = NULL
""")
_SETTLE = command("""
    UPDATE alarms SET resolved_at = now()
    WHERE subject = ANY(CAST(:subjects AS text[])) AND kind = ANY(CAST(:kinds AS text[])) AND resolved_at IS NULL
""")


def raise_alarm(connection: Connection, alarm: Alarm) -> None:
    """Notes the matter, or brings it up again."""
    connection.execute(_RAISE, alarm._asdict())


def settle(connection: Connection, subjects: Collection[str], kinds: Collection[str] = _PASSING) -> None:
    """Their attempts are final, or their refunds have ended: what was only in the way is over by itself."""
    if subjects:
        connection.execute(_SETTLE, {"subjects": array(sorted(subjects)), "kinds": array(kinds)})
