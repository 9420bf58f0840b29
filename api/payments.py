"""Attempts to collect, as the buyer sees them."""

from __future__ import annotations

from datetime import datetime

from falcon.asgi import Request, Response
from msgspec import UNSET

from api import bodies, money_answers, reading
from api.money_answers import AttemptBody, PaymentList
from api.runtime import Runtime
from checkout import money
from checkout.alipay.client import Done, Refused, Result, Unknown
from checkout.db import Connection, transaction
from checkout.errors import AlipayRefuses, CheckoutError, Unavailable
from checkout.orders import ledger, views
from checkout.orders.ledger import Payment
from checkout.payments import offers, queries
from checkout.payments.offers import Asked, Offer


async def make(api: Runtime, req: Request, resp: Response, order_id: str) -> None:
    """Hands out the live attempt of that method, or a new one."""
    caller = await api.tokens.caller(req)
    number = reading.number(order_id, "order")
    way = bodies.way_to_pay(await reading.json_body(req, bodies.PaymentRequest))
    offer = await api.offers.submit(Asked(number, caller.user_id, way))
    if isinstance(offer, CheckoutError):
        raise offer
    body = money_answers.payment_body(offer, way.method)
    if way.method in offers.CODES:
        body.qr_code = await api.call_alipay(lambda: _qr_code(api, offer))
    elif way.method == "mini":
        body.trade_no = await api.call_alipay(lambda: _trade_no(api, offer))
    elif way.method == "app":
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
        _note(connection, offer.payment, result)
    raise _nothing_came(result, "code")


def _trade_no(api: Runtime, offer: Offer) -> str:
    """The stored trade, or the one that Alipay makes now; asked again it makes the same."""
    if offer.payment.trade_no is not None:
        return offer.payment.trade_no
    result = api.resources.alipay.create(*_said(offer))
    with transaction(api.resources.engine) as connection:
        if isinstance(result, Done):
            trade_no = str(result.fields["trade_no"])
            if offers.keep_trade_no(connection, offer.payment, trade_no):
                return trade_no
            queries.answer_differs(connection, offer.payment, f"trade {trade_no} is another's")
        _note(connection, offer.payment, result)
    raise _nothing_came(result, "trade")


def _note(connection: Connection, payment: Payment, result: Result) -> None:
    """What was asked for never reached Alipay, or its answer speaks of something else."""
    if isinstance(result, Unknown) and not result.was_sent:
        offers.take_back(connection, payment)
    elif isinstance(result, Unknown) and result.is_foreign:
        queries.answer_differs(connection, payment, result.why)


def _nothing_came(result: Result, what: str) -> CheckoutError:
    """A refusal is told with Alipay's own code; what is unknown may be asked for again."""
    if isinstance(result, Refused) and not result.code.startswith("isv."):  # Those are between Alipay and us.
        return AlipayRefuses(f"Alipay gives no {what}: {result.code}")
    return Unavailable(f"Alipay has not given a {what}; ask again")


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
        installments=payment.installments or UNSET,
    )
