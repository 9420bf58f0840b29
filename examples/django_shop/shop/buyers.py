"""Who buys: views for signed-in users, and the page before the click, which looks alike before and after."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from shop import cart
from shop.models import SKU

View = Callable[..., HttpResponse]


def buyers_only(view: View) -> View:
    """Nobody else gets further than 401."""

    @wraps(view)
    def guarded(request: HttpRequest, *given: Any, **named: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return JsonResponse({"errmsg": "请登录"}, status=401)
        return view(request, *given, **named)

    return guarded


def basket(request: HttpRequest, **shown: str) -> HttpResponse:
    """What the order would hold, and what else the page shows."""
    counts = cart.selected(request.user.id)
    skus = [
        {"id": sku.id, "name": sku.name, "price": sku.price, "count": counts[sku.id]}
        for sku in SKU.objects.filter(id__in=counts).order_by("id")
    ]
    amount = sum((sku["price"] * sku["count"] for sku in skus), Decimal(0))
    return JsonResponse({"skus": skus, "goods_amount": amount, **shown})
