"""The order view as its article has it: first naive, then with an optimistic lock on the stock."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_POST

from shop import cart
from shop.buyers import buyers_only
from shop.models import SKU, OrderGoods, OrderInfo

FREIGHT = Decimal("10.00")
Status, PayMethod = OrderInfo.Status, OrderInfo.PayMethod
Take = Callable[[int, int], SKU]


class OutOfStock(Exception):
    """Fewer units are there than the buyer wants."""


def take_naively(sku_id: int, count: int) -> SKU:
    sku = SKU.objects.get(id=sku_id)
    if count > sku.stock:
        raise OutOfStock
    sku.stock -= count
    sku.sales += count
    sku.save()
    return sku


def take_optimistically(sku_id: int, count: int) -> SKU:
    while True:
        sku = SKU.objects.get(id=sku_id)
        if count > sku.stock:
            raise OutOfStock
        changed = {"stock": sku.stock - count, "sales": sku.sales + count}
        if SKU.objects.filter(id=sku_id, stock=sku.stock).update(**changed):
            return sku


@require_POST
@buyers_only
def naive(request: HttpRequest) -> HttpResponse:
    return _commit(request, take_naively)


@require_POST
@buyers_only
def optimistic(request: HttpRequest) -> HttpResponse:
    return _commit(request, take_optimistically)


def _commit(request: HttpRequest, take: Take) -> HttpResponse:
    bought = cart.selected(request.user.id)
    if not bought:
        return JsonResponse({"errmsg": "购物车中没有选中的商品"}, status=400)
    with transaction.atomic():
        savepoint = transaction.savepoint()
        try:
            order = _place(request, bought, take)
        except OutOfStock:
            transaction.savepoint_rollback(savepoint)
            return JsonResponse({"errmsg": "库存不足"}, status=409)
        transaction.savepoint_commit(savepoint)
    cart.forget(request.user.id, bought)
    return JsonResponse({"order_id": order.order_id})


def _place(request: HttpRequest, bought: dict[int, int], take: Take) -> OrderInfo:
    asked = json.loads(request.body)
    order = OrderInfo.objects.create(
        order_id=f"{timezone.now():%Y%m%d%H%M%S}{request.user.id:09d}",
        user=request.user,
        address_id=asked["address"],
        freight=FREIGHT,
        pay_method=asked["pay_method"],
        status=Status.UNSEND if asked["pay_method"] == PayMethod.CASH else Status.UNPAID,
        total_amount=FREIGHT,
    )
    for sku_id, count in bought.items():
        sku = take(sku_id, count)
        sku.spu.sales += count
        sku.spu.save()
        OrderGoods.objects.create(order=order, sku=sku, count=count, price=sku.price)
        order.total_count += count
        order.total_amount += sku.price * count
    order.save()
    return order
