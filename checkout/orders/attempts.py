"""Attempts to collect: their numbers, and how each of them ends without money."""

from __future__ import annotations

import secrets
from datetime import datetime

from checkout.orders import schedule
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
    schedule.plan(ledger, order, payment)
    ledger.record_payment(order, payment, "payment.closed")
