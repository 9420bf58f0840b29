"""The rows and columns of the table in docs/payments.md: how an order comes to its state, and Alipay to its word."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from checkout.alipay.client import Refused
from checkout.db import transaction
from checkout.orders import shipping
from checkout.orders.ledger import Payment
from tests.payments.shop import Seen, Shop
from tests.shared.answers import Answers
from tests.shared.factories import an_order, placed, time_passes

# When it is played, `pay_before` lies 30 minutes after the order and `payable_until` 32.


class Scene(NamedTuple):
    """An order, the attempt that Alipay speaks of (none: there is none), and how both were before it spoke."""

    shop: Shop
    order_id: int
    payment: Payment | None
    before: Seen

    @property
    def attempt(self) -> Payment:
        assert self.payment is not None
        return self.payment

    @property
    def now(self) -> Seen:
        return self.shop.seen(self.order_id)


def scene(shop: Shop, state: str) -> Scene:
    """An order in that state."""
    made = _STATES[state](shop)
    order_id = made if isinstance(made, int) else made.order_id
    return Scene(shop, order_id, None if isinstance(made, int) else made, shop.seen(order_id))


def _overdue(shop: Shop) -> Payment:
    payment = shop.offered()
    time_passes(shop.engine, payment.order_id, minutes=31)
    return payment


def _closing(shop: Shop) -> Payment:
    return _closes(shop, shop.offered())


def _closes(shop: Shop, payment: Payment) -> Payment:
    time_passes(shop.engine, payment.order_id, minutes=31)
    shop.scan()
    return payment


def _paid_by_other(shop: Shop) -> Payment:
    payment = shop.offered()
    other = shop.offered("page", payment.order_id)
    shop.pay(other)
    shop.ask(other)
    return payment


def _refunded_held(shop: Shop) -> Payment:
    payment = _paid_by_other(shop)
    shop.refund(payment, 2000)
    shop.send_refunds()
    return payment


def _shipped(shop: Shop) -> Payment:
    payment = shop.paid()
    with transaction(shop.engine) as connection:
        shipping.ship(connection, payment.order_id)
    return payment


def _completed(shop: Shop) -> Payment:
    payment = _shipped(shop)
    with transaction(shop.engine) as connection:
        shipping.complete(connection, payment.order_id, None)
    return payment


def _expired(shop: Shop) -> Payment:
    payment = _closing(shop)
    time_passes(shop.engine, payment.order_id, minutes=2)
    shop.ask(payment)
    return payment


def _cancelled_held(shop: Shop, method: str = "wap") -> Payment:
    payment = shop.offered(method)
    shop.cancel(payment.order_id)
    return payment


def _cancelled(shop: Shop) -> Payment:
    payment = _cancelled_held(shop)
    time_passes(shop.engine, payment.order_id, minutes=33)
    shop.ask(payment)
    return payment


def _refunded(shop: Shop) -> Payment:
    payment = shop.paid()
    shop.refund(payment, 2000)
    shop.send_refunds()
    return payment


_STATES: dict[str, Callable[[Shop], Payment | int]] = {
    "accepted": lambda shop: an_order(shop.engine),
    "rejected": lambda shop: placed(shop.engine, lines={"1": 11}),
    "in_time": lambda shop: shop.offered(),
    "overdue": _overdue,
    "closing": _closing,
    "code": lambda shop: shop.offered("order_code"),
    "code_closing": lambda shop: _closes(shop, shop.offered("order_code")),
    "mini": lambda shop: shop.offered("mini"),
    "mini_closing": lambda shop: _closes(shop, shop.offered("mini")),
    "mini_unheard": lambda shop: _closes(shop, shop.unmade()),
    "mini_cancelled": lambda shop: _cancelled_held(shop, "mini"),
    "paid": lambda shop: shop.paid(),
    "paid_by_other": _paid_by_other,
    "cash": lambda shop: placed(shop.engine, pay_method="cash"),
    "shipped": _shipped,
    "completed": _completed,
    "expired": _expired,
    "cancelled_held": _cancelled_held,
    "cancelled": _cancelled,
    "refunded_held": _refunded_held,
    "refunded": _refunded,
}

# States whose attempt somebody asks about; of the others only a notify can tell anything.
OPEN = (
    *("in_time", "overdue", "closing", "paid_by_other", "cancelled_held", "refunded_held", "code", "code_closing"),
    *("mini", "mini_closing", "mini_unheard", "mini_cancelled"),
)
# Alipay has told the number of the trade that it made, so it cannot but know it.
MADE = ("mini", "mini_closing", "mini_cancelled")
_NO_TRADE = ("no_trade_yet", "no_trade")


def happens_at_alipay(shop: Shop, payment: Payment, word: str) -> None:
    """Brings Alipay's trade to where it has something of that kind to say; what stands there already stays."""
    if payment.method == "mini" and shop.row(payment).trade_no is None and word not in _NO_TRADE:
        shop.made_unheard(payment)
    if word == "no_trade":
        time_passes(shop.engine, payment.order_id, minutes=33)
    elif word == "waits":
        shop.log_in(payment)
    elif word == "closed":
        shop.log_in(payment)
        shop.alipay.close(payment.out_trade_no)
    elif word != "no_trade_yet":
        _pays(shop, payment, word)


def _pays(shop: Shop, payment: Payment, word: str) -> None:
    if shop.row(payment).status in ("open", "closed"):
        shop.pay(payment)
    if word == "finished":
        shop.finish(payment)
    if word == "sent_back" and shop.row(payment).status != "refunded":
        shop.refund_in_console(payment)


NOTIFIES = {"paid": "TRADE_SUCCESS", "finished": "TRADE_FINISHED", "closed": "TRADE_CLOSED", "sent_back": "REFUND"}
FAULTS = {
    "unknown": ("timeout_not_executed", "system_error_not_executed", "unknown_error_not_executed"),
    "limited": ("call_limited",),
}


def alipay_says(shop: Shop, payment: Payment, state: str, word: str) -> None:
    """The word reaches us: as the answer to our question where we ask, else as a notify."""
    happens_at_alipay(shop, payment, word)
    if state in MADE and word in _NO_TRADE:
        shop.ask(payment, Answers(Refused("TRADE_NOT_EXIST", "交易不存在")))
    elif state not in OPEN:
        shop.hear(payment, NOTIFIES[word])
    elif word == "forged":
        shop.ask(payment, shop.deaf())
    elif word in FAULTS:
        for fault in FAULTS[word]:
            shop.gateway.fault(fault, method="alipay.trade.query", times=1, how="close")
            shop.ask(payment)
    else:
        shop.ask(payment)
