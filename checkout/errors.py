"""The one family of errors. `code` is stable and public."""

from __future__ import annotations


class CheckoutError(Exception):
    """Something that the caller asked for cannot be done."""

    code = "error"

    def __init__(self, message: str, **details: str) -> None:
        super().__init__(message)
        self.details = details


class NotFound(CheckoutError):
    """There is no such thing, or it belongs to somebody else."""

    code = "not_found"


class KeyReused(CheckoutError):
    """The idempotency key came with another request before."""

    code = "idempotency_key_reused"


class EmptyCart(CheckoutError):
    """The order was to be made from the cart, and nothing in it is selected."""

    code = "empty_cart"


class NotCancellable(CheckoutError):
    """The order has gone too far to be cancelled."""

    code = "not_cancellable"


class NotPayable(CheckoutError):
    """The order does not wait for money, or its time is over."""

    code = "not_payable"


class AlipayRefuses(CheckoutError):
    """Alipay does not make what the buyer would pay with, and says why."""

    code = "alipay_refuses"


class NotWaiting(CheckoutError):
    """The order does not wait to be placed."""

    code = "not_waiting"


class NotShippable(CheckoutError):
    """The order is not paid for, or has left already."""

    code = "not_shippable"


class NotCompletable(CheckoutError):
    """The order has not been shipped."""

    code = "not_completable"


class RefundExceedsPaid(CheckoutError):
    """Less than the amount is left of what was paid."""

    code = "refund_exceeds_paid"


class RefundExceedsBought(CheckoutError):
    """More units, or the freight again, than were bought and not refunded yet."""

    code = "refund_exceeds_bought"


class UpgradeUnfinished(CheckoutError):
    """Processes of older code may still run, which would get it wrong."""

    code = "upgrade_unfinished"


class NotRefundable(CheckoutError):
    """Nothing was paid for the order, or the refund cannot be tried again."""

    code = "not_refundable"


class Invalid(CheckoutError):
    """Input that does not fit; `path` names the fault."""

    code = "invalid"

    def __init__(self, message: str, path: str) -> None:
        super().__init__(message, path=path)


class Unavailable(CheckoutError):
    """A part that is needed is away, or its answer is unknown."""

    code = "unavailable"


class SettingsError(CheckoutError):
    """A setting is wrong or missing."""

    code = "settings"
