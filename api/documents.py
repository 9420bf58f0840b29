"""The OpenAPI 3.1 document, made from the route table, and a page that shows it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import Any

import msgspec
from falcon.asgi import Request, Response

from api import reading
from api.problems import Problem
from api.routes import Route
from api.runtime import Runtime

_HEADERS: dict[str, dict[str, Any]] = {
    "Idempotency-Key": {"required": True, "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"}},
    "Prefer": {"schema": {"type": "string", "examples": ["wait=10"]}},
    "If-None-Match": {"schema": {"type": "string"}},
    "Last-Event-ID": {"schema": {"type": "string"}},
}
_QUERY: dict[str, dict[str, Any]] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": 200},
    "after": {"type": "integer", "minimum": 0, "maximum": 2**63 - 1},
    "status": {"type": "string"},
    "cursor": {"type": "string"},
    "token": {"type": "string"},
    **{name: {"type": "string", "maxLength": 128} for name in ("reference", "out_trade_no", "trade_no", "kind")},
    "user_id": {"type": "string", "pattern": "^[0-9]{1,19}$"},
    "from": {"type": "string", "format": "date-time"},
    "to": {"type": "string", "format": "date-time"},
    "page": {"type": "integer", "minimum": 1, "maximum": 1_000_000},
}
_IDS = {
    "order_id": "order",
    "refund_id": "refund",
    "sku_id": "SKU",
    "n": "parcel",
    "file": "file of the console",
    "webhook_id": "webhook",
    "kind": "kind of matter",
    "subject": "subject of the matter, percent-encoded",
}


def routes(table: Sequence[Route]) -> tuple[Route, ...]:
    """Where the table's documents are served; they tell of these routes too."""

    async def openapi(_api: Runtime, _req: Request, resp: Response) -> None:
        """This document."""
        reading.answer(resp, described)

    async def page(_api: Runtime, _req: Request, resp: Response) -> None:
        """The operations, for a person."""
        resp.content_type = "text/html; charset=utf-8"
        resp.text = shown

    own = (
        Route("GET", "/openapi.json", openapi, {200: None}, auth=""),
        Route("GET", "/docs", page, {200: None}, auth=""),
    )
    described, shown = document((*table, *own)), _page((*table, *own))
    return own


def document(table: Sequence[Route]) -> dict[str, Any]:
    """OpenAPI 3.1; every body is described by the struct that checks it."""
    kinds = {kind for route in table for kind in (route.body, *route.answers.values()) if kind is not None}
    ordered = sorted(kinds | {Problem}, key=lambda kind: kind.__name__)
    _, schemas = msgspec.json.schema_components(ordered, ref_template="#/components/schemas/{name}")
    paths: dict[str, dict[str, Any]] = {}
    for route in table:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Checkout", "version": "1", "description": "Orders, payments and refunds. Money is yuan."},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.operation,
        "summary": route.summary,
        "parameters": [*_path_parameters(route), *_header_parameters(route), *_query_parameters(route)],
        "responses": {str(status): _answer(kind) for status, kind in route.answers.items()} | _problems(route),
    }
    if route.auth:
        operation["security"] = [{"bearer": []}]
    if route.body is not None:
        content = {"application/json": {"schema": _ref(route.body)}}
        operation["requestBody"] = {"required": reading.needs_a_body(route.body), "content": content}
    return operation


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    names = re.findall(r"{(\w+)}", route.path)
    return [
        {"name": name, "in": "path", "required": True, "description": _IDS[name], "schema": {"type": "string"}}
        for name in names
    ]


def _header_parameters(route: Route) -> list[dict[str, Any]]:
    return [{"name": name, "in": "header"} | _HEADERS[name] for name in route.headers]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    return [{"name": name, "in": "query", "schema": _QUERY[name]} for name in route.query]


def _ref(kind: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


def _answer(kind: type[msgspec.Struct] | None) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": kind.__name__ if kind else "See the summary."}
    if kind is not None:
        answer["content"] = {"application/json": {"schema": _ref(kind)}}
    return answer


def _problems(route: Route) -> dict[str, Any]:
    statuses = set(route.problems)
    if route.auth:
        statuses.add(401)
    if route.auth == "operator":
        statuses.add(403)
    if route.body is not None or route.query:
        statuses |= {400, 422}
    if route.headers:
        statuses.add(400)
    if route.body is not None:
        statuses |= {413, 415}
    content = {"application/problem+json": {"schema": _ref(Problem)}}
    return {str(status): {"description": "RFC 9457", "content": content} for status in sorted(statuses)}


def _page(table: Sequence[Route]) -> str:
    rows = "".join(
        f"<tr><td><b>{route.method}</b></td><td><code>{escape(route.path)}</code></td>"
        f"<td>{escape(route.summary)}</td><td>{route.auth or 'everybody'}</td></tr>"
        for route in table
    )
    return _HTML.replace("ROWS", rows)


_HTML = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Checkout API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:3rem auto;padding:0 1rem;color:#222;background:#fff}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.45rem .6rem;border-bottom:1px solid #ddd}
code{font-size:.95em}a{color:#1456c8}
@media (prefers-color-scheme: dark){body{color:#ddd;background:#181818}td,th{border-color:#444}a{color:#8ab4ff}}
</style>
<h1>Checkout API</h1>
<p>The whole contract, for programs: <a href="/openapi.json">openapi.json</a> (OpenAPI 3.1).
Money is yuan as a string, times are RFC 3339 in UTC, errors are RFC 9457.</p>
<table><tr><th></th><th>Path</th><th>What it does</th><th>For whom</th></tr>ROWS</table></html>
"""
