"""What this service says of itself: the OpenAPI document, and a page that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from html import escape

import msgspec
from falcon.asgi import Request, Response

from api.openapi import document
from api.routes import Route
from api.runtime import Runtime


def routes(table: Sequence[Route]) -> tuple[Route, ...]:
    """Where the table's documents are served; they tell of these routes too."""

    async def openapi(_api: Runtime, req: Request, resp: Response) -> None:
        """This document."""
        resp.set_header("ETag", etag)
        resp.cache_control = ["no-cache"]  # Kept, and asked about each time.
        if etag in (req.get_header("If-None-Match") or ""):
            resp.status = 304
            return
        resp.content_type, resp.data = "application/json", described

    async def page(_api: Runtime, _req: Request, resp: Response) -> None:
        """The operations, for a person."""
        resp.content_type = "text/html; charset=utf-8"
        resp.text = shown

    own = (
        Route("GET", "/openapi.json", openapi, {200: ("application/json",), 304: None}, auth="",
              headers=("If-None-Match",), sends=("ETag",)),
        Route("GET", "/docs", page, {200: ("text/html",)}, auth=""),
    )  # fmt: skip # As the table that it goes on with.
    described, shown = msgspec.json.encode(document((*table, *own))), _page((*table, *own))
    etag = f'"{blake2b(described, digest_size=12).hexdigest()}"'
    return own


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
