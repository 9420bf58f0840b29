"""The API keeps to its own OpenAPI document, whatever is sent to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, given
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.app import TABLE, create_app
from api.openapi import document
from api.runtime import Runtime
from checkout.db import Engine
from checkout.settings import Settings
from tests.shared.client import token
from tests.shared.factories import a_sku, paid, placed

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


# The rest is an endless stream, or speaks no JSON.
OPERATIONS = [
    (path, method.upper())
    for path, operations in document(TABLE)["paths"].items()
    for method in operations
    if not path.endswith(("}/events", "/docs"))
]


@pytest.fixture
def contract(settings: Settings, engine: Engine, in_process: Callable[..., None]) -> Any:
    """The document of a shop that has sold something, and whose orders have the ids that are tried first."""
    del in_process
    a_sku(engine, "0")
    paid(engine, lines={"0": 1}), placed(engine, lines={"0": 1})
    return schemathesis.openapi.from_asgi("/openapi.json", create_app(Runtime(settings)))


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_answers_conform(contract: Any, settings: Settings, path: str, method: str) -> None:
    headers = {"Authorization": f"Bearer {token(settings, 1, is_operator=True)}"}

    @hypothesis.settings(max_examples=10, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
    @given(contract[path][method].as_strategy())
    def conforms(case: Any) -> None:
        case.call_and_validate(headers=headers, checks=CHECKS)

    conforms()
