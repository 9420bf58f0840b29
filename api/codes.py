"""Every `code` that a problem may have: its status, what it means, and what helps. There are no others."""

from __future__ import annotations

from typing import NamedTuple


class Code(NamedTuple):
    """One row: for programs that decide by `code`, and for those who write them."""

    code: str
    status: int
    meaning: str
    remedy: str

    @property
    def title(self) -> str:
        return self.code.replace("_", " ")

    @property
    def is_passing(self) -> bool:
        """Whether the same request may succeed later; such an answer says after how many seconds (`Retry-After`)."""
        return self.status in (429, 503)


_TABLE = (
    Code("bad_request", 400, "What was sent cannot be read: its JSON, a header, its encoding.",
         "Mend the request; `detail` names the fault."),
    Code("unauthorized", 401, "No bearer token came, or one that does not hold (any more).",
         "Get a new token and send the same request again."),
    Code("forbidden", 403, "The token lacks the scope `operator`.",
         "Use an operator's token, or leave out what only operators may ask for."),
    Code("not_found", 404, "There is no such thing, or it belongs to somebody else.",
         "Check the id, and whose token it is."),
    Code("method_not_allowed", 405, "The path is there, and serves other methods; `Allow` names them.",
         "Use one of those."),
    Code("request_timeout", 408, "The body has not come whole within 10 seconds.",
         "Send the same request again, over a better line."),
    Code("out_of_stock", 409, "Less is left than is wanted; `shortages` says of what. Nothing was stored.",
         "Order less, or later: the Idempotency-Key is still free."),
    Code("not_cancellable", 409, "The order has gone too far to be cancelled.",
         "Let an operator refund it."),
    Code("not_payable", 409, "The order does not wait for money, or its time is over.",
         "Read the order: it is paid already, or a new one is needed."),
    Code("alipay_refuses", 409, "Alipay does not make what the buyer would pay with; `detail` has its code.",
         "Offer another method."),
    Code("not_waiting", 409, "The order does not wait to be placed.",
         "Nothing is to be done: read the order."),
    Code("not_shippable", 409, "The order is not paid for, or less is left of it than that.",
         "Read the order: its items say how many have left."),
    Code("not_completable", 409, "The order has not left as a whole.",
         "Ship the rest first."),
    Code("not_refundable", 409, "Nothing was paid for the order.",
         "Cancel it instead."),
    Code("upgrade_unfinished", 409, "Processes of older code may still run, which would get it wrong.",
         "End them, then run `checkout migrate --finish`."),
    Code("body_too_large", 413, "The body is larger than 64 KiB.",
         "Send less."),
    Code("unsupported_media_type", 415, "The body is not said to be `application/json` in UTF-8.",
         "Say so in `Content-Type`."),
    Code("invalid", 422, "A member or parameter does not fit; `errors` names each with its path.",
         "Mend what `errors` names."),
    Code("idempotency_key_reused", 422, "The Idempotency-Key came with another request before.",
         "A new request needs a new key; a repeated one must not be changed."),
    Code("empty_cart", 422, "The order was to be made from the cart, and nothing in it is selected.",
         "Select something, or name `items`."),
    Code("cart_full", 422, "The cart holds as many different SKUs as an order may have.",
         "Take one out first."),
    Code("refund_exceeds_paid", 422, "Less than the amount is left of what was paid.",
         "Refund at most what `detail` names."),
    Code("refund_exceeds_bought", 422, "More units, or the freight again, than were bought and not refunded yet.",
         "Refund at most what `detail` names."),
    Code("too_many_orders", 429, "The user had his orders of this minute.",
         "Send the same request again after `Retry-After` seconds."),
    Code("internal", 500, "The service failed; its log has the cause.",
         "Look whether it was done before you send it again with the same Idempotency-Key; tell the operators."),
    Code("unavailable", 503, "A part that is needed is away, or whether it was done is unknown.",
         "Send the same request again, with the same Idempotency-Key, after `Retry-After` seconds."),
    Code("pricing_failed", 503, "The shop's own pricing function failed.",
         "Ask again after `Retry-After` seconds; operators find its error in the log."),
)  # fmt: skip # What a code means stands under it, and what helps under that.

CODES = {row.code: row for row in _TABLE}
