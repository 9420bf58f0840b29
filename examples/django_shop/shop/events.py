"""What checkout tells, written into the shop's tables. A repeat, or what came too late, changes nothing."""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from shop.models import SKU, SPU, Bookmark, OrderGoods, OrderInfo

Status = OrderInfo.Status
_STATUS = {
    "rejected": Status.CANCELED,
    "awaiting_payment": Status.UNPAID,
    "awaiting_shipment": Status.UNSEND,
    "shipped": Status.UNRECEIVED,
    "completed": Status.UNCOMMENT,
    "closed": Status.CANCELED,
}
_DRAWN_HERE = re.compile(r"\d{23,}[0-9a-f]{6}")  # As shop/adopted.py draws numbers.
PATIENCE = timedelta(seconds=60)  # After the event; longer than a view waits for checkout.


def reached() -> int:
    """The last event that was heard."""
    return int(Bookmark.objects.get_or_create(id=1)[0].event_id)


def hear(event: dict[str, Any]) -> None:
    """Brings the tables up to this event. It waits a while for the row of an order that was drawn here."""
    while not _heard(event):
        time.sleep(0.2)


@transaction.atomic
def _heard(event: dict[str, Any]) -> bool:
    """Whether it is done with; else the bookmark stays before it."""
    topic = event["type"].removeprefix("checkout.")
    if topic.startswith("stock.") and event["subject"].isdecimal():  # Others are no SKUs of this shop.
        _count(event)
    elif topic.startswith("order.") and not _follow(event, is_placed=topic == "order.placed"):
        return False
    Bookmark.objects.filter(id=1, event_id__lt=int(event["id"])).update(event_id=int(event["id"]))
    return True


def _count(event: dict[str, Any]) -> None:
    """Each row keeps the highest sequence that it has heard of."""
    older = SKU.objects.filter(id=event["subject"], sequence__lt=event["sequence"])
    older.update(stock=event["data"]["stock"], sequence=event["sequence"])


def _follow(event: dict[str, Any], *, is_placed: bool) -> bool:
    told = event["data"]
    order = OrderInfo.objects.select_for_update().filter(order_id=told.get("reference", "")).first()
    if order is None:
        return not _may_come(event)
    if is_placed and not order.skus.exists():
        _write_lines(order, told)
    if order.sequence < event["sequence"]:
        order.status, order.sequence = _STATUS[told["status"]], event["sequence"]
        order.checkout_id = event["subject"]
    order.save()
    return True


def _may_come(event: dict[str, Any]) -> bool:
    """Whether its row may still be in a transaction of the view; any other was not ordered here."""
    is_own = _DRAWN_HERE.fullmatch(event["data"].get("reference", ""))
    return bool(is_own) and timezone.now() < datetime.fromisoformat(event["time"]) + PATIENCE


def _write_lines(order: OrderInfo, told: dict[str, Any]) -> None:
    for line in told["lines"]:
        price = Decimal(line["amount"]) / line["quantity"]
        OrderGoods.objects.create(order=order, sku_id=line["sku_id"], count=line["quantity"], price=price)
        SKU.objects.filter(id=line["sku_id"]).update(sales=F("sales") + line["quantity"])
        SPU.objects.filter(id=line["spu_id"]).update(sales=F("sales") + line["quantity"])
        order.total_count += line["quantity"]
    order.total_amount = Decimal(told["total_amount"])
    order.freight = order.total_amount - sum(Decimal(line["amount"]) for line in told["lines"])
