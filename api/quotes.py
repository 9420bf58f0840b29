"""What an order would cost, before anybody orders."""

from __future__ import annotations

from falcon.asgi import Request, Response

from api import bodies, money_answers, orders, reading
from api.runtime import Runtime
from checkout import money
from checkout.errors import Invalid
from checkout.quotes import quote
from checkout.quotes.quote import Asked


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
    region = body.address.region if isinstance(body.address, bodies.Address) else ""
    asked = Asked(caller.user_id, lines, expected, region, body.metadata)
    await api.require_own_prices()
    seen = await api.transact(lambda connection: quote.look(connection, asked))
    quoted = await api.price(lambda: quote.quote(asked, seen, api.resources.terms))
    reading.answer(resp, money_answers.quote_body(quoted))
