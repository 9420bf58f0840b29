"""Buyers with bad timing: one pays just before a close, another after the close found nothing to close."""

from contextlib import suppress

from sandbox.alipay import offers, trades
from sandbox.alipay.gateway import Gateway
from sandbox.alipay.wire import BusinessError

_DELAY = 1.0


def pay_now(gateway: Gateway, out_trade_no: str) -> None:
    """Have a buyer pay the newest offer of an order; where it cannot be paid, nothing happens."""
    with suppress(BusinessError):
        trades.pay(gateway, offers.newest(gateway, out_trade_no).token)


def expect(gateway: Gateway, out_trade_no: str, seconds: float | None) -> None:
    """Have a buyer pay the newest offer of an order in so many real seconds; survives a restart."""
    with suppress(BusinessError):  # The merchant may close an order that he has never shown to anybody.
        token = offers.newest(gateway, out_trade_no).token
        due_at = gateway.clock.real() + (_DELAY if seconds is None else seconds)
        gateway.store.run("INSERT INTO late_buyers VALUES (?, ?) ON CONFLICT DO NOTHING", token, due_at)


def come(gateway: Gateway, limit: int = 100) -> None:
    """Let the buyers whose time has come pay; who stands before a closed door goes away."""
    sql = "SELECT token FROM late_buyers WHERE due_at <= ? ORDER BY due_at LIMIT ?"
    for row in gateway.store.all(sql, gateway.clock.real(), limit):
        with suppress(BusinessError):
            trades.pay(gateway, row["token"])
        gateway.store.run("DELETE FROM late_buyers WHERE token = ?", row["token"])
