"""Attempts to collect, as the buyer sees them."""

from __future__ import annotations

from datetime import datetime

from falcon.asgi import Request, Response

from api import bodies, money_answers, reading
from api.money_answers import AttemptBody, PaymentList
from api.runtime import Runtime
from checkout import money
from checkout.alipay.client import Done, Unknown
from checkout.db import Connection, transaction
from checkout.errors import CheckoutError, Unavailable
from checkout.orders import ledger, views
from checkout.orders.ledger import Payment
from checkout.payments import offers, queries
from checkout.payments.offers import Asked, Offer


async def make(api: Runtime, req: Request, resp: Response, order_id: str) -> None:
    """Hands out the live attempt of that method, or a new one."""
    caller = await api.tokens.caller(req)
    number = reading.number(order_id, "order")
    method = (await reading.json_body(req, bodies.PaymentRequest)).method
    offer = await api.offers.submit(Asked(number, caller.user_id, method))
    if isinstance(offer, CheckoutError):
        raise offer
    body = money_answers.payment_body(offer)
    if method == "qr":
        body.qr_code = await api.call_alipay(lambda: _qr_code(api, offer))
    elif method == "app":
        body.order_string = await api.run(lambda: api.resources.alipay.order_string(*_said(offer)))
    else:
        body.pay_url = await api.run(lambda: api.resources.alipay.pay_url(*_said(offer)))
    reading.answer(resp, body, 201)


def _said(offer: Offer) -> tuple[Payment, datetime, str]:
    return offer.payment, offer.pay_before, offer.reference


def _qr_code(api: Runtime, offer: Offer) -> str:
    """The stored code, or Alipay's; when its answer is unknown, the attempt stays watched and a next one is made."""
    if offer.payment.qr_code is not None:
        return offer.payment.qr_code
    result = api.resources.alipay.precreate(*_said(offer))
    with transaction(api.resources.engine) as connection:
        if isinstance(result, Done):
            offers.keep_qr_code(connection, offer.payment, result.fields["qr_code"])
            return str(result.fields["qr_code"])
        if isinstance(result, Unknown) and not result.was_sent:
            offers.take_back(connection, offer.payment)
        elif isinstance(result, Unknown) and result.is_foreign:
            queries.answer_differs(connection, offer.payment, result.why)
    raise Unavailable("Alipay has not given a code; ask again")


async def list_of_order(api: Runtime, req: Request, resp: Response, order_id: str) -> None:
    """All attempts, oldest first."""
    caller = await api.tokens.caller(req)
    number = reading.number(order_id, "order")
    owner = None if caller.is_operator else caller.user_id

    def read(connection: Connection) -> list[Payment]:
        views.find(connection, number, owner)
        return ledger.attempts_of(connection, number)

    reading.answer(resp, PaymentList([_attempt(payment) for payment in await api.transact(read)]))


def _attempt(payment: Payment) -> AttemptBody:
    return AttemptBody(
        id=payment.id,
        out_trade_no=payment.out_trade_no,
        method=payment.method,
        status=payment.status,
        amount=money.yuan(payment.amount_fen),
        refunded_amount=money.yuan(payment.refunded_fen),
        trade_no=payment.trade_no,
        kept=payment.kept,
    )
