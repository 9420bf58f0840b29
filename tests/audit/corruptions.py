"""What somebody could do to the tables behind our back, and the proof that must find it.

Each row: what was done; the proof; what it names first, as far as that is sure; the statements. No CHECK stands in
the way. What cannot be seen from the data is said in docs/operations.md.
"""

from __future__ import annotations

from tests.audit.changes import attempt, order, row
from tests.audit.corruptions_of_lines import LINES
from tests.audit.corruptions_of_what_leaves import LEAVING
from tests.audit.scenario import (
    ACCEPTED,
    AWAITING,
    CANCELLED,
    CASH,
    CLOSING,
    COMPLETED,
    EXPIRED,
    OFFERED,
    PARTLY,
    REFUNDED,
    REINSTATED,
    REJECTED,
    TWICE,
)

# fmt: off
_TIMES = (
    order("an unpaid order is called paid", "status_of_orders", AWAITING, "status = 'awaiting_shipment'"),
    order("a paid order waits for money again", "status_of_orders", PARTLY, "status = 'awaiting_payment'"),
    order("a completed order is called shipped", "status_of_orders", COMPLETED, "status = 'shipped'"),
    order("a completed order waits for shipment", "status_of_orders", COMPLETED, "status = 'awaiting_shipment'"),
    order("a completed order was never shipped", "status_of_orders", COMPLETED, "shipped_at = NULL"),
    order("a placed order is called accepted", "status_of_orders", AWAITING, "status = 'accepted'"),
    order("a placed order is called rejected", "status_of_orders", CASH, "status = 'rejected', reason = 'price_changed'"),
    order("a closed order lives", "status_of_orders", CANCELLED, "status = 'awaiting_payment', reason = NULL"),
    order("a closed order has no time", "status_of_orders", CANCELLED, "closed_at = NULL"),
    order("an expired order was cancelled", "last_order_event", EXPIRED, "reason = 'cancelled'"),
    order("a refunded order was cancelled", "refunded_orders_are_closed", REFUNDED, "reason = 'cancelled'"),
    order("a rejected order lacks its shortages", "status_of_orders", REJECTED, "shortages = NULL"),
    order("a rejected order has another reason", "events_tell_the_truth", REJECTED, "reason = 'price_changed'")
    ._replace(names=""),
    order("an order was paid before it was placed", "order_of_times", COMPLETED, "placed_at = now() + interval '1 hour'"),
    order("an order is from tomorrow", "order_of_times", ACCEPTED, "accepted_at = now() + interval '1 day'"),
    order("an order was completed before it left", "order_of_times", COMPLETED, "shipped_at = now() + interval '1 hour'"),
    order("a closed order lost closing_at", "closing_of_orders", CLOSING, "closing_at = NULL"),
    order("a living order closes before its time", "closing_of_orders", AWAITING, "closing_at = now()"),
    order("a paid order closes", "closing_of_orders", COMPLETED, "closing_at = now()"),
    order("an order may be paid for a month", "pay_before_of_orders", AWAITING, "pay_before = now() + interval '31 d'"),
    order("an order lost its time to pay", "pay_before_of_orders", AWAITING, "pay_before = NULL"),
    order("an order's time was over before it began", "pay_before_of_orders", AWAITING, "pay_before = '2020-01-01'"),
    order("a cash order must be paid in time", "pay_before_of_orders", CASH, "pay_before = now()"),
    order("units of a living order have left", "stock_mark_of_orders", AWAITING, "stock = 'left'"),
    order("units of a shipped order are held", "stock_mark_of_lines", COMPLETED, "stock = 'held'"),
    order("units of a living order went back", "stock_mark_of_orders", CASH, "stock = 'returned'"),
    attempt("an open attempt was closed", "status_of_attempts", AWAITING, "status = 'closed'"),
    attempt("a paid attempt is open", "status_of_attempts", COMPLETED, "status = 'open'"),
    attempt("a paid attempt was refunded", "status_of_attempts", COMPLETED, "status = 'refunded'"),
    attempt("less was paid than was asked", "status_of_attempts", TWICE, "paid_fen = paid_fen - 1", n=2),
    attempt("a paid attempt lost its trade", "status_of_attempts", COMPLETED, "trade_no = NULL"),
    attempt("a buyer's attempt lost payable_until", "payable_until_of_attempts", OFFERED, "payable_until = NULL"),
    attempt("payable_until is too early", "payable_until_of_attempts", OFFERED, "payable_until = offered_at"),
    attempt("payable_until is too late", "payable_until_of_attempts", OFFERED, "payable_until = now() + interval '1 d'"),
    order("an order was paid at another time", "paid_together", COMPLETED, "paid_at = paid_at - interval '1 second'"),
)

_LOOKS = (
    attempt("nobody asks about an attempt", "attempts_are_looked_at", OFFERED, "due_at = NULL"),
    attempt("nobody asks about an attempt for years", "attempts_are_looked_at", OFFERED, "due_at = now() + interval '9 y'"),
    attempt("nobody expires an order", "waiting_orders_are_looked_at", AWAITING, "due_at = NULL")._replace(
        names=str(AWAITING)
    ),
    attempt("somebody looks for ever", "attempts_are_looked_at", OFFERED, "leased_until = now() + interval '1 d'"),
    attempt("a final attempt is due", "waiting_orders_are_looked_at", CANCELLED, "due_at = now()")._replace(
        names=str(CANCELLED)
    ),
    row(
        "a closing order has no open attempt", "closing_orders_are_closed", AWAITING,
        f"UPDATE orders SET closing_at = pay_before WHERE id = {AWAITING}",
        f"UPDATE payments SET status = 'closed', closed_at = now(), evidence = 'never_offered' WHERE order_id = {AWAITING}",
    ),
    row("nobody sends a refund", "refunds_are_looked_at", "", "UPDATE refunds SET next_try_at = NULL"),
    row(
        "a refund is sent next year", "refunds_are_looked_at", "",
        "UPDATE refunds SET next_try_at = now() + interval '1 year' WHERE finished_at IS NULL",
    ),
    row(
        "a finished refund is sent again", "refunds_are_looked_at", "",
        "UPDATE refunds SET next_try_at = now() WHERE finished_at IS NOT NULL",
    ),
    row(
        "a notify of money was marked as applied", "notifies_took_effect", "",
        f"""INSERT INTO notifies (fact, out_trade_no, applied_at, outcome, params)
            SELECT gen_random_uuid(), out_trade_no, now(), 'applied', '{{"trade_status": "TRADE_SUCCESS"}}'
            FROM payments WHERE order_id = {OFFERED}""",
    ),
    row(
        "the watermark is ahead of unsent events", "watermark_behind_events", "relay",
        "UPDATE relay SET published = (SELECT max(id) FROM events)",
    ),
    row(
        "the watermark is ahead of all ids", "watermark_behind_events", "relay",
        "UPDATE relay SET published = published + 9000000000000000, sent_through = published + 9000000000000000",
    ),
    row("the relay is leased for ever", "watermark_behind_events", "relay", "UPDATE relay SET leased_until = 'infinity'"),
    row("the relay has no row", "watermark_behind_events", "relay", "DELETE FROM relay"),
    row("ids begin again", "identities_are_ahead", "notifies", "INSERT INTO notifies (id, fact, out_trade_no, params) OVERRIDING SYSTEM VALUE VALUES (9000000, gen_random_uuid(), '', '{}')"),
    row(
        "a strange cart is to be cleared", "clearings_are_of_cart_orders", AWAITING,
        f"INSERT INTO cart_clearings VALUES ({AWAITING}, 9)",
    ),
    row("a bill lost a line", "bills_are_whole", "2026-11-21", "INSERT INTO bills VALUES ('2026-11-21', now(), 1)"),
)

_NUMBERS = (
    attempt("an attempt has another's number", "numbers_of_attempts", AWAITING,
             f"out_trade_no = replace(out_trade_no, '{AWAITING:012d}N', '{CASH:012d}N')"),
    attempt("an attempt's number is of another day", "numbers_of_attempts", AWAITING,
             "out_trade_no = '20200101' || substr(out_trade_no, 9)"),
    row(
        "an attempt is missing between others", "numbers_of_attempts", TWICE,
        f"UPDATE payments SET n = 3, out_trade_no = replace(out_trade_no, 'N2R', 'N3R') WHERE order_id = {REJECTED}",
        "ALTER TABLE refunds DROP CONSTRAINT refunds_order_id_n_fkey",
        f"UPDATE payments SET n = 3, out_trade_no = replace(out_trade_no, 'N2R', 'N3R') WHERE order_id = {TWICE} AND n = 2",
    ),
    row(
        "a trade pays for two attempts", "trades_pay_once", "",
        "DROP INDEX payments_trade",
        f"UPDATE payments SET trade_no = (SELECT trade_no FROM payments WHERE order_id = {COMPLETED}) WHERE order_id = {PARTLY}",
    ),
    row("a refund has another's number", "numbers_of_refunds", "", "UPDATE refunds SET out_request_no = 'X' || id"),
    row("the digest of a key was changed", "digests_of_order_keys", AWAITING,
         f"UPDATE order_keys SET digest = gen_random_uuid() WHERE order_id = {AWAITING}"),
    row("a key was changed", "digests_of_order_keys", AWAITING,
         f"UPDATE order_keys SET key = key || 'x' WHERE order_id = {AWAITING}"),
    row(
        "two keys were exchanged", "digests_of_order_keys", AWAITING,
        f"UPDATE orders SET user_id = 2 WHERE id = {CASH}",
        f"""UPDATE order_keys SET order_id = CASE order_id WHEN {AWAITING} THEN {CASH} ELSE {AWAITING} END
            WHERE order_id IN ({AWAITING}, {CASH})""",
    )._replace(names=""),
    row("an order is another user's", "digests_of_order_keys", AWAITING, f"UPDATE orders SET user_id = 99 WHERE id = {AWAITING}"),
    row("the digest of a refund's key was changed", "digests_of_refund_keys", "",
         "UPDATE refunds SET digest = gen_random_uuid() WHERE digest IS NOT NULL"),
    row("a refund lost its key", "digests_of_refund_keys", "", "UPDATE refunds SET digest = NULL, key = NULL"),
    row(
        "a key made two orders", "keys_unique_per_user", "",
        f"DELETE FROM order_keys WHERE order_id = {AWAITING}",
        f"""INSERT INTO order_keys (digest, fingerprint, key, order_id, day)
            SELECT digest, fingerprint, key, {AWAITING}, day - 1 FROM order_keys WHERE order_id = {ACCEPTED}""",
    ),
    row("an order lost its key", "orders_match_keys", AWAITING, f"DELETE FROM order_keys WHERE order_id = {AWAITING}"),
)

_ORDERS = (
    row("a placed order waits to be placed", "accepted_orders_have_arrivals", AWAITING,
         f"INSERT INTO arrivals (order_id) VALUES ({AWAITING})"),
    row("an accepted order lost its arrival", "accepted_orders_have_arrivals", ACCEPTED, "DELETE FROM arrivals"),
    row(
        "an order is accepted for too long", "none_accepted_too_long", ACCEPTED,
        "UPDATE arrivals SET parked = false, since = now() - interval '61 seconds'",
        f"UPDATE orders SET accepted_at = now() - interval '61 seconds' WHERE id = {ACCEPTED}",
    ),
    order("more was asked for than was bought", "placed_orders_have_lines", EXPIRED, "quantities = '{2,2}'"),
    row("a line was lost", "placed_orders_have_lines", AWAITING,
         f"DELETE FROM order_lines WHERE order_id = {AWAITING} AND sku_id = '2'"),
    row("a line's price was changed", "totals_equal_lines", AWAITING,
         f"UPDATE order_lines SET unit_price_fen = unit_price_fen + 1 WHERE order_id = {AWAITING}"),
    order("a cash order's total is not its parts'", "totals_equal_lines", CASH, "total_fen = total_fen - 1"),
    order("a cash order's freight was given away", "events_tell_the_truth", CASH, "freight_fen = 0, total_fen = goods_fen")
    ._replace(names=""),
    row("a user's open orders are miscounted", "open_orders_of_users", 1, "UPDATE users SET open_orders = open_orders + 1"),
    row(
        "a placed order is gone with its key and arrival", "order_events", CASH,
        f"DELETE FROM orders WHERE id = {CASH}", f"DELETE FROM order_keys WHERE order_id = {CASH}",
    ),
    row(
        "a placed order is gone with all but its events", "order_events", CASH,
        f"DELETE FROM orders WHERE id = {CASH}", f"DELETE FROM order_keys WHERE order_id = {CASH}",
        f"DELETE FROM order_lines WHERE order_id = {CASH}",
    ),
    row(
        "a placed order is gone with its events", "stock_equals_adjustments_minus_held", 1,
        f"DELETE FROM orders WHERE id = {CASH}", f"DELETE FROM order_keys WHERE order_id = {CASH}",
        f"DELETE FROM order_lines WHERE order_id = {CASH}", f"DELETE FROM events WHERE subject = '{CASH}'",
    ),
)

_STOCK = (
    row(
        "stock is negative", "stock_not_negative", 3,
        "UPDATE skus SET stock = -1 WHERE id = '3'",
        "INSERT INTO stock_adjustments (sku_id, delta, reason) VALUES ('3', -2, 'test')",
    ),
    row("a unit appeared", "stock_equals_adjustments_minus_held", 1, "UPDATE skus SET stock = stock + 1 WHERE id = '1'"),
    row("an adjustment is gone", "stock_equals_adjustments_minus_held", "", "DELETE FROM stock_adjustments"),
    row("a SKU's sales are miscounted", "sales_of_sku", 2, "UPDATE skus SET sales = sales - 1 WHERE id = '2'"),
    row("an SPU's sales are miscounted", "sales_of_spu", 2, "UPDATE spus SET sales = sales + 1 WHERE id = '2'"),
    order("units of a cancelled order are held", "no_stock_kept_by_closed_orders", CANCELLED, "stock = 'held'"),
    order("units went back while an attempt is open", "no_stock_back_while_open", CLOSING, "stock = 'returned'"),
    order("returned units count as held", "stock_equals_adjustments_minus_held", EXPIRED, "stock = 'held'")._replace(names="1"),
    attempt("an attempt closed without a proof", "closed_attempts_have_evidence", EXPIRED, "evidence = NULL"),
    attempt("an attempt closed with a false proof", "closed_attempts_have_evidence", EXPIRED, "evidence = 'expired_unborn'"),
)

_MONEY = (
    attempt("an attempt asks too little", "attempts_ask_the_total", AWAITING, "amount_fen = amount_fen - 1")._replace(
        names=str(AWAITING)
    ),
    row("an Alipay order lost its attempt", "attempts_ask_the_total", AWAITING, f"DELETE FROM payments WHERE order_id = {AWAITING}"),
    attempt("more is set aside than refunds ask", "refunds_within_paid", PARTLY, "refunding_fen = refunding_fen + 1"),
    attempt("more went back than refunds tell", "refunds_within_paid", PARTLY, "refunded_fen = refunded_fen + 1"),
    row(
        "two attempts are kept", "one_kept_payment", TWICE,
        "DROP INDEX payments_kept", f"UPDATE payments SET kept = true WHERE order_id = {TWICE}",
    ),
    attempt("a paid order's money is not kept", "paid_orders_have_kept_payment", COMPLETED, "kept = false")._replace(
        names=str(COMPLETED)
    ),
    row(
        "double money does not go back", "unkept_money_goes_back", f"{TWICE}-2",
        f"DELETE FROM refunds WHERE order_id = {TWICE}",
        f"UPDATE payments SET refunding_fen = 0 WHERE order_id = {TWICE}",
    ),
    row("a refund ended without a time", "status_of_refunds", "", "UPDATE refunds SET finished_at = NULL"),
    row("a refund of double money is an operator's", "status_of_refunds", "",
         "UPDATE refunds SET source = 'operator' WHERE source = 'double'"),
)

_EVENTS = (
    row("an event is missing", "order_events", REINSTATED, "DELETE FROM events WHERE topic = 'order.reinstated'"),
    row("an attempt's event is missing", "payment_events", f"{TWICE}-2",
         f"DELETE FROM events WHERE topic = 'payment.created' AND data->>'payment_id' = '{TWICE}-2'"),
    row("a refund's event is missing", "refund_events", "",
         "DELETE FROM events WHERE topic = 'refund.requested' AND data->>'source' = 'operator'"),
    row("a SKU's last event is missing", "stock_events", 1, "UPDATE skus SET sequence = sequence + 1 WHERE id = '1'"),
    row(
        "a SKU's event is missing between others", "stock_events_follow", 3,
        "DELETE FROM events WHERE topic = 'stock.sold_out' AND subject = '3'",
    ),
    row(
        "an event is told twice", "event_sequence", REJECTED,
        f"""INSERT INTO events (at, topic, subject, sequence, data)
            SELECT at + interval '1 day', 'order.rejected', subject, sequence, data FROM events
            WHERE subject = '{REJECTED}' AND topic = 'order.rejected'""",
    ),
    order("an order is behind its events", "events_within_version", AWAITING, "version = 1"),
    *(
        row(f"an event has another {what}", "events_tell_the_truth", "",
             f"UPDATE events SET {change} WHERE subject = '{COMPLETED}' AND topic = '{topic}'")
        for what, topic, change in (
            ("amount", "order.placed", """data = (data::jsonb || '{"total_amount": "0.01"}')::json"""),
            ("user", "order.paid", """data = (data::jsonb || '{"user_id": "99"}')::json"""),
            ("trade", "payment.succeeded", """data = (data::jsonb || '{"trade_no": "1"}')::json"""),
            ("attempt", "order.paid", """data = (data::jsonb || '{"payment_id": "1-1"}')::json"""),
            ("shape", "order.completed", "data = '[1]'"),
            ("topic", "order.shipped", "topic = 'order.sent'"),
            ("order", "order.shipped", """data = (data::jsonb || '{"order_id": "2"}')::json"""),
        )
    ),
    row(
        "a refund's event has another amount", "events_tell_the_truth", "",
        """UPDATE events SET data = (data::jsonb || '{"amount": "0.01"}')::json WHERE topic = 'refund.requested'""",
    ),
)

CORRUPTIONS = (*LINES, *LEAVING, *_TIMES, *_LOOKS, *_NUMBERS, *_ORDERS, *_STOCK, *_MONEY, *_EVENTS)
