"""Asking Alipay about attempts that are due, and closing there what closes here.

Each step is: claim by a lease (commit), call without any lock, write what was learned (commit). What stays unknown
stays due. Before `payable_until` the answer "no such trade" decides nothing: the buyer may still sit on the page.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy.exc import DBAPIError
from structlog import get_logger

from checkout import db, money
from checkout.alipay.client import Alipay, Done, Refused, Result, Unknown, trade
from checkout.alipay.trade import Trade
from checkout.audit import alarms
from checkout.audit.alarms import Alarm
from checkout.db import Connection, Engine, command, sql, transaction
from checkout.orders import attempts, closing
from checkout.orders.ledger import Ledger, Order, Payment
from checkout.payments import answers, trades
from checkout.payments.trades import Rules

log = get_logger(__name__)

LEASE_SECONDS = 60
SOONEST_SECONDS = 3
PAUSE_SECONDS = 5
HASTEN_SECONDS = 60


class Due(NamedTuple):
    """An attempt whose turn it is, as it was when it was claimed. Never claimed, a missing trade proves nothing."""

    order_id: int
    n: int
    out_trade_no: str
    closing: bool
    claimed_at: datetime | None = None


_IS_DUE = """
    p.due_at <= now() AND (p.leased_until IS NULL OR p.leased_until <= now())
        AND p.status = 'open' AND p.offered_at IS NOT NULL
"""
_DUE = sql(f"SELECT p.order_id, p.n FROM payments p WHERE {_IS_DUE} ORDER BY p.due_at LIMIT :limit")  # noqa: S608 - ours
_CLAIM = sql(f"""
    WITH due AS (
        SELECT p.order_id, p.n, o.closing_at IS NOT NULL OR o.status <> 'awaiting_payment' AS closing
        FROM payments p JOIN orders o ON o.id = p.order_id
        WHERE {_IS_DUE} ORDER BY p.due_at LIMIT :limit FOR NO KEY UPDATE OF p SKIP LOCKED
    )
    UPDATE payments p SET leased_until = now() + make_interval(secs => :lease), queries = LEAST(p.queries + 1, 30000)
    FROM due WHERE p.order_id = due.order_id AND p.n = due.n
    RETURNING p.order_id, p.n, p.out_trade_no, due.closing, now()
""")  # noqa: S608 - ours
# What stays due, because its order's time is over and nobody has closed it yet, is not asked about without a pause.
_END_LEASE = command("""
    UPDATE payments SET leased_until = CASE WHEN due_at <= now() THEN now() + make_interval(secs => :pause) END
    WHERE order_id = :order_id AND n = :n
""")
_MAKE_DUE = command("""
    UPDATE payments SET due_at = now() + make_interval(secs => :soonest), hastened_at = now()
    WHERE out_trade_no = :number AND status = 'open' AND offered_at IS NOT NULL
        AND (hastened_at IS NULL OR hastened_at < now() - make_interval(secs => :every))
        AND (due_at > now() + make_interval(secs => :soonest) OR leased_until > now())
""")
_ORDER_OF = sql("SELECT order_id FROM payments WHERE out_trade_no = :number")


def due(connection: Connection, limit: int) -> list[str]:
    """The ids of attempts whose turn it is."""
    rows = connection.execute(_DUE, {"limit": limit})
    return [f"{row.order_id}-{row.n}" for row in rows]


def claim(connection: Connection, limit: int) -> list[Due]:
    """Takes the attempts that are due, the longest waiting first, for `LEASE_SECONDS`."""
    rows = connection.execute(_CLAIM, {"limit": limit, "lease": LEASE_SECONDS})
    return [Due(*row) for row in rows]


def hasten(connection: Connection, out_trade_no: str) -> int | None:
    """Has Alipay asked soon: the buyer came back, or somebody claims to be Alipay. Returns the payment's order.

    However often this is called, an attempt is asked about out of turn once a minute.
    """
    values = {"number": out_trade_no, "soonest": SOONEST_SECONDS, "every": HASTEN_SECONDS}
    connection.execute(_MAKE_DUE, values)
    return connection.execute(_ORDER_OF, {"number": out_trade_no}).scalar()


def ask(engine: Engine, alipay: Alipay, due: Due, rules: Rules, time_scale: float) -> list[tuple[int, int]]:
    """One attempt's turn: query, and close when its order closes. Returns the changed order's version.

    An answer that the database refuses raises an alarm; the attempt stays due, and the others have their turn.
    """
    try:
        return _ask(engine, alipay, due, rules, time_scale)
    except DBAPIError as error:
        if not db.is_data_fault(error):
            raise
        log.error("answer_refused", out_trade_no=due.out_trade_no, sqlstate=db.sqlstate(error))
        says = f"the database refuses what Alipay answers about order {due.order_id}: {db.verdict(error)}"
        with transaction(engine) as connection:
            alarms.raise_alarm(connection, Alarm("query_failed", due.out_trade_no, says, due.order_id))
        return []


def _ask(engine: Engine, alipay: Alipay, due: Due, rules: Rules, time_scale: float) -> list[tuple[int, int]]:
    answer = alipay.query(due.out_trade_no)
    wakes = _write(engine, due, answer, rules, time_scale, asked_to_close=False)
    if due.closing and isinstance(answer, Done) and answer.fields["trade_status"] == "WAIT_BUYER_PAY":
        closed = alipay.close(due.out_trade_no, answer.fields["trade_no"])
        wakes = _write(engine, due, closed, rules, time_scale, asked_to_close=True) or wakes
    return wakes


def _write(
    engine: Engine, due: Due, answer: Result, rules: Rules, time_scale: float, *, asked_to_close: bool
) -> list[tuple[int, int]]:
    with transaction(engine) as connection:
        ledger = Ledger(connection, [due.order_id])
        answers.note(connection, due.order_id, due.n, "close" if asked_to_close else "query", answer)
        order = ledger.orders[due.order_id]
        payment = order.payments[due.n - 1]
        if isinstance(answer, Refused) and answer.code == "TRADE_NOT_EXIST":
            _learn_that_none_exists(ledger, order, payment, due.claimed_at)
            if payment.status == "open" and payment.trade_no:
                _alarm(connection, payment, "trade_missing", f"Alipay has made trade {payment.trade_no}, and denies it")
        elif isinstance(answer, Done) and asked_to_close:
            _learn_that_it_closed(ledger, order, payment)
        elif isinstance(answer, Done):
            _learn_its_state(ledger, payment, trade(answer.fields), rules)
        elif isinstance(answer, Unknown) and answer.is_foreign:
            answer_differs(connection, payment, answer.why)
        if payment.status == "open":
            attempts.plan(ledger, order, payment, time_scale, hastened=_hastened(payment, due))
        wakes = ledger.save()
        values = {"order_id": order.id, "n": payment.n, "pause": PAUSE_SECONDS / time_scale}
        connection.execute(_END_LEASE, values)
        return wakes


def _hastened(payment: Payment, due: Due) -> datetime | None:
    """When somebody wanted to know while the question was under way."""
    was_moved = payment.due_at is not None and due.claimed_at is not None and payment.due_at > due.claimed_at
    return payment.due_at if was_moved else None


# What a query found, and we do not believe, is real money all the same.
_UNBELIEVED = {
    "amount_differs": ("query_amount_differs", "Alipay knows the trade with another amount"),
    "too_old": ("query_too_old", "Alipay's trade is older than our attempt"),
    "trade_differs": ("trade_differs", "the trade pays for another attempt already, or another trade for this one"),
}


def _learn_its_state(ledger: Ledger, payment: Payment, told: Trade, rules: Rules) -> None:
    [outcome] = trades.believe(ledger, [((payment.order_id, payment.n), told)], rules)
    if outcome in _UNBELIEVED:
        kind, why = _UNBELIEVED[outcome]
        why = f"{why}: {money.yuan(told.total_fen)} yuan, trade {told.trade_no}"
        _alarm(ledger.connection, payment, kind, why)


def answer_differs(connection: Connection, payment: Payment, why: str) -> None:
    """Alipay signed an answer about the attempt that speaks of something else: nothing is believed, a person looks."""
    _alarm(connection, payment, "answer_differs", f"Alipay's answer speaks of something else: {why}")


def _alarm(connection: Connection, payment: Payment, kind: str, why: str) -> None:
    says = f"attempt {payment.id} to collect {money.yuan(payment.amount_fen)} yuan: {why}"
    alarms.raise_alarm(connection, Alarm(kind, payment.out_trade_no, says, payment.order_id, payment.amount_fen))


def _learn_that_it_closed(ledger: Ledger, order: Order, payment: Payment) -> None:
    if payment.status == "open":
        attempts.close(ledger, order, payment, "closed_at_alipay")
        closing.settle(ledger, order)


def _learn_that_none_exists(ledger: Ledger, order: Order, payment: Payment, claimed_at: datetime | None) -> None:
    # The answer was true when Alipay gave it, some time after the claim: the buyer may have paid since.
    # Of a trade that Alipay has made itself it proves nothing at all.
    is_unborn = payment.status == "open" and payment.trade_no is None
    if is_unborn and claimed_at and payment.payable_until and payment.payable_until <= claimed_at:
        attempts.close(ledger, order, payment, "expired_unborn")
        closing.settle(ledger, order)
