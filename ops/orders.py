"""`checkout orders`: an operator's view of orders, and what he may do to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from api import answers, operator_answers
from api.answers import OrderBody
from api.streams import Streams
from checkout.audit import timeline as history
from checkout.db import Connection, reading, transaction
from checkout.orders import closing, shipping, sweep
from checkout.orders import views as kept
from checkout.orders.views import Sought, View
from checkout.resources import Resources
from checkout.schema import words
from ops import order_sheet
from ops.export import export
from ops.shell import (
    ORDER_ID,
    USER_ID,
    Units,
    data_dir_option,
    database,
    json_option,
    print_json,
    print_table,
    ring,
    say,
    shop,
    summed,
    wake,
)

AT_ONCE = 100


@click.group()
def orders() -> None:
    """Look at orders, send, cancel, or have them tried again."""


@orders.command(name="list")
@data_dir_option
@click.option("--user", "user_id", type=USER_ID, help="Only this user's.")
@click.option("--status", type=click.Choice(words.TYPES["order_status"]), help="Only orders with this status.")
@click.option("--reference", default="", help="Only those with this number of the shop's own.")
@click.option("--out-trade-no", default="", help="Only the one with this attempt.")
@click.option("--trade-no", default="", help="Only the one that this trade of Alipay's is about.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many at the most.")
@json_option
def newest(data_dir: Path, status: str | None, limit: int, as_json: bool, **known: Any) -> None:
    """List orders, newest first. Everybody's, or by what is known of them."""
    with shop(data_dir) as resources:
        with reading(resources.engine) as connection:
            views = _found(connection, Sought(status=status or "", **known), limit)
        found = [_body(resources, view) for view in views]
    if as_json:
        print_json({"orders": found})
    else:
        columns = ("id", "user", "status", "reason", "total", "accepted", "items")
        print_table(columns, [_row(view, body) for view, body in zip(views, found, strict=True)])


@orders.command()
@click.argument("order_id", metavar="ID", type=ORDER_ID)
@data_dir_option
@json_option
def show(order_id: int, data_dir: Path, as_json: bool) -> None:
    """Show one order. With its lines, payments, refunds and parcels, and its history."""
    with shop(data_dir) as resources:
        _show(resources, order_id, as_json)


@orders.command()
@click.argument("order_id", metavar="ID", type=ORDER_ID)
@data_dir_option
@json_option
def cancel(order_id: int, data_dir: Path, as_json: bool) -> None:
    """Cancel an order that is not paid. Its stock returns when no payment can succeed any more."""
    with shop(data_dir) as resources:
        with transaction(resources.engine) as connection:
            asked, versions = closing.cancel(connection, order_id, None)
        if asked:
            ring("query_payments", asked)
        wake(resources, versions)
        _show(resources, order_id, as_json)


@orders.command()
@click.argument("order_id", metavar="ID", type=ORDER_ID)
@click.option("--carrier", default="", help="Who carries the parcel.")
@click.option("--tracking", "tracking_number", default="", help="Its tracking number.")
@click.option(
    "--item", "items", type=Units(), multiple=True, help="SKU=N; may be repeated.  [default: all that is left]"
)
@data_dir_option
@json_option
def ship(
    order_id: int,
    carrier: str,
    tracking_number: str,
    items: tuple[tuple[str, int], ...],
    data_dir: Path,
    as_json: bool,
) -> None:
    """Send a parcel of an order that is paid for."""
    label = shipping.Label(carrier, tracking_number)
    with shop(data_dir) as resources:
        with transaction(resources.engine) as connection:
            if items:
                _, versions = shipping.send(connection, order_id, summed(items), label)
            else:
                versions = shipping.ship(connection, order_id, label)
        wake(resources, versions)
        _show(resources, order_id, as_json)


@orders.command()
@click.argument("order_ids", metavar="[ID]...", type=ORDER_ID, nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that are parked, or wait for their next try alone.")
@data_dir_option
def retry(order_ids: tuple[int, ...], everything: bool, data_dir: Path) -> None:
    """Have parked orders placed again."""
    if everything == bool(order_ids):
        raise click.UsageError("name orders, or --all")
    with shop(data_dir) as resources:
        with transaction(resources.engine) as connection:
            again = sweep.retry_all(connection) if everything else sweep.retry(connection, order_ids)
        for order_id in again[:AT_ONCE]:  # The sweep rings for the others.
            ring("place_order_alone", order_id)
    for order_id in again:
        say(f"order {order_id} is tried again")
    if not again:
        say("no order waits for that")


@orders.command()
@click.argument("order_id", metavar="ID", type=ORDER_ID)
@data_dir_option
@json_option
def timeline(order_id: int, data_dir: Path, as_json: bool) -> None:
    """Show everything that is known of an order, in the order of time."""
    with database(data_dir) as engine, reading(engine) as connection:
        kept.find(connection, order_id)
        found = operator_answers.timeline(history.of_order(connection, order_id))
    if as_json:
        print_json(found)
        return
    print_table(("at", "", "what", "detail"), order_sheet.history_rows(found))


orders.add_command(export)


def _found(connection: Connection, sought: Sought, limit: int) -> list[View]:
    """A search looks at some thousand orders at a time."""
    found: list[View] = []
    before: int | None = kept.NEWEST_OF_ALL
    while before is not None and len(found) < limit:
        views, before = kept.search(connection, sought, before, limit - len(found))
        found += views
    return found


def _show(resources: Resources, order_id: int, as_json: bool) -> None:
    with reading(resources.engine) as connection:
        view = kept.find(connection, order_id)
        body = _body(resources, view)
        if not as_json:
            order_sheet.show(connection, order_id, _row(view, body), body)
    if as_json:
        print_json(body)


def _body(resources: Resources, view: View) -> OrderBody:
    return answers.order_body(view, Streams(resources.settings.jwt_secret).url(view.id))


def _row(view: View, body: OrderBody) -> tuple[object, ...]:
    items = ", ".join(f"{line.quantity} × {line.title or line.sku_id}" for line in body.items)
    return (body.id, view.user_id, body.status, body.reason or "", body.total_amount or "", body.accepted_at, items)
