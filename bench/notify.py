"""Alipay's notifies: signed beforehand, for real attempts of real orders; and what the SDK's own check reaches."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from alipay import AliPay

from bench import client
from bench.client import Tally
from bench.stack import Stack
from checkout import clock, money
from sandbox.alipay import keys
from sandbox.alipay.signing import NOTIFY_RULE, Signer, text_to_sign

OFFERING_CONNECTIONS = 64

_OPEN = """
    SELECT p.order_id, o.user_id FROM payments p JOIN orders o ON o.id = p.order_id
    WHERE p.status = 'open' AND p.offered_at IS NULL
        AND o.status = 'awaiting_payment' AND o.pay_before > now() + interval '5 minutes'
    ORDER BY p.order_id DESC LIMIT :count
"""
_OFFERED = """
    SELECT out_trade_no, amount_fen FROM payments
    WHERE status = 'open' AND order_id = ANY(CAST(:ids AS bigint[])) AND offered_at IS NOT NULL
"""
# Preparing takes longer than a buyer: without this the attempts would be due for queries while their notifies come.
_AS_JUST_OFFERED = """
    WITH offered AS (
        UPDATE payments SET due_at = now() + interval '15 seconds'
        WHERE status = 'open' AND order_id = ANY(CAST(:ids AS bigint[])) AND offered_at IS NOT NULL RETURNING 1
    ) SELECT count(*) FROM offered
"""
_PAID = """
    SELECT count(*), extract(epoch FROM max(p.paid_at))::float8 FROM payments p JOIN orders o ON o.id = p.order_id
    WHERE p.order_id = ANY(CAST(:ids AS bigint[])) AND p.kept AND o.status = 'awaiting_shipment'
"""


@dataclass
class Run:
    """Notifies through the whole stack, and beside it the SDK alone on one core; both per second."""

    offers: Tally  # making the attempts by POST …/payments, one transaction each
    tally: Tally
    paid: int
    took: float  # from the first notify to the last order that became paid
    sdk_per_second: float
    cpu_us: dict[str, float]

    @property
    def per_second(self) -> float:
        return self.paid / self.took


def measure(stack: Stack, count: int, connections: int) -> Run:
    """Has the newest open orders paid, all at once."""
    rows = stack.rows(_OPEN, count=count)
    ids = [row.order_id for row in rows]
    offers = _offer(stack, rows)
    signed = _signed(stack, ids)
    posts = iter([post(params) for params in signed])
    stack.settle()
    stack.one(_AS_JUST_OFFERED, ids=ids)
    stack.checkpoint()
    before = stack.cpu_seconds()
    tally = client.closed_loop(stack.port, posts, connections, client.ANSWER_SECONDS)
    paid, last = _applied(stack, ids)
    per_notify = stack.cpu_us_since(before, paid)
    return Run(offers, tally, paid, last - tally.began, _sdk_alone(stack, signed), per_notify)


def _offer(stack: Stack, rows: list[Any]) -> Tally:
    header = b"Content-Type: application/json\r\n"
    requests: Iterator[bytes] = (
        client.request(
            "POST", f"/v1/orders/{row.order_id}/payments", stack.token(row.user_id), b'{"method":"page"}', header
        )
        for row in rows
    )
    return client.closed_loop(stack.port, requests, OFFERING_CONNECTIONS, client.ANSWER_SECONDS)


def _signed(stack: Stack, ids: list[int]) -> list[dict[str, str]]:
    """What Alipay would send for these orders' attempts."""
    signer = Signer(keys.ensure(stack.data_dir / "alipay"))
    notifies = []
    for row in stack.rows(_OFFERED, ids=ids):
        params = parameters(signer, row.out_trade_no, row.amount_fen)
        text = text_to_sign(params, NOTIFY_RULE)
        notifies.append(params | {"sign": signer.sign(text.encode())})
    return notifies


def parameters(signer: Signer, out_trade_no: str, amount_fen: int) -> dict[str, str]:
    """The parameters that real notifies of a payment carry (opendocs.alipay.com, 203/105286)."""
    amount, now = money.yuan(amount_fen), clock.beijing(datetime.now(UTC))
    return {
        "notify_type": "trade_status_sync",
        "notify_id": secrets.token_hex(17),
        "notify_time": now,
        "app_id": signer.app_id,
        "auth_app_id": signer.app_id,
        "charset": "utf-8",
        "version": "1.0",
        "sign_type": "RSA2",
        "trade_no": f"{datetime.now(UTC):%Y%m%d}22001{secrets.randbelow(10**15):015}",
        "out_trade_no": out_trade_no,
        "trade_status": "TRADE_SUCCESS",
        "seller_id": signer.seller_id,
        "subject": "订单",
        "total_amount": amount,
        "receipt_amount": amount,
        "buyer_pay_amount": amount,
        "buyer_id": "2088000000000000",
        "gmt_create": now,
        "gmt_payment": now,
        "fund_bill_list": json.dumps([{"amount": amount, "fundChannel": "ALIPAYACCOUNT"}], separators=(",", ":")),
    }


def post(params: dict[str, str]) -> bytes:
    """The request that Alipay makes."""
    header = b"Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\n"
    return client.request("POST", "/v1/alipay/notify", b"", urlencode(params).encode(), header)


def _applied(stack: Stack, ids: list[int]) -> tuple[int, float]:
    """How many orders became paid, and when the last one did; waits until no notify waits. Raises TimeoutError."""
    deadline = time.monotonic() + client.ANSWER_SECONDS
    while stack.one("SELECT count(*) FROM notifies WHERE applied_at IS NULL"):
        if time.monotonic() > deadline:
            raise TimeoutError("notifies stayed unapplied")
        time.sleep(0.02)
    paid, last = stack.rows(_PAID, ids=ids)[0]
    return paid, last or time.time()


def _sdk_alone(stack: Stack, signed: list[dict[str, str]], seconds: float = 2.0) -> float:
    """python-alipay-sdk as it comes, in this process alone."""
    files = keys.ensure(stack.data_dir / "alipay")
    sdk = AliPay(
        appid=files.app_id,
        app_private_key_string=files.app_private_key_file.read_text(encoding="utf-8"),
        alipay_public_key_string=files.alipay_public_key_file.read_text(encoding="utf-8"),
    )
    verified, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        params = dict(signed[verified % len(signed)])
        if not sdk.verify(params, params.pop("sign")):
            raise RuntimeError("the SDK does not verify what we signed")
        verified += 1
    return verified / (time.perf_counter() - began)
