"""Refunds: one fixed request number is one refund, whatever is lost on the way."""

from typing import Any

from sandbox.alipay import notifies, trades
from sandbox.alipay.fields import yuan
from sandbox.alipay.gateway import Gateway
from sandbox.alipay.model import CLOSED, FINISHED, SUCCESS, WAITING, Refund, Trade
from sandbox.alipay.wire import BusinessError

_GAP = 3.0
_SETTLING = 10.0


def find(gateway: Gateway, trade: Trade, out_request_no: str) -> Refund | None:
    sql = "SELECT * FROM refunds WHERE trade_no = ? AND out_request_no = ?"
    row = gateway.store.one(sql, trade.trade_no, out_request_no)
    return Refund(**row) if row else None


def _stored(gateway: Gateway, trade: Trade, out_request_no: str) -> Refund:
    refund = find(gateway, trade, out_request_no)
    if refund is None:
        raise LookupError(out_request_no)
    return refund


def of_trade(gateway: Gateway, trade: Trade) -> list[Refund]:
    sql = "SELECT * FROM refunds WHERE trade_no = ? ORDER BY asked_at LIMIT 1000"
    return [Refund(**row) for row in gateway.store.all(sql, trade.trade_no)]


def refund(
    gateway: Gateway,
    trade: Trade,
    amount_fen: int,
    out_request_no: str = "",
    reason: str = "",
    *,
    external: bool = False,
    pending: float | None = None,
) -> tuple[Refund, bool]:
    """Give money back; returns the refund and whether money moved by this very call.

    `pending` delays the money by so many seconds. Raises BusinessError; nothing has happened then.
    """
    with gateway.store.transaction():
        trade = trades.read(gateway, trade.trade_no)
        known = find(gateway, trade, out_request_no or trade.out_trade_no)
        if known:
            return _repeated(known, amount_fen), False
        _check(gateway, trade, amount_fen, out_request_no)
        if not external:
            _check_gap(gateway, trade)
        asked_at = gateway.clock.now()
        gateway.store.insert(
            "refunds",
            trade_no=trade.trade_no,
            out_request_no=out_request_no or trade.out_trade_no,
            amount_fen=amount_fen,
            state="pending",
            reason=reason,
            external=external,
            asked_at=asked_at,
            due_at=gateway.clock.real() + (pending or 0),
        )
        asked = _stored(gateway, trade, out_request_no or trade.out_trade_no)
        return (asked, False) if pending is not None else (_move(gateway, asked), True)


def settle_pending(gateway: Gateway, limit: int = 100) -> None:
    """Let the money of delayed refunds arrive."""
    sql = "SELECT * FROM refunds WHERE state = 'pending' AND due_at <= ? LIMIT ?"
    for row in gateway.store.all(sql, gateway.clock.real(), limit):
        with gateway.store.transaction():
            _move(gateway, Refund(**row))


def settling_seconds(gateway: Gateway, wanted: float | None) -> float:
    return gateway.clock.scaled(_SETTLING) if wanted is None else wanted


def answer(trade: Trade, moved: bool) -> dict[str, Any]:
    """`refund_fee` is everything refunded of the trade so far, `fund_change` whether this call moved money."""
    return {"fund_change": "Y" if moved else "N", "refund_fee": yuan(trade.refunded_fen)}


def _repeated(known: Refund, amount_fen: int) -> Refund:
    if known.amount_fen != amount_fen:
        raise BusinessError("ACQ.DISCORDANT_REPEAT_REQUEST", "退款金额不一致")
    return known


def _check(gateway: Gateway, trade: Trade, amount_fen: int, out_request_no: str) -> None:
    if trade.status == WAITING:
        raise BusinessError("ACQ.TRADE_STATUS_ERROR", "交易状态不合法")
    if trade.status == FINISHED:
        raise BusinessError("ACQ.TRADE_HAS_FINISHED", "交易已经完结")
    if trade.status == CLOSED:
        raise BusinessError("ACQ.TRADE_HAS_CLOSE", "交易已经关闭")
    left = trade.total_fen - _promised(gateway, trade)
    if amount_fen > left or (not out_request_no and amount_fen != trade.total_fen):
        raise BusinessError(gateway.switches.over_refund_code, "退款金额不等于订单金额")


def _check_gap(gateway: Gateway, trade: Trade) -> None:
    sql = "SELECT max(asked_at) AS last FROM refunds WHERE trade_no = ? AND NOT external"
    row = gateway.store.one(sql, trade.trade_no)
    last = row["last"] if row else None
    if last is not None and gateway.clock.now() - last < gateway.clock.scaled(_GAP):
        raise BusinessError(gateway.switches.hasty_refund_code, "系统繁忙，请稍后再试")


def _promised(gateway: Gateway, trade: Trade) -> int:
    sql = "SELECT coalesce(sum(amount_fen), 0) AS fen FROM refunds WHERE trade_no = ?"
    row = gateway.store.one(sql, trade.trade_no)
    return int(row["fen"]) if row else 0


def _move(gateway: Gateway, asked: Refund) -> Refund:
    """The money moves; a trade whose money has all gone back is closed."""
    store, now = gateway.store, gateway.clock.now()
    store.run(
        "UPDATE refunds SET state = 'done', done_at = ? WHERE trade_no = ? AND out_request_no = ?",
        now,
        asked.trade_no,
        asked.out_request_no,
    )
    store.run("UPDATE trades SET refunded_fen = refunded_fen + ? WHERE trade_no = ?", asked.amount_fen, asked.trade_no)
    trade = trades.read(gateway, asked.trade_no)
    if trade.status == SUCCESS and trade.refunded_fen == trade.total_fen:
        trade = trades.close(gateway, trade)
    done = _stored(gateway, trade, asked.out_request_no)
    notifies.announce_refund(gateway, trade, done)
    gateway.wake.set()
    return done
