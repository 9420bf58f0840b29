"""Errors as RFC 9457 `application/problem+json`, each with a stable `code`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import falcon
import msgspec
from falcon.asgi import Request, Response
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from structlog import get_logger

from api.answers import Shortage
from api.bodies import IN_WORDS
from api.codes import CODES
from api.words import ProblemCode
from checkout import db
from checkout.errors import CheckoutError, Invalid

log = get_logger(__name__)

TYPE = "application/problem+json"
RETRY_SECONDS = 2

_HTTP_CODES = {404: "not_found", 405: "method_not_allowed", 400: "bad_request", 413: "body_too_large"}


class BadRequest(CheckoutError):
    """What cannot be read: JSON, headers, encodings."""

    code = "bad_request"


class Unauthorized(CheckoutError):
    """No bearer, or one that does not hold."""

    code = "unauthorized"


class Forbidden(CheckoutError):
    """The bearer lacks the scope."""

    code = "forbidden"


class TooLarge(CheckoutError):
    """More than the service reads."""

    code = "body_too_large"


class TooSlow(CheckoutError):
    """The body takes longer than anybody needs."""

    code = "request_timeout"


class WrongMediaType(CheckoutError):
    """The body is not said to be what is expected."""

    code = "unsupported_media_type"


class TooManyOrders(CheckoutError):
    """The user's rate at the door is used up."""

    code = "too_many_orders"


class Fault(msgspec.Struct):
    """What does not fit, and where: a member like `items[0].quantity`, a parameter's name, or `$` for the whole."""

    path: str
    message: str


class Problem(msgspec.Struct, omit_defaults=True):
    """RFC 9457, with our `code`, `errors` for what does not fit, and `shortages` for what is gone."""

    title: str
    status: int
    code: ProblemCode
    detail: str = ""
    errors: list[Fault] = []
    shortages: list[Shortage] = []


def write(resp: Response, problem: Problem) -> None:
    resp.status = problem.status
    resp.content_type = TYPE
    resp.data = msgspec.json.encode(problem)
    if CODES[problem.code].is_passing:
        resp.set_header("Retry-After", str(RETRY_SECONDS))
    if problem.status == 401:
        resp.set_header("WWW-Authenticate", "Bearer")


def of(error: CheckoutError) -> Problem:
    """Raises KeyError for what is nobody's business outside."""
    code = CODES[error.code]
    faults = [Fault(error.details["path"], str(error))] if isinstance(error, Invalid) else []
    return Problem(code.title, code.status, code.code, str(error), faults)


def out_of_stock(shortages: Sequence[dict[str, Any]]) -> Problem:
    """An answer, and no exception: in a flash sale nearly everybody gets it."""
    short = [Shortage(**one) for one in shortages]
    return Problem("out of stock", 409, "out_of_stock", "less is left than is wanted", shortages=short)


_FIELD = re.compile(r"field `([^`]+)`")
_PATH = re.compile(r" - at (?:`key` in )?`\$?([^`]*)`$")


def misfit(error: msgspec.ValidationError) -> Invalid:
    """The path of the fault, the unknown or missing member's own name included."""
    message = str(error)
    found, member = _PATH.search(message), _FIELD.search(message)
    path = (found[1] if found else "").lstrip(".")
    if member:
        path = f"{path}.{member[1]}".lstrip(".")
    return Invalid(_in_words(_PATH.sub("", message)), path or "$")


def _in_words(message: str) -> str:
    for pattern, words in IN_WORDS.items():
        if repr(pattern) in message:
            return f"expected {words}"
    return message


async def on_checkout_error(_req: Request, resp: Response, error: CheckoutError, _params: dict[str, Any]) -> None:
    if error.code not in CODES:  # Nobody's request is at fault, and what is belongs into the log.
        await on_any_error(_req, resp, error, _params)
        return
    write(resp, of(error))


async def on_database_error(req: Request, resp: Response, error: SQLAlchemyError, params: dict[str, Any]) -> None:
    """A database that is away is a 503 for a while; a COMMIT whose outcome is unknown is one too."""
    if isinstance(error, DBAPIError) and not db.is_passing(error):
        await on_any_error(req, resp, error, params)
        return
    write(resp, Problem("unavailable", 503, "unavailable", "the database is away; the same request may be sent again"))
    log.warning("database_away", error=type(error).__name__)


async def on_http_error(_req: Request, resp: Response, error: falcon.HTTPError, _params: dict[str, Any]) -> None:
    for name, value in dict(error.headers or {}).items():
        resp.set_header(name, value)
    code = _HTTP_CODES.get(error.status_code, "bad_request" if error.status_code < 500 else "internal")
    write(resp, Problem(error.title or code.replace("_", " "), error.status_code, code, error.description or ""))


async def on_any_error(req: Request, resp: Response, error: Exception, _params: dict[str, Any]) -> None:
    log.error("request_failed", method=req.method, path=req.path, exc_info=error)
    write(resp, Problem("internal error", 500, "internal"))
