"""`checkout refunds`: money back, by an operator."""

from __future__ import annotations

import secrets
from pathlib import Path

import click

from api import money_answers
from api.money_answers import RefundBody
from checkout import money
from checkout.db import reading, transaction
from checkout.orders import views
from checkout.payments import refund_lines
from checkout.payments import refunds as going_back
from ops.shell import (
    ORDER_ID,
    Units,
    data_dir_option,
    database,
    json_option,
    print_json,
    print_table,
    ring,
    shop,
    summed,
    wake,
)


class Yuan(click.ParamType[int]):
    """An amount such as 1.00, as fen."""

    name = "yuan"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            fen = money.fen(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if fen == 0:
            self.fail("at least 0.01 is needed", param, ctx)
        return fen


@click.group()
def refunds() -> None:
    """Give money back, and look at what went."""


@refunds.command(name="list")
@click.argument("order_id", metavar="ID", type=ORDER_ID)
@data_dir_option
@json_option
def of_order(order_id: int, data_dir: Path, as_json: bool) -> None:
    """List what went back, or will, of the order ID."""
    with database(data_dir) as engine, reading(engine) as connection:
        views.find(connection, order_id)
        found = going_back.of_order(connection, order_id)
    told = [money_answers.refund_body(one) for one in found]
    if as_json:
        print_json({"refunds": told})
        return
    columns = ("refund", "payment", "amount", "status", "source", "reason", "requested", "error")
    print_table(columns, [_row(one) for one in told])


def _row(body: RefundBody) -> tuple[object, ...]:
    error = body.error or ""
    return (body.id, body.payment_id, body.amount, body.status, body.source, body.reason, body.requested_at, error)


@refunds.command()
@click.argument("order_id", metavar="ID", type=ORDER_ID)
@data_dir_option
@click.option("--amount", "amount_fen", type=Yuan(), help="In yuan, such as 1.00.")
@click.option("--item", "items", type=Units(), multiple=True, help="SKU=N instead; may be repeated.")
@click.option("--freight", is_flag=True, help="The freight goes back, too.")
@click.option("--restock", is_flag=True, help="Units that had left have come back, and are for sale again.")
@click.option("--reason", default="", help="Shown to the buyer.")
@click.option("--key", help="An idempotency key; the same key again is the same refund.  [default: a fresh one]")
@json_option
def create(
    order_id: int,
    data_dir: Path,
    amount_fen: int | None,
    items: tuple[tuple[str, int], ...],
    freight: bool,
    restock: bool,
    reason: str,
    key: str | None,
    as_json: bool,
) -> None:
    """Refund a part of what was kept for the order ID, or units of it."""
    by_line = bool(items) or freight
    if (amount_fen is not None) == by_line or (restock and not items):
        raise click.UsageError("name --amount, or --item or --freight; --restock is of items")
    asked = refund_lines.Units(summed(items), freight, restock) if amount_fen is None else amount_fen
    with shop(data_dir) as resources:
        with transaction(resources.engine) as connection:
            refund, versions = going_back.create(connection, order_id, asked, reason, key or secrets.token_urlsafe(16))
        ring("send_refunds", [refund.id])
        wake(resources, versions)
    body = money_answers.refund_body(refund)
    if as_json:
        print_json(body)
    else:
        print_table(("refund", "payment", "amount", "status"), [(body.id, body.payment_id, body.amount, body.status)])
