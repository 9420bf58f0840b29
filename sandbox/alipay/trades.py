"""Trades and their one state machine: WAIT_BUYER_PAY, TRADE_SUCCESS, TRADE_FINISHED, TRADE_CLOSED."""

import secrets
from collections.abc import Mapping
from typing import Any

from sandbox.alipay import clock, fields, notifies, offers
from sandbox.alipay.gateway import Gateway
from sandbox.alipay.model import CLOSED, FINISHED, SUCCESS, WAITING, Trade
from sandbox.alipay.offers import Offer
from sandbox.alipay.wire import BusinessError, Call

_SELECT = """
SELECT trades.*, offers.product, offers.total_fen, offers.subject, offers.body, offers.passback_params,
       offers.notify_url, offers.return_url, offers.charset, offers.certified, offers.installments
FROM trades JOIN offers USING (token)
"""


def by_out_trade_no(gateway: Gateway, out_trade_no: str) -> Trade | None:
    row = gateway.store.one(f"{_SELECT} WHERE trades.out_trade_no = ?", out_trade_no)
    return _settled(gateway, Trade(**row)) if row else None


def by_trade_no(gateway: Gateway, trade_no: str) -> Trade | None:
    row = gateway.store.one(f"{_SELECT} WHERE trade_no = ?", trade_no)
    return _settled(gateway, Trade(**row)) if row else None


def recent(gateway: Gateway, limit: int) -> list[Trade]:
    """The newest first, as they were made: Alipay's clock may have been set meanwhile."""
    rows = gateway.store.all(f"{_SELECT} ORDER BY trades.rowid DESC LIMIT ?", limit)
    return [Trade(**row) for row in rows]


def named(gateway: Gateway, biz: Mapping[str, Any]) -> Trade:
    """The trade that a request names; `trade_no` wins. Raises BusinessError ACQ.TRADE_NOT_EXIST."""
    trade_no = fields.text(biz, "trade_no", 64)
    out_trade_no = fields.text(biz, "out_trade_no", 64)
    if not trade_no and not out_trade_no:
        raise fields.invalid("out_trade_no和trade_no不能同时为空")
    trade = by_trade_no(gateway, trade_no) if trade_no else by_out_trade_no(gateway, out_trade_no)
    if trade is None:
        raise BusinessError("ACQ.TRADE_NOT_EXIST", "交易不存在")
    return trade


def check_payable(gateway: Gateway, offer: Offer) -> Trade | None:
    """The trade that already stands for the offer's order, if it can still be paid and tells the same story."""
    trade = by_out_trade_no(gateway, offer.out_trade_no)
    if trade is None:
        return None
    if (trade.total_fen, trade.subject, trade.product) != (offer.total_fen, offer.subject, offer.product):
        raise BusinessError("ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改")
    if offers.find(gateway, trade.token).buyer != offer.buyer:
        raise BusinessError("ACQ.TRADE_BUYER_NOT_MATCH", "交易买家不匹配")
    if trade.status in (SUCCESS, FINISHED):
        raise BusinessError("ACQ.TRADE_HAS_SUCCESS", "交易已被支付")
    if trade.status == CLOSED and not _may_reopen(gateway, offer, trade):
        raise BusinessError("ACQ.TRADE_HAS_CLOSE", "交易已经关闭")
    return trade


def show(gateway: Gateway, call: Call) -> Offer:
    """A merchant shows an order to a buyer; raises BusinessError where it can no longer be paid."""
    with gateway.store.transaction():
        offer = offers.read(gateway, call)
        check_payable(gateway, offer)
        return offers.remember(gateway, offer)


def create(gateway: Gateway, call: Call) -> Trade:
    """A merchant makes a trade for a buyer whom he names; the same again is the same trade. Raises BusinessError."""
    with gateway.store.transaction():
        return take_up(gateway, show(gateway, call).token)


def log_in(gateway: Gateway, token: str) -> Trade | None:
    """The buyer scans the code or logs in; raises BusinessError.

    A wallet's trade (app, and wap by switch) is born with the payment password only: None is returned.
    """
    offer = offers.find(gateway, token)
    born_at = {"app": gateway.switches.app_trade_born, "wap": gateway.switches.wap_trade_born}
    if born_at.get(offer.product) != "pay":
        return take_up(gateway, token)
    trade = check_payable(gateway, offer)
    if trade is None:
        check_door(gateway, offer)
    return trade


def take_up(gateway: Gateway, token: str) -> Trade:
    """From here on the trade exists. Taking it up again is the same trade."""
    with gateway.store.transaction():
        offer = offers.find(gateway, token)
        trade = check_payable(gateway, offer)
        if trade is None:
            return _create(gateway, offer)
        if offer.product == "page" and offer.time_expire is None:
            return _restart(gateway, offer, trade)
        return trade


def pay(gateway: Gateway, token: str) -> Trade:
    """The buyer pays, taking the offer up first where he has not; raises BusinessError."""
    with gateway.store.transaction():
        trade = take_up(gateway, token)
        sql = "UPDATE trades SET status = ?, paid_at = ? WHERE trade_no = ?"
        gateway.store.run(sql, SUCCESS, gateway.clock.now(), trade.trade_no)
        paid = read(gateway, trade.trade_no)
        notifies.announce(gateway, paid)
    gateway.wake.set()
    return paid


def close(gateway: Gateway, trade: Trade, at: float | None = None) -> Trade:
    """Close an unpaid trade, or one whose money has all gone back; the caller has checked the status."""
    with gateway.store.transaction():
        sql = "UPDATE trades SET status = ?, closed_at = ? WHERE trade_no = ?"
        gateway.store.run(sql, CLOSED, at or gateway.clock.now(), trade.trade_no)
        closed = read(gateway, trade.trade_no)
        if closed.paid_at is None:
            notifies.announce(gateway, closed)
    gateway.wake.set()
    return closed


def finish(gateway: Gateway, trade: Trade) -> Trade:
    """The refund window is over."""
    with gateway.store.transaction():
        trade = read(gateway, trade.trade_no)
        if trade.status != SUCCESS:
            raise BusinessError("ACQ.TRADE_STATUS_ERROR", "交易状态不合法")
        sql = "UPDATE trades SET status = ?, finished_at = ? WHERE trade_no = ?"
        gateway.store.run(sql, FINISHED, gateway.clock.now(), trade.trade_no)
        finished = read(gateway, trade.trade_no)
        notifies.announce(gateway, finished)
    gateway.wake.set()
    return finished


def expire_overdue(gateway: Gateway, limit: int = 500) -> None:
    """Close unpaid trades past their time; a trade that is asked for is settled at once anyway."""
    sql = "SELECT trade_no FROM trades WHERE status = ? AND expires_at <= ? ORDER BY expires_at LIMIT ?"
    for row in gateway.store.all(sql, WAITING, gateway.clock.now(), limit):
        by_trade_no(gateway, row["trade_no"])


def read(gateway: Gateway, trade_no: str) -> Trade:
    """The trade exactly as it stands in the store; LookupError when there is none."""
    row = gateway.store.one(f"{_SELECT} WHERE trade_no = ?", trade_no)
    if row is None:
        raise LookupError(trade_no)
    return Trade(**row)


def _settled(gateway: Gateway, trade: Trade) -> Trade:
    """Time passes by itself: an unpaid trade past its deadline is closed, to the second, and once."""
    if not _is_overdue(gateway, trade):
        return trade
    with gateway.store.transaction():
        trade = read(gateway, trade.trade_no)
        return close(gateway, trade, trade.expires_at) if _is_overdue(gateway, trade) else trade


def _is_overdue(gateway: Gateway, trade: Trade) -> bool:
    return trade.status == WAITING and trade.expires_at <= gateway.clock.now()


def _may_reopen(gateway: Gateway, offer: Offer, trade: Trade) -> bool:
    relative = offer.product == "page" and offer.time_expire is None
    return gateway.switches.reopen_page_after_timeout and relative and trade.closed_at == trade.expires_at


def check_door(gateway: Gateway, offer: Offer) -> None:
    """Raises BusinessError when it is too late to take the offer up."""
    door_closes_at = offers.door_closes_at(gateway, offer)
    if door_closes_at is not None and door_closes_at <= gateway.clock.now():
        raise BusinessError("ACQ.TRADE_HAS_CLOSE", "订单已超时，请重新下单")


def _restart(gateway: Gateway, offer: Offer, trade: Trade) -> Trade:
    """Showing the same page order again starts its relative timeout anew (by switch)."""
    check_door(gateway, offer)
    expires_at = offers.trade_expires_at(gateway, offer, trade.created_at)
    sql = "UPDATE trades SET status = ?, expires_at = ?, closed_at = NULL WHERE trade_no = ?"
    gateway.store.run(sql, WAITING, expires_at, trade.trade_no)
    return read(gateway, trade.trade_no)


def _create(gateway: Gateway, offer: Offer) -> Trade:
    check_door(gateway, offer)
    now = gateway.clock.now()
    trade_no = f"{clock.beijing(now):%Y%m%d}22001{secrets.randbelow(10**15):015}"
    gateway.store.insert(
        "trades",
        trade_no=trade_no,
        out_trade_no=offer.out_trade_no,
        token=offer.token,
        status=WAITING,
        expires_at=offers.trade_expires_at(gateway, offer, now),
        created_at=now,
    )
    return read(gateway, trade_no)
