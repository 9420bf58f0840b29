"""The OpenAPI document, as it is served."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import msgspec
from falcon.asgi import Request, Response

from api.openapi import document
from api.routes import Route
from api.runtime import Runtime


def routes(table: Sequence[Route]) -> tuple[Route, ...]:
    """Where the table's document is served; it tells of this route too."""

    async def openapi(_api: Runtime, req: Request, resp: Response) -> None:
        """This document."""
        resp.set_header("ETag", etag)
        resp.cache_control = ["no-cache"]  # Kept, and asked about each time.
        if etag in (req.get_header("If-None-Match") or ""):
            resp.status = 304
            return
        resp.content_type, resp.data = "application/json", described

    own = (
        Route("GET", "/openapi.json", openapi, {200: ("application/json",), 304: None}, auth="",
              headers=("If-None-Match",), sends=("ETag",)),
    )  # fmt: skip # As the table that it goes on with.
    described = msgspec.json.encode(document((*table, *own)))
    etag = f'"{blake2b(described, digest_size=12).hexdigest()}"'
    return own
