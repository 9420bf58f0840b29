"""Where our books and Alipay's bill of a day do not agree: found by comparing sets, kept until they agree.

The same money may stand on neighbouring days, since we note it when we hear of it: a line matches on whatever day.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import NamedTuple

from checkout.columns import Columns
from checkout.db import Connection, sql
from checkout.reconciliation import bills

MOST_OF_A_KIND = 5000
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
    WHERE l.day = :day AND l.request_no = '' AND p.paid_fen IS DISTINCT FROM l.fen
"""
_REFUNDS_WITHOUT_LINE = """
    SELECT 'ours_only', p.out_trade_no, r.out_request_no, r.amount_fen, NULL::bigint, r.finished_at
    FROM refunds r JOIN payments p ON p.order_id = r.order_id AND p.n = r.n
    WHERE r.finished_at >= :start AND r.finished_at < :until AND r.status = 'succeeded' AND r.source <> 'external'
        AND NOT EXISTS (SELECT FROM bill_lines l
            WHERE l.out_trade_no = p.out_trade_no AND l.request_no = r.out_request_no)
"""
_LINES_OF_REFUNDS = """
    SELECT CASE WHEN r.amount_fen = -l.fen THEN 'state' ELSE 'amount' END, l.out_trade_no, l.request_no,
        r.amount_fen, -l.fen, NULL::timestamptz
    FROM bill_lines l JOIN refunds r ON r.out_request_no = l.request_no
    WHERE l.day = :day AND r.source <> 'external' AND r.status <> 'failed'
        AND (r.status <> 'succeeded' OR r.amount_fen <> -l.fen)
"""
# A refund under a number that is not ours was made in Alipay's console. We may know of several such refunds of a trade
# by their sum only, so the sums are compared.
_CONSOLE = """
    l.request_no <> '' AND NOT EXISTS (SELECT FROM refunds r
        WHERE r.out_request_no = l.request_no AND r.source <> 'external' AND r.status <> 'failed')
"""
_CONSOLE_REFUNDS = f"""
    SELECT CASE WHEN theirs IS NULL THEN 'ours_only' WHEN ours IS NULL THEN 'theirs_only' ELSE 'amount' END,
        out_trade_no, request_no, ours, theirs, at
    FROM (
        SELECT out_trade_no, COALESCE(max(request_no) FILTER (WHERE at IS NULL), max(request_no)), max(at) FROM (
            SELECT out_trade_no, request_no, NULL::timestamptz AS at FROM bill_lines l WHERE day = :day AND {_CONSOLE}
            UNION ALL
            SELECT p.out_trade_no, r.out_request_no, r.finished_at
            FROM refunds r JOIN payments p ON p.order_id = r.order_id AND p.n = r.n
            WHERE r.source = 'external' AND r.finished_at >= :start AND r.finished_at < :until
        ) AS refunded GROUP BY out_trade_no
    ) AS trades (out_trade_no, request_no, at),
    LATERAL (
        SELECT sum(-l.fen)::bigint FROM bill_lines l WHERE l.out_trade_no = trades.out_trade_no AND {_CONSOLE}
    ) AS a (theirs),
    LATERAL (
        SELECT sum(r.amount_fen)::bigint FROM payments p JOIN refunds r ON r.order_id = p.order_id AND r.n = p.n
        WHERE p.out_trade_no = trades.out_trade_no AND r.source = 'external'
    ) AS b (ours)
    WHERE ours IS DISTINCT FROM theirs
"""  # noqa: S608 - a constant condition of ours
_CONSOLE_NUMBERS = sql(f"""
    SELECT l.request_no FROM bill_lines l WHERE l.out_trade_no = :number AND {_CONSOLE} ORDER BY day, line LIMIT :limit
""")  # noqa: S608 - as above
_QUERIES = [
    sql(f"SELECT * FROM ({query}) AS d (kind, number, request, ours, theirs, at) ORDER BY number, request LIMIT :most")  # noqa: S608 - ours
    for query in (
        _LINES_OF_PAYMENTS,
        _LINES_OF_REFUNDS,
        _CONSOLE_REFUNDS,
        _PAYMENTS_WITHOUT_LINE,
        _REFUNDS_WITHOUT_LINE,
    )
]


def compare(connection: Connection, day: date) -> list[Discrepancy]:
    """How our books and the day's bill differ now; `MOST_OF_A_KIND` of each kind at the most."""
    bill = bills.find(connection, day)
    if bill is None:
        return []
    start, end = bills.limits(day)
    window = {"day": day, "start": start, "until": min(end, bill.asked_at), "most": MOST_OF_A_KIND}
    settled = _settled_between(connection, day)
    found = {}
    for query in _QUERIES:
        for kind, number, request, ours, theirs, at in connection.execute(query, window):
            held = kind == "ours_only" and not settled[0] <= at < settled[1]
            action = _ACTIONS[kind, request != ""]
            found[kind, number, request] = Discrepancy(day, kind, number, request, ours, theirs, held, action)
    return list(found.values())


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


_ROW = Columns(
    day="date",
    kind="text",
    out_trade_no="text",
    request_no="text",
    ours_fen="bigint",
    theirs_fen="bigint",
    held="bool",
    action="text",
)
_WRITE = sql(f"""
    INSERT INTO discrepancies AS d ({_ROW.names}) SELECT * FROM {_ROW.rows}
    ON CONFLICT (day, kind, out_trade_no, request_no) DO UPDATE SET ours_fen = excluded.ours_fen,
        theirs_fen = excluded.theirs_fen, held = excluded.held, action = excluded.action, resolved_at = NULL
    WHERE (d.ours_fen, d.theirs_fen, d.held, d.action, d.resolved_at)
        IS DISTINCT FROM (excluded.ours_fen, excluded.theirs_fen, excluded.held, excluded.action, NULL)
""")  # noqa: S608 - the names are ours
_RESOLVE = sql("""
    UPDATE discrepancies SET resolved_at = now()
    WHERE day = :day AND resolved_at IS NULL AND (kind, out_trade_no, request_no) NOT IN (
        SELECT * FROM unnest(CAST(:kind AS text[]), CAST(:out_trade_no AS text[]), CAST(:request_no AS text[])))
""")


def note(connection: Connection, day: date, found: Iterable[Discrepancy]) -> None:
    """Keeps what differs now, and marks as resolved what no longer does; the same again changes nothing."""
    listed = sorted(found)
    columns = _ROW.of(listed)
    connection.execute(_WRITE, columns)
    keys = ("kind", "out_trade_no", "request_no")
    connection.execute(_RESOLVE, {"day": day} | {name: columns[name] for name in keys})


_OPEN_DAYS = sql("SELECT DISTINCT day FROM discrepancies WHERE resolved_at IS NULL ORDER BY day DESC LIMIT :limit")


def open_days(connection: Connection, limit: int) -> list[date]:
    """The newest days that do not agree yet, held ones included."""
    return list(connection.execute(_OPEN_DAYS, {"limit": limit}).scalars())
