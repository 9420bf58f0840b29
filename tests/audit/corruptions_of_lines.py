"""Corruptions of what orders' lines say: units, parcels, refunds by line, discounts and limits."""

from __future__ import annotations

from tests.audit.changes import Corruption, order, row
from tests.audit.scenario import AWAITING, CASH, COMPLETED, DISCOUNTED, LIMITED, PARCEL, RESTOCKED


def line(done: str, proof: str, order_id: int, change: str) -> Corruption:
    return row(
        done, proof, f"{order_id}/1", f"UPDATE order_lines SET {change} WHERE order_id = {order_id} AND sku_id = '1'"
    )


# fmt: off
LINES = (
    line("a unit has left twice", "units_of_lines", RESTOCKED, "shipped_quantity = 3"),
    line("a unit is set aside that has left", "units_of_lines", COMPLETED, "aside_quantity = 1"),
    line("more units came back than had left", "units_of_lines", PARCEL, "restocked_quantity = 2"),
    line("more is refunded than was bought", "units_of_lines", PARCEL, "refunded_quantity = 2"),
    line("a unit left without a parcel", "parcels_of_lines", PARCEL, "shipped_quantity = 0"),
    row("a parcel is lost", "parcels_of_lines", f"{PARCEL}/1", f"DELETE FROM shipments WHERE order_id = {PARCEL}"),
    row("a parcel holds what nobody bought", "parcels_of_lines", f"{PARCEL}/9",
         f"INSERT INTO shipments VALUES ({PARCEL}, 2, now(), '', '', '{{9}}', '{{1}}')"),
    order("units held are said to be gone", "stock_mark_of_lines", PARCEL, "stock = 'left'"),
    line("a unit left an order that is not paid for", "parcels_of_lines", AWAITING, "shipped_quantity = 1"),
    row("an order waits for nothing to be shipped", "awaiting_shipment_has_units", PARCEL,
         f"UPDATE order_lines SET returned_quantity = 1 WHERE order_id = {PARCEL} AND sku_id = '2'"),
    line("units set aside are free", "refunds_of_lines", PARCEL, "aside_quantity = 0"),
    line("a refund by line is forgotten", "refunds_of_lines", PARCEL, "refunding_quantity = 0, aside_quantity = 0"),
    line("a unit is for sale again twice", "refunds_of_lines", RESTOCKED, "restocked_quantity = 2"),
    line("a unit went back without a refund", "refunds_of_lines", CASH, "returned_quantity = 1"),
    row("a unit came back for less", "money_of_lines", f"{RESTOCKED}/1",
         "UPDATE refund_lines SET amount_fen = amount_fen - 1 WHERE sku_id = '1'")._replace(names=f"{PARCEL}/1"),
    row("a refund is of more than its lines", "amounts_of_refunds_by_line", "",
         f"UPDATE refunds SET amount_fen = amount_fen + 1 WHERE order_id = {PARCEL}"),
    row("the freight goes back twice", "amounts_of_refunds_by_line", "",
         f"""UPDATE refunds SET freight_fen = 1000, amount_fen = amount_fen + 1000 WHERE order_id = {RESTOCKED}
             AND freight_fen = 0""",
         f"""INSERT INTO refunds (order_id, n, status, source, amount_fen, freight_fen, out_request_no, finished_at)
             SELECT order_id, n, 'succeeded', 'external', 1000, 1000, out_request_no || '9', now() FROM refunds
             WHERE order_id = {RESTOCKED}"""),
    row("a lost line of a refund", "refunds_of_lines", "", "DELETE FROM refund_lines"),
    line("a line's discount was changed", "totals_equal_lines", DISCOUNTED, "discount_fen = 0")
    ._replace(names=str(DISCOUNTED)),
    order("an order's discount was changed", "totals_equal_lines", DISCOUNTED, "discount_fen = 0"),
    row("what counts against a limit is miscounted", "limits_equal_what_orders_hold", "1/4",
         "UPDATE purchases SET units = units - 1"),
    row("a limit is forgotten", "limits_equal_what_orders_hold", "1/4", "DELETE FROM purchases"),
    row("a line counts under a limit of later", "limits_have_epochs", "4",
         f"UPDATE order_lines SET limit_epoch = 2 WHERE order_id = {LIMITED}"),
    row("a limit counts since never", "limits_have_epochs", "2", "UPDATE skus SET limit_per_user = 1 WHERE id = '2'"),
    row("a shipped order is never completed", "shipped_orders_are_completed", RESTOCKED, "DELETE FROM completions"),
    row("all units are back and the order lives", "refunded_orders_are_closed", RESTOCKED,
         f"UPDATE order_lines SET restocked_quantity = quantity WHERE order_id = {RESTOCKED}"),
)
