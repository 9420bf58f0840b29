"""What the tests' own callers compare answers with: a fault is found, and named by its place."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.shared import contract

JSON = {"content-type": "application/json"}
SKU = {"id": "1", "spu_id": "1", "title": "t", "price": "1.00", "in_stock": True, "on_sale": True}
PAGE: dict[str, Any] = {"skus": [SKU | {"limit_per_user": None}], "next_cursor": None}


def faults(body: Any, *, path: str = "/v1/skus?limit=1", status: int = 200, **headers: str) -> list[str]:
    return contract.faults("GET", path, status, JSON | headers, json.dumps(body).encode())


def a_problem(code: str, status: int) -> dict[str, Any]:
    return {"title": code, "status": status, "code": code}


def test_what_fits_has_no_fault() -> None:
    assert faults(PAGE) == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"skus": []}, '$.: "next_cursor" is a required property'),
        (PAGE | {"skus": [SKU | {"limit_per_user": "3"}]}, '$.skus.0.limit_per_user: "3" is not'),
        (PAGE | {"skus": [SKU | {"limit_per_user": 3, "price": "1"}]}, "$.skus.0.price:"),
        (PAGE | {"secret": 1}, "$.: Additional properties are not allowed ('secret' was unexpected)"),
    ],
)
def test_a_body_that_does_not_fit_is_named_by_its_place(body: Any, said: str) -> None:
    [found] = faults(body)
    assert found.startswith(said)


def test_a_status_a_media_type_and_a_header_that_nobody_told_of_are_faults() -> None:
    assert faults(PAGE, status=418)[0].startswith("status 418: not one of 200,")
    assert contract.faults("GET", "/v1/skus", 200, {"content-type": "text/html"}, b"") == [
        "media type text/html: not one of application/json"
    ]
    assert faults(PAGE, etag='"1"') == ["header ETag: the document has none"]


def test_a_header_that_is_always_sent_is_missed() -> None:
    problem = {"content-type": "application/problem+json"}
    away = json.dumps(a_problem("unavailable", 503)).encode()
    assert contract.faults("GET", "/v1/skus", 503, problem, away) == ["header Retry-After: it is missing"]
    assert contract.faults("GET", "/v1/skus", 503, problem | {"Retry-After": "2"}, away) == []


def test_a_code_that_is_not_of_the_operation_is_a_fault() -> None:
    headers = {"content-type": "application/problem+json", "retry-after": "2"}
    body = json.dumps(a_problem("pricing_failed", 503)).encode()
    assert contract.faults("GET", "/v1/skus", 503, headers, body) == ["code: pricing_failed is not one of unavailable"]


def test_where_there_is_no_operation_only_a_problem_may_answer() -> None:
    problem = {"content-type": "application/problem+json"}
    refused = json.dumps(a_problem("method_not_allowed", 405)).encode()
    assert contract.faults("PUT", "/v1/skus", 405, problem, refused) == []
    assert contract.faults("GET", "/v1/nothing", 200, JSON, b"{}") != []


def test_an_answer_of_the_tests_that_does_not_fit_fails() -> None:
    with pytest.raises(AssertionError, match=r"GET /v1/skus answers 200, .*: \$\.: \"next_cursor\" is a required"):
        contract.check("GET", "/v1/skus", 200, JSON, b'{"skus": []}')
