"""The order view after the adoption: it writes down what it is about to order, and checkout does the rest."""

from __future__ import annotations

import json
import secrets
from typing import Any

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


@transaction.non_atomic_requests
@require_GET
@ensure_csrf_cookie
@buyers_only
def settlement(request: HttpRequest) -> HttpResponse:
    """The page before the click. While nobody knows what became of the last click it asks that, and shows no cart."""
    clicked = OrderInfo.objects.filter(order_id=request.session.get(NUMBER, "")).first()
    if clicked and not request.session[SETTLED]:
        return _asked(clicked, request)
    if request.session.get(SETTLED, True):
        _draw(request)
    return basket(request, **_total(request))


def _draw(request: HttpRequest) -> None:
    """The number under which the click, and each repeat of it, is one order."""
    now, some = timezone.now(), secrets.token_hex(3)
    request.session[NUMBER] = f"{now:%Y%m%d%H%M%S}{request.user.id:09d}{some}"
    request.session[SETTLED] = False


def _total(request: HttpRequest) -> dict[str, str]:
    """What the cart costs if it goes to `?address=ID`; without it the page has nothing to click."""
    to = Address.objects.filter(id=request.GET.get("address", 0), user=request.user).first()
    try:
        return {"total_amount": checkout.total(to)} if to else {}
    except (checkout.Away, checkout.Refused):  # Also of a cart that is empty.
        return {}


@transaction.non_atomic_requests  # The row has to be there for others before checkout is asked.
@require_POST
@buyers_only
def commit(request: HttpRequest) -> HttpResponse:
    """The click names the total that the page showed: it is ordered for that, or not at all."""
    number, click = request.session.get(NUMBER), json.loads(request.body)
    if number is None or "total" not in click:
        return JsonResponse({"errmsg": "请先打开结算页"}, status=400)
    return _asked(_written(number, click, request), request)


def _asked(order: OrderInfo, request: HttpRequest) -> HttpResponse:
    """What became of it. That it is settled, checkout has to say."""
    try:
        placed = checkout.place(order)
    except checkout.Away:
        return _later(order.order_id)
    except checkout.Refused as refused:
        OrderInfo.objects.filter(pk=order.pk, sequence=0).update(status=Status.CANCELED)
        request.session[SETTLED] = True
        return JsonResponse({"errmsg": str(refused)}, status=409)
    OrderInfo.objects.filter(pk=order.pk).update(checkout_id=placed["id"])
    if placed["status"] == "accepted":
        return _later(order.order_id)
    request.session[SETTLED] = True
    if placed["status"] == "rejected":
        return JsonResponse({"errmsg": placed["reason"], "shortages": placed.get("shortages", [])}, status=409)
    return JsonResponse({"order_id": order.order_id})


def _written(number: str, click: dict[str, Any], request: HttpRequest) -> OrderInfo:
    """The row that stands before the call, with its body: a repeat sends what the first click sent."""
    to = get_object_or_404(Address, id=click["address"], user=request.user)
    pay_method = OrderInfo.PayMethod(click["pay_method"])
    row = {
        "user": request.user,
        "address": to,
        "pay_method": pay_method,
        "status": Status.PLACING,
        "asked": checkout.order_of_cart(number, to, pay_method, click["total"]),
    }
    order: OrderInfo = OrderInfo.objects.get_or_create(order_id=number, defaults=row)[0]
    return order


def _later(number: str) -> HttpResponse:
    """The session keeps the number, so the next click, or the page itself, asks after the same order."""
    return JsonResponse({"order_id": number, "errmsg": "下单中，请稍后再试"}, status=503, headers={"Retry-After": "2"})


@transaction.non_atomic_requests  # No transaction waits for checkout.
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
