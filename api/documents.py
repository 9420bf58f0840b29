"""The OpenAPI document, as it is served."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from falcon.asgi import Request, Response

from api import pages
from api.openapi import document
from api.routes import Route
from api.runtime import Runtime


def routes(table: Sequence[Route]) -> tuple[Route, ...]:
    """Where the table's document is served; it tells of this route too."""

    async def openapi(_api: Runtime, req: Request, resp: Response) -> None:
        """This document."""
        pages.give(req, resp, described)

    own = (
        Route("GET", "/openapi.json", openapi, {200: ("application/json",), 304: None}, auth="",
              headers=("If-None-Match",), sends=("ETag",)),
    )  # fmt: skip # As the table that it goes on with.
    described = pages.made(msgspec.json.encode(document((*table, *own))), "application/json")
    return own
