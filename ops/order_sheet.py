"""One order as a person reads it: what was bought, what was paid, what left and came back, and its history."""

from __future__ import annotations

from collections.abc import Sequence

import click
from msgspec import UnsetType

from api import operator_answers
from api.answers import OrderBody, ParcelLine
from api.operator_answers import Timeline
from checkout import money
from checkout.audit import timeline
from checkout.db import Connection
from checkout.language.chinese import word
from checkout.orders import ledger
from checkout.orders.ledger import Payment
from checkout.payments import refunds
from checkout.payments.refunds import Refund
from ops.shell import print_table

Rows = Sequence[Sequence[object]]


def show(connection: Connection, order_id: int, head: Sequence[object], body: OrderBody) -> None:
    """Prints all of it."""
    print_table(("id", "user", "status", "reason", "total", "accepted", "items"), [head])
    _part("lines", ("sku", "title", "units", "price", "discount", "amount", "sent", "refunded"), _lines(body))
    _part("payments", ("id", "method", "status", "amount", "out_trade_no", "trade_no"), _payments(connection, order_id))
    _part("refunds", ("id", "status", "source", "amount", "reason", "requested"), refund_rows(connection, order_id))
    _part("parcels", ("n", "carrier", "tracking number", "sent", "units"), _parcels(body))
    history = operator_answers.timeline(timeline.of_order(connection, order_id))
    _part("history", ("at", "", "what", "detail"), history_rows(history))


def refund_rows(connection: Connection, order_id: int) -> Rows:
    """The order's refunds, oldest first."""
    return [_refund(one) for one in refunds.of_order(connection, order_id)]


def history_rows(found: Timeline) -> Rows:
    """What is known of it, in the order of time."""
    return [
        (one.at, one.kind, one.what, ", ".join(f"{name} {value}" for name, value in one.detail.items()))
        for one in found.entries
    ]


def _part(title: str, columns: Sequence[str], rows: Rows) -> None:
    click.echo()
    click.echo(word(title) if rows else f"{word(title)}: {word('none')}")
    if rows:
        print_table(columns, rows)


def _lines(body: OrderBody) -> Rows:
    """Until it is placed nobody has fixed titles and prices."""
    known = ("title", "quantity", "unit_price", "discount", "amount", "shipped_quantity", "refunded_quantity")
    return [(one.sku_id, *(_said(getattr(one, name)) for name in known)) for one in body.items]


def _said(value: object) -> object:
    return "" if isinstance(value, UnsetType) else value


def _payments(connection: Connection, order_id: int) -> Rows:
    return [_payment(one) for one in ledger.attempts_of(connection, order_id)]


def _payment(one: Payment) -> tuple[object, ...]:
    status = f"{one.status}, kept" if one.kept else one.status
    return (one.id, one.method, status, money.yuan(one.amount_fen), one.out_trade_no, one.trade_no)


def _refund(one: Refund) -> tuple[object, ...]:
    return (one.id, one.status, one.source, money.yuan(one.amount_fen), one.reason, one.requested_at)


def _parcels(body: OrderBody) -> Rows:
    return [(one.n, one.carrier, one.tracking_number, one.shipped_at, _units(one.items)) for one in body.shipments]


def _units(lines: Sequence[ParcelLine]) -> str:
    return ", ".join(f"{line.quantity} × {line.sku_id}" for line in lines)
