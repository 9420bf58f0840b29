"""Orders as their owners and operators see them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from checkout.db import Connection, array, sql
from checkout.errors import NotFound


class Line(NamedTuple):
    """What was bought, as it was titled and priced then."""

    sku_id: str
    spu_id: str
    title: str
    quantity: int
    unit_price_fen: int
    discount_fen: int
    shipped_quantity: int
    refunded_quantity: int


class Parcel(NamedTuple):
    """What left together."""

    n: int
    carrier: str
    tracking_number: str
    sku_ids: list[str]
    quantities: list[int]
    shipped_at: str  # RFC 3339


class View(NamedTuple):
    """An order with its lines and its payment, as one query reads it."""

    id: int
    user_id: int
    status: str
    reason: str | None
    version: int
    pay_method: str
    sku_ids: list[str]
    quantities: list[int]
    goods_fen: int | None
    discount_fen: int
    freight_fen: int | None
    total_fen: int | None
    recipient: str
    phone: str
    region: str
    detail: str
    remark: str
    reference: str
    metadata: dict[str, str] | None
    shortages: list[dict[str, Any]] | None
    accepted_at: datetime
    placed_at: datetime | None
    pay_before: datetime | None
    paid_at: datetime | None
    shipped_at: datetime | None
    completed_at: datetime | None
    closed_at: datetime | None
    lines: list[list[Any]] | None
    payment: list[Any] | None
    parcels: list[list[Any]] | None


# Of what older code has shipped no line says that it left: the order does.
_VIEW = """
    SELECT o.id, o.user_id, o.status, o.reason, o.version, o.pay_method, o.sku_ids, o.quantities, o.goods_fen,
        o.discount_fen, o.freight_fen, o.total_fen, o.recipient, o.phone, o.region, o.detail, o.remark, o.reference,
        o.metadata, o.shortages, o.accepted_at, o.placed_at, o.pay_before, o.paid_at, o.shipped_at, o.completed_at,
        o.closed_at,
        CASE WHEN o.placed_at IS NOT NULL THEN (
            SELECT json_agg(json_build_array(l.sku_id, l.spu_id, l.title, l.quantity, l.unit_price_fen, l.discount_fen,
                CASE o.stock WHEN 'left' THEN l.quantity - l.returned_quantity ELSE l.shipped_quantity END,
                l.refunded_quantity) ORDER BY sku_id)
            FROM order_lines l WHERE l.order_id = o.id) END,
        CASE WHEN o.placed_at IS NOT NULL THEN (
            SELECT json_build_array(p.n, p.status, p.trade_no, p.refunded_fen)
            FROM payments p WHERE p.order_id = o.id ORDER BY p.kept DESC, p.n DESC LIMIT 1) END,
        CASE WHEN o.status IN ('awaiting_shipment', 'shipped', 'completed', 'closed') THEN (
            SELECT json_agg(json_build_array(s.n, s.carrier, s.tracking_number, s.sku_ids, s.quantities,
                to_char(s.shipped_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) ORDER BY s.n)
            FROM shipments s WHERE s.order_id = o.id) END
    FROM orders o
"""
_READ = sql(_VIEW + "WHERE o.id = ANY(CAST(:ids AS bigint[]))")
_PAGE = sql(
    _VIEW
    + """WHERE o.user_id = :user_id AND o.id < :before AND (:status = '' OR o.status::text = :status)
    ORDER BY o.id DESC LIMIT :limit"""
)
NEWEST_OF_ALL = 2**63 - 1


def read(connection: Connection, ids: Sequence[int]) -> dict[int, View]:
    """The orders by id; those that are not there are absent."""
    views = (View(*row) for row in connection.execute(_READ, {"ids": array(set(ids))}))
    return {view.id: view for view in views}


def find(connection: Connection, order_id: int, user_id: int | None = None) -> View:
    """One order; a user finds only his own. Raises NotFound."""
    view = read(connection, [order_id]).get(order_id)
    if view is None or user_id not in (None, view.user_id):
        raise NotFound(f"there is no order {order_id}")
    return view


def page(connection: Connection, user_id: int, status: str, before: int, limit: int) -> list[View]:
    """A user's orders with an id below `before`, newest first."""
    values = {"user_id": user_id, "status": status, "before": before, "limit": limit}
    return [View(*row) for row in connection.execute(_PAGE, values)]


# So many orders are looked at for one page; a page that found fewer than it could says where to go on.
MOST_LOOKED_AT = 10_000
# Ids are drawn as orders come: a few seconds earlier or later, while the door writes several batches at once.
_SKEW = timedelta(seconds=60)


class Sought(NamedTuple):
    """What an operator knows of an order; what is empty or None may be anything. `since` <= accepted < `until`."""

    user_id: int | None = None
    status: str = ""
    reference: str = ""
    out_trade_no: str = ""
    trade_no: str = ""
    since: datetime | None = None
    until: datetime | None = None


# Each along the index that fits best: of attempts, of references, of a user's orders, or of all. OFFSET 0 keeps the
# planner from walking through all orders, newest first, to find the few that have a number.
_CANDIDATES = {
    "out_trade_no": """
        SELECT order_id AS id FROM payments
        WHERE out_trade_no = :out_trade_no AND (:trade_no = '' OR trade_no = :trade_no) OFFSET 0
    """,
    "trade_no": "SELECT order_id AS id FROM payments WHERE trade_no = :trade_no OFFSET 0",
    "reference": "SELECT id FROM orders WHERE reference = :reference AND reference <> '' OFFSET 0",
    "user": "SELECT id FROM orders WHERE user_id = :user_id",
    "all": "SELECT id FROM orders WHERE true",
}
_SEARCHES = {
    name: sql(f"""
        SELECT o.id, (CAST(:user_id AS bigint) IS NULL OR o.user_id = :user_id)
            AND (:status = '' OR o.status::text = :status) AND (:reference = '' OR o.reference = :reference)
            AND (CAST(:since AS timestamptz) IS NULL OR o.accepted_at >= :since)
            AND (CAST(:until AS timestamptz) IS NULL OR o.accepted_at < :until) AS fits
        FROM (SELECT id FROM ({candidates}) AS c WHERE id >= :first AND id < :before ORDER BY id DESC LIMIT :most) AS c
            JOIN orders o ON o.id = c.id
        ORDER BY o.id DESC
    """)  # noqa: S608 - the statements are ours, the values are bound
    for name, candidates in _CANDIDATES.items()
}
_FROM = sql("SELECT id, accepted_at FROM orders WHERE id >= :id ORDER BY id LIMIT 1")
_LAST = sql("SELECT COALESCE(max(id), 0) FROM orders")


def search(connection: Connection, sought: Sought, before: int, limit: int) -> tuple[list[View], int | None]:
    """Orders with an id below `before` that fit, newest first, and from where to go on; None: there are no others."""
    given = {"out_trade_no": sought.out_trade_no, "trade_no": sought.trade_no, "reference": sought.reference}
    by = next((name for name, value in given.items() if value), "all" if sought.user_id is None else "user")
    first = _first_since(connection, sought.since - _SKEW) if sought.since else 0
    if sought.until:
        before = min(before, _first_since(connection, sought.until + _SKEW))
    values = sought._asdict() | {"first": first, "before": before, "most": MOST_LOOKED_AT}
    rows = connection.execute(_SEARCHES[by], values).all()
    found = [row.id for row in rows if row.fits][: limit + 1]
    more = found[limit - 1] if len(found) > limit else rows[-1].id if len(rows) == MOST_LOOKED_AT else None
    views = read(connection, found[:limit])
    return [views[order_id] for order_id in found[:limit]], more


def _first_since(connection: Connection, at: datetime) -> int:
    """The first id of an order that was accepted then or later, found by halves: time has no index of its own."""
    low, high = 1, connection.execute(_LAST).scalar_one() + 1
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(_FROM, {"id": middle}).one_or_none()
        if row is None or row.accepted_at >= at:
            high = middle
        else:
            low = row.id + 1
    return low


_COUNT_SINCE = sql("""
    SELECT count(*) FROM (SELECT FROM orders WHERE id >= :first AND accepted_at >= :at LIMIT :most) AS o
""")


def count_since(connection: Connection, at: datetime, most: int) -> int:
    """How many orders were accepted then or later, counted no further than that."""
    first = _first_since(connection, at - _SKEW)
    return int(connection.execute(_COUNT_SINCE, {"first": first, "at": at, "most": most}).scalar_one())


_VERSIONS = sql("SELECT id, version FROM orders WHERE id = ANY(CAST(:ids AS bigint[]))")


def versions(connection: Connection, ids: Sequence[int]) -> dict[int, int]:
    """The versions of the orders, for all who wait for a change together."""
    return {row.id: row.version for row in connection.execute(_VERSIONS, {"ids": array(ids)})}
