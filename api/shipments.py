"""Parcels: operators send them, and correct what stands on them."""

from __future__ import annotations

from falcon.asgi import Request, Response

from api import answers, bodies, orders, reading
from api.runtime import Runtime
from checkout.errors import Invalid, NotFound
from checkout.orders import shipping
from checkout.orders.shipping import Label


async def send(api: Runtime, req: Request, resp: Response, order_id: str) -> None:
    """A parcel of these units, or of all that is left, leaves."""
    await api.tokens.operator(req)
    number = reading.number(order_id, "order")
    body = await reading.json_body(req, bodies.ShipmentRequest)
    units = dict(bodies.summed_items(body.items)) if isinstance(body.items, list) else None
    label = Label(body.carrier, body.tracking_number)
    n, wakes = await api.transact(lambda connection: shipping.send(connection, number, units, label))
    await api.changed(wakes)
    resp.set_header("Location", f"/v1/orders/{number}/shipments/{n}")
    await _answer(api, resp, number, n, 201)


async def correct(api: Runtime, req: Request, resp: Response, order_id: str, n: str) -> None:
    """Another carrier or tracking number stands on a parcel."""
    await api.tokens.operator(req)
    number, parcel = reading.number(order_id, "order"), reading.number(n, "parcel")
    body = await reading.json_body(req, bodies.ShipmentCorrection)
    carrier, tracking = (value if isinstance(value, str) else None for value in (body.carrier, body.tracking_number))
    if carrier is None and tracking is None:
        raise Invalid("another carrier or tracking_number is needed", "$")
    wakes = await api.transact(lambda connection: shipping.correct(connection, number, parcel, carrier, tracking))
    await api.changed(wakes)
    await _answer(api, resp, number, parcel, 200)


async def _answer(api: Runtime, resp: Response, order_id: int, n: int, status: int) -> None:
    view = await orders.read(api, order_id, None)
    parcel = next((one for one in answers.shipments(view) if one.n == n), None)
    if parcel is None:
        raise NotFound(f"order {order_id} has no parcel {n}")
    reading.answer(resp, parcel, status)
