"""A buyer with a client of openapi-python-client: places an order, pays it, and follows it until then.

Run with the addresses and tokens of a stack and with the body of an order; the client is generated beside it.
"""

from __future__ import annotations

import json
import sys
from typing import Any

# It is generated when the test runs, and httpx comes with it.
import httpx  # type: ignore[import-not-found]
from checkout_client import AuthenticatedClient  # type: ignore[import-not-found]
from checkout_client.api.orders import orders_follow, orders_place, orders_show  # type: ignore[import-not-found]
from checkout_client.api.payments import payments_make  # type: ignore[import-not-found]
from checkout_client.models import OrderRequest, PaymentRequest, Problem  # type: ignore[import-not-found]

url, token, alipay, admin_token, body = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=token, timeout=httpx.Timeout(60))


def until(order_id: str, status: str) -> Any:
    """Waits, without asking again and again, until the order has that status."""
    known: dict[str, str] = {}
    while True:
        answer = orders_show.sync_detailed(order_id, client=client, prefer="wait=10", **known)
        if answer.parsed is not None and answer.parsed.status == status:
            return answer.parsed
        known = {"if_none_match": answer.headers["ETag"]}


def pay(order_id: str) -> None:
    offer = payments_make.sync(order_id, client=client, body=PaymentRequest.from_dict({"method": "wap"}))
    headers = {"Authorization": f"Bearer {admin_token}"}
    httpx.post(f"{alipay}/admin/pay", json={"pay_url": offer.pay_url}, headers=headers).raise_for_status()


def first_event(order_id: str) -> Any:
    """Of the order's stream, which is read as it comes."""
    with client.get_httpx_client().stream(**orders_follow._get_kwargs(order_id)) as stream:
        return next(
            json.loads(line.removeprefix("data: ")) for line in stream.iter_lines() if line.startswith("data: ")
        )


request = OrderRequest.from_dict(json.loads(body))
order = orders_place.sync(client=client, body=request, idempotency_key="by-python")
assert not isinstance(order, Problem), order
placed = until(order.id, "awaiting_payment")
pay(order.id)
paid = until(order.id, "awaiting_shipment")
told = first_event(order.id)["status"]
sys.stdout.write(json.dumps({"total": placed.total_amount, "paid_at": paid.paid_at.isoformat(), "told": told}))
