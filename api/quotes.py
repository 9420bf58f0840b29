"""What an order would cost, before anybody orders."""

from __future__ import annotations

from falcon.asgi import Request, Response

from api import answers, bodies, orders, reading
from api.runtime import Runtime
from checkout import money
from checkout.errors import Invalid
from checkout.quotes import quote


async def make(api: Runtime, req: Request, resp: Response) -> None:
    """Prices, freight, and what would refuse the order now; nothing is stored."""
    caller = await api.tokens.caller(req)
    body = await reading.json_body(req, bodies.QuoteRequest)
    lines = bodies.wanted(body)
    if body.pay_method not in api.settings.pay_methods:
        raise Invalid(f"{body.pay_method} is not taken here", "pay_method")
    if body.from_cart:
        lines = await orders.selected(api, caller)
    expected = money.fen(body.expected_total) if isinstance(body.expected_total, str) else None
    quoted = await api.transact(
        lambda connection: quote.quote(connection, caller.user_id, lines, expected, api.resources.terms)
    )
    reading.answer(resp, answers.quote_body(quoted))
