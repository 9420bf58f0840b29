"""The one table of routes: Falcon's routing and the OpenAPI document are both made from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec

from api import (
    alipay,
    answers,
    bodies,
    cart,
    events,
    figures,
    health,
    money_answers,
    operator_answers,
    operator_bodies,
    operators,
    orders,
    pages,
    payments,
    quotes,
    refunds,
    shipments,
    skus,
    webhooks,
)

Handler = Callable[..., Awaitable[None]]


class Route(NamedTuple):
    """One operation. `auth` is "user", "operator" or "" for everybody; `answers` maps a status to its body."""

    method: str
    path: str
    handler: Handler
    answers: dict[int, type[msgspec.Struct] | None]
    auth: str = "user"
    body: type[msgspec.Struct] | None = None
    headers: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    problems: tuple[int, ...] = ()

    @property
    def operation(self) -> str:
        return f"{self.handler.__module__.removeprefix('api.')}_{self.handler.__name__}"

    @property
    def summary(self) -> str:
        return (self.handler.__doc__ or "").strip().splitlines()[0]


_KEYED = ("Idempotency-Key",)
_NEVER: dict[int, Any] = {200: None}
_PAGE: dict[int, Any] = {200: None, 304: None}

ROUTES = (
    Route("POST", "/v1/orders", orders.place, {202: answers.OrderBody}, body=bodies.OrderRequest, headers=_KEYED,
          problems=(409, 429, 503)),
    Route("GET", "/v1/orders", orders.page, {200: answers.OrderPage},
          query=("status", "cursor", "limit", *operators.FILTERS)),
    Route("GET", "/v1/orders/{order_id}", orders.show, {200: answers.OrderBody, 304: None},
          headers=("Prefer", "If-None-Match"), problems=(404,)),
    Route("GET", "/v1/orders/{order_id}/events", orders.follow, _NEVER, query=("token",), headers=("Last-Event-ID",),
          problems=(404,)),
    Route("POST", "/v1/orders/{order_id}/cancel", orders.cancel, {200: answers.OrderBody}, body=bodies.Nothing,
          problems=(404, 409)),
    Route("POST", "/v1/orders/{order_id}/ship", orders.ship, {200: answers.OrderBody}, auth="operator",
          body=bodies.ShipRequest, problems=(404, 409)),
    Route("POST", "/v1/orders/{order_id}/shipments", shipments.send, {201: answers.ShipmentBody}, auth="operator",
          body=bodies.ShipmentRequest, problems=(404, 409)),
    Route("PATCH", "/v1/orders/{order_id}/shipments/{n}", shipments.correct, {200: answers.ShipmentBody},
          auth="operator", body=bodies.ShipmentCorrection, problems=(404,)),
    Route("POST", "/v1/orders/{order_id}/complete", orders.complete, {200: answers.OrderBody}, body=bodies.Nothing,
          problems=(404, 409)),
    Route("POST", "/v1/orders/{order_id}/payments", payments.make, {201: money_answers.PaymentBody},
          body=bodies.PaymentRequest, problems=(404, 409, 503)),
    Route("GET", "/v1/orders/{order_id}/payments", payments.list_of_order, {200: money_answers.PaymentList},
          problems=(404,)),
    Route("POST", "/v1/orders/{order_id}/refunds", refunds.make, {202: money_answers.RefundBody}, auth="operator",
          body=bodies.RefundRequest, headers=_KEYED, problems=(404, 409)),
    Route("GET", "/v1/orders/{order_id}/refunds", refunds.list_of_order, {200: money_answers.RefundList},
          problems=(404,)),
    Route("GET", "/v1/refunds/{refund_id}", refunds.show, {200: money_answers.RefundBody}, problems=(404,)),
    Route("POST", "/v1/quotes", quotes.make, {200: money_answers.QuoteBody}, body=bodies.QuoteRequest,
          problems=(409, 503)),
    Route("GET", "/v1/cart", cart.show, {200: answers.CartBody}, problems=(503,)),
    Route("PUT", "/v1/cart/items/{sku_id}", cart.put, {200: answers.CartBody}, body=bodies.CartItemRequest,
          problems=(404, 503)),
    Route("DELETE", "/v1/cart/items/{sku_id}", cart.remove, {200: answers.CartBody}, problems=(404, 503)),
    Route("GET", "/v1/skus", skus.page, {200: answers.SkuPage}, auth="", query=("cursor", "limit")),
    Route("GET", "/v1/skus/{sku_id}", skus.show, {200: answers.SkuBody}, auth="", problems=(404,)),
    Route("PUT", "/v1/skus/{sku_id}", skus.put, {200: operator_answers.StockedSku, 201: operator_answers.StockedSku},
          auth="operator", body=operator_bodies.SkuRequest, problems=(404, 409)),
    Route("POST", "/v1/skus/{sku_id}/stock", skus.stock, {200: operator_answers.StockBody}, auth="operator",
          body=operator_bodies.StockRequest, problems=(404,)),
    Route("GET", "/v1/orders/{order_id}/timeline", operators.timeline, {200: operator_answers.Timeline},
          auth="operator", problems=(404,)),
    Route("POST", "/v1/orders/{order_id}/retry", operators.retry, {202: answers.OrderBody}, auth="operator",
          body=bodies.Nothing, problems=(404, 409)),
    Route("GET", "/v1/stuck", operators.stuck, {200: operator_answers.StuckPage}, auth="operator",
          query=("kind", "page")),
    Route("POST", "/v1/stuck/{kind}/{subject}/resolve", operators.resolve, {204: None}, auth="operator",
          body=operator_bodies.ResolveRequest, problems=(404,)),
    Route("GET", "/v1/figures", operators.figures, {200: figures.FiguresBody}, auth="operator"),
    Route("GET", "/v1/webhooks", webhooks.page, {200: operator_answers.WebhookList}, auth="operator"),
    Route("POST", "/v1/webhooks", webhooks.add, {201: operator_answers.WebhookSecret}, auth="operator",
          body=operator_bodies.WebhookRequest),
    Route("GET", "/v1/webhooks/{webhook_id}", webhooks.show, {200: operator_answers.WebhookDetail}, auth="operator",
          problems=(404,)),
    Route("DELETE", "/v1/webhooks/{webhook_id}", webhooks.remove, {204: None}, auth="operator", problems=(404,)),
    Route("POST", "/v1/webhooks/{webhook_id}/test", webhooks.test, {200: operator_answers.WebhookTest},
          auth="operator", problems=(404,)),
    Route("POST", "/v1/webhooks/{webhook_id}/replay", webhooks.replay, {200: operator_answers.WebhookBody},
          auth="operator", body=operator_bodies.ReplayRequest, problems=(404,)),
    Route("POST", "/v1/webhooks/{webhook_id}/rotate", webhooks.rotate, {200: operator_answers.WebhookSecret},
          auth="operator", problems=(404,)),
    Route("GET", "/v1/events", events.page, {200: answers.EventPage}, auth="operator", query=("after", "limit")),
    Route("POST", "/v1/alipay/notify", alipay.hear, _NEVER, auth="", problems=(413,)),
    Route("GET", "/v1/alipay/return", alipay.come_back, {302: None}, auth=""),
    Route("GET", "/console", pages.console, _PAGE, auth="", headers=("If-None-Match",)),
    Route("GET", "/console/{file}", pages.file, _PAGE, auth="", headers=("If-None-Match",), problems=(404,)),
    Route("GET", "/health/live", health.live, _NEVER, auth=""),
    Route("GET", "/health/ready", health.ready, _NEVER, auth="", problems=(503,)),
)  # fmt: skip # One operation a line or two reads better than one argument a line.
