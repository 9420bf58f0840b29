"""What was sold and what money moved on some days in Beijing, order by order, in one snapshot.

Lines belong to the day on which their order was placed. Money belongs to the day on whose bill Alipay has it, and until
that bill is here to the day on which we heard of it: so the sums are the bill's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from checkout import clock, money
from checkout.db import Connection, sql
from checkout.reconciliation import bills

ORDERS_AT_ONCE = 500
ALL_DAYS = "all"
SUMS = ("orders", "lines", "payments", "refunds", "bill payments", "bill refunds")

Record = dict[str, Any]


class Days(NamedTuple):
    """From the first to the last, both included."""

    first: date
    last: date

    @property
    def values(self) -> dict[str, object]:
        start, end = bills.limits(self.first)[0], bills.limits(self.last)[1]
        return {"first": self.first, "last": self.last, "start": start, "end": end}


# Nearly all money is on the bill of the day on which we heard of it, or of one beside it, hence the days around; what
# we heard of later still is on these days' bills. Of several refunds of one amount that were made in Alipay's console
# each has a line of its own.
_MOVED = """
    WITH billed AS MATERIALIZED (
        SELECT DISTINCT out_trade_no FROM bill_lines WHERE day BETWEEN :first AND :last
    ), paid AS MATERIALIZED (
        SELECT p.*, COALESCE(
            (SELECT min(day) FROM bill_lines l WHERE l.out_trade_no = p.out_trade_no AND l.request_no = ''),
            (p.paid_at AT TIME ZONE 'Asia/Shanghai')::date) AS day
        FROM payments p LEFT JOIN billed b USING (out_trade_no)
        WHERE p.paid_at IS NOT NULL AND (b.out_trade_no IS NOT NULL
            OR p.paid_at >= CAST(:start AS timestamptz) - interval '8 days'
            AND p.paid_at < CAST(:end AS timestamptz) + interval '8 days')
    ), back AS MATERIALIZED (
        SELECT r.*, p.out_trade_no, p.trade_no, COALESCE(
            (SELECT min(day) FROM bill_lines l
                WHERE l.out_trade_no = p.out_trade_no AND l.request_no = r.out_request_no),
            CASE WHEN r.source = 'external' THEN (
                SELECT day FROM bill_lines l
                WHERE l.out_trade_no = p.out_trade_no AND l.request_no <> '' AND l.fen = -r.amount_fen
                    AND NOT EXISTS (SELECT FROM refunds x WHERE x.out_request_no = l.request_no)
                ORDER BY day, line LIMIT 1 OFFSET (
                    SELECT count(*) FROM refunds x WHERE x.order_id = r.order_id AND x.n = r.n AND x.id < r.id
                        AND x.source = 'external' AND x.amount_fen = r.amount_fen)) END,
            (r.finished_at AT TIME ZONE 'Asia/Shanghai')::date) AS day
        FROM refunds r JOIN payments p ON p.order_id = r.order_id AND p.n = r.n LEFT JOIN billed b USING (out_trade_no)
        WHERE r.status = 'succeeded' AND (b.out_trade_no IS NOT NULL
            OR r.finished_at >= CAST(:start AS timestamptz) - interval '8 days'
            AND r.finished_at < CAST(:end AS timestamptz) + interval '8 days')
    ), payments_of AS MATERIALIZED (
        SELECT order_id, json_agg(json_build_array(n, day, status, method, kept, paid_fen, out_trade_no, trade_no,
            to_char(paid_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) ORDER BY n) AS payments
        FROM paid WHERE day BETWEEN :first AND :last GROUP BY order_id
    ), refunds_of AS MATERIALIZED (
        SELECT order_id, json_agg(json_build_array(id, n, day, source, reason, amount_fen, out_trade_no, trade_no,
            out_request_no, to_char(finished_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) ORDER BY id) AS refunds
        FROM back WHERE day BETWEEN :first AND :last GROUP BY order_id
    ), chosen AS MATERIALIZED (
        SELECT id FROM orders WHERE placed_at >= :start AND placed_at < :end
        UNION SELECT order_id FROM payments_of UNION SELECT order_id FROM refunds_of
    )
"""
_COUNT = sql(f"{_MOVED} SELECT count(*) FROM chosen")  # noqa: S608 - ours
_DECLARE = sql(f"""
    DECLARE books NO SCROLL CURSOR FOR {_MOVED}
    SELECT o.id, o.reference, o.user_id, o.status, o.reason, o.pay_method, o.placed_at, o.goods_fen, o.discount_fen,
        o.freight_fen, o.total_fen, o.placed_at >= :start AND o.placed_at < :end AS is_new,
        (SELECT json_agg(json_build_array(l.sku_id, l.spu_id, l.title, l.quantity, l.refunded_quantity,
            l.unit_price_fen, l.discount_fen) ORDER BY l.sku_id) FROM order_lines l WHERE l.order_id = o.id) AS lines,
        p.payments, r.refunds
    FROM chosen JOIN orders o USING (id)
        LEFT JOIN payments_of p ON p.order_id = o.id LEFT JOIN refunds_of r ON r.order_id = o.id
    ORDER BY o.id
""")  # noqa: S608 - ours
_FETCH = sql(f"FETCH {ORDERS_AT_ONCE} FROM books")
_BILLED = sql("""
    SELECT b.day,
        count(*) FILTER (WHERE l.fen > 0) AS payments, COALESCE(sum(l.fen) FILTER (WHERE l.fen > 0), 0)::bigint AS paid,
        count(*) FILTER (WHERE l.fen < 0) AS refunds,
        COALESCE(-sum(l.fen) FILTER (WHERE l.fen < 0), 0)::bigint AS refunded
    FROM bills b LEFT JOIN bill_lines l USING (day)
    WHERE b.day BETWEEN :first AND :last AND b.lines IS NOT NULL GROUP BY b.day ORDER BY b.day
""")


_ORDER = (
    *("day", "status", "reason", "pay_method", "at"),
    *("goods_fen", "discount_fen", "freight_fen", "amount_fen"),
)
_LINE = (
    *("day", "sku_id", "spu_id", "title", "quantity", "refunded_quantity"),
    *("unit_price_fen", "discount_fen", "amount_fen"),
)
_PAYMENT = (
    *("payment_id", "day", "status", "method", "kept"),
    *("amount_fen", "out_trade_no", "trade_no", "at"),
)
_REFUND = (
    *("refund_id", "payment_id", "day", "source", "reason"),
    *("amount_fen", "out_trade_no", "trade_no", "request_no", "at"),
)


class Books:
    """The records of some days; `sums` are complete once all were read."""

    def __init__(self, connection: Connection, days: Days) -> None:
        self._connection = connection
        self._days = days
        self._counts: Counter[tuple[str, str]] = Counter()
        self._fen: Counter[tuple[str, str]] = Counter()

    def count(self) -> int:
        """How many orders there are to tell of."""
        return int(self._connection.execute(_COUNT, self._days.values).scalar_one())

    def orders(self) -> Iterator[list[Record]]:
        """The records of one order after the other, in id order."""
        self._connection.execute(_DECLARE, self._days.values)
        while rows := self._connection.execute(_FETCH).all():
            for row in rows:
                yield self._records(row)

    def _records(self, row: Any) -> list[Record]:
        of_order = {"order_id": str(row.id), "reference": row.reference, "user_id": str(row.user_id)}
        sold = self._sold(row, of_order) if row.is_new else []
        paid = [_named("payment", of_order, _PAYMENT, (f"{row.id}-{n}", *rest)) for n, *rest in row.payments or ()]
        back = [
            _named("refund", of_order, _REFUND, (str(number), f"{row.id}-{n}", *rest))
            for number, n, *rest in row.refunds or ()
        ]
        for what, records in (("payments", paid), ("refunds", back)):
            for record in records:
                self._add(record["day"], what, record["amount_fen"])
        return [*sold, *paid, *back]

    def _sold(self, row: Any, of_order: Record) -> list[Record]:
        day, placed_at = str(row.placed_at.astimezone(clock.BEIJING).date()), clock.rfc3339(row.placed_at)
        sums = (row.goods_fen, row.discount_fen, row.freight_fen, row.total_fen)
        order = _named("order", of_order, _ORDER, (day, row.status, row.reason, row.pay_method, placed_at, *sums))
        self._add(day, "orders", row.total_fen)
        lines = []
        for *sku, quantity, refunded, price_fen, discount_fen in row.lines or ():
            amount_fen = quantity * price_fen - discount_fen
            cells = (day, *sku, quantity, refunded, price_fen, discount_fen, amount_fen)
            lines.append(_named("line", of_order, _LINE, cells))
            self._add(day, "lines", amount_fen)
        return [order, *lines]

    def _add(self, day: str, what: str, fen: int) -> None:
        for each in (day, ALL_DAYS):
            self._counts[each, what] += 1
            self._fen[each, what] += fen

    def sums(self) -> list[Record]:
        """Of each day and of all: ours and, where its bill is here, Alipay's."""
        for row in self._connection.execute(_BILLED, self._days.values):
            for each in (str(row.day), ALL_DAYS):
                self._counts[each, "bill payments"] += row.payments
                self._fen[each, "bill payments"] += row.paid
                self._counts[each, "bill refunds"] += row.refunds
                self._fen[each, "bill refunds"] += row.refunded
        return [
            {"record": "total", "day": day, "what": what, "count": self._counts[day, what]}
            | {"amount_fen": self._fen[day, what]}
            for day in (*self._each_day(), ALL_DAYS)
            for what in SUMS
            if not what.startswith("bill") or (day, what) in self._counts
        ]

    def agrees(self) -> bool | None:
        """Whether our money is Alipay's; None: not every day's bill is here."""
        days = list(self._each_day())
        if any((day, "bill payments") not in self._counts for day in days):
            return None
        pairs = (("payments", "bill payments"), ("refunds", "bill refunds"))
        return all(self._fen[day, ours] == self._fen[day, theirs] for day in days for ours, theirs in pairs)

    def _each_day(self) -> Iterator[str]:
        day = self._days.first
        while day <= self._days.last:
            yield day.isoformat()
            day += timedelta(days=1)


def _named(kind: str, of_order: Record, names: Sequence[str], cells: Sequence[Any]) -> Record:
    return {"record": kind, **of_order, **dict(zip(names, cells, strict=True))}


def yuan(record: Record) -> Record:
    """The same with amounts as a person reads them, and without what is not known."""
    return {
        name.removesuffix("_fen"): money.yuan(value) if name.endswith("_fen") else value
        for name, value in record.items()
        if value is not None
    }
