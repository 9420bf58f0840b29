"""Orders as their owners and operators see them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
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
_NEWEST = sql(_VIEW + "WHERE (:status = '' OR o.status::text = :status) ORDER BY o.id DESC LIMIT :limit")

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


def newest(connection: Connection, status: str, limit: int) -> list[View]:
    """Everybody's newest orders, for operators."""
    return [View(*row) for row in connection.execute(_NEWEST, {"status": status, "limit": limit})]


_VERSIONS = sql("SELECT id, version FROM orders WHERE id = ANY(CAST(:ids AS bigint[]))")


def versions(connection: Connection, ids: Sequence[int]) -> dict[int, int]:
    """The versions of the orders, for all who wait for a change together."""
    return {row.id: row.version for row in connection.execute(_VERSIONS, {"ids": array(ids)})}
