"""What Alipay's bill tells and our books do not have is asked of Alipay itself: a bill is not signed, an answer is.

Whatever is confirmed goes the way of every other word of Alipay: into `trades.believe`, or into the refunds.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from structlog import get_logger

from checkout.alipay.client import Alipay, refunded_fen
from checkout.db import sql, transaction
from checkout.events import waking
from checkout.orders.ledger import Ledger
from checkout.payments import queries, refund_calls, refunds, trades
from checkout.reconciliation import discrepancies
from checkout.reconciliation.discrepancies import Discrepancy
from checkout.resources import Resources

log = get_logger(__name__)

# What is left over stays listed, and is asked about by the next run.
LONGEST_SECONDS = 60
MOST_REFUNDS_OF_A_TRADE = 50

Wakes = list[tuple[int, int]]


def ask(resources: Resources, found: Sequence[Discrepancy]) -> bool:
    """Asks about money that only Alipay has, payments first. Returns whether anything was learnt."""
    end = time.monotonic() + LONGEST_SECONDS
    learnt = False
    for one in sorted(found, key=lambda one: one.request_no != ""):
        if one.kind != "ours_only" and time.monotonic() < end:
            wakes = _ask(resources, one)
            waking.wake(resources.redis, wakes)
            learnt = learnt or bool(wakes)
    return learnt


def _ask(resources: Resources, one: Discrepancy) -> Wakes:
    with transaction(resources.engine) as connection:
        place = trades.places(connection, [one.out_trade_no]).get(one.out_trade_no)
    if place is None:
        return []
    if one.kind != "state":
        return _take_in_refunds(resources, place, one.out_trade_no) if one.request_no else []
    if one.request_no:
        return refund_calls.confirm(resources.engine, resources.alipay, one.request_no)
    due = queries.Due(*place, one.out_trade_no, closing=False)
    return queries.ask(resources.engine, resources.alipay, due, resources.rules, resources.settings.time_scale)


_KNOWN_FEN = sql("""
    SELECT COALESCE(sum(amount_fen), 0)::bigint FROM refunds
    WHERE order_id = :order_id AND n = :n AND source = 'external'
""")


def _take_in_refunds(resources: Resources, place: tuple[int, int], out_trade_no: str) -> Wakes:
    """Refunds made in Alipay's console, as far as Alipay confirms them and they are not taken in yet."""
    with transaction(resources.engine) as connection:
        numbers = discrepancies.console_numbers(connection, out_trade_no, MOST_REFUNDS_OF_A_TRADE)
    confirmed_fen = sum(_refunded_fen(resources.alipay, out_trade_no, number) for number in numbers)
    order_id, n = place
    with transaction(resources.engine) as connection:
        ledger = Ledger(connection, [order_id])
        order = ledger.orders[order_id]
        payment = order.payments[n - 1]
        known_fen: int = connection.execute(_KNOWN_FEN, {"order_id": order_id, "n": n}).scalar_one()
        if confirmed_fen > known_fen:
            refunds.record_external(ledger, order, payment, confirmed_fen - known_fen)
        return ledger.save()


def _refunded_fen(alipay: Alipay, out_trade_no: str, request_no: str) -> int:
    return refunded_fen(alipay.refund_query(out_trade_no, request_no), request_no) or 0
