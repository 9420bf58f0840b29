"""Attempts to collect: their numbers, when somebody must look at one next, and how it ends without money.

`due_at` is when somebody must look at an attempt, or through it at its order, and nothing else: the earlier of two
instants. The order's deadline hangs on each attempt while the order waits for money; the next question to Alipay only
an open attempt in the buyer's hands needs. Who is looking right now holds `leased_until`. Beat's scans follow the one
index on `due_at`.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from checkout.orders.ledger import Ledger, Order, Payment

# After each question the next one is further away; the last step repeats. Scaled by the sandbox's time scale.
LADDER_SECONDS = (15, 30, 60, 120, 300, 600, 1800)
CLOSING_LADDER_SECONDS = (5, 10, 20, 40, 60)


def number(order_id: int, n: int, now: datetime) -> str:
    """`out_trade_no`: sortable by time, with random bits, since the merchant account may have seen other databases."""
    day = now.year * 10_000 + now.month * 100 + now.day  # A tenth of strftime, once for each order placed.
    return f"{day}{order_id:012d}N{n}R{os.urandom(5).hex().upper()}"


def plan(
    ledger: Ledger, order: Order, payment: Payment, time_scale: float = 1, hastened: datetime | None = None
) -> None:
    """Notes the next look; None when there is nothing left to see."""
    instants = (_deadline(order), _next_question(ledger.now, order, payment, time_scale), hastened)
    due_at = min((instant for instant in instants if instant is not None), default=None)
    if due_at != payment.due_at:
        payment.due_at = due_at
        ledger.touch(order, payment)


def look_now(ledger: Ledger, order: Order, payment: Payment) -> None:
    """Makes the attempt due, for whoever asks Alipay next."""
    payment.due_at = ledger.now
    ledger.touch(order, payment)


def _deadline(order: Order) -> datetime | None:
    return order.pay_before if order.waits_for_money else None


def _next_question(now: datetime, order: Order, payment: Payment, time_scale: float) -> datetime | None:
    if payment.status != "open" or payment.offered_at is None:
        return None
    ladder = LADDER_SECONDS if order.waits_for_money else CLOSING_LADDER_SECONDS
    step = now + timedelta(seconds=ladder[min(max(payment.queries, 1), len(ladder)) - 1] / time_scale)
    proof = payment.payable_until  # From then on "no such trade" is final, which is worth a question of its own.
    return proof if proof is not None and now < proof < step and not order.waits_for_money else step


def close(ledger: Ledger, order: Order, payment: Payment, evidence: str) -> None:
    """Notes that the attempt can never bring money, and why."""
    payment.status = "closed"
    payment.evidence = evidence
    payment.closed_at = ledger.now
    plan(ledger, order, payment)
    ledger.record_payment(order, payment, "payment.closed")
