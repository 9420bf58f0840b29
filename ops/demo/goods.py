"""What happens to goods in the demo: how many one may have, what leaves, and what comes back."""

from __future__ import annotations

import uuid

from ops.demo.shop import Json, Shop
from ops.demo.stories import CLOSING_SECONDS, at_the_cashier, expect_paid, record_placed
from ops.demo.timeline import Missed, Record

_LIMIT = 2


def wants_more_than_his_share(shop: Shop, record: Record) -> None:
    """What the quote says is what the order costs; beyond the limit nobody gets more."""
    buyer = shop.buyer()
    goods = {"items": [{"sku_id": "tea-biluochun", "quantity": _LIMIT}]}
    quote = buyer.call("POST", "/v1/quotes", goods)
    record.step(f"{buyer} asks what {_LIMIT} × {shop.title('tea-biluochun')} cost: ¥{quote['total_amount']}")
    answer = buyer.order(("tea-biluochun", _LIMIT), expected_total=quote["total_amount"])
    order = buyer.decided(answer.json()["id"])
    record_placed(shop, record, buyer, order)
    record.expect("the order costs what the quote said", quote["total_amount"], order["total_amount"])
    again = buyer.call("POST", "/v1/quotes", {"items": [{"sku_id": "tea-biluochun", "quantity": 1}]})
    record.expect("a quote for one more warns", "limit_exceeded", again["problems"][0]["code"])
    refused = buyer.decided(buyer.order("tea-biluochun").json()["id"])
    record.event(shop.events.wait(refused["id"], "order.rejected"), f"#{refused['id']}  one more")
    left = refused["shortages"][0]["available"] if refused.get("shortages") else None
    record.expect("he is refused, and told what is left", "limit_exceeded, 0", f"{refused['reason']}, {left}")


def sends_a_parcel_and_takes_a_line_back(shop: Shop, record: Record) -> None:
    """A part leaves; what has not left is paid back by line, and is for sale again once the money has moved."""
    buyer = shop.buyer()
    order = buyer.placed(("tea-dancong", 2), "tray-bamboo")
    record.event(shop.events.wait("tray-bamboo", "stock.sold_out"), shop.title("tray-bamboo"))
    record_placed(shop, record, buyer, order)
    browser = at_the_cashier(record, buyer, buyer.open_payment(order["id"]))
    browser.press("pay")
    expect_paid(shop, record, buyer, order["id"])
    label = {"carrier": "顺丰速运", "tracking_number": "SF1002003004"}
    parcel = {"items": [{"sku_id": "tea-dancong", "quantity": 2}], **label}
    shop.operator.call("POST", f"/v1/orders/{order['id']}/shipments", parcel)
    record.step(f"the shop sends the tea: {label['carrier']} {label['tracking_number']}")
    waiting = buyer.call("GET", f"/v1/orders/{order['id']}")
    record.expect("with the tray still here the order is", "awaiting_shipment", waiting["status"])
    _gives_back_the_tray(shop, record, order)
    shipped = buyer.until(order["id"], lambda now: _refunded(now) == 1, CLOSING_SECONDS, "the refund")
    record.expect("nothing is left to send, so it is", "shipped", shipped["status"])
    sold_out = shop.events.wait("tray-bamboo", "stock.sold_out")
    restocked = shop.events.wait("tray-bamboo", "stock.restocked", after=sold_out["id"])
    record.event(restocked, shop.title("tray-bamboo"))
    record.expect("the tray is for sale again", True, buyer.call("GET", "/v1/skus/tray-bamboo")["in_stock"])
    record.expect("units of the tea that are out", 2, _sent(shipped)["tea-dancong"])


def _gives_back_the_tray(shop: Shop, record: Record, order: Json) -> None:
    tray = next(item for item in order["items"] if item["sku_id"] == "tray-bamboo")
    body = {"items": [{"sku_id": "tray-bamboo", "quantity": 1}], "reason": "运输前发现裂纹"}
    path, headers = f"/v1/orders/{order['id']}/refunds", {"Idempotency-Key": str(uuid.uuid4())}
    answer = shop.operator.send("POST", path, body, headers)
    if answer.status != 202:
        raise Missed(f"the refund was answered {answer.status}: {answer.data.decode()[:200]}")
    refund = answer.json()
    record.step(f"the tray is cracked: the shop pays ¥{refund['amount']} of it back")
    record.expect("which is what was paid for it", tray["amount"], refund["amount"])
    record.event(shop.events.wait(order["id"], "refund.succeeded"), f"¥{refund['amount']}")


def _refunded(order: Json) -> int:
    return sum(item["refunded_quantity"] for item in order["items"])


def _sent(order: Json) -> dict[str, int]:
    return {item["sku_id"]: item["shipped_quantity"] for item in order["items"]}
