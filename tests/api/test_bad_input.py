"""Each bad input gets its own 4xx problem, its path is named, and nothing is stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from falcon.testing import Result

from checkout.db import Engine
from tests.shared.client import Client, an_order_body, problem
from tests.shared.factories import a_sku, an_order, paid, placed, rows

JSON = {"Content-Type": "application/json", "Idempotency-Key": "k"}
ADDRESS = an_order_body()["address"]
ORDER = msgspec.json.encode(an_order_body())


@pytest.fixture
def refusing(shared_client: Client, shared_engine: Engine) -> Iterator[Client]:
    """The API of a shop in which nothing may have been stored when the test ends."""
    yield shared_client
    assert not any(rows(shared_engine, table) for table in ("orders", "order_keys", "arrivals", "alarms"))


def raw(client: Client, body: bytes, headers: dict[str, str] | None = None) -> Result:
    return client.post("/v1/orders", body=body, headers=JSON if headers is None else headers)


def paths(result: Result) -> list[str]:
    return [error["path"] for error in result.json["errors"]]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"not json", b"\xff\xfe", ORDER + b"x", ORDER[:-1], b'{"remark":"\xff"}', b'{"remark":"\\ud800"}'],
)
def test_a_body_that_is_not_json(refusing: Client, body: bytes) -> None:
    assert problem(raw(refusing, body)) == (400, "bad_request")


@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"x"', b"{}"])
def test_json_that_is_no_order(refusing: Client, body: bytes) -> None:
    assert problem(raw(refusing, body)) == (422, "invalid")


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=gbk", "application/jsonx"],
)
def test_a_body_of_the_wrong_type(refusing: Client, content_type: str) -> None:
    headers = JSON | {"Content-Type": content_type}
    assert problem(raw(refusing, msgspec.json.encode(an_order_body()), headers)) == (415, "unsupported_media_type")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "application/json;charset=UTF-8"])
def test_utf8_may_be_said(client: Client, content_type: str) -> None:
    headers = JSON | {"Content-Type": content_type}
    assert raw(client, msgspec.json.encode(an_order_body()), headers).status_code == 202


def test_a_body_that_is_too_large(refusing: Client) -> None:
    body = msgspec.json.encode(an_order_body(remark="x" * 65_536))
    assert problem(raw(refusing, body)) == (413, "body_too_large")


def test_a_body_of_just_64_kib_is_read(client: Client) -> None:
    body = msgspec.json.encode(an_order_body())
    assert raw(client, body + b" " * (65_536 - len(body))).status_code == 202


ITEM: dict[str, Any] = {"sku_id": "1", "quantity": 1}


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"other": 1}, "other"),
        ({"pay_method": None}, "pay_method"),
        ({"pay_method": "wechat"}, "pay_method"),
        ({"address": None}, "address"),
        ({"address": ADDRESS | {"zip": "1"}}, "address.zip"),
        ({"address": {k: v for k, v in ADDRESS.items() if k != "phone"}}, "address.phone"),
        ({"address": ADDRESS | {"recipient": ""}}, "address.recipient"),
        ({"address": ADDRESS | {"recipient": "x" * 101}}, "address.recipient"),
        ({"address": ADDRESS | {"detail": "a\x00b"}}, "address.detail"),
        ({"address": ADDRESS | {"phone": "call me"}}, "address.phone"),
        ({"items": None}, "items"),
        ({"items": []}, "items"),
        ({"from_cart": True}, "items"),
        ({"items": "1"}, "items"),
        ({"items": [ITEM | {"quantity": 0}]}, "items[0].quantity"),
        ({"items": [ITEM | {"quantity": -1}]}, "items[0].quantity"),
        ({"items": [ITEM | {"quantity": 1000}]}, "items[0].quantity"),
        ({"items": [ITEM | {"quantity": 1.5}]}, "items[0].quantity"),
        ({"items": [ITEM | {"quantity": "1"}]}, "items[0].quantity"),
        ({"items": [ITEM | {"quantity": True}]}, "items[0].quantity"),
        ({"items": [ITEM | {"quantity": 10**30}]}, "items[0].quantity"),
        ({"items": [ITEM | {"sku_id": 1}]}, "items[0].sku_id"),
        ({"items": [ITEM | {"sku_id": ""}]}, "items[0].sku_id"),
        ({"items": [ITEM | {"sku_id": "a b"}]}, "items[0].sku_id"),
        ({"items": [ITEM | {"sku_id": "a\x00"}]}, "items[0].sku_id"),
        ({"items": [ITEM | {"sku_id": "x" * 65}]}, "items[0].sku_id"),
        ({"items": [ITEM | {"price": "0.01"}]}, "items[0].price"),
        ({"items": [{"sku_id": "1"}]}, "items[0].quantity"),
        ({"items": [ITEM, ITEM | {"sku_id": "1\n"}]}, "items[1].sku_id"),
        ({"address": ADDRESS | {"phone": "13800000000\n"}}, "address.phone"),
        ({"items": [ITEM | {"quantity": 500}] * 2}, "items[1].quantity"),
        ({"items": [{"sku_id": f"{n}", "quantity": 1} for n in range(101)]}, "items"),
        ({"items": [ITEM] * 1001}, "items"),
        ({"expected_total": 10}, "expected_total"),
        ({"expected_total": "10"}, "expected_total"),
        ({"expected_total": "-1.00"}, "expected_total"),
        ({"expected_total": "1.001"}, "expected_total"),
        ({"expected_total": "١.٠٠"}, "expected_total"),
        ({"expected_total": "1.00\n"}, "expected_total"),
        ({"remark": "a\x00b"}, "remark"),
        ({"remark": "x" * 501}, "remark"),
        ({"remark": 1}, "remark"),
        ({"from_cart": "yes"}, "from_cart"),
    ],
)
def test_a_member_that_does_not_fit_is_named(refusing: Client, change: dict[str, Any], path: str) -> None:
    result = refusing.order("k", an_order_body(**change))
    assert problem(result) == (422, "invalid")
    assert paths(result) == [path]


@pytest.mark.parametrize("key", [None, "", "a b", "é", "x" * 256, "a\tb", "\x7f"])
def test_a_missing_or_unreadable_key(refusing: Client, key: str | None) -> None:
    headers = {"Idempotency-Key": key} if key is not None else {}
    result = refusing.post("/v1/orders", headers=headers, json=an_order_body())
    assert problem(result) == (400, "bad_request")


@pytest.mark.parametrize("key", ["x", "x" * 255, "!~", "a,b;c=d", '"quoted"'])
def test_every_visible_ascii_key_will_do(client: Client, key: str) -> None:
    assert client.order(key).status_code == 202


@pytest.mark.parametrize("order_id", ["0", "-1", "x", "1.0", "99999999999999999999", "9223372036854775807", "%00", "²"])
@pytest.mark.parametrize("tail", ["", "/payments", "/refunds", "/events"])
def test_an_unknown_order(refusing: Client, order_id: str, tail: str) -> None:
    assert problem(refusing.get(f"/v1/orders/{order_id}{tail}")) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "tail"),
    [
        *[("GET", tail) for tail in ("", "/payments", "/refunds", "/events")],
        *[("POST", tail) for tail in ("/cancel", "/payments", "/complete")],
    ],
)
def test_anothers_order_is_not_there(client: Client, engine: Engine, method: str, tail: str) -> None:
    a_sku(engine)
    order_id = placed(engine, user_id=1)
    body = {"method": "page"} if tail == "/payments" else {}
    request: dict[str, Any] = {"json": body} if method == "POST" else {}
    result = client.wait(client.call(method, f"/v1/orders/{order_id}{tail}", user=2, **request))
    assert problem(result) == (404, "not_found")
    assert [payment.method for payment in rows(engine, "payments")] == [None]


@pytest.mark.parametrize(
    "query",
    [
        "status=lost",
        "cursor=x",
        "cursor=-1",
        "limit=0",
        "limit=201",
        "limit=x",
        "cursor=99999999999999999999",
        "limit=1²",
    ],
)
def test_a_query_that_does_not_fit(refusing: Client, query: str) -> None:
    result = refusing.get("/v1/orders", query_string=query)
    assert problem(result) == (422, "invalid")
    assert paths(result) == [query.split("=")[0]]


@pytest.mark.parametrize("path", ["/v1/skus/%00", "/v1/skus/nope", "/v1/refunds/1", "/v1/refunds/x", "/nowhere", "/v1"])
def test_what_is_not_there(refusing: Client, path: str) -> None:
    assert problem(refusing.get(path)) == (404, "not_found")


def test_a_cursor_that_is_none(refusing: Client) -> None:
    assert problem(refusing.get("/v1/skus", params={"cursor": "a\x00"})) == (422, "invalid")
    assert problem(refusing.get("/v1/skus", params={"cursor": "a" * 65})) == (422, "invalid")


def test_a_method_that_is_not_there(refusing: Client) -> None:
    result = refusing.put("/v1/orders", json={})
    assert problem(result) == (405, "method_not_allowed")
    assert "GET" in result.headers["allow"]


@pytest.mark.parametrize(
    ("body", "path"), [({"method": "cash"}, "method"), ({}, "method"), ({"method": "qr", "x": 1}, "x")]
)
def test_a_payment_request_that_does_not_fit(client: Client, engine: Engine, body: dict[str, Any], path: str) -> None:
    a_sku(engine)
    result = client.post(f"/v1/orders/{placed(engine)}/payments", json=body)
    assert (problem(result), paths(result)) == ((422, "invalid"), [path])
    assert [payment.offered_at for payment in rows(engine, "payments")] == [None]


@pytest.mark.parametrize(
    ("sku_id", "body", "expected"),
    [
        ("1", {"quantity": 0}, (422, "invalid")),
        ("1", {"quantity": 1000}, (422, "invalid")),
        ("1", {"quantity": 1, "other": 1}, (422, "invalid")),
        ("1", {}, (422, "invalid")),
        ("a%20b", {"quantity": 1}, (404, "not_found")),
        ("%00", {"quantity": 1}, (404, "not_found")),
        ("x" * 65, {"quantity": 1}, (404, "not_found")),
    ],
)
def test_a_cart_item_that_does_not_fit(
    refusing: Client, sku_id: str, body: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert problem(refusing.put(f"/v1/cart/items/{sku_id}", json=body)) == expected
    assert refusing.get("/v1/cart").json == {"items": []}


@pytest.mark.parametrize("step", ["cancel", "ship", "complete"])
def test_a_step_takes_no_members(client: Client, engine: Engine, step: str) -> None:
    order_id = an_order(engine)
    result = client.post(f"/v1/orders/{order_id}/{step}", json={"force": True}, is_operator=True)
    assert (problem(result), paths(result)) == ((422, "invalid"), ["force"])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"amount": "20.01"}, (422, "refund_exceeds_paid")),
        ({"amount": "0.00"}, (422, "invalid")),
        ({"amount": "-1.00"}, (422, "invalid")),
        ({"amount": 1}, (422, "invalid")),
        ({"amount": "1"}, (422, "invalid")),
        ({"reason": "x"}, (422, "invalid")),
        ({"amount": "1.00", "reason": "\x00"}, (422, "invalid")),
    ],
)
def test_a_refund_that_does_not_fit(
    client: Client, engine: Engine, body: dict[str, Any], expected: tuple[int, str]
) -> None:
    a_sku(engine)
    path = f"/v1/orders/{paid(engine)}/refunds"
    assert problem(client.post(path, json=body, headers={"Idempotency-Key": "k"}, is_operator=True)) == expected
    assert rows(engine, "refunds") == []


def test_a_refund_of_what_was_not_paid(client: Client, engine: Engine) -> None:
    a_sku(engine)
    path = f"/v1/orders/{placed(engine)}/refunds"
    result = client.post(path, json={"amount": "1.00"}, headers={"Idempotency-Key": "k"}, is_operator=True)
    assert problem(result) == (409, "not_refundable")


@pytest.mark.parametrize(
    "phone",
    [
        "13800000000",
        "+86 138 0000 0000",
        "021-12345678转8012",
        "(021)12345678#2",
        "138.0013.8000",
        "１３８００１３８０００",
        "（０２１）１２３４５６７８－２",
        "021-12345678 ext 12",
        "110",
    ],
)
def test_phones_as_people_write_them(client: Client, engine: Engine, phone: str) -> None:
    a_sku(engine)
    accepted = raw(client, msgspec.json.encode(an_order_body(address=ADDRESS | {"phone": phone})))
    assert accepted.status_code == 202, accepted.text
    assert accepted.json["address"]["phone"] == phone


@pytest.mark.parametrize("phone", ["---", "转转转", "12-", "call me", "138\n0000", "²³¹"])
def test_what_is_no_phone_is_told_in_words(refusing: Client, phone: str) -> None:
    refused = raw(refusing, msgspec.json.encode(an_order_body(address=ADDRESS | {"phone": phone})))
    assert problem(refused) == (422, "invalid")
    [fault] = refused.json["errors"]
    assert fault["path"] == "address.phone"
    assert "a phone number: three digits or more" in fault["message"]
