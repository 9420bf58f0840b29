"""The caller's cart."""

from __future__ import annotations

from falcon.asgi import Request, Response

from api import bodies, reading
from api.answers import CartBody, CartLine
from api.runtime import Runtime
from checkout.errors import CheckoutError
from checkout.orders import cart
from checkout.orders.cart import CartItem


class CartFull(CheckoutError):
    """The cart holds as many different SKUs as it may."""

    code = "cart_full"


async def show(api: Runtime, req: Request, resp: Response) -> None:
    """What is in it, in SKU order."""
    await _answer(api, resp, (await api.tokens.caller(req)).user_id)


async def put(api: Runtime, req: Request, resp: Response, sku_id: str) -> None:
    """Sets one SKU's quantity, and whether an order from the cart takes it."""
    user_id = (await api.tokens.caller(req)).user_id
    body = await reading.json_body(req, bodies.CartItemRequest)
    item = CartItem(reading.sku_id(sku_id), body.quantity, body.selected)
    if not await api.run(lambda: cart.put(api.resources.redis, user_id, item)):
        raise CartFull(f"a cart holds {cart.MOST_ITEMS} different SKUs, as many as an order takes: take one out first")
    await _answer(api, resp, user_id)


async def remove(api: Runtime, req: Request, resp: Response, sku_id: str) -> None:
    """Takes one SKU out."""
    user_id = (await api.tokens.caller(req)).user_id
    known = reading.sku_id(sku_id)
    await api.run(lambda: cart.remove(api.resources.redis, user_id, known))
    await _answer(api, resp, user_id)


async def _answer(api: Runtime, resp: Response, user_id: int) -> None:
    items = await api.run(lambda: cart.read(api.resources.redis, user_id))
    reading.answer(resp, CartBody([CartLine(*item) for item in items]))
