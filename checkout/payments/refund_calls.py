"""Sending refunds that are due, and finding out what became of those whose answer was lost.

The request number and the amount never change, so sending again is safe; a refund that was sent before is asked
about first. Money that the shop must not keep (late or double) is never given up: what Alipay refuses today is tried
again and shown by `checkout stuck`.
"""

from __future__ import annotations

from typing import NamedTuple

from checkout import money
from checkout.alipay.client import Alipay, Done, Refused, Result, Unknown
from checkout.audit import alarms
from checkout.db import Connection, Engine, sql, transaction
from checkout.orders.ledger import Ledger
from checkout.payments import refunds

LEASE_SECONDS = 60
GAP_SECONDS = 3  # Alipay's rule for two refunds of one trade (opendocs 02ekfs)
# The first question comes 10 seconds after the refund (opendocs 02ekft), then ever later.
LADDER_SECONDS = (10, 20, 60, 300, 900, 3600)

# Refused for good: another try of the same refund would be refused again.
_FINAL = {
    "TRADE_HAS_FINISHED",
    "TRADE_NOT_ALLOW_REFUND",
    "TRADE_NOT_EXIST",
    "TRADE_STATUS_ERROR",
    "TRADE_HAS_CLOSE",
    "REFUND_AMT_NOT_EQUAL_TOTAL",
    "REASON_TRADE_REFUND_FEE_ERR",
    "REFUND_FEE_ERROR",
    "NOT_ALLOW_PARTIAL_REFUND",
    "BUYER_NOT_EXIST",
    "BUYER_ENABLE_STATUS_FORBID",
    "INVALID_PARAMETER",
}
# Alipay has another refund under our number. Whose it is only a person can tell; another number would pay twice.
_DISCORDANT = "DISCORDANT_REPEAT_REQUEST"


class Due(NamedTuple):
    """A refund whose turn it is. `tries` counts this one."""

    id: int
    order_id: int
    n: int
    amount_fen: int
    out_request_no: str
    reason: str
    source: str
    tries: int
    out_trade_no: str


_DUE = sql("SELECT id FROM refunds WHERE next_try_at <= now() ORDER BY next_try_at LIMIT :limit")
_CLAIM = sql("""
    WITH due AS (
        SELECT r.id, r.order_id, r.n, p.out_trade_no FROM refunds r JOIN payments p USING (order_id, n)
        WHERE r.next_try_at <= now()
            AND COALESCE(p.refund_called_at < now() - make_interval(secs => :gap), true)
        ORDER BY r.next_try_at LIMIT 1 FOR NO KEY UPDATE OF r, p SKIP LOCKED
    ), spaced AS (
        UPDATE payments p SET refund_called_at = now() FROM due WHERE p.order_id = due.order_id AND p.n = due.n
    )
    UPDATE refunds r SET next_try_at = now() + make_interval(secs => :lease), tries = LEAST(tries + 1, 30000)
    FROM due WHERE r.id = due.id
    RETURNING r.id, r.order_id, r.n, r.amount_fen, r.out_request_no, r.reason, r.source, r.tries, due.out_trade_no
""")
_BY_NUMBER = sql("""
    SELECT r.id, r.order_id, r.n, r.amount_fen, r.out_request_no, r.reason, r.source, r.tries, p.out_trade_no
    FROM refunds r JOIN payments p ON p.order_id = r.order_id AND p.n = r.n
    WHERE r.out_request_no = :number AND r.finished_at IS NULL
""")
_SETTLE = sql("""
    UPDATE refunds SET status = CAST(:status AS refund_status), error = :error, next_try_at = NULL, finished_at = now()
    WHERE id = :id AND finished_at IS NULL RETURNING id
""")
_LATER = sql("""
    UPDATE refunds SET status = CAST(:status AS refund_status), error = :error,
        next_try_at = now() + make_interval(secs => :seconds)
    WHERE id = :id AND finished_at IS NULL
""")


def due(connection: Connection, limit: int) -> list[int]:
    """The ids of refunds whose turn it is."""
    return list(connection.execute(_DUE, {"limit": limit}).scalars())


def claim(connection: Connection, time_scale: float) -> Due | None:
    """Takes the refund that waits longest, for `LEASE_SECONDS`."""
    row = connection.execute(_CLAIM, {"lease": LEASE_SECONDS, "gap": GAP_SECONDS / time_scale}).one_or_none()
    return Due(*row) if row else None


def send(engine: Engine, alipay: Alipay, due: Due, time_scale: float) -> list[tuple[int, int]]:
    """One refund's turn. Returns the changed order's version."""
    answer = _moved(alipay, due) if due.tries > 1 else None
    if answer is None:
        answer = alipay.refund(due.out_trade_no, due.out_request_no, due.amount_fen, due.reason)
    if isinstance(answer, Done) and _money_moved(answer):
        return _settle(engine, due, "succeeded", None)
    if isinstance(answer, Refused) and answer.code in (*_FINAL, _DISCORDANT):
        return _refused(engine, due, answer)
    unknown = not isinstance(answer, Refused)
    _later(engine, due, "unknown" if unknown else "requested", _words(answer), time_scale)
    return []


def confirm(engine: Engine, alipay: Alipay, out_request_no: str) -> list[tuple[int, int]]:
    """Asks about a refund that Alipay's bill has, whoever's turn it is. Returns the changed order's version."""
    with transaction(engine) as connection:
        row = connection.execute(_BY_NUMBER, {"number": out_request_no}).one_or_none()
    due = Due(*row) if row else None
    if due and isinstance(_moved(alipay, due), Done):
        return _settle(engine, due, "succeeded", None)
    return []


def _moved(alipay: Alipay, due: Due) -> Result | None:
    """What Alipay says of an earlier try; None: it knows nothing of it, so it may be sent again."""
    answer = alipay.refund_query(due.out_trade_no, due.out_request_no)
    if isinstance(answer, Done) and _money_moved(answer):
        moved = str(answer.fields.get("refund_amount", money.yuan(due.amount_fen)))
        return answer if money.fen(moved) == due.amount_fen else Refused(_DISCORDANT, f"{moved} went back")
    return answer if isinstance(answer, Unknown) else None


def _money_moved(answer: Done) -> bool:
    return answer.fields.get("fund_change") == "Y" or answer.fields.get("refund_status") == "REFUND_SUCCESS"


def _words(answer: Result) -> str:
    if isinstance(answer, Refused):
        return f"{answer.code}: {answer.message}"
    return answer.why if isinstance(answer, Unknown) else "accepted, but the money has not moved yet"


def _refused(engine: Engine, due: Due, answer: Refused) -> list[tuple[int, int]]:
    if answer.code == "TRADE_HAS_CLOSE":  # Nothing is left there: it went back by Alipay's own console.
        return _settle(engine, due, "failed", _words(answer), went_back_elsewhere=True)
    if due.source == "operator" and answer.code != _DISCORDANT:
        return _settle(engine, due, "failed", _words(answer))
    with transaction(engine) as connection:
        alarms.raise_alarm(
            connection, "refund_refused", due.out_request_no, {"order_id": due.order_id, "code": answer.code}
        )
        connection.execute(_LATER, {"id": due.id, "status": "requested", "error": _words(answer), "seconds": 3600})
    return []


def _later(engine: Engine, due: Due, status: str, error: str, time_scale: float) -> None:
    seconds = LADDER_SECONDS[min(due.tries, len(LADDER_SECONDS)) - 1] / time_scale
    with transaction(engine) as connection:
        connection.execute(_LATER, {"id": due.id, "status": status, "error": error[:500], "seconds": seconds})


def _settle(
    engine: Engine, due: Due, status: str, error: str | None, *, went_back_elsewhere: bool = False
) -> list[tuple[int, int]]:
    with transaction(engine) as connection:
        ledger = Ledger(connection, [due.order_id])
        order = ledger.orders[due.order_id]
        payment = order.payments[due.n - 1]
        if connection.execute(_SETTLE, {"id": due.id, "status": status, "error": error}).one_or_none() is None:
            return []
        alarms.resolve(connection, due.out_request_no)
        refunds.finish(ledger, order, payment, due.id, due.amount_fen, status, due.source)
        if went_back_elsewhere:
            refunds.record_external(ledger, order, payment, payment.left_fen)
        return ledger.save()
