"""Where our books and Alipay's bill of a day do not agree: found by comparing sets, kept until they agree.

The same money may stand on neighbouring days, since we note it when we hear of it: a line matches on whatever day.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import NamedTuple

from checkout.columns import Columns
from checkout.db import Connection, sql
from checkout.reconciliation import bills

MOST_LISTED = 5000
# What we noted this near to midnight may be on the bill of the other day; it waits for that bill, but not for ever.
NEAR_MIDNIGHT = timedelta(hours=1)
LONGEST_HOLD = timedelta(days=2)


class Discrepancy(NamedTuple):
    """`request_no` is empty for a payment. Amounts are fen, None where that side has nothing.

    `held`: the bill of the day before or after may still have it.
    """

    day: date
    kind: str
    out_trade_no: str
    request_no: str
    ours_fen: int | None
    theirs_fen: int | None
    held: bool
    action: str


# What a person does about it; whatever Alipay can confirm was taken in before.
_ACTIONS = {
    ("ours_only", False): "ask Alipay for the trade; if it was never paid, stop the delivery",
    ("theirs_only", False): "find out who sold it; if nobody of the shop did, refund it in Alipay's console",
    ("amount", False): "compare with the trade in Alipay's console, and settle the difference with the buyer",
    ("state", False): "ask Alipay for the trade, and reconcile the day again when it answers",
    ("ours_only", True): "ask Alipay for the refund; if it was never made, refund again",
    ("theirs_only", True): "find out who refunded it in Alipay's console",
    ("amount", True): "compare with the refunds of the trade in Alipay's console",
    ("state", True): "wait until the refund is confirmed, and reconcile the day again",
}

_PAYMENTS_WITHOUT_LINE = """
    SELECT 'ours_only', out_trade_no, '', paid_fen, NULL::bigint, paid_at
    FROM payments p
    WHERE paid_at >= :start AND paid_at < :until
        AND NOT EXISTS (SELECT FROM bill_lines l WHERE l.out_trade_no = p.out_trade_no AND l.request_no = '')
"""
_LINES_OF_PAYMENTS = """
    SELECT CASE WHEN p.order_id IS NULL THEN 'theirs_only'
            WHEN p.paid_fen = 0 AND l.fen = p.amount_fen THEN 'state' ELSE 'amount' END,
        l.out_trade_no, '', COALESCE(NULLIF(p.paid_fen, 0), p.amount_fen), l.fen, NULL::timestamptz
    FROM bill_lines l LEFT JOIN payments p ON p.out_trade_no = l.out_trade_no
    WHERE l.day = :day AND l.request_no = '' AND l.fen IS NOT NULL AND p.paid_fen IS DISTINCT FROM l.fen
"""
_REFUNDS_WITHOUT_LINE = """
    SELECT 'ours_only', p.out_trade_no, r.out_request_no, r.amount_fen, NULL::bigint, r.finished_at
    FROM refunds r JOIN payments p ON p.order_id = r.order_id AND p.n = r.n
    WHERE r.finished_at >= :start AND r.finished_at < :until AND r.status = 'succeeded' AND r.source <> 'external'
        AND NOT EXISTS (SELECT FROM bill_lines l
            WHERE l.out_trade_no = p.out_trade_no AND (l.request_no = r.out_request_no OR l.fen IS NULL))
"""
_LINES_OF_REFUNDS = """
    SELECT CASE WHEN r.amount_fen = -l.fen THEN 'state' ELSE 'amount' END, l.out_trade_no, l.request_no,
        r.amount_fen, -l.fen, NULL::timestamptz
    FROM bill_lines l JOIN refunds r ON r.out_request_no = l.request_no
    WHERE l.day = :day AND r.source <> 'external' AND r.status <> 'failed'
        AND (r.status <> 'succeeded' OR r.amount_fen <> -l.fen)
"""
# A refund under a number that is not ours was made in Alipay's console.
_IN_CONSOLE = """
    l.request_no <> '' AND NOT EXISTS (SELECT FROM refunds r
        WHERE r.out_request_no = l.request_no AND r.source <> 'external' AND r.status <> 'failed')
"""
# We may know of several such refunds of a trade by their sum only, so the sums over all days are compared, for each
# trade that either side has such a refund of on this day.
_CONSOLE_REFUNDS = f"""
    SELECT CASE WHEN theirs.fen IS NULL THEN 'ours_only' WHEN ours.fen IS NULL THEN 'theirs_only' ELSE 'amount' END,
        today.out_trade_no, COALESCE(today.their_no, today.our_no), ours.fen, theirs.fen, today.finished_at
    FROM (
        SELECT out_trade_no, max(their_no) AS their_no, max(our_no) AS our_no, max(finished_at) AS finished_at
        FROM (
            SELECT l.out_trade_no, l.request_no, NULL, NULL::timestamptz
            FROM bill_lines l WHERE l.day = :day AND {_IN_CONSOLE}
            UNION ALL
            SELECT p.out_trade_no, NULL, r.out_request_no, r.finished_at
            FROM refunds r JOIN payments p ON p.order_id = r.order_id AND p.n = r.n
            WHERE r.source = 'external' AND r.finished_at >= :start AND r.finished_at < :until
        ) AS made (out_trade_no, their_no, our_no, finished_at)
        GROUP BY out_trade_no
    ) AS today
    CROSS JOIN LATERAL (
        SELECT -sum(l.fen)::bigint FROM bill_lines l WHERE l.out_trade_no = today.out_trade_no AND {_IN_CONSOLE}
    ) AS theirs (fen)
    CROSS JOIN LATERAL (
        SELECT sum(r.amount_fen)::bigint FROM payments p JOIN refunds r ON r.order_id = p.order_id AND r.n = p.n
        WHERE p.out_trade_no = today.out_trade_no AND r.source = 'external'
    ) AS ours (fen)
    WHERE ours.fen IS DISTINCT FROM theirs.fen
"""
_CONSOLE_NUMBERS = sql(f"""
    SELECT l.request_no FROM bill_lines l
    WHERE l.out_trade_no = :number AND {_IN_CONSOLE} ORDER BY day, line LIMIT :limit
""")
_FOUND = " UNION ALL ".join(
    (
        _LINES_OF_PAYMENTS,
        _LINES_OF_REFUNDS,
        _CONSOLE_REFUNDS,
        _PAYMENTS_WITHOUT_LINE,
        _REFUNDS_WITHOUT_LINE,
    )
)
_ACTION = Columns(kind="text", of_refund="bool", action="text")
# Found and kept by the database, however many there are: a list in between would have to end somewhere.
_NOTE = sql(f"""
    WITH differing AS MATERIALIZED (
        SELECT DISTINCT ON (found.kind, number, request) found.kind, number, request, ours, theirs,
            found.kind = 'ours_only' AND NOT (at >= CAST(:from AS timestamptz) AND at < CAST(:to AS timestamptz))
                AS held, c.action
        FROM ({_FOUND}) AS found (kind, number, request, ours, theirs, at)
        JOIN {_ACTION.rows} ON c.kind = found.kind AND c.of_refund = (request <> '')
        ORDER BY found.kind, number, request
    ), kept AS (
        INSERT INTO discrepancies AS d (day, kind, out_trade_no, request_no, ours_fen, theirs_fen, held, action)
        SELECT CAST(:day AS date), * FROM differing
        ON CONFLICT (day, kind, out_trade_no, request_no) DO UPDATE SET ours_fen = excluded.ours_fen,
            theirs_fen = excluded.theirs_fen, held = excluded.held, action = excluded.action,
            found_at = CASE WHEN d.resolved_at IS NULL THEN d.found_at ELSE now() END, resolved_at = NULL
        WHERE (d.ours_fen, d.theirs_fen, d.held, d.action, d.resolved_at)
            IS DISTINCT FROM (excluded.ours_fen, excluded.theirs_fen, excluded.held, excluded.action, NULL)
    )
    UPDATE discrepancies d SET resolved_at = now()
    WHERE day = :day AND resolved_at IS NULL AND NOT EXISTS (SELECT FROM differing f
        WHERE f.kind = d.kind AND f.number = d.out_trade_no AND f.request = d.request_no)
""")
_LISTED = sql("""
    SELECT day, kind, out_trade_no, request_no, ours_fen, theirs_fen, held, action FROM discrepancies
    WHERE day = :day AND resolved_at IS NULL
    ORDER BY held, kind = 'ours_only', request_no <> '', out_trade_no, request_no LIMIT :limit
""")
_OPEN = sql("SELECT count(*) FROM discrepancies WHERE day = :day AND resolved_at IS NULL AND NOT held")


def note(connection: Connection, day: date) -> None:
    """Keeps how our books and the day's bill differ now, and marks as resolved what no longer does."""
    bill = bills.find(connection, day)
    if bill is None:
        return
    start, end = bills.limits(day)
    window = {"day": day, "start": start, "until": min(end, bill.asked_at)}
    settled = dict(zip(("from", "to"), _settled_between(connection, day), strict=True))
    actions = _ACTION.values([(*about, action) for about, action in _ACTIONS.items()])
    connection.execute(_NOTE, window | settled | actions)


def listed(connection: Connection, day: date) -> list[Discrepancy]:
    """What differs, as `note` kept it; `MOST_LISTED` at the most, those that wait for no other bill first."""
    return [Discrepancy(*row) for row in connection.execute(_LISTED, {"day": day, "limit": MOST_LISTED})]


def open_count(connection: Connection, day: date) -> int:
    """How many there are, without those that are held."""
    count: int = connection.execute(_OPEN, {"day": day}).scalar_one()
    return count


_NEIGHBOURS = sql("""
    SELECT now() AS now, COALESCE(bool_or(day < :day), false) AS before, COALESCE(bool_or(day > :day), false) AS after
    FROM bills WHERE lines IS NOT NULL AND day IN (CAST(:day AS date) - 1, CAST(:day AS date) + 1)
""")


def _settled_between(connection: Connection, day: date) -> tuple[datetime, datetime]:
    """Between which instants what we noted can be on no other bill that is still to come."""
    start, end = bills.limits(day)
    row = connection.execute(_NEIGHBOURS, {"day": day}).one()
    waits = row.now < end + LONGEST_HOLD
    return (
        start + NEAR_MIDNIGHT if waits and not row.before else start,
        end - NEAR_MIDNIGHT if waits and not row.after else end,
    )


def console_numbers(connection: Connection, out_trade_no: str, limit: int) -> list[str]:
    """The request numbers of the trade's refunds on any bill that are not ours."""
    return list(connection.execute(_CONSOLE_NUMBERS, {"number": out_trade_no, "limit": limit}).scalars())


_OPEN_DAYS = sql("SELECT DISTINCT day FROM discrepancies WHERE resolved_at IS NULL ORDER BY day DESC LIMIT :limit")


def open_days(connection: Connection, limit: int) -> list[date]:
    """The newest days that do not agree yet, held ones included."""
    return list(connection.execute(_OPEN_DAYS, {"limit": limit}).scalars())
