"""What follows payment: the goods leave, in one parcel or several, and the buyer has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from checkout import schema
from checkout.db import Connection, array, command, sql
from checkout.errors import NotCompletable, NotFound, NotShippable
from checkout.orders.ledger import Ledger, Line, Order

Versions = list[tuple[int, int]]


class Label(NamedTuple):
    """Who carries a parcel, and under which number; empty where the shop does not say."""

    carrier: str = ""
    tracking_number: str = ""


_ADD_PARCEL = sql("""
    INSERT INTO shipments (order_id, n, carrier, tracking_number, sku_ids, quantities)
    SELECT :order_id, COALESCE(max(n), 0) + 1, :carrier, :tracking_number, :sku_ids, :quantities
    FROM shipments WHERE order_id = :order_id RETURNING n
""")
_COUNT = sql("SELECT count(*) FROM shipments WHERE order_id = :order_id")
_CORRECT = sql("""
    UPDATE shipments
    SET carrier = COALESCE(:carrier, carrier), tracking_number = COALESCE(:tracking_number, tracking_number)
    WHERE order_id = :order_id AND n = :n RETURNING n
""")
_EXPECT = command("""
    INSERT INTO completions (order_id, shipped_at)
    SELECT order_id, max(shipped_at) FROM shipments WHERE order_id = :order_id GROUP BY order_id
    ON CONFLICT (order_id) DO UPDATE SET shipped_at = excluded.shipped_at
""")
_DUE = sql("""
    SELECT order_id FROM completions WHERE shipped_at <= now() - make_interval(secs => :seconds)
    ORDER BY shipped_at LIMIT :limit
""")
_FORGET = command("DELETE FROM completions WHERE order_id = ANY(CAST(:ids AS bigint[]))")
UNTOLD = Label()
MOST_PARCELS = 200
_HOLDING = ("awaiting_shipment", "shipped", "completed")


def ship(connection: Connection, order_id: int, label: Label = UNTOLD) -> Versions:
    """All that is left leaves in one parcel; what has left stays as it is. Raises NotFound and NotShippable."""
    ledger = Ledger(connection, [order_id])
    order = _found(ledger, order_id)
    if order.status == "shipped" and not _free(ledger.lines(order), order):
        return []
    _send(ledger, order, None, label)
    return ledger.save()


def send(connection: Connection, order_id: int, units: Mapping[str, int] | None, label: Label) -> tuple[int, Versions]:
    """A parcel of so many units by SKU, or of all that is left, leaves. Returns its number.

    Raises NotFound, NotShippable for more than is left, and UpgradeUnfinished.
    """
    schema.require_finished(connection)
    ledger = Ledger(connection, [order_id])
    n = _send(ledger, _found(ledger, order_id), units, label)
    return n, ledger.save()


def _send(ledger: Ledger, order: Order, units: Mapping[str, int] | None, label: Label) -> int:
    lines = ledger.lines(order)
    parcel = _parcel(ledger, order, _free(lines, order), units)
    for line in lines:
        line.shipped_quantity += parcel.get(line.sku_id, 0)
    row = {"order_id": order.id, "sku_ids": list(parcel), "quantities": list(parcel.values())}
    n: int = ledger.connection.execute(_ADD_PARCEL, row | label._asdict()).scalar_one()
    ledger.change(order)
    if order.status == "shipped":  # What was set aside before is free again.
        _expect(ledger, order)
    settle(ledger, order)
    return n


def _expect(ledger: Ledger, order: Order) -> None:
    """It completes by itself, counted from its last parcel."""
    ledger.connection.execute(_EXPECT, {"order_id": order.id})


def _parcel(
    ledger: Ledger, order: Order, free: Mapping[str, int], units: Mapping[str, int] | None
) -> Mapping[str, int]:
    """The units that leave. Raises NotShippable."""
    if order.status not in _HOLDING:
        raise NotShippable(f"the order is {order.status}")
    if order.kept is not None and order.kept.left_fen == 0:
        raise NotShippable("all of its money is on its way back")
    if ledger.connection.execute(_COUNT, {"order_id": order.id}).scalar_one() >= MOST_PARCELS:
        raise NotShippable(f"an order has {MOST_PARCELS} parcels at most")
    parcel = free if units is None else units
    if not parcel:
        raise NotShippable("nothing is left to ship")
    for sku_id, count in parcel.items():
        if count > free.get(sku_id, 0):
            raise NotShippable(f"{free.get(sku_id, 0)} of SKU {sku_id} are left to ship")
    return parcel


def settle(ledger: Ledger, order: Order) -> None:
    """What follows when units have left or are not owed any more: nothing is left to ship, and something is out."""
    lines = ledger.lines(order)
    if not any(line.rest for line in lines):
        order.stock = "left" if any(line.shipped_quantity for line in lines) else order.stock
    if order.status == "awaiting_shipment" and not _free(lines, order) and any(map(_out, lines)):
        order.status, order.shipped_at = "shipped", ledger.now
        ledger.record(order, "order.shipped")
        _expect(ledger, order)


def _free(lines: Sequence[Line], order: Order) -> dict[str, int]:
    """What can be shipped, by SKU."""
    if order.stock != "held":
        return {}
    return {line.sku_id: line.rest - line.aside_quantity for line in lines if line.rest > line.aside_quantity}


def _out(line: Line) -> int:
    return line.shipped_quantity - line.restocked_quantity


def correct(
    connection: Connection, order_id: int, n: int, carrier: str | None, tracking_number: str | None
) -> Versions:
    """A parcel's label was wrong; None leaves what stands there. Raises NotFound."""
    ledger = Ledger(connection, [order_id])
    order = _found(ledger, order_id)
    said = {"order_id": order_id, "n": n, "carrier": carrier, "tracking_number": tracking_number}
    if connection.execute(_CORRECT, said).one_or_none() is None:
        raise NotFound(f"order {order_id} has no parcel {n}")
    ledger.change(order)
    return ledger.save()


def complete(connection: Connection, order_id: int, user_id: int | None) -> Versions:
    """The buyer (or an operator, user None) has the goods. Raises NotFound and NotCompletable."""
    ledger = Ledger(connection, [order_id])
    order = ledger.orders.get(order_id)
    if order is None or user_id not in (None, order.user_id):
        raise NotFound(f"there is no order {order_id}")
    if order.status == "completed":
        return []
    if order.status != "shipped":
        raise NotCompletable(f"the order is {order.status}")
    _complete(ledger, order)
    connection.execute(_FORGET, {"ids": array([order_id])})
    return ledger.save()


def complete_due(connection: Connection, after_seconds: int, limit: int) -> tuple[int, Versions]:
    """Completes what was shipped so long ago; what is shipped no longer is forgotten. Returns how many it looked at."""
    ids = list(connection.execute(_DUE, {"seconds": after_seconds, "limit": limit}).scalars())
    ledger = Ledger(connection, ids)
    for order in ledger.orders.values():
        if order.status == "shipped":
            _complete(ledger, order)
    connection.execute(_FORGET, {"ids": array(ids)})
    return len(ids), ledger.save()


def _complete(ledger: Ledger, order: Order) -> None:
    order.status, order.completed_at = "completed", ledger.now
    ledger.record(order, "order.completed")


def _found(ledger: Ledger, order_id: int) -> Order:
    order = ledger.orders.get(order_id)
    if order is None:
        raise NotFound(f"there is no order {order_id}")
    return order
