"""The order view after the adoption: it writes down what it is about to order, and checkout does the rest."""

from __future__ import annotations

import json
import secrets

from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_POST

from shop import checkout
from shop.buyers import basket, buyers_only
from shop.models import Address, OrderInfo

NUMBER, SETTLED = "order_number", "order_is_settled"  # In the session.
Status = OrderInfo.Status


@require_GET
@ensure_csrf_cookie
@buyers_only
def settlement(request: HttpRequest) -> HttpResponse:
    """The page before the click draws the number under which the click, and each repeat of it, is one order."""
    if request.session.get(SETTLED, True):
        now, some = timezone.now(), secrets.token_hex(3)
        request.session[NUMBER] = f"{now:%Y%m%d%H%M%S}{request.user.id:09d}{some}"
        request.session[SETTLED] = False
    return basket(request)


@transaction.non_atomic_requests  # The row has to be there for others before checkout is asked.
@require_POST
@buyers_only
def commit(request: HttpRequest) -> HttpResponse:
    number = request.session.get(NUMBER)
    if number is None:
        return JsonResponse({"errmsg": "请先打开结算页"}, status=400)
    order = _written(number, request)
    try:
        placed = checkout.place(order)
    except checkout.Away:
        return _later(number)
    except checkout.Refused as refused:
        OrderInfo.objects.filter(order_id=number, sequence=0).update(status=Status.CANCELED)
        request.session[SETTLED] = True
        return JsonResponse({"errmsg": str(refused)}, status=409)
    OrderInfo.objects.filter(order_id=number).update(checkout_id=placed["id"])
    if placed["status"] == "accepted":
        return _later(number)
    request.session[SETTLED] = True
    if placed["status"] == "rejected":
        return JsonResponse({"errmsg": placed["reason"], "shortages": placed.get("shortages", [])}, status=409)
    return JsonResponse({"order_id": number})


def _written(number: str, request: HttpRequest) -> OrderInfo:
    """The row that stands before the call, with its body: a repeat sends what the first click sent."""
    asked = json.loads(request.body)
    to = get_object_or_404(Address, id=asked["address"], user=request.user)
    pay_method = OrderInfo.PayMethod(asked["pay_method"])
    row = {
        "user": request.user,
        "address": to,
        "pay_method": pay_method,
        "status": Status.PLACING,
        "asked": checkout.order_of_cart(number, to, pay_method),
    }
    order: OrderInfo = OrderInfo.objects.get_or_create(order_id=number, defaults=row)[0]
    return order


def _later(number: str) -> HttpResponse:
    """The session keeps the number, so the next click asks after the same order."""
    return JsonResponse({"order_id": number, "errmsg": "下单中，请稍后再试"}, status=503, headers={"Retry-After": "2"})


@require_GET
@buyers_only
def pay(request: HttpRequest, number: str) -> HttpResponse:
    order = get_object_or_404(OrderInfo.objects.exclude(checkout_id=""), order_id=number, user=request.user)
    try:
        return HttpResponseRedirect(checkout.pay_url(order))
    except checkout.Refused as refused:
        return JsonResponse({"errmsg": str(refused)}, status=409)
    except checkout.Away:
        return _later(number)


@require_GET
@buyers_only
def show(request: HttpRequest, checkout_id: str) -> HttpResponse:
    """Where Alipay sends the buyer back to: CHECKOUT_SHOP_URL with `/orders/ID` behind it."""
    order = get_object_or_404(OrderInfo.objects.exclude(checkout_id=""), checkout_id=checkout_id, user=request.user)
    status = OrderInfo.Status(order.status).label
    return JsonResponse({"order_id": order.order_id, "status": status, "total_amount": order.total_amount})


def closed(_request: HttpRequest) -> HttpResponse:
    """While the goods move nobody sells them."""
    return JsonResponse({"errmsg": "系统维护中"}, status=503, headers={"Retry-After": "60"})
