"""Sending refunds that are due, and finding out what became of those whose answer was lost.

The request number and the amount never change, so sending again is safe; a refund that was sent before is asked
about first. Money that the shop must not keep (late or double) is never given up: what Alipay refuses today is tried
again and shown by `checkout stuck`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from checkout import money
from checkout.alipay.client import Alipay, Done, Refused, Result, Unknown, refunded_fen, trade
from checkout.audit import alarms
from checkout.audit.alarms import Alarm
from checkout.db import Connection, Engine, sql, transaction
from checkout.orders.ledger import Ledger
from checkout.payments import answers, refunds

Wakes = list[tuple[int, int]]

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
    """A refund whose turn it is. `tries` counts this one; `refusal` is what Alipay said to the try before."""

    id: int
    order_id: int
    n: int
    amount_fen: int
    out_request_no: str
    reason: str
    source: str
    tries: int
    refusal: str | None
    out_trade_no: str
    trade_no: str | None
    refunded_fen: int


_DUE = sql("SELECT id FROM refunds WHERE next_try_at <= now() ORDER BY next_try_at LIMIT :limit")
_COLUMNS = "r.id, r.order_id, r.n, r.amount_fen, r.out_request_no, r.reason, r.source, r.tries, r.refusal"
_CLAIM = sql(f"""
    WITH due AS (
        SELECT r.id, r.order_id, r.n, p.out_trade_no, p.trade_no, p.refunded_fen
        FROM refunds r JOIN payments p USING (order_id, n)
        WHERE r.next_try_at <= now()
            AND COALESCE(p.refund_called_at < now() - make_interval(secs => :gap), true)
        ORDER BY r.next_try_at LIMIT 1 FOR NO KEY UPDATE OF r, p SKIP LOCKED
    ), spaced AS (
        UPDATE payments p SET refund_called_at = now() FROM due WHERE p.order_id = due.order_id AND p.n = due.n
    )
    UPDATE refunds r SET next_try_at = now() + make_interval(secs => :lease), tries = LEAST(tries + 1, 30000)
    FROM due WHERE r.id = due.id
    RETURNING {_COLUMNS}, due.out_trade_no, due.trade_no, due.refunded_fen
""")  # noqa: S608 - the names are ours, the values are bound
_BY_NUMBER = sql(f"""
    SELECT {_COLUMNS}, p.out_trade_no, p.trade_no, p.refunded_fen
    FROM refunds r JOIN payments p ON p.order_id = r.order_id AND p.n = r.n
    WHERE r.out_request_no = :number AND r.finished_at IS NULL
""")  # noqa: S608 - as above
_LATER = sql("""
    UPDATE refunds SET status = CAST(:status AS refund_status), error = :error, refusal = :refusal,
        next_try_at = now() + make_interval(secs => :seconds)
    WHERE id = :id AND finished_at IS NULL RETURNING id
""")


def due(connection: Connection, limit: int) -> list[int]:
    """The ids of refunds whose turn it is."""
    return list(connection.execute(_DUE, {"limit": limit}).scalars())


def claim(connection: Connection, time_scale: float) -> Due | None:
    """Takes the refund that waits longest, for `LEASE_SECONDS`."""
    row = connection.execute(_CLAIM, {"lease": LEASE_SECONDS, "gap": GAP_SECONDS / time_scale}).one_or_none()
    return Due(*row) if row else None


def send(engine: Engine, alipay: Alipay, due: Due, time_scale: float) -> Wakes:
    """One refund's turn: what was sent before is asked about, the rest is sent. Returns the changed order's version."""
    answer = _asked(engine, alipay, due) if due.tries > 1 else None
    if isinstance(answer, Done):
        return _end(engine, due, "succeeded", None)
    if isinstance(answer, Unknown):
        return _later(engine, due, answer, time_scale)
    if refusal := _words(answer) if answer else due.refusal:
        return _refused(engine, alipay, due, refusal, time_scale)
    return _sent(engine, alipay, due, time_scale)


def _sent(engine: Engine, alipay: Alipay, due: Due, time_scale: float) -> Wakes:
    answer = alipay.refund(due.out_trade_no, due.out_request_no, due.amount_fen, due.reason, due.trade_no)
    _note(engine, due, "refund", answer)
    if isinstance(answer, Done) and answer.fields.get("fund_change") == "Y":
        # The sum of all that went back of the trade: an older refund's answer is none to this one.
        if money.fen(answer.fields["refund_fee"]) >= due.refunded_fen + due.amount_fen:
            return _end(engine, due, "succeeded", None)
        answer = Unknown("Alipay says that less went back than was asked for", is_foreign=True)
    if isinstance(answer, Refused) and answer.code in (*_FINAL, _DISCORDANT) and due.tries == 1:
        return _refused(engine, alipay, due, _words(answer), time_scale)
    return _later(engine, due, answer, time_scale)


def confirm(engine: Engine, alipay: Alipay, out_request_no: str) -> Wakes:
    """Asks about a refund that Alipay's bill has, whoever's turn it is. Returns the changed order's version."""
    with transaction(engine) as connection:
        row = connection.execute(_BY_NUMBER, {"number": out_request_no}).one_or_none()
    if row is None:
        return []
    due = Due(*row)
    answer = _asked(engine, alipay, due)
    if isinstance(answer, Done):
        return _end(engine, due, "succeeded", None)
    if answer is not None and (alarm := _foreign(due, answer)):
        with transaction(engine) as connection:
            alarms.raise_alarm(connection, alarm)
    return []


def _note(engine: Engine, due: Due, call: str, answer: Result) -> None:
    with transaction(engine) as connection:
        answers.note(connection, due.order_id, due.n, call, answer, due.out_request_no)


def _asked(engine: Engine, alipay: Alipay, due: Due) -> Result | None:
    """What became of an earlier try; None: Alipay knows nothing of it, so it may be sent again."""
    answer = alipay.refund_query(due.out_trade_no, due.out_request_no, due.trade_no)
    _note(engine, due, "refund_query", answer)
    moved_fen = refunded_fen(answer, due.out_request_no)
    if moved_fen == due.amount_fen:
        return answer
    if moved_fen:
        return Refused(_DISCORDANT, f"{money.yuan(moved_fen)} went back")
    if isinstance(answer, Done) and not answer.fields.keys() & {"out_request_no", "refund_amount", "refund_status"}:
        return None
    if isinstance(answer, Refused) and answer.code == "TRADE_NOT_EXIST":
        return None
    return _unknown(answer)


def _unknown(answer: Result) -> Unknown:
    return answer if isinstance(answer, Unknown) else Unknown(_words(answer))


def _words(answer: Result) -> str:
    if isinstance(answer, Refused):
        return f"{answer.code}: {answer.message}"
    return answer.why if isinstance(answer, Unknown) else "accepted, but the money has not moved yet"


def _refused(engine: Engine, alipay: Alipay, due: Due, refusal: str, time_scale: float) -> Wakes:
    """It was never made: an operator's has failed, what the shop may not keep is tried again and needs a person."""
    code = refusal.partition(":")[0]
    if code == "TRADE_HAS_CLOSE":
        return _closed(engine, alipay, due, refusal, time_scale)
    if due.source == "operator" and code != _DISCORDANT:
        return _end(engine, due, "failed", refusal)
    says = f"Alipay refuses to send {money.yuan(due.amount_fen)} yuan of order {due.order_id} back: {refusal}"
    values = {"id": due.id, "status": "requested", "error": refusal, "refusal": None, "seconds": 3600}
    _put_off(engine, values, Alarm("refund_refused", due.out_request_no, says, due.order_id, due.amount_fen))
    return []


def _closed(engine: Engine, alipay: Alipay, due: Due, refusal: str, time_scale: float) -> Wakes:
    """Nothing is left there, Alipay says: that all of it went back by its own console only the trade itself proves."""
    answer = alipay.query(due.out_trade_no, due.trade_no)
    _note(engine, due, "query", answer)
    if isinstance(answer, Done):
        told = trade(answer.fields)
        if told.refunded_fen == told.total_fen:
            return _end(engine, due, "failed", refusal, went_back_elsewhere=True)
        answer = Unknown("Alipay says that the trade is closed, and knows it otherwise", is_foreign=True)
    return _later(engine, due, answer, time_scale)


def _later(engine: Engine, due: Due, answer: Result, time_scale: float) -> Wakes:
    """Its outcome is open, or a later try was refused: whether an earlier one moved the money is asked first."""
    is_final = isinstance(answer, Refused) and answer.code in (*_FINAL, _DISCORDANT)
    values = {
        "id": due.id,
        "status": "requested" if isinstance(answer, Refused) and not is_final else "unknown",
        "error": _words(answer)[:500],
        "refusal": _words(answer)[:500] if is_final else due.refusal,
        "seconds": LADDER_SECONDS[min(due.tries, len(LADDER_SECONDS)) - 1] / time_scale,
    }
    _put_off(engine, values, _foreign(due, answer))
    return []


def _put_off(engine: Engine, values: dict[str, Any], alarm: Alarm | None) -> None:
    """What has ended meanwhile is not put off, and nobody needs to hear of it."""
    with transaction(engine) as connection:
        if connection.execute(_LATER, values).one_or_none() is not None and alarm is not None:
            alarms.raise_alarm(connection, alarm)


def _foreign(due: Due, answer: Result) -> Alarm | None:
    if not (isinstance(answer, Unknown) and answer.is_foreign):
        return None
    says = f"Alipay's answer about a refund of order {due.order_id} speaks of something else: {answer.why}"
    return Alarm("answer_differs", due.out_request_no, says, due.order_id, due.amount_fen)


def _end(engine: Engine, due: Due, status: str, error: str | None, *, went_back_elsewhere: bool = False) -> Wakes:
    with transaction(engine) as connection:
        ledger = Ledger(connection, [due.order_id])
        order = ledger.orders[due.order_id]
        payment = order.payments[due.n - 1]
        refund = next((one for one in refunds.pending(ledger, payment) if one.id == due.id), None)
        if refund is None or not refunds.end(ledger, order, payment, refund, status, error):
            return []
        if went_back_elsewhere:
            refunds.record_external(ledger, order, payment, payment.left_fen)
        return ledger.save()
