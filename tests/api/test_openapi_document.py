"""What /openapi.json says, and that other programs can read it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from api import bodies
from api.app import TABLE
from api.codes import CODES
from api.examples import EXAMPLES
from api.openapi import document
from checkout.audit import stuck
from checkout.schema import words
from tests.shared.client import Client, serving
from tests.shared.processes import ROOT

DOCUMENT = document(TABLE)
SCHEMAS = DOCUMENT["components"]["schemas"]
OPERATIONS = [(path, operation) for path, item in DOCUMENT["paths"].items() for operation in item.values()]


def parts(part: Any) -> Iterator[dict[str, Any]]:
    """Every object of the document."""
    if isinstance(part, dict):
        yield part
    if isinstance(part, (dict, list)):
        for inner in part.values() if isinstance(part, dict) else part:
            yield from parts(inner)


def answer_of(operation: dict[str, Any], status: str) -> dict[str, Any]:
    found = operation["responses"][status]
    name = found.get("$ref", "").removeprefix("#/components/responses/")
    return DOCUMENT["components"]["responses"][name] if name else found  # type: ignore[no-any-return] # It is JSON.


def test_each_operation_says_what_it_is() -> None:
    operations = [operation for _, operation in OPERATIONS]
    ids, tags = {one["operationId"] for one in operations}, {tag["name"] for tag in DOCUMENT["tags"]}
    assert len(ids) == len(operations) >= 40
    assert all(one["summary"] and set(one["tags"]) <= tags and "security" in one for one in operations)
    assert (DOCUMENT["openapi"], DOCUMENT["servers"]) == ("3.1.0", [{"url": "/"}])


def test_whatever_may_be_away_is_a_503_that_says_after_how_long() -> None:
    served = [(path, operation) for path, operation in OPERATIONS if path.startswith("/v1/")]
    assert len(served) >= 30
    for path, operation in served:
        if path != "/v1/alipay/notify":
            assert answer_of(operation, "503")["headers"]["Retry-After"]["required"], path


def test_no_member_is_demanded_that_has_a_default_and_no_pattern_is_pythons_alone() -> None:
    assert [part for part in parts(DOCUMENT) if "default" in part] == []
    assert [part for part in parts(DOCUMENT) if "(?!" in str(part.get("pattern", ""))] == []
    assert SCHEMAS["OrderRequest"]["required"] == ["pay_method", "address"]
    assert "`false`" in SCHEMAS["OrderRequest"]["properties"]["from_cart"]["description"]


def test_what_is_always_sent_is_required_and_what_is_not_is_optional() -> None:
    assert "next_cursor" in SCHEMAS["OrderPage"]["required"]
    assert {"type": "null"} in SCHEMAS["OrderPage"]["properties"]["next_cursor"]["anyOf"]
    assert SCHEMAS["Problem"]["required"] == ["title", "status", "code"]


@pytest.mark.parametrize(
    ("schema", "member", "said"),
    [
        ("OrderBody", "status", words.TYPES["order_status"]),
        ("OrderBody", "reason", words.REASONS["rejected"] + words.REASONS["closed"]),
        ("OrderRequest", "pay_method", words.TYPES["pay_method"]),
        ("PaymentRequest", "method", words.TYPES["payment_method"]),
        ("RefundBody", "source", words.TYPES["refund_source"]),
        ("MatterBody", "kind", stuck.KINDS),
        ("Problem", "code", tuple(CODES)),
    ],
)
def test_words_are_those_of_the_place_where_they_are_decided(schema: str, member: str, said: tuple[str, ...]) -> None:
    assert len(said) > 1
    assert set(SCHEMAS[schema]["properties"][member]["enum"]) == set(said)


def test_the_order_to_begin_with_is_the_readmes() -> None:
    [body] = re.findall(r"-d '({\s+\"items\".*?}})'", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert msgspec.json.decode(body) == EXAMPLES[bodies.OrderRequest]


@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.__name__)
def test_each_example_fits(kind: type[msgspec.Struct]) -> None:
    schema = {"$ref": f"#/components/schemas/{kind.__name__}", "components": DOCUMENT["components"]}
    jsonschema_rs.validator_for(schema, validate_formats=True).validate(EXAMPLES[kind])
    msgspec.convert(EXAMPLES[kind], kind)


def test_it_is_encoded_once_and_kept_as_long_as_it_is_the_same(shared_client: Client) -> None:
    first = shared_client.get("/openapi.json", user=None)
    assert first.json == DOCUMENT
    again = shared_client.get("/openapi.json", user=None, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_pages_of_other_origins_may_read_every_header(client: Client) -> None:
    shop = "https://shop.example.com"
    with serving(replace(client.settings, cors_origins=(shop,))) as served:
        exposed = served.get("/v1/skus", user=None, headers={"Origin": shop}).headers["access-control-expose-headers"]
    assert {"Preference-Applied", "Retry-After", "ETag", "Location"} <= set(exposed.split(", "))
