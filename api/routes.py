"""The one table of routes: Falcon's routing and the OpenAPI document are both made from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import msgspec

from api import (
    alipay,
    answers,
    asyncapi,
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
from checkout.alipay import notify

Handler = Callable[..., Awaitable[None]]


# A struct is JSON; a tuple names other media types.
Content = type[msgspec.Struct] | tuple[str, ...] | None


class Route(NamedTuple):
    """One operation, and all that it takes and answers.

    `auth` is "user", "operator", "stream" or "" for everybody; `answers` maps a status to its body; these answers have
    the headers of `sends`, and sometimes those of `may_send`; `problems` are codes, beside those that follow from the
    rest; `form` names the fields of a body that is a form.
    """

    method: str
    path: str
    handler: Handler
    answers: dict[int, Content]
    auth: str = "user"
    body: type[msgspec.Struct] | None = None
    headers: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    sends: tuple[str, ...] = ()
    may_send: tuple[str, ...] = ()
    form: tuple[str, ...] = ()

    @property
    def operation(self) -> str:
        return f"{self.handler.__module__.removeprefix('api.')}_{self.handler.__name__}"

    @property
    def summary(self) -> str:
        return (self.handler.__doc__ or "").strip().splitlines()[0]

    @property
    def codes(self) -> set[str]:
        """Those of all problems that it may answer."""
        found = set(self.problems)
        for is_so, codes in (
            (self.auth, _OF_CALLERS),
            (self.auth == "operator", ("forbidden",)),
            ("{" in self.path, ("not_found",)),
            (self.headers == KEYED, ("bad_request",)),
            (self.body, _OF_BODIES),
            (self.path.startswith("/v1/"), ("internal",)),
            # Alipay hears `failure` then.
            (self.path.startswith("/v1/") and not self.form, ("unavailable",)),
        ):
            found.update(codes if is_so else ())
        return found


_OF_CALLERS = ("unauthorized",)
_OF_BODIES = ("bad_request", "request_timeout", "body_too_large", "unsupported_media_type", "invalid")
KEYED = ("Idempotency-Key",)
_FILE = ("If-None-Match",)
_HTML: dict[int, Content] = {200: ("text/html",), 304: None}
_FILES: dict[int, Content] = {200: pages.MEDIA, 304: None}
_SAID: dict[int, Content] = dict.fromkeys((200, 408, 413), ("text/plain",))

ROUTES = (
    Route("POST", "/v1/orders", orders.place, {202: answers.OrderBody}, body=bodies.OrderRequest, headers=KEYED,
          sends=("Location", "ETag", "Retry-After"), may_send=("Idempotent-Replayed",),
          problems=("out_of_stock", "idempotency_key_reused", "empty_cart", "too_many_orders", "upgrade_unfinished")),
    Route("GET", "/v1/orders", orders.page, {200: answers.OrderPage},
          query=("status", "cursor", "limit", *operators.FILTERS), problems=("invalid", "forbidden")),
    Route("GET", "/v1/orders/{order_id}", orders.show, {200: answers.OrderBody, 304: None},
          headers=("Prefer", "If-None-Match"), sends=("ETag",), may_send=("Preference-Applied", "Retry-After")),
    Route("GET", "/v1/orders/{order_id}/events", orders.follow, {200: ("text/event-stream",)}, auth="stream",
          headers=("Last-Event-ID",)),
    Route("POST", "/v1/orders/{order_id}/cancel", orders.cancel, {200: answers.OrderBody}, body=bodies.Nothing,
          sends=("ETag",), problems=("not_cancellable",)),
    Route("POST", "/v1/orders/{order_id}/ship", orders.ship, {200: answers.OrderBody}, auth="operator",
          body=bodies.ShipRequest, sends=("ETag",), problems=("not_shippable",)),
    Route("POST", "/v1/orders/{order_id}/shipments", shipments.send, {201: answers.ShipmentBody}, auth="operator",
          body=bodies.ShipmentRequest, sends=("Location",), problems=("not_shippable", "upgrade_unfinished")),
    Route("PATCH", "/v1/orders/{order_id}/shipments/{n}", shipments.correct, {200: answers.ShipmentBody},
          auth="operator", body=bodies.ShipmentCorrection),
    Route("POST", "/v1/orders/{order_id}/complete", orders.complete, {200: answers.OrderBody}, body=bodies.Nothing,
          sends=("ETag",), problems=("not_completable",)),
    Route("POST", "/v1/orders/{order_id}/payments", payments.make, {201: money_answers.PaymentBody},
          body=bodies.PaymentRequest, problems=("not_payable", "alipay_refuses")),
    Route("GET", "/v1/orders/{order_id}/payments", payments.list_of_order, {200: money_answers.PaymentList}),
    Route("POST", "/v1/orders/{order_id}/refunds", refunds.make, {202: money_answers.RefundBody}, auth="operator",
          body=bodies.RefundRequest, headers=KEYED, sends=("Location",), may_send=("Idempotent-Replayed",),
          problems=("not_refundable", "refund_exceeds_paid", "refund_exceeds_bought", "idempotency_key_reused",
                    "upgrade_unfinished")),
    Route("GET", "/v1/orders/{order_id}/refunds", refunds.list_of_order, {200: money_answers.RefundList}),
    Route("GET", "/v1/refunds/{refund_id}", refunds.show, {200: money_answers.RefundBody}),
    Route("POST", "/v1/quotes", quotes.make, {200: money_answers.QuoteBody}, body=bodies.QuoteRequest,
          problems=("empty_cart", "pricing_failed", "upgrade_unfinished")),
    Route("GET", "/v1/cart", cart.show, {200: answers.CartBody}),
    Route("PUT", "/v1/cart/items/{sku_id}", cart.put, {200: answers.CartBody}, body=bodies.CartItemRequest,
          problems=("cart_full",)),
    Route("DELETE", "/v1/cart/items/{sku_id}", cart.remove, {200: answers.CartBody}),
    Route("GET", "/v1/skus", skus.page, {200: answers.SkuPage}, auth="", query=("cursor", "limit"),
          problems=("invalid",)),
    Route("GET", "/v1/skus/{sku_id}", skus.show, {200: answers.SkuBody}, auth=""),
    Route("PUT", "/v1/skus/{sku_id}", skus.put, {200: operator_answers.StockedSku, 201: operator_answers.StockedSku},
          auth="operator", body=operator_bodies.SkuRequest, problems=("upgrade_unfinished",)),
    Route("GET", "/v1/skus/{sku_id}/stock", skus.stocked, {200: operator_answers.StockedSku}, auth="operator"),
    Route("POST", "/v1/skus/{sku_id}/stock", skus.stock, {200: operator_answers.StockBody}, auth="operator",
          body=operator_bodies.StockRequest, headers=KEYED, may_send=("Idempotent-Replayed",),
          problems=("idempotency_key_reused",)),
    Route("GET", "/v1/orders/{order_id}/timeline", operators.timeline, {200: operator_answers.Timeline},
          auth="operator"),
    Route("POST", "/v1/orders/{order_id}/retry", operators.retry, {202: answers.OrderBody}, auth="operator",
          body=bodies.Nothing, problems=("not_waiting",)),
    Route("GET", "/v1/stuck", operators.stuck, {200: operator_answers.StuckPage}, auth="operator",
          query=("kind", "page"), problems=("invalid",)),
    Route("POST", "/v1/stuck/{kind}/{subject}/resolve", operators.resolve, {204: None}, auth="operator",
          body=operator_bodies.ResolveRequest),
    Route("GET", "/v1/figures", operators.figures, {200: figures.FiguresBody}, auth="operator"),
    Route("GET", "/v1/webhooks", webhooks.page, {200: operator_answers.WebhookList}, auth="operator"),
    Route("POST", "/v1/webhooks", webhooks.add, {201: operator_answers.WebhookSecret}, auth="operator",
          body=operator_bodies.WebhookRequest, sends=("Location",)),
    Route("GET", "/v1/webhooks/{webhook_id}", webhooks.show, {200: operator_answers.WebhookDetail}, auth="operator"),
    Route("PATCH", "/v1/webhooks/{webhook_id}", webhooks.change, {200: operator_answers.WebhookBody}, auth="operator",
          body=operator_bodies.WebhookChange),
    Route("DELETE", "/v1/webhooks/{webhook_id}", webhooks.remove, {204: None}, auth="operator"),
    Route("POST", "/v1/webhooks/{webhook_id}/test", webhooks.test, {200: operator_answers.WebhookTest},
          auth="operator"),
    Route("POST", "/v1/webhooks/{webhook_id}/replay", webhooks.replay, {200: operator_answers.WebhookBody},
          auth="operator", body=operator_bodies.ReplayRequest),
    Route("POST", "/v1/webhooks/{webhook_id}/rotate", webhooks.rotate, {200: operator_answers.WebhookSecret},
          auth="operator"),
    Route("GET", "/v1/events", events.page, {200: answers.EventPage}, auth="operator", query=("after", "limit"),
          problems=("invalid",)),
    Route("POST", "/v1/alipay/notify", alipay.hear, _SAID, auth="", form=notify.REQUIRED),
    Route("GET", "/v1/alipay/return", alipay.come_back, {302: None}, auth="", sends=("Location",),
          query=("out_trade_no", "charset", "sign_type", "sign")),
    Route("GET", "/asyncapi.json", asyncapi.show, {200: ("application/json",), 304: None}, auth="", headers=_FILE,
          sends=("ETag",)),
    Route("GET", "/console", pages.console, _HTML, auth="", headers=_FILE, sends=("ETag",)),
    Route("GET", "/console/{file}", pages.console_file, _FILES, auth="", headers=_FILE, sends=("ETag",)),
    Route("GET", "/docs", pages.viewer, _HTML, auth="", headers=_FILE, sends=("ETag",)),
    Route("GET", "/docs/{file}", pages.viewer_file, _FILES, auth="", headers=_FILE, sends=("ETag",)),
    Route("GET", "/health/live", health.live, {200: health.Alive}, auth=""),
    Route("GET", "/health/ready", health.ready, {200: health.Ready}, auth="", problems=("unavailable",)),
)  # fmt: skip # One operation a line or two reads better than one argument a line.
