"""Corruptions of what leaves: erased orders, blanked notifies, and the places of webhooks."""

from __future__ import annotations

from tests.audit.changes import attempt, order, row
from tests.audit.scenario import COMPLETED, ERASED

# fmt: off
LEAVING = (
    order("an order on its way was erased", "erased_orders_have_ended", ERASED, "status = 'shipped'"),
    row("an attempt of an erased order may bring money", "erased_orders_have_ended", ERASED,
        f"UPDATE payments SET status = 'open' WHERE order_id = {ERASED}"),
    order("a name came back", "erased_orders_name_nobody", ERASED, "recipient = '王小明'"),
    order("words came back", "erased_orders_name_nobody", ERASED, "metadata = '{}'"),
    order("an order is marked as erased and is not", "erased_orders_name_nobody", COMPLETED, "erased_at = now()"),
    attempt("a buyer came back", "erased_orders_name_nobody", ERASED, "buyer_id = '2088'"),
    row("an order was passed by", "wishes_reach_every_order", ERASED,
        f"UPDATE orders SET erased_at = NULL WHERE id = {ERASED}; UPDATE erasures SET walked = {ERASED}"),
    row("a notify names its buyer", "erased_orders_name_nobody", "notify ",
        "UPDATE notifies SET params = params || '{\"buyer_id\": \"2088\"}'"),
    row("a notify of an erased order was not blanked", "erased_orders_name_nobody", "notify ",
        "UPDATE notifies SET blanked_at = NULL"),
    row("a blanked notify lost its fact", "blanked_notifies_keep_their_facts", "",
        "UPDATE notifies SET params = params - 'total_amount'"),
    row("an endpoint is ahead of the log", "webhooks_skip_nothing", "",
        "UPDATE webhook_endpoints SET reached = reached + 1000"),
    row("an endpoint's lease has no end", "webhooks_skip_nothing", "",
        "UPDATE webhook_endpoints SET leased_until = now() + interval '1 hour'"),
    row("a subject waits for an event that never was", "webhook_subjects_wait_in_the_log", "",
        "INSERT INTO webhook_subjects SELECT id, false, '1', reached + 1000, now(), 1, now(), '500' FROM webhook_endpoints"),
    row("a subject is never tried again", "webhook_subjects_wait_in_the_log", "",
        "INSERT INTO webhook_subjects SELECT id, false, '1', 1, now(), 1, 'infinity', '500' FROM webhook_endpoints"),
)
# fmt: on
