"""Who answers; SHOP_ORDERS decides about the orders."""

from __future__ import annotations

from django.conf import settings
from django.urls import path
from django.views.decorators.csrf import ensure_csrf_cookie

from shop import adopted, article
from shop.buyers import basket, buyers_only

_COMMIT = {
    "naive": article.naive,
    "optimistic": article.optimistic,
    "closed": adopted.closed,
    "checkout": adopted.commit,
}
_SETTLEMENT = adopted.settlement if settings.SHOP_ORDERS == "checkout" else ensure_csrf_cookie(buyers_only(basket))

urlpatterns = [
    path("orders/settlement/", _SETTLEMENT),
    path("orders/commit/", _COMMIT[settings.SHOP_ORDERS]),
    path("orders/<str:number>/pay/", adopted.pay),
    path("orders/<str:checkout_id>", adopted.show),
]
