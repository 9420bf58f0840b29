"""The OpenAPI 3.1 document: what the route table, the structs and the table of codes say, and nothing of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from api import operations, schemas
from api.codes import CODES
from api.problems import Problem
from api.routes import Route

_INFO = {
    "title": "Checkout",
    "version": "1",
    "description": "Orders, payments and refunds. Money is yuan as a text with two decimals, ids are texts, times are "
    "RFC 3339 in UTC, and errors are RFC 9457 with a `code` to decide by. New members may come with any version: "
    "a client lets those pass that it does not know.",
    "license": {"name": "MIT", "identifier": "MIT"},
    "contact": {"name": "Whoever runs this service"},
}
_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "`sub` is the user's id; what is for operators needs `operator` in `scope`.",
    },
    "stream": {
        "type": "apiKey",
        "in": "query",
        "name": "token",
        "description": "Short-lived and for one order's stream: `events_url` of the order has it.",
    },
}


def document(table: Sequence[Route]) -> dict[str, Any]:
    """All that these routes take and answer."""
    paths: dict[str, dict[str, Any]] = {}
    for route in table:
        paths.setdefault(route.path, {})[route.method.lower()] = operations.operation(route)
    return {
        "openapi": "3.1.0",
        "info": _INFO,
        "servers": [{"url": "/"}],
        "tags": operations.tags(table),
        "paths": paths,
        "components": {
            "schemas": schemas.components(_kinds(table)),
            "responses": {name: operations.refusal([CODES[name]]) for name in _shared(paths)},
            "securitySchemes": _SCHEMES,
        },
    }


def _kinds(table: Sequence[Route]) -> set[schemas.Kind]:
    told = (kind for route in table for kind in (route.body, *route.answers.values()))
    return {kind for kind in told if isinstance(kind, type)} | {Problem}


def _shared(paths: dict[str, Any]) -> list[str]:
    """The codes whose answer is referred to."""
    named = set(re.findall(r'"#/components/responses/(\w+)"', msgspec.json.encode(paths).decode()))
    return [name for name in CODES if name in named]
