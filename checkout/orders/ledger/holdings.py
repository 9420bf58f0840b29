"""The units of a transaction's orders: what goes back to sale or is taken again, and whose limits that changes.

Locks stand in the one order: users by id, SKUs by id, and SPUs when the units move.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple
from typing import NamedTuple

from checkout.db import Connection, array, command, sql
from checkout.events.log import Event
from checkout.orders.ledger.records import CHANGED_LINE, LINE, Line, Order
from checkout.stock import limits, units
from checkout.stock.units import Movement, Sku

_LINES = sql(f"""
    SELECT {LINE.names} FROM order_lines WHERE order_id = ANY(CAST(:ids AS bigint[])) ORDER BY order_id, sku_id
""")  # noqa: S608 - the names are ours, the values are bound
_UPDATE_LINES = command(f"""
    UPDATE order_lines l SET {CHANGED_LINE.but("order_id", "sku_id").assignments} FROM {CHANGED_LINE.rows}
    WHERE l.order_id = c.order_id AND l.sku_id = c.sku_id
""")  # noqa: S608 - as above
_LOCK_USERS = command("""
    SELECT id FROM users WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id FOR NO KEY UPDATE
""")
_FREE_USERS = command("""
    UPDATE users SET open_orders = open_orders + delta
    FROM unnest(CAST(:ids AS bigint[]), CAST(:deltas AS int[])) AS d (user_id, delta) WHERE id = user_id
""")


class Move(NamedTuple):
    """Units of a line that its user's order takes (positive) or gives back (negative)."""

    user_id: int
    line: Line
    units: int
    epoch: int  # under which limit they count


class Holdings:
    """`lines` reads all orders' lines at once, when somebody first asks; `write` writes what changed of them."""

    def __init__(self, connection: Connection, order_ids: Sequence[int]) -> None:
        self._connection = connection
        self._order_ids = order_ids
        self._lines: dict[int, list[Line]] | None = None
        self._before: list[tuple[object, ...]] = []
        self._moves: list[Move] = []
        self._locked: dict[str, Sku] | None = None

    def lines(self, order_id: int) -> list[Line]:
        """The order's lines by SKU; none when nothing was placed. They may be changed until `write`."""
        if self._lines is None:
            self._lines = {one: [] for one in self._order_ids}
            rows = self._connection.execute(_LINES, {"ids": array(self._order_ids)}).all()
            self._before = [tuple(row) for row in rows]
            for row in rows:
                self._lines[row.order_id].append(Line(*row))
        return self._lines[order_id]

    def give_back(self, user_id: int, line: Line, quantity: int) -> None:
        """So many of its units are for sale again, from `write` on."""
        if quantity:
            self._moves.append(Move(user_id, line, -quantity, line.limit_epoch))

    def take_again(self, orders: Sequence[Order], holds: Counter[int]) -> set[int]:
        """Takes the units of closed orders once more: all of an order's, as far as stock and its user's limits allow.

        Returns those orders' ids. Asked at most once, when nothing else is decided any more.
        """
        wanting = [(order, self.lines(order.id)) for order in orders]
        owners = {order.user_id for order in orders}
        skus = self._locked = self._lock(holds, owners, [line for _, lines in wanting for line in lines])
        left = Counter({sku.id: sku.stock for sku in skus.values()})
        for move in self._moves:
            left[move.line.sku_id] -= move.units
        asked = [(order.user_id, line.sku_id) for order, lines in wanting for line in lines]
        limited = limits.of(skus)
        bought = limits.read(self._connection, asked, limited)
        for move in self._moves:
            bought[move.user_id, move.line.sku_id, move.epoch] += move.units
        taken = set()
        for order, lines in wanting:
            if not all(_is_left(line, order.user_id, left, limited, bought) for line in lines):
                continue
            taken.add(order.id)
            for line in lines:
                line.limit_epoch = skus[line.sku_id].counted_epoch
                self._moves.append(Move(order.user_id, line, line.quantity, line.limit_epoch))
                left[line.sku_id] -= line.quantity
                bought[order.user_id, line.sku_id, line.limit_epoch] += line.quantity
        return taken

    def write(self, holds: Counter[int]) -> list[Event]:
        """Writes units, limits, holds and lines; returns the events of SKUs that sold out or came back."""
        locked = self._lock(holds, set(), []) if self._locked is None else self._locked
        movement, purchases = Movement(), Counter[limits.Key]()
        for user_id, line, count, epoch in self._moves:
            movement.add(line.sku_id, line.spu_id, count)
            if epoch:
                purchases[user_id, line.sku_id, epoch] += count
        moved = units.move(self._connection, movement, locked)
        if holds:
            self._connection.execute(_FREE_USERS, {"ids": array(holds), "deltas": array(holds.values())})
        limits.write(self._connection, purchases)
        self._write_lines()
        return moved

    def _write_lines(self) -> None:
        lines = [line for found in (self._lines or {}).values() for line in found]
        changed = [line for line, before in zip(lines, self._before, strict=True) if astuple(line) != before]
        if changed:
            self._connection.execute(_UPDATE_LINES, CHANGED_LINE.of(changed))

    def _lock(self, holds: Counter[int], owners: set[int], wanted: Iterable[Line]) -> dict[str, Sku]:
        """Users whose holds or limits may change, then the units that move."""
        counted = {move.user_id for move in self._moves if move.epoch}
        if users := {*holds, *owners, *counted}:
            self._connection.execute(_LOCK_USERS, {"ids": array(sorted(users))})
        sku_ids = {line.sku_id for line in wanted} | {move.line.sku_id for move in self._moves}
        return units.lock(self._connection, sorted(sku_ids)) if sku_ids else {}


def _is_left(
    line: Line, user_id: int, stock: Mapping[str, int], limited: Mapping[str, Sku], bought: Mapping[limits.Key, int]
) -> bool:
    sku = limited.get(line.sku_id)
    is_within = sku is None or limits.left(bought, user_id, sku) >= line.quantity
    return is_within and stock[line.sku_id] >= line.quantity
