"""Reading requests: bodies, headers and parameters, each with a bound and a clear fault."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, TypeVar

import msgspec
from falcon.asgi import Request, Response

from api import problems
from api.problems import BadRequest, TooLarge, WrongMediaType
from checkout.errors import Invalid, NotFound
from checkout.stock.catalog import Id

MOST_BODY_BYTES = 64 * 1024
# Of a body that is too large so much is read and dropped, so that the client sees the answer.
MOST_DROPPED_BYTES = 8 * 1024 * 1024
LARGEST_ID = 2**63 - 1
LONGEST_WAIT_SECONDS = 30
USUAL_A_PAGE = 50
MOST_A_PAGE = 200
LAST_PAGE = 1_000_000

Body = TypeVar("Body", bound=msgspec.Struct)

_key = re.compile(r"[\x21-\x7e]{1,255}")
_wait = re.compile(r"(?:^|[,;\s])wait=(\d{1,6})(?:$|[,;\s])")


async def raw_body(req: Request, most: int = MOST_BODY_BYTES) -> bytes:
    """The whole body. Raises TooLarge, after reading a bounded rest."""
    if req.get_header("Transfer-Encoding") and req.get_header("Content-Length"):
        raise BadRequest("Content-Length together with Transfer-Encoding")
    content = bytearray()
    dropped = 0
    async for chunk in req.stream:
        if dropped or len(content) + len(chunk) > most:
            dropped += len(chunk)
            if dropped > MOST_DROPPED_BYTES:
                break
        else:
            content += chunk
    if dropped:
        raise TooLarge(f"the body is larger than {most} bytes")
    return bytes(content)


async def json_body(req: Request, kind: type[Body]) -> Body:
    """The body as that struct. Raises TooLarge, WrongMediaType, BadRequest and Invalid."""
    content = await raw_body(req)
    if not content and not needs_a_body(kind):
        return kind()
    media_type, _, parameters = (req.content_type or "").lower().partition(";")
    if media_type.strip() != "application/json" or ("charset=" in parameters and "utf-8" not in parameters):
        raise WrongMediaType("the body must be application/json in UTF-8")
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError as error:
        raise problems.misfit(error) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"the body is not JSON: {error}") from error


@cache
def needs_a_body(kind: type[msgspec.Struct]) -> bool:
    """Whether something must be said; otherwise no body is as good as `{}`."""
    return any(field.required for field in msgspec.structs.fields(kind))


def idempotency_key(req: Request) -> str:
    """Raises BadRequest when it is missing or not 1 to 255 visible ASCII characters."""
    key = req.get_header("Idempotency-Key")
    if key is None or not _key.fullmatch(key):
        raise BadRequest("the header Idempotency-Key is needed: 1 to 255 visible ASCII characters")
    return key


def optional_key(req: Request) -> str | None:
    """The same where it may be left out."""
    return None if req.get_header("Idempotency-Key") is None else idempotency_key(req)


def number(text: str, what: str) -> int:
    """An id from a path. Raises NotFound: what is no id names nothing."""
    if text.isascii() and text.isdigit() and len(text) < 20 and 0 < int(text) <= LARGEST_ID:
        return int(text)
    raise NotFound(f"there is no {what} {text[:40]}")


def sku_id(text: str) -> str:
    """A SKU's id from a path. Raises NotFound: what is no id names nothing."""
    try:
        return msgspec.convert(text, Id)
    except msgspec.ValidationError as error:
        raise NotFound("that is no SKU id") from error


def limit(req: Request, default: int = USUAL_A_PAGE, most: int = MOST_A_PAGE) -> int:
    return _parameter(req, "limit", default, 1, most)


def page(req: Request) -> int:
    """Which page, from 1 on."""
    return _parameter(req, "page", 1, 1, LAST_PAGE)


def cursor(req: Request, name: str, default: int) -> int:
    return _parameter(req, name, default, 0, LARGEST_ID)


def _parameter(req: Request, name: str, default: int, least: int, most: int) -> int:
    text = req.get_param(name)
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most:
        return int(text)
    raise Invalid(f"a number from {least} to {most} is expected", name)


def wait_seconds(req: Request) -> int | None:
    """RFC 7240 `Prefer: wait=N`, 30 at the most."""
    match = _wait.search(req.get_header("Prefer") or "")
    return min(int(match[1]), LONGEST_WAIT_SECONDS) if match else None


def answer(resp: Response, body: Any, status: int = 200) -> None:
    resp.status = status
    resp.content_type = "application/json"
    resp.data = msgspec.json.encode(body)
