"""Where a notify is believed: an inbox that is committed before Alipay hears `success`, then applied in batches."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy.exc import DBAPIError
from structlog import get_logger

from checkout import db, money
from checkout.alipay import notify
from checkout.alipay.notify import Notify
from checkout.alipay.trade import Trade
from checkout.audit import alarms
from checkout.audit.alarms import Alarm
from checkout.db import Connection, Engine, array, command, sql, transaction
from checkout.payments import queries, trades
from checkout.payments.trades import Applied, Rules

log = get_logger(__name__)

MOST_NOTIFIES = 200

_STORE = sql("""
    INSERT INTO notifies (fact, out_trade_no, params)
    SELECT fact, number, params::jsonb
    FROM unnest(CAST(:facts AS uuid[]), CAST(:numbers AS text[]), CAST(:params AS text[])) AS n (fact, number, params)
    ORDER BY fact
    ON CONFLICT (fact) DO NOTHING RETURNING id
""")
_EXPECTED = sql("""
    SELECT out_trade_no, order_id, amount_fen FROM payments WHERE out_trade_no = ANY(CAST(:numbers AS text[]))
""")
# The oldest first, whatever it was that rang.
_CLAIM = sql("""
    SELECT id, params FROM notifies
    WHERE applied_at IS NULL ORDER BY id LIMIT :most FOR NO KEY UPDATE SKIP LOCKED
""")
_CLAIM_ONE = sql("""
    SELECT id, params, out_trade_no FROM notifies WHERE id = :id AND applied_at IS NULL FOR NO KEY UPDATE SKIP LOCKED
""")
_PENDING = sql("SELECT id FROM notifies WHERE applied_at IS NULL ORDER BY id LIMIT :most")
_APPLIED = command("""
    UPDATE notifies SET applied_at = now(), outcome = a.outcome
    FROM unnest(CAST(:ids AS bigint[]), CAST(:outcomes AS text[])) AS a (id, outcome) WHERE notifies.id = a.id
""")
# What names the buyer goes, and what is left of the signature proves nothing any more, so it goes along.
_BLANK = command("""
    UPDATE notifies SET blanked_at = now(), params = (
        SELECT jsonb_object_agg(key, value) FROM jsonb_each(params) WHERE key = ANY(CAST(:kept AS text[])))
    WHERE out_trade_no = ANY(CAST(:numbers AS text[])) AND applied_at IS NOT NULL AND blanked_at IS NULL
""")
# Whoever erases the order waits until we have committed, or we until he has.
_ERASED = sql("""
    SELECT o.erased_at IS NOT NULL FROM payments p JOIN orders o ON o.id = p.order_id
    WHERE p.out_trade_no = :number FOR SHARE OF o
""")
_IS_WAITING = sql("""
    SELECT EXISTS (
        SELECT FROM notifies WHERE applied_at IS NULL AND received_at < now() - make_interval(secs => :seconds))
""")
_FAILED = command("UPDATE notifies SET applied_at = now(), outcome = 'failed' WHERE id = :id")
# What Alipay signed and we did not believe is real money all the same.
_ALARMS = {
    "unknown_payment": "notify_of_unknown_payment",
    "amount_differs": "notify_amount_differs",
    "too_old": "trade_older_than_attempt",
    "trade_differs": "trade_differs",
}


def store(connection: Connection, told: Sequence[Notify]) -> tuple[list[int], list[bool]]:
    """Keeps what is news. Returns the new rows' ids, and for each notify whether it is about a payment of ours.

    What Alipay signed but names a payment that is not ours, or another amount, is real money: it raises an alarm and
    is not acknowledged, so that it comes again.
    """
    rows = connection.execute(_EXPECTED, {"numbers": array(n.trade.out_trade_no for n in told)})
    expected = {row.out_trade_no: (row.order_id, row.amount_fen) for row in rows}
    fits = [expected.get(n.trade.out_trade_no, (0, 0))[1] == n.trade.total_fen for n in told]
    news = {n.fact: n for n, fit in zip(told, fits, strict=True) if fit}
    misfits = {n.trade.out_trade_no: n for n, fit in zip(told, fits, strict=True) if not fit}
    _alarm(connection, [misfits[number] for number in sorted(misfits)], expected)
    if not news:
        return [], fits
    columns = {
        "facts": array(news),
        "numbers": array(n.trade.out_trade_no for n in news.values()),
        "params": array(msgspec.json.encode(n.params).decode() for n in news.values()),
    }
    return list(connection.execute(_STORE, columns).scalars()), fits


def _alarm(connection: Connection, misfits: Sequence[Notify], expected: dict[str, tuple[int, int]]) -> None:
    """All payments first, as whoever applies a notify has them before he raises an alarm."""
    for told in misfits:
        queries.hasten(connection, told.trade.out_trade_no)
    for told in misfits:
        order_id, amount_fen = expected.get(told.trade.out_trade_no, (None, None))
        alarms.raise_alarm(connection, _misfit(told.trade, order_id, amount_fen))


def _misfit(trade: Trade, order_id: int | None, amount_fen: int | None) -> Alarm:
    says = f"Alipay tells of {money.yuan(trade.total_fen)} yuan ({trade.status}, trade {trade.trade_no})"
    if amount_fen is None:
        says = f"{says} for {trade.out_trade_no}, which is no payment of ours"
        return Alarm("notify_of_unknown_payment", trade.out_trade_no, says, fen=trade.total_fen)
    says = f"{says} for order {order_id}, which asks {money.yuan(amount_fen)}"
    return Alarm("notify_amount_differs", trade.out_trade_no, says, order_id, trade.total_fen)


def run(engine: Engine, rules: Rules) -> Iterator[Applied]:
    """Applies what waits, the oldest first, until nothing is left; yields after each commit.

    When the data of one makes its batch fail, each is applied alone.
    """
    while True:
        try:
            with transaction(engine) as connection:
                applied = apply(connection, rules)
        except DBAPIError as error:
            if db.is_passing(error):
                raise
            with transaction(engine) as connection:
                pending = list(connection.execute(_PENDING, {"most": MOST_NOTIFIES}).scalars())
            if not pending:
                raise
            for notify_id in pending:
                yield _run_alone(engine, notify_id, rules)
            continue
        yield applied
        if len(applied.outcomes) < MOST_NOTIFIES:
            return


def _run_alone(engine: Engine, notify_id: int, rules: Rules) -> Applied:
    try:
        with transaction(engine) as connection:
            return _apply(connection, connection.execute(_CLAIM_ONE, {"id": notify_id}).all(), rules)
    except DBAPIError as error:
        if db.is_passing(error):
            raise
        log.error("notify_failed", notify_id=notify_id, sqlstate=db.sqlstate(error))
        with transaction(engine) as connection:
            _park(connection, notify_id, db.verdict(error))
        return Applied([], [], {})


def _park(connection: Connection, notify_id: int, error: str) -> None:
    """Nobody tries it again: a person has to look, and while its attempt is open Alipay is asked, too."""
    claimed = connection.execute(_CLAIM_ONE, {"id": notify_id}).one_or_none()
    if claimed is not None:
        number = claimed.out_trade_no
        is_erased = connection.execute(_ERASED, {"number": number}).scalar()
        connection.execute(_FAILED, {"id": notify_id})
        order_id = queries.hasten(connection, number)
        says = f"notify {notify_id} about order {order_id} cannot be applied: {error}"
        alarms.raise_alarm(connection, Alarm("notify_failed", number, says, order_id))
        if is_erased:
            blank(connection, [number])


def apply(connection: Connection, rules: Rules) -> Applied:
    """Applies the stored notifies that nobody has applied yet, the oldest first; `MOST_NOTIFIES` at once."""
    return _apply(connection, connection.execute(_CLAIM, {"most": MOST_NOTIFIES}).all(), rules)


def _apply(connection: Connection, rows: Sequence[Any], rules: Rules) -> Applied:
    told: list[Trade] = [notify.trade(row.params) for row in rows]
    applied = trades.apply(connection, told, rules)
    for trade, outcome in zip(told, applied.outcomes, strict=True):
        if outcome in _ALARMS:
            alarms.raise_alarm(connection, _unbelieved(outcome, trade, applied.orders.get(trade.out_trade_no)))
    columns = {"ids": array(row.id for row in rows), "outcomes": array(applied.outcomes)}
    connection.execute(_APPLIED, columns)
    blank(connection, applied.erased)
    return applied


def _unbelieved(outcome: str, trade: Trade, order_id: int | None) -> Alarm:
    says = f"{money.yuan(trade.total_fen)} yuan ({trade.status}, trade {trade.trade_no}) for order {order_id}"
    says = f"Alipay tells of {says}, number {trade.out_trade_no}: {outcome}"
    return Alarm(_ALARMS[outcome], trade.out_trade_no, says, order_id, trade.total_fen)


def blank(connection: Connection, out_trade_nos: Collection[str]) -> None:
    """Nobody is to know any more who paid these: of their applied notifies the facts stay."""
    if out_trade_nos:
        connection.execute(_BLANK, {"numbers": array(out_trade_nos), "kept": array(notify.IMPERSONAL)})


def is_waiting(connection: Connection, older_than_seconds: float) -> bool:
    """Whether any is stored and not applied for so long: its doorbell was lost."""
    return bool(connection.execute(_IS_WAITING, {"seconds": older_than_seconds}).scalar())
