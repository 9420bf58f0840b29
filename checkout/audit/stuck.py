"""Money and orders that need a person, or at least a look: what `checkout stuck` lists, money first."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from checkout.audit.alarms import CURES
from checkout.db import Connection, sql
from checkout.errors import NotFound

PAGE = 100


class Matter(NamedTuple):
    """`subject` is what it is about, `of_kind` how many of its kind there are, `cure` what a person can do."""

    kind: str
    subject: str
    since: datetime
    order_id: int | None
    fen: int | None
    detail: str
    of_kind: int
    cure: str


_OVERDUE = "see that beat and the workers run (checkout doctor)"

# Each selects subject, since, order, fen and a sentence from a small table or along an index: looking must not cost
# what exists. They stand in the order in which a person should look.
_KINDS = {
    "money_not_kept": (
        """
        SELECT p.order_id || '-' || p.n, p.paid_at, p.order_id, p.paid_fen - p.refunded_fen,
            yuan(p.paid_fen) || ' yuan came too late or twice for order ' || p.order_id || '; '
            || yuan(p.refunded_fen) || ' went back, ' || yuan(p.refunding_fen) || ' is on its way'
        FROM payments p WHERE NOT p.kept AND p.refunded_fen < p.paid_fen
        """,
        "wait for its refund; see checkout payments show ID",
    ),
    "refund_unknown": (
        """
        SELECT r.id::text, r.requested_at, r.order_id, r.amount_fen,
            'a refund of ' || yuan(r.amount_fen) || ' yuan of order ' || r.order_id
            || ': Alipay does not say whether it was made (try ' || r.tries || ')'
        FROM refunds r WHERE r.next_try_at IS NOT NULL AND r.status = 'unknown'
        """,
        "it is asked about again; compare with Alipay's console when it lasts",
    ),
    "refund_failed": (
        """
        SELECT r.id::text, r.finished_at, r.order_id, r.amount_fen,
            'a refund of ' || yuan(r.amount_fen) || ' yuan of order ' || r.order_id
            || ' was refused: ' || COALESCE(r.error, 'Alipay did not say why')
        FROM refunds r
        WHERE r.status = 'failed' AND r.source = 'operator' AND NOT EXISTS (
            SELECT FROM refunds l WHERE l.order_id = r.order_id AND l.n = r.n AND l.id > r.id AND l.status <> 'failed'
                AND l.source = 'operator' AND l.amount_fen >= r.amount_fen)
        """,
        "mend what the error names, then checkout refunds create ID, or pay it back elsewhere",
    ),
    "refund_tried_often": (
        """
        SELECT r.id::text, r.requested_at, r.order_id, r.amount_fen,
            'a refund of ' || yuan(r.amount_fen) || ' yuan of order ' || r.order_id
            || ' was tried ' || r.tries || ' times: ' || COALESCE(r.error, '')
        FROM refunds r WHERE r.next_try_at IS NOT NULL AND r.status = 'requested' AND r.tries >= 4
        """,
        "see the error: the account's balance, the buyer's account",
    ),
    "refund_overdue": (
        """
        SELECT r.id::text, r.requested_at, r.order_id, r.amount_fen,
            'a refund of ' || yuan(r.amount_fen) || ' yuan of order ' || r.order_id
            || ' was due at ' || r.next_try_at
        FROM refunds r WHERE r.next_try_at < now() - interval '60 seconds'
        """,
        _OVERDUE,
    ),
    "bill_differs": (
        """
        SELECT d.day || '/' || d.out_trade_no || '/' || d.request_no, d.found_at, NULL::bigint,
            COALESCE(d.theirs_fen, d.ours_fen),
            d.kind || ' on the bill of ' || d.day || ': ours ' || COALESCE(yuan(d.ours_fen), 'none') || ', theirs '
            || COALESCE(yuan(d.theirs_fen), 'none') || '; ' || d.action
        FROM discrepancies d WHERE d.resolved_at IS NULL AND NOT d.held
        """,
        "do what it says, then checkout reconcile the day again",
    ),
    **{
        kind: (
            f"SELECT subject, raised_at, order_id, fen, says FROM alarms WHERE kind = '{kind}' AND resolved_at IS NULL",
            cure,
        )
        for kind, cure in CURES.items()
    },
    "outcome_unknown": (
        """
        SELECT p.order_id || '-' || p.n, p.payable_until, p.order_id, p.amount_fen,
            'Alipay was asked ' || p.queries || ' times and does not say whether ' || yuan(p.amount_fen)
            || ' yuan were paid for order ' || p.order_id
        FROM payments p
        WHERE p.due_at IS NOT NULL AND p.status = 'open' AND p.payable_until < now() - interval '10 minutes'
        """,
        "see that Alipay answers (checkout doctor); the order's stock is held until then",
    ),
    "order_parked": (
        """
        SELECT a.order_id::text, o.accepted_at, a.order_id, NULL::bigint,
            'order ' || a.order_id || ' cannot be placed: ' || a.error
        FROM arrivals a JOIN orders o ON o.id = a.order_id WHERE a.parked
        """,
        "mend what the error names, then checkout orders retry ID, or cancel it",
    ),
    "order_tried_alone": (
        """
        SELECT a.order_id::text, o.accepted_at, a.order_id, NULL::bigint, 'order ' || a.order_id || ' was tried alone '
            || a.tries || ' times'
            || CASE WHEN a.deaths > 0 THEN '; ' || a.deaths || ' workers died with it' ELSE '' END
            || COALESCE(': ' || a.error, '')
        FROM arrivals a JOIN orders o ON o.id = a.order_id
        WHERE a.alone_at IS NOT NULL AND NOT a.parked AND o.accepted_at < now() - interval '60 seconds'
        """,
        "mend what the error names, or see the workers' logs; it is tried again, or cancel it",
    ),
    "order_not_placed": (
        """
        SELECT a.order_id::text, o.accepted_at, a.order_id, NULL::bigint,
            'order ' || a.order_id || ' waits to be placed'
        FROM arrivals a JOIN orders o ON o.id = a.order_id
        WHERE a.alone_at IS NULL AND NOT a.parked AND a.since < now() - interval '60 seconds'
        """,
        "see that workers of the queue orders run (checkout doctor)",
    ),
    "step_overdue": (
        """
        SELECT p.order_id || '-' || p.n, p.due_at, p.order_id, p.amount_fen,
            'nobody has looked at order ' || p.order_id || ', which is ' || o.status
            || CASE WHEN o.closing_at IS NULL THEN '' ELSE ' and closes' END
        FROM payments p JOIN orders o ON o.id = p.order_id
        WHERE p.due_at < now() - interval '60 seconds'
            AND COALESCE(p.leased_until < now() - interval '60 seconds', true)
        """,
        _OVERDUE,
    ),
    "forgotten": (
        """
        SELECT p.order_id || '-' || p.n, p.created_at, p.order_id, p.amount_fen,
            'nobody will ever ask about ' || yuan(p.amount_fen) || ' yuan of order ' || p.order_id
        FROM payments p WHERE p.status = 'open' AND p.due_at IS NULL
        UNION ALL
        SELECT r.id::text, r.requested_at, r.order_id, r.amount_fen,
            'nobody will ever send a refund of ' || yuan(r.amount_fen) || ' yuan of order ' || r.order_id
        FROM refunds r WHERE r.finished_at IS NULL AND r.next_try_at IS NULL
        """,
        "somebody wrote into the tables: see checkout audit, and set when it is due",
    ),
    "notify_not_applied": (
        """
        SELECT n.id::text, n.received_at, p.order_id, p.amount_fen, 'what Alipay told of ' || yuan(p.amount_fen)
            || ' yuan for order ' || p.order_id || ' is not applied'
        FROM notifies n LEFT JOIN payments p ON p.out_trade_no = n.out_trade_no
        WHERE n.applied_at IS NULL AND n.received_at < now() - interval '60 seconds'
        """,
        "see that workers of the queue orders run (checkout doctor)",
    ),
    "events_not_sent": (
        """
        SELECT id::text, at, NULL::bigint, NULL::bigint, 'this and later events have not left'
        FROM events
        WHERE id = (SELECT min(id) FROM events WHERE id > (SELECT published FROM relay))
            AND at < now() - interval '60 seconds'
        """,
        "see that the event broker answers and beat runs (checkout doctor)",
    ),
}
# What a person has settled stays away until it begins anew.
_ALL = " UNION ALL ".join(
    f"SELECT {rank}, CAST('{kind}' AS text), * FROM ({query}) AS m (subject, since, order_id, fen, says)"
    for rank, (kind, (query, _)) in enumerate(_KINDS.items())
)
_OPEN = f"""
    FROM ({_ALL}) AS matter (rank, kind, subject, since, order_id, fen, says)
    WHERE NOT EXISTS (SELECT FROM resolutions r
        WHERE r.kind = matter.kind AND r.subject = matter.subject AND r.resolved_at >= matter.since)
"""
_FIND = sql(f"""
    SELECT kind, subject, since, order_id, fen, says, count(*) OVER (PARTITION BY kind) {_OPEN}
        AND (:kind = '' OR kind = :kind)
    ORDER BY rank, fen DESC NULLS LAST, since, subject LIMIT :limit OFFSET :skip
""")
_COUNT = sql(f"SELECT kind, count(*) AS matters {_OPEN} GROUP BY rank, kind ORDER BY rank")
_ONE = sql(f"SELECT since {_OPEN} AND kind = :kind AND subject = :subject")
_RESOLVE = sql("""
    INSERT INTO resolutions (kind, subject, note) VALUES (:kind, :subject, :note)
    ON CONFLICT (kind, subject) DO UPDATE SET note = excluded.note, resolved_at = now()
""")


def find(connection: Connection, kind: str = "", page: int = 1) -> list[Matter]:
    """A page of the matters, of one kind or of all: money first, the largest amounts before small ones."""
    rows = connection.execute(_FIND, {"kind": kind, "limit": PAGE, "skip": (page - 1) * PAGE})
    return [Matter(*(*row, _KINDS[row.kind][1])) for row in rows]


def count(connection: Connection) -> dict[str, int]:
    """How many matters there are of each kind that has any."""
    return {row.kind: row.matters for row in connection.execute(_COUNT)}


def resolve(connection: Connection, kind: str, subject: str, note: str) -> None:
    """A person has settled it, and says how. Raises NotFound for what does not stand there."""
    if connection.execute(_ONE, {"kind": kind, "subject": subject}).first() is None:
        raise NotFound(f"there is no {kind} about {subject}")
    connection.execute(_RESOLVE, {"kind": kind, "subject": subject, "note": note})


KINDS = tuple(_KINDS)
