"""The service as its users meet it over HTTP: buyers, an operator who reads the event log, and the shop's page."""

from __future__ import annotations

import itertools
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import urllib3

from api import auth
from ops.demo.alipay import LocalAlipay
from ops.demo.timeline import Missed

Json = dict[str, Any]

_FIRST_BUYER = 1001
_OPERATOR = 1
_TOKEN_SECONDS = 3600
_LONG_POLL_SECONDS = 5
_PAUSE_SECONDS = 0.1
_EVENTS_AT_ONCE = 1000


class Shop:
    """One running stack."""

    def __init__(self, settings: Mapping[str, str], admin_token: str, checkout: Callable[..., str]) -> None:
        """`settings` are those that `checkout up` wrote down: addresses, and the secret that signs tokens.

        `admin_token` opens the local Alipay's counter; `checkout` runs an operator's command and gives what it prints.
        """
        self.began_at = datetime.now(UTC)
        self.checkout = checkout
        self.url = settings["CHECKOUT_SHOP_URL"]
        self.alipay = LocalAlipay(settings, admin_token)
        self._api_url = settings["CHECKOUT_PUBLIC_URL"]
        self._secret = settings["CHECKOUT_JWT_SECRET"]
        self._http = urllib3.PoolManager(maxsize=40, retries=False, timeout=urllib3.Timeout(connect=3, read=20))
        self._ids = itertools.count(_FIRST_BUYER)
        self.operator = self._user(_OPERATOR, is_operator=True)
        self.events = EventLog(self.operator)

    def buyer(self, user_id: int | None = None) -> Buyer:
        """That one, or somebody new."""
        return self._user(user_id or next(self._ids), is_operator=False)

    def _user(self, user_id: int, *, is_operator: bool) -> Buyer:
        token = auth.issue(self._secret, user_id, is_operator=is_operator, ttl_seconds=_TOKEN_SECONDS)
        return Buyer(self._http, self._api_url, user_id, token)

    def notify(self, form: Mapping[str, str]) -> bytes:
        """Posts a notify, as Alipay would, or somebody who claims to be Alipay. Returns the answer's body."""
        url = f"{self._api_url}/v1/alipay/notify"
        return self._http.request_encode_body("POST", url, fields=form, encode_multipart=False).data

    def title(self, sku_id: str) -> str:
        """What the catalogue calls it."""
        return str(self.operator.call("GET", f"/v1/skus/{sku_id}")["title"])


class Buyer:
    """One user with his token."""

    def __init__(self, http: urllib3.PoolManager, api_url: str, user_id: int, token: str) -> None:
        self.id = user_id
        self._http, self._api_url = http, api_url
        self._headers = {"Authorization": f"Bearer {token}"}

    def __str__(self) -> str:
        return f"buyer {self.id}"

    def send(
        self, method: str, path: str, body: Json | None = None, headers: dict[str, str] | None = None
    ) -> urllib3.BaseHTTPResponse:
        """One request with the buyer's token."""
        return self._http.request(method, self._api_url + path, json=body, headers=self._headers | (headers or {}))

    def call(self, method: str, path: str, body: Json | None = None) -> Json:
        """The JSON of an answer that is good. Raises Missed for any other."""
        answer = self.send(method, path, body)
        self._check(answer, f"{method} {path}")
        said: Json = answer.json()
        return said

    def _check(self, answer: urllib3.BaseHTTPResponse, what: str) -> None:
        if answer.status >= 300:
            raise Missed(f"{self}: {what} was answered {answer.status}: {answer.data.decode()[:200]}")

    def put_in_cart(self, sku_id: str, quantity: int) -> None:
        """Sets the quantity, selected."""
        self.call("PUT", f"/v1/cart/items/{sku_id}", {"quantity": quantity, "selected": True})

    def cart(self) -> dict[str, int]:
        """Quantities by SKU."""
        return {item["sku_id"]: item["quantity"] for item in self.call("GET", "/v1/cart")["items"]}

    def cart_until(self, expected: dict[str, int], seconds: float) -> dict[str, int]:
        """The cart once it is as expected, or as it is after that time."""
        deadline = time.monotonic() + seconds
        while (cart := self.cart()) != expected and time.monotonic() < deadline:
            time.sleep(_PAUSE_SECONDS)
        return cart

    def order(self, *goods: str | tuple[str, int], key: str = "", **members: Any) -> urllib3.BaseHTTPResponse:
        """Orders one of each, or so many, or what the cart has selected. Raises Missed unless it is accepted."""
        answer = self.ask(*goods, key=key, **members)
        self._check(answer, "POST /v1/orders")
        return answer

    def ask(self, *goods: str | tuple[str, int], key: str = "", **members: Any) -> urllib3.BaseHTTPResponse:
        """The same, whatever is answered. One key is one order."""
        lines = [(one, 1) if isinstance(one, str) else one for one in goods]
        items: Json = {"items": [{"sku_id": sku_id, "quantity": quantity} for sku_id, quantity in lines]}
        address = {"recipient": f"买家 {self.id}", "phone": "13800000000", "region": "上海市 黄浦区"}
        body = {
            **(items if goods else {"from_cart": True}),
            "pay_method": "alipay",
            "address": address | {"detail": "示例路 1 号"},
            **members,
        }
        return self.send("POST", "/v1/orders", body, {"Idempotency-Key": key or str(uuid.uuid4())})

    def placed(self, *goods: str | tuple[str, int]) -> Json:
        """Orders, and waits until a worker has placed it. Raises Missed when it is not payable then."""
        order = self.decided(self.order(*goods).json()["id"])
        if order["status"] != "awaiting_payment":
            raise Missed(f"{self}: order #{order['id']} is {order['status']} {order.get('reason', '')}")
        return order

    def decided(self, order_id: str) -> Json:
        """The order once it is placed or rejected. Raises Missed."""
        return self.until(order_id, lambda order: order["status"] != "accepted", 10, "a worker to place it")

    def until(self, order_id: str, holds: Callable[[Json], bool], seconds: float, what: str) -> Json:
        """The order once that holds, by long polls. Raises Missed, naming what was waited for."""
        deadline, etag = time.monotonic() + seconds, ""
        order: Json = {"status": "never read"}
        while (left := deadline - time.monotonic()) > 0:
            wait = f"wait={max(1, min(_LONG_POLL_SECONDS, round(left)))}"
            conditions = {"Prefer": wait, "If-None-Match": etag} if etag else {}
            answer = self.send("GET", f"/v1/orders/{order_id}", headers=conditions)
            if answer.status == 304:
                continue
            self._check(answer, f"GET /v1/orders/{order_id}")
            order, etag = answer.json(), answer.headers["ETag"]
            if holds(order):
                return order
        raise Missed(f"{self}: waited {seconds:g} s for {what}; order #{order_id} is {order['status']}")

    def open_payment(self, order_id: str) -> Json:
        """An attempt to pay on Alipay's page, with its `pay_url`."""
        return self.call("POST", f"/v1/orders/{order_id}/payments", {"method": "page"})


class EventLog:
    """`GET /v1/events`, read on by whoever waits for an event."""

    def __init__(self, operator: Buyer) -> None:
        self._operator = operator
        self._lock = threading.Lock()
        self._after = "0"
        self._events: list[Json] = []

    def of(self, subject: str, topic: str) -> list[Json]:
        """What the log has now on one order or SKU."""
        with self._lock:
            events = self._operator.call("GET", f"/v1/events?after={self._after}&limit={_EVENTS_AT_ONCE}")["events"]
            self._events += events
            self._after = events[-1]["id"] if events else self._after
        return [e for e in self._events if (e["subject"], e["type"]) == (subject, f"checkout.{topic}")]

    def wait(self, subject: str, topic: str, after: str = "0", seconds: float = 10) -> Json:
        """The first such event after the one with that id. Raises Missed."""
        deadline = time.monotonic() + seconds
        while not (found := [event for event in self.of(subject, topic) if int(event["id"]) > int(after)]):
            if time.monotonic() > deadline:
                raise Missed(f"waited {seconds:g} s for the event {topic} of {subject}")
            time.sleep(_PAUSE_SECONDS)
        return found[0]
