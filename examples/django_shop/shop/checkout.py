"""The calls to checkout, each with a token that this shop signs for one minute."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

import jwt
import urllib3
from django.conf import settings

from shop.models import Address, OrderInfo

WAIT_SECONDS = 10
OPERATOR = 1  # Under which the shop itself is known there.
_TWICE = urllib3.Retry(1, allowed_methods=None, redirect=False)  # For what is the same when it comes again.
_PAY_METHODS: dict[Any, str] = {OrderInfo.PayMethod.CASH: "cash", OrderInfo.PayMethod.ALIPAY: "alipay"}


class Away(Exception):
    """Nobody knows whether it was done. The same call again, with the same key and body, finds out."""


class Unsent(Away):
    """Nobody was there to be asked, so surely nothing was done."""


class Refused(Exception):
    """Checkout itself says that this call did nothing. What an earlier one with the same key did is another matter."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(problem.get("detail", problem["title"]))
        self.problem = problem


@cache
def _http() -> urllib3.PoolManager:
    return urllib3.PoolManager(maxsize=32, timeout=urllib3.Timeout(connect=2, read=WAIT_SECONDS + 10))


def call(
    method: str,
    path: str,
    user_id: int,
    body: dict[str, Any] | None = None,
    *,
    scope: str = "",
    retries: urllib3.Retry | bool = _TWICE,
    **headers: str,
) -> dict[str, Any]:
    """The JSON of an answer that is good. Raises Away and Refused; a header's name is written with underscores."""
    claims = {"sub": str(user_id), "exp": int(time.time()) + 60, "scope": scope}
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    sent["Authorization"] = "Bearer " + jwt.encode(claims, settings.CHECKOUT_JWT_SECRET, algorithm="HS256")
    # A call that is made again in here fails with MaxRetryError: its first try may have arrived.
    surely_unsent = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)
    try:
        answer = _http().request(method, settings.CHECKOUT_URL + path, headers=sent, json=body, retries=retries)
    except surely_unsent as error:
        raise Unsent from error
    except urllib3.exceptions.HTTPError as error:
        raise Away from error
    is_problem = answer.headers.get("Content-Type", "").startswith("application/problem+json")
    if answer.status >= 500 or (answer.status >= 400 and not is_problem):  # A proxy's 404 says nothing of checkout.
        raise Away
    said: dict[str, Any] = answer.json()
    if answer.status >= 400:
        raise Refused(said)
    return said


def total(to: Address) -> str:
    """What the selected part of the cart costs now if it goes there. Raises Away and Refused."""
    quote = call("POST", "/v1/quotes", to.user_id, {"from_cart": True, "address": _written_out(to)})
    return str(quote["total_amount"])


def order_of_cart(number: str, to: Address, pay_method: int, expected_total: str) -> dict[str, Any]:
    """The body that orders the selected part of the cart, if that is the total when it is placed.

    A repeat may be the first that arrives, when the cart is another already: then it is refused.
    """
    return {
        "from_cart": True,
        "pay_method": _PAY_METHODS[pay_method],
        "address": _written_out(to),
        "reference": number,
        "expected_total": expected_total,
    }


def _written_out(to: Address) -> dict[str, str]:
    return {"recipient": to.receiver, "phone": to.mobile, "region": to.region, "detail": to.place}


def place(order: OrderInfo) -> dict[str, Any]:
    """Asks for the order, whose number is the key: however often it is asked, it is one order.

    Answers as soon as it is placed or rejected. Raises Away and Refused; Refused only where nothing is stored under its
    number, by this call or by one before it.
    """
    try:
        accepted = call("POST", "/v1/orders", order.user_id, order.asked, Idempotency_Key=order.order_id)
    except Refused as refused:
        if _is_about_the_call(refused):
            raise Away from refused
        raise
    if accepted["status"] != "accepted":
        return accepted
    try:
        return call("GET", f"/v1/orders/{accepted['id']}", order.user_id, Prefer=f"wait={WAIT_SECONDS}")
    except Refused as refused:  # To be shown. The order is stored all the same.
        raise Away from refused


def _is_about_the_call(refused: Refused) -> bool:
    """These are said before the number is looked up, or because it has an order: a repeat may find one."""
    status, code = refused.problem.get("status"), refused.problem.get("code")
    return status in (401, 403, 408, 429) or code == "idempotency_key_reused"


def pay_url(order: OrderInfo) -> str:
    """Where the buyer pays. Raises Away and Refused."""
    made = call("POST", f"/v1/orders/{order.checkout_id}/payments", order.user_id, {"method": "page"})
    return str(made["pay_url"])


def give_back(sku_id: int, count: int) -> None:
    """So many more units are for sale; asked twice, twice as many. Raises Unsent, Away and Refused."""
    call("POST", f"/v1/skus/{sku_id}/stock", OPERATOR, {"add": count}, scope="operator", retries=False)


def events(after: int) -> list[dict[str, Any]]:
    """The next events of the log, oldest first. Raises Away and Refused."""
    page = call("GET", f"/v1/events?after={after}", OPERATOR, scope="operator")
    found: list[dict[str, Any]] = page["events"]
    return found
