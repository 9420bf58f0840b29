"""When somebody must look at an attempt next, or through it at its order. `due_at` holds the answer, and nothing else.

It is the earlier of two instants: the order's deadline, which hangs on each attempt while the order waits for money,
and the next question to Alipay, which only an open attempt in the buyer's hands needs. Who is looking right now holds
`leased_until`. Beat's scans follow the one index on `due_at`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from checkout.orders.ledger import Ledger, Order, Payment

# After each question the next one is further away; the last step repeats. Scaled by the sandbox's time scale.
LADDER_SECONDS = (15, 30, 60, 120, 300, 600, 1800)
CLOSING_LADDER_SECONDS = (5, 10, 20, 40, 60)


def plan(ledger: Ledger, order: Order, payment: Payment, time_scale: float = 1) -> None:
    """Notes the next look; None when there is nothing left to see."""
    instants = (_deadline(order), _next_question(ledger.now, order, payment, time_scale))
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
