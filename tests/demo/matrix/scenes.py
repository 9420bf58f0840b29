"""A shop in which something has happened: an order in each state, matters that need a person, a cart with goods."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from api import auth
from checkout import db, settings
from checkout.audit import alarms
from checkout.audit.alarms import Alarm
from ops.demo.shop import Buyer, Shop
from ops.demo.stories import at_the_cashier
from ops.demo.timeline import Record
from ops.up import RunningStack
from sandbox.alipay.door import token_of
from tests.shared.processes import eventually

LONGEST_SECONDS = 60


@dataclass(frozen=True)
class Scene:
    """Orders of the buyer 1001 by their ids, and a token with which an operator signs in."""

    waiting: str
    cancelled: str
    paid: str
    sent: str
    cash: str
    operator: str


def shop_of(stack: RunningStack) -> Shop:
    """The running shop over HTTP; its first buyer is the first of the demo shop."""
    return Shop(settings.stored(stack.data_dir), token_of(stack.data_dir / "alipay"), lambda *_: "")


def play(stack: RunningStack) -> Scene:
    """Everything goes through the real API, cashier and workers; only the matters are put up."""
    shop = shop_of(stack)
    buyer = shop.buyer()
    sent, cash = paid(buyer, ("1", 2), "3", "9"), buyer.decided(buyer.order("5", pay_method="cash").json()["id"])["id"]
    cancelled, paid_id = buyer.placed("7")["id"], paid(buyer, "8")
    buyer.call("POST", f"/v1/orders/{cancelled}/cancel", {})
    _send_and_refund(shop, buyer, sent)
    waiting = buyer.placed("2", "4")["id"]
    for sku_id, quantity in (("1", 1), ("6", 2)):
        buyer.put_in_cart(sku_id, quantity)
    _need_a_person(stack, paid_id, buyer.call("GET", f"/v1/orders/{paid_id}/payments")["payments"][0]["out_trade_no"])
    return Scene(waiting, cancelled, paid_id, sent, cash, _operator(stack))


def paid(buyer: Buyer, *goods: str | tuple[str, int]) -> str:
    """The id of an order that was paid at the cashier."""
    order_id = str(buyer.placed(*goods)["id"])
    at_the_cashier(Record(), buyer, buyer.open_payment(order_id)).press("pay")
    buyer.until(order_id, lambda order: order["status"] == "awaiting_shipment", LONGEST_SECONDS, "the money")
    return order_id


def _send_and_refund(shop: Shop, buyer: Buyer, order_id: str) -> None:
    """Two parcels, and one unit goes back."""
    path = f"/v1/orders/{order_id}"
    for number, sku_id in (("SF1088102233445", "1"), ("SF1088102233446", "3")):
        items = [{"sku_id": sku_id, "quantity": 1}]
        shop.operator.call(
            "POST", f"{path}/shipments", {"items": items, "carrier": "顺丰速运", "tracking_number": number}
        )
    body = {"items": [{"sku_id": "9", "quantity": 1}], "reason": "缺一枚书签"}
    answer = shop.operator.send("POST", f"{path}/refunds", body, {"Idempotency-Key": str(uuid.uuid4())})
    assert answer.status == 202, answer.data
    eventually(lambda: buyer.call("GET", f"{path}/refunds")["refunds"][0]["status"] == "succeeded", "money goes back")


def _need_a_person(stack: RunningStack, order_id: str, number: str) -> None:
    told = (
        f"Alipay tells of 12.00 yuan (TRADE_SUCCESS, trade 2026112722001400001) for order {order_id}, which asks 258.00"
    )
    matters = (
        Alarm("notify_amount_differs", number, told, int(order_id), 1200),
        Alarm("webhook_gone", "webhook 3", "webhook 3 answered 410: nothing more is sent to it"),
    )
    engine = db.connect(settings.stored(stack.data_dir)["CHECKOUT_DATABASE_URL"])
    with db.transaction(engine) as connection:
        for matter in matters:
            alarms.raise_alarm(connection, matter)
    engine.dispose()


def _operator(stack: RunningStack) -> str:
    return auth.issue(settings.stored(stack.data_dir)["CHECKOUT_JWT_SECRET"], 1, is_operator=True, ttl_seconds=3600)
