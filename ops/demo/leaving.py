"""What leaves the shop in the demo: events to a receiver that was away, and the books, whose sums are the bill's."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from checkout import clock
from checkout.language.chinese import word
from ops.demo.shop import Json, Shop
from ops.demo.timeline import Missed, Record

T = TypeVar("T")

_AWAY_SECONDS = 15.0
_DELIVERY_SECONDS = 20.0
_PAUSE_SECONDS = 0.1
_TOPICS = ("order.placed", "order.paid")


class Receiver:
    """The warehouse's own server: its door is known before anybody stands there."""

    def __init__(self) -> None:
        self.messages: list[tuple[dict[str, str], bytes]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler(), bind_and_activate=False)
        self._server.daemon_threads = True
        self._server.server_bind()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/checkout"

    def comes_back(self) -> None:
        """From now on somebody answers."""
        self._server.server_activate()
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def of(self, order_id: str) -> list[tuple[dict[str, str], Json]]:
        """What came about one order, with its headers."""
        found = [(headers, json.loads(body)) for headers, body in self.messages]
        return [(headers, event) for headers, event in found if event["subject"] == order_id]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        messages = self.messages

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                messages.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        return Handler


def tells_a_warehouse_that_was_away(shop: Shop, record: Record) -> None:
    """What happened meanwhile comes when it is back: signed, in order, under the ids of the log."""
    warehouse = Receiver()
    topics = [word for topic in _TOPICS for word in ("--topic", topic)]
    made = json.loads(shop.checkout("webhooks", "add", warehouse.url, "--allow-private", "--json", *topics))
    record.step("the warehouse wants to hear of orders, and is away")
    buyer = shop.buyer()
    order = buyer.placed("set-travel")
    log = shop.events.wait(order["id"], "order.placed")
    record.event(log, f"#{order['id']}  ¥{order['total_amount']}")
    waits = _until(lambda: _waiting(shop, made["id"]), _AWAY_SECONDS, "a try to reach the warehouse")
    record.expect("what the shop heard from there", "nobody answered", str(waits["last_answer"]).partition(":")[0])
    warehouse.comes_back()
    record.step("the warehouse is back")
    headers, event = _until(lambda: warehouse.of(order["id"]), _DELIVERY_SECONDS, "the event")[0]
    record.expect("it hears of the order", "checkout.order.placed", event["type"])
    record.expect("under the id that the log has", log["id"], headers["webhook-id"])
    record.expect("signed with its secret", True, _is_signed(warehouse, made["secret"]))
    shop.checkout("webhooks", "remove", made["id"])


def _waiting(shop: Shop, webhook_id: str) -> Json | None:
    found = shop.operator.call("GET", f"/v1/webhooks/{webhook_id}")
    return found if found["failures"] else None


def _until(look: Callable[[], T | None], seconds: float, what: str) -> T:
    """What the look finds, once it finds anything. Raises Missed."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise Missed(f"waited {seconds:g} s for {what}")
        time.sleep(_PAUSE_SECONDS)
    return found


def _is_signed(warehouse: Receiver, secret: str) -> bool:
    try:
        for headers, body in warehouse.messages:
            Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


def closes_the_books(shop: Shop, record: Record) -> None:
    """When all is over: Alipay's bill of the day, and the export for the accountant."""
    days = sorted({_beijing(shop.began_at), _beijing(datetime.now(clock.BEIJING))})
    for day in days:
        shop.alipay.close_day(day.isoformat())
        shop.checkout("reconcile", day.isoformat())
    record.step(f"Alipay's bill of {word(' and ').join(map(str, days))} is here, and agrees")
    lines = shop.checkout("orders", "export", "--from", days[0], "--to", days[-1], "--format", "jsonl").splitlines()
    totals = {row["what"]: row for row in map(json.loads, lines) if row["record"] == "total" and row["day"] == "all"}
    record.step(f"the accountant's export: {len(lines)} records")
    for what in ("payments", "refunds"):
        ours, bill = totals[what], totals[f"bill {what}"]
        seen = f"{ours['count']}, ¥{ours['amount']}"
        record.expect(f"{word(what)}, as on the bill", f"{bill['count']}, ¥{bill['amount']}", seen)


def _beijing(instant: datetime) -> date:
    return instant.astimezone(clock.BEIJING).date()
