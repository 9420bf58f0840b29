"""What arrives at /v1/alipay/notify: believed and stored before `success`, or `failure` and nothing changed."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from api import counters
from checkout.db import Engine, sql, transaction
from checkout.orders.ledger import Payment
from checkout.payments import notifies
from tests.payments.inbox import FORM, apply, assert_refused, notify
from tests.shared.client import Client
from tests.shared.factories import RULES, an_attempt, attempts, order, placed, row, rows, waiting_notifies
from tests.shared.notifies import Signer, form


def unverified() -> float:
    return counters.registry.get_sample_value("checkout_notifies_total", {"outcome": "unverified"}) or 0.0


def test_a_real_notify_is_stored_then_acknowledged_then_applied(
    client: Client, engine: Engine, attempt: Payment, signer: Signer
) -> None:
    result = notify(client, signer.body(attempt))
    assert (result.status_code, result.content) == (200, b"success")
    assert result.headers["content-type"].startswith("text/plain")
    stored = row(engine, "notifies")
    assert (stored.out_trade_no, stored.params["subject"], stored.applied_at) == (
        attempt.out_trade_no,
        "一双 & 袜子 = 好",
        None,
    )
    assert apply(engine) == ["applied"]
    assert order(engine, attempt.order_id).status == "awaiting_shipment"
    assert row(engine, "notifies").outcome == "applied"


def test_a_replayed_notify_is_acknowledged_and_stored_once(
    client: Client, engine: Engine, attempt: Payment, signer: Signer
) -> None:
    later = signer.body(attempt, notify_time="2026-11-22 22:00:00", notify_id="another")
    for body in (signer.body(attempt), signer.body(attempt), later):
        assert notify(client, body).content == b"success"
    assert len(rows(engine, "notifies")) == 1


def test_doubles_at_the_same_instant_are_stored_once(
    client: Client, engine: Engine, attempt: Payment, signer: Signer
) -> None:
    body = signer.body(attempt)
    request: dict[str, Any] = {"body": body, "headers": {"Content-Type": FORM}, "user": None}
    results = client.together([client.call("POST", "/v1/alipay/notify", **request) for _ in range(20)])
    assert {result.content for result in results} == {b"success"}
    assert len(rows(engine, "notifies")) == 1


def test_each_news_of_one_trade_is_kept(client: Client, engine: Engine, attempt: Payment, signer: Signer) -> None:
    for body in (signer.body(attempt), signer.body(attempt, refund_fee="5.00"), signer.body(attempt, "TRADE_FINISHED")):
        assert notify(client, body).content == b"success"
    assert apply(engine) == ["applied", "applied", "unchanged"]
    assert attempts(engine, attempt.order_id)[0].refunded_fen == 500


def test_a_forged_notify_is_refused_and_counted(
    client: Client, engine: Engine, attempt: Payment, signer: Signer
) -> None:
    before = unverified()
    params = signer.params(attempt)
    text = "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "sign_type")
    other = rsa.generate_private_key(65537, 2048)
    sign = base64.b64encode(other.sign(text.encode(), PKCS1v15(), hashes.SHA256())).decode()
    assert_refused(notify(client, form(params | {"sign": sign})), engine)
    assert unverified() == before + 1


@pytest.mark.parametrize(
    "sign", ["", "!!!", "AAAA", base64.b64encode(b"x" * 256).decode(), "A" * 20_000, "签名", "A\x00=="]
)
def test_base64_noise_is_no_signature(
    client: Client, engine: Engine, attempt: Payment, signer: Signer, sign: str
) -> None:
    assert_refused(notify(client, form(signer.params(attempt) | {"sign": sign})), engine)


@pytest.mark.parametrize(
    "change",
    [
        {"total_amount": "0.01"},
        {"trade_status": "TRADE_FINISHED"},
        {"out_trade_no": "X"},
        {"sign_type": "RSA"},
        {"extra": "1"},
        {"subject": ""},
    ],
)
def test_an_altered_notify_is_refused(
    client: Client, engine: Engine, attempt: Payment, signer: Signer, change: dict[str, str]
) -> None:
    assert_refused(notify(client, form(signer.signed(signer.params(attempt)) | change)), engine)


def test_an_unverifiable_notify_becomes_at_most_a_query(
    client: Client, engine: Engine, attempt: Payment, signer: Signer
) -> None:
    for _ in range(3):
        notify(client, form(signer.params(attempt) | {"sign": "AAAA"}))
    [payment] = attempts(engine, attempt.order_id)
    assert payment.due_at < attempt.due_at
    assert payment.queries == 0


@pytest.mark.parametrize(
    "content_type",
    ["", "text/html;charset=utf-8", "application/json", "application/x-www-form-urlencoded; text/html", "nonsense"],
)
def test_the_content_type_does_not_matter(
    client: Client, engine: Engine, attempt: Payment, signer: Signer, content_type: str
) -> None:
    assert notify(client, signer.body(attempt), content_type).content == b"success"
    assert len(rows(engine, "notifies")) == 1


def test_gbk_is_read_as_gbk(client: Client, engine: Engine, attempt: Payment, signer: Signer) -> None:
    body = signer.body(attempt, charset="GBK")
    assert notify(client, body).content == b"success"
    assert row(engine, "notifies").params["subject"] == "一双 & 袜子 = 好"
    assert apply(engine) == ["applied"]


def test_repeated_parameters_are_refused(client: Client, engine: Engine, attempt: Payment, signer: Signer) -> None:
    assert_refused(notify(client, signer.body(attempt) + b"&total_amount=0.01"), engine)


@pytest.mark.parametrize(
    "body",
    [b"", b"&", b"=", b"a", b"%ff%fe=%00", b"{}", b"\xff\xfe\x00", b"a=1&" * 101, b"sign=%E4%BD&charset=utf-8"],
)
def test_what_is_no_form_is_refused(client: Client, engine: Engine, attempt: Payment, body: bytes) -> None:
    assert attempt.status == "open"
    assert_refused(notify(client, body), engine)


def test_a_megabyte_is_refused_with_failure(client: Client, engine: Engine, attempt: Payment, signer: Signer) -> None:
    body = signer.body(attempt, passback_params="x" * 1_000_000)
    assert_refused(notify(client, body), engine, status=413)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"app_id": "2021000000000001"}, "notify_for_another"),
        ({"seller_id": "2088000000000001"}, "notify_for_another"),
        ({"total_amount": "0.01"}, "notify_amount_differs"),
        ({"out_trade_no": "20200101000000000001N1RFFFFFFFFFF"}, "notify_of_unknown_payment"),
        ({"total_amount": "abc"}, "notify_for_another"),
    ],
)
def test_what_alipay_signed_but_does_not_fit_is_for_a_person(
    client: Client, engine: Engine, attempt: Payment, signer: Signer, change: dict[str, str], kind: str
) -> None:
    assert_refused(notify(client, signer.body(attempt, **change)), engine)
    assert [alarm.kind for alarm in rows(engine, "alarms")] == [kind]
    is_ours = "out_trade_no" not in change
    assert (attempts(engine, attempt.order_id)[0].due_at < attempt.due_at) == is_ours


def test_one_misfit_does_not_take_its_batch_along(
    client: Client, engine: Engine, attempt: Payment, signer: Signer
) -> None:
    second = an_attempt(engine, placed(engine, user_id=2))
    bodies = [signer.body(attempt), signer.body(second, total_amount="0.01"), signer.body(attempt, subject="\x00")]
    request = {"headers": {"Content-Type": FORM}, "user": None}
    calls = [client.call("POST", "/v1/alipay/notify", body=body, **request) for body in bodies]  # type: ignore[arg-type] # One of many keywords.
    assert [result.content for result in client.together(calls)][:2] == [b"success", b"failure"]
    assert [stored.out_trade_no for stored in rows(engine, "notifies")] == [attempt.out_trade_no]


def test_the_sweep_finds_notifies_whose_doorbell_was_lost(
    client: Client, engine: Engine, attempt: Payment, signer: Signer, in_process: Callable[..., None]
) -> None:
    del in_process
    from tasks import pay

    notify(client, signer.body(attempt))
    with transaction(engine) as connection:
        connection.execute(sql("UPDATE notifies SET received_at = received_at - interval '10 seconds'"))
    pay.apply_notifies(waiting_notifies(engine))
    assert order(engine, attempt.order_id).status == "awaiting_shipment"
    assert waiting_notifies(engine) == []
    pay.apply_notifies([row(engine, "notifies").id])


def test_a_notify_that_the_database_refuses_is_set_aside_and_its_batch_is_applied(
    client: Client, engine: Engine, attempt: Payment, signer: Signer
) -> None:
    second = an_attempt(engine, placed(engine, user_id=2))
    for payment, trade_no in ((attempt, "poison"), (second, "good")):
        notify(client, signer.body(payment, trade_no=trade_no))
    with transaction(engine) as connection:
        connection.execute(sql("ALTER TABLE payments ADD CHECK (trade_no <> 'poison')"))
    applied = list(notifies.run(engine, RULES))
    assert [order_id for batch in applied for order_id, _ in batch.wakes] == [second.order_id]
    assert {row.out_trade_no: row.outcome for row in rows(engine, "notifies")} == {
        attempt.out_trade_no: "failed",
        second.out_trade_no: "applied",
    }
    [alarm] = rows(engine, "alarms")
    assert (alarm.kind, alarm.subject) == ("notify_failed", attempt.out_trade_no)
    assert "23514 " in alarm.says
    assert attempts(engine, attempt.order_id)[0].status == "open"
    assert waiting_notifies(engine) == []


def test_a_refund_of_more_than_was_paid_is_for_a_person(
    client: Client, engine: Engine, attempt: Payment, signer: Signer
) -> None:
    notify(client, signer.body(attempt, refund_fee="9999.00"))
    assert apply(engine) == ["amount_differs"]
    assert [alarm.kind for alarm in rows(engine, "alarms")] == ["notify_amount_differs"]
    assert attempts(engine, attempt.order_id)[0].status == "open"


def test_the_buyers_return_proves_nothing(client: Client, engine: Engine, attempt: Payment, signer: Signer) -> None:
    query = signer.body(attempt).decode()
    result = client.get(f"/v1/alipay/return?{query}", user=None)
    assert (result.status_code, result.headers["location"]) == (302, f"http://127.0.0.1:8001/orders/{attempt.order_id}")
    [payment] = attempts(engine, attempt.order_id)
    assert (payment.status, payment.due_at < attempt.due_at) == ("open", True)


@pytest.mark.parametrize("query", ["", "out_trade_no=1&sign=AAAA&sign_type=RSA2", "a", "%ff", "é=1", "\x7f=%00"])
def test_a_return_that_is_not_signed_goes_to_the_shops_door(client: Client, query: str) -> None:
    result = client.get("/v1/alipay/return", query_string=query, user=None)
    assert (result.status_code, result.headers["location"]) == (302, "http://127.0.0.1:8001")
