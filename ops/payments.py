"""`checkout payments`: one attempt to collect, with its refunds."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from api import money_answers
from api.money_answers import RefundBody
from checkout import clock, money
from checkout.db import reading
from checkout.errors import NotFound
from checkout.orders import ledger
from checkout.orders.ledger import Payment
from checkout.payments import refunds as going_back
from ops.shell import data_dir_option, database, json_option, print_json, print_table

_ID = re.compile(r"([1-9]\d{0,17})-([1-9]\d{0,4})", re.ASCII)


class PaymentId(click.ParamType[tuple[int, int]]):
    """ORDER-N, such as 17-1."""

    name = "payment"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        match = _ID.fullmatch(value)
        if match is None:
            self.fail(f"{value!r} is no payment's id; they are like 17-1", param, ctx)
        return int(match[1]), int(match[2])


@click.group()
def payments() -> None:
    """Look at attempts to collect."""


@payments.command()
@click.argument("place", metavar="ID", type=PaymentId())
@data_dir_option
@json_option
def show(place: tuple[int, int], data_dir: Path, as_json: bool) -> None:
    """Show one attempt, such as 17-1, with its refunds."""
    order_id, n = place
    with database(data_dir) as engine, reading(engine) as connection:
        found = [payment for payment in ledger.attempts_of(connection, order_id) if payment.n == n]
        back = [refund for refund in going_back.of_order(connection, order_id) if refund.n == n]
    if not found:
        raise NotFound(f"there is no payment {order_id}-{n}")
    body = _body(found[0], [money_answers.refund_body(refund) for refund in back])
    if as_json:
        print_json(body)
        return
    print_table(("", ""), [(name, value) for name, value in body.items() if name != "refunds"])
    columns = ("refund", "status", "source", "amount", "requested", "error")
    print_table(columns, [(r.id, r.status, r.source, r.amount, r.requested_at, r.error or "") for r in body["refunds"]])


def _body(payment: Payment, back: list[RefundBody]) -> dict[str, Any]:
    words = ("out_trade_no", "trade_no", "status", "method", "kept", "evidence", "queries")
    times = ("created_at", "offered_at", "payable_until", "due_at", "paid_at", "closed_at")
    return {
        "id": payment.id,
        **{name: getattr(payment, name) for name in words},
        "amount": money.yuan(payment.amount_fen),
        "paid_amount": money.yuan(payment.paid_fen),
        "refunded_amount": money.yuan(payment.refunded_fen),
        "refunding_amount": money.yuan(payment.refunding_fen),
        **{name: _time(getattr(payment, name)) for name in times},
        "refunds": back,
    }


def _time(instant: datetime | None) -> str | None:
    return clock.rfc3339(instant) if instant else None
