"""Refunds: operators make them, owners see them."""

from __future__ import annotations

from falcon.asgi import Request, Response

from api import bodies, money_answers, reading
from api.money_answers import RefundList
from api.runtime import Runtime
from checkout.db import Connection
from checkout.orders import views
from checkout.payments import refunds


async def make(api: Runtime, req: Request, resp: Response, order_id: str) -> None:
    """Requests a refund of what was kept for the order."""
    await api.tokens.operator(req)
    number, key = reading.number(order_id, "order"), reading.idempotency_key(req)
    body = await reading.json_body(req, bodies.RefundRequest)
    asked = bodies.refund_request(body)
    refund, wakes = await api.transact(lambda c: refunds.create(c, number, asked, body.reason, key))
    if wakes:
        api.doorbell.ring("send_refunds", [refund.id])
        await api.changed(wakes)
    else:
        resp.set_header("Idempotent-Replayed", "true")
    resp.set_header("Location", f"/v1/refunds/{refund.id}")
    reading.answer(resp, money_answers.refund_body(refund), 202)


async def list_of_order(api: Runtime, req: Request, resp: Response, order_id: str) -> None:
    """The order's refunds, oldest first."""
    caller = await api.tokens.caller(req)
    number = reading.number(order_id, "order")
    owner = None if caller.is_operator else caller.user_id

    def read(connection: Connection) -> list[refunds.Refund]:
        views.find(connection, number, owner)
        return refunds.of_order(connection, number)

    reading.answer(resp, RefundList([money_answers.refund_body(refund) for refund in await api.transact(read)]))


async def show(api: Runtime, req: Request, resp: Response, refund_id: str) -> None:
    """One refund."""
    caller = await api.tokens.caller(req)
    number = reading.number(refund_id, "refund")
    owner = None if caller.is_operator else caller.user_id
    refund = await api.transact(lambda connection: refunds.find(connection, number, owner))
    reading.answer(resp, money_answers.refund_body(refund))
