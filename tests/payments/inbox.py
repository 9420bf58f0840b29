"""What arrives at /v1/alipay/notify, and what came of it."""

from __future__ import annotations

from falcon.testing import Result

from checkout.db import Engine, transaction
from checkout.payments import notifies
from tests.shared.client import Client
from tests.shared.factories import RULES, rows

FORM = "application/x-www-form-urlencoded; charset=utf-8"


def notify(client: Client, body: bytes, content_type: str = FORM) -> Result:
    headers = {"Content-Type": content_type} if content_type else {}
    return client.post("/v1/alipay/notify", body=body, headers=headers, user=None)


def apply(engine: Engine) -> list[str]:
    with transaction(engine) as connection:
        return notifies.apply(connection, RULES).outcomes


def assert_refused(result: Result, engine: Engine, status: int = 200) -> None:
    assert (result.status_code, result.content) == (status, b"failure")
    assert rows(engine, "notifies") == []
    assert [payment.status for payment in rows(engine, "payments")] == ["open"]
