"""Refunds by line: how many units, what they cost, and where they go when the money has moved.

Units that have not left come first: they are set aside, neither shippable nor sellable, and are for sale again once the
money has moved. Units that have left come back only when the operator says so. What a unit cost is its line's amount
by its quantity in whole fen; the last unit of a line takes the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from checkout.columns import Columns
from checkout.db import Connection, command, sql
from checkout.errors import Invalid, RefundExceedsBought
from checkout.orders import closing, shipping
from checkout.orders.ledger import Ledger, Line, Order

ENDABLE = ("awaiting_shipment", "shipped", "completed")


class Units(NamedTuple):
    """What is to be refunded: units by SKU, and the freight; `restock`: those that had left have come back."""

    by_sku: Mapping[str, int]
    freight: bool = False
    restock: bool = False


class RefundLine(NamedTuple):
    """Units of one line: of them `aside_quantity` had not left, `restock_quantity` had, and came back."""

    sku_id: str
    quantity: int
    aside_quantity: int
    restock_quantity: int
    amount_fen: int


class Plan(NamedTuple):
    """What a refund by line comes to, in fen; the freight is a part of the amount."""

    lines: Sequence[RefundLine]
    freight_fen: int

    @property
    def amount_fen(self) -> int:
        return self.freight_fen + sum(line.amount_fen for line in self.lines)


_LINE = Columns(
    sku_id="text", quantity="smallint", aside_quantity="smallint", restock_quantity="smallint", amount_fen="bigint"
)
_ADD = command(f"""
    INSERT INTO refund_lines (refund_id, {_LINE.names}) SELECT CAST(:refund_id AS bigint), * FROM {_LINE.rows}
""")  # noqa: S608 - the names are ours, the values are bound
_OF = sql(f"SELECT {_LINE.names} FROM refund_lines WHERE refund_id = :refund_id ORDER BY sku_id")  # noqa: S608 - as above
_REFUNDED = sql("""
    SELECT l.sku_id, sum(l.amount_fen)::bigint AS fen FROM refunds r JOIN refund_lines l ON l.refund_id = r.id
    WHERE r.order_id = :order_id AND r.status <> 'failed' GROUP BY l.sku_id
""")
_FREIGHT = sql("""
    SELECT COALESCE(sum(freight_fen), 0)::bigint FROM refunds WHERE order_id = :order_id AND status <> 'failed'
""")


def plan(ledger: Ledger, order: Order, units: Units) -> Plan:
    """What these units come to. Raises RefundExceedsBought, and Invalid when nothing was paid for them."""
    lines = {line.sku_id: line for line in ledger.lines(order)}
    done = {row.sku_id: row.fen for row in ledger.connection.execute(_REFUNDED, {"order_id": order.id})}
    planned = []
    for sku_id, count in sorted(units.by_sku.items()):
        line = lines.get(sku_id)
        left = line.quantity - line.refunding_quantity - line.refunded_quantity if line else 0
        if line is None or count > left:
            raise RefundExceedsBought(f"{left} of SKU {sku_id} are left to refund")
        planned.append(_line(order, line, count, done.get(sku_id, 0), restock=units.restock))
    made = Plan(planned, _freight(ledger, order) if units.freight else 0)
    if made.amount_fen < 1:
        raise Invalid("nothing was paid for these units: refund them together with others", "items")
    return made


def _line(order: Order, line: Line, count: int, done_fen: int, *, restock: bool) -> RefundLine:
    is_last = line.refunding_quantity + line.refunded_quantity + count == line.quantity
    amount_fen = line.amount_fen - done_fen if is_last else line.amount_fen // line.quantity * count
    aside = min(count, line.rest - line.aside_quantity) if order.stock == "held" else 0
    return RefundLine(line.sku_id, count, aside, count - aside if restock else 0, amount_fen)


def _freight(ledger: Ledger, order: Order) -> int:
    if ledger.connection.execute(_FREIGHT, {"order_id": order.id}).scalar_one():
        raise RefundExceedsBought("the freight is refunded already")
    return order.freight_fen or 0


def set_aside(ledger: Ledger, order: Order, refund_id: int, lines: Sequence[RefundLine]) -> None:
    """The refund is requested: its units wait for the money."""
    ledger.connection.execute(_ADD, _LINE.values(lines) | {"refund_id": refund_id})
    for line, planned in _pairs(ledger, order, lines):
        if order.stock == "left":
            line.shipped_quantity += line.rest  # Older code knew only that all of them have left.
        line.refunding_quantity += planned.quantity
        line.aside_quantity += planned.aside_quantity
    shipping.settle(ledger, order)


def end(ledger: Ledger, order: Order, refund_id: int, *, succeeded: bool) -> None:
    """The money has moved, and units are for sale again; or it never will, and they are as free as before."""
    lines = of(ledger.connection, refund_id)
    for line, planned in _pairs(ledger, order, lines):
        line.refunding_quantity -= planned.quantity
        line.aside_quantity -= planned.aside_quantity
        if succeeded:
            line.refunded_quantity += planned.quantity
            line.returned_quantity += planned.aside_quantity
            line.restocked_quantity += planned.restock_quantity
            ledger.give_back_units(order, line, planned.aside_quantity + planned.restock_quantity)


def settle(ledger: Ledger, order: Order) -> None:
    """What follows for the order when units are refunded: with none held and none out it is closed."""
    if order.status not in ENDABLE:
        return
    lines = ledger.lines(order)
    if order.stock == "held" or any(line.refunded_quantity for line in lines):
        if not any(line.rest + line.shipped_quantity - line.restocked_quantity for line in lines):
            closing.refunded(ledger, order)
        else:
            shipping.settle(ledger, order)


def of(connection: Connection, refund_id: int) -> list[RefundLine]:
    """The lines of a refund; none when it is of an amount."""
    return [RefundLine(*row) for row in connection.execute(_OF, {"refund_id": refund_id})]


def _pairs(ledger: Ledger, order: Order, lines: Sequence[RefundLine]) -> list[tuple[Line, RefundLine]]:
    by_sku = {line.sku_id: line for line in ledger.lines(order)} if lines else {}
    return [(by_sku[planned.sku_id], planned) for planned in lines]
