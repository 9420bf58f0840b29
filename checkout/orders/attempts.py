"""Attempts to collect: their numbers, and the small steps that every path shares."""

from __future__ import annotations

import secrets
from datetime import datetime

from checkout.orders.ledger import Ledger, Order, Payment


def number(order_id: int, n: int, now: datetime) -> str:
    """`out_trade_no`: sortable by time, with random bits, since the merchant account may have seen other databases."""
    day = now.year * 10_000 + now.month * 100 + now.day  # A tenth of strftime, once for each order placed.
    return f"{day}{order_id:012d}N{n}R{secrets.token_hex(5).upper()}"


def close(ledger: Ledger, order: Order, payment: Payment, evidence: str) -> None:
    """Notes that the attempt can never bring money, and why."""
    payment.status = "closed"
    payment.evidence = evidence
    payment.closed_at = ledger.now
    # While its order still waits for money, the order's deadline hangs on this row.
    waits = order.status == "awaiting_payment" and order.closing_at is None
    payment.due_at = order.pay_before if waits else None
    ledger.record_payment(order, payment, "payment.closed")


def look_now(ledger: Ledger, order: Order, payment: Payment) -> None:
    """Makes the attempt due, for whoever asks Alipay next."""
    payment.due_at = ledger.now
    ledger.touch(order, payment)


def forget(ledger: Ledger, order: Order, payment: Payment) -> None:
    """Nobody has to look at the attempt again."""
    if payment.due_at is not None:
        payment.due_at = None
        ledger.touch(order, payment)
