"""One operation of the OpenAPI document: what its route takes, and all that it may answer."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any

from api import parameters, reading, schemas
from api.codes import CODES, Code
from api.examples import EXAMPLES
from api.problems import TYPE, Problem
from api.routes import Content, Route

_SECURITY: dict[str, list[dict[str, list[str]]]] = {
    "": [],
    "user": [{"bearer": []}],
    "operator": [{"bearer": []}],
    "stream": [{"bearer": []}, {"stream": []}],
}


def operation(route: Route) -> dict[str, Any]:
    told = inspect.cleandoc(route.handler.__doc__ or "")
    described: dict[str, Any] = {
        "operationId": route.operation,
        "tags": [tag(route)],
        "summary": route.summary.rstrip("."),
        "description": f"{told}\n\nFor operators." if route.auth == "operator" else told,
        "security": _SECURITY[route.auth],
        "parameters": list(_parameters(route)),
        "responses": _answers(route) | _problems(route),
    }
    if body := _body(route):
        described["requestBody"] = body
    return described


def tag(route: Route) -> str:
    """By the resource's own file."""
    return route.handler.__module__.removeprefix("api.")


def tags(table: Sequence[Route]) -> list[dict[str, str]]:
    modules = {tag(route): sys.modules[route.handler.__module__] for route in table}
    return [{"name": name, "description": (module.__doc__ or "").splitlines()[0]} for name, module in modules.items()]


def _parameters(route: Route) -> Iterator[dict[str, Any]]:
    yield from (parameters.path(name) for name in re.findall(r"{(\w+)}", route.path))
    yield from (parameters.header(route.operation, name) for name in route.headers)
    yield from (parameters.query(route.operation, name) for name in route.query)


def _body(route: Route) -> dict[str, Any]:
    if route.form:
        return {
            "required": True,
            "content": {"application/x-www-form-urlencoded": {"schema": schemas.form(route.form)}},
        }
    if route.body is None:
        return {}
    content: dict[str, Any] = {"schema": schemas.reference(route.body)}
    if route.body in EXAMPLES:
        content["example"] = EXAMPLES[route.body]
    return {"required": reading.needs_a_body(route.body), "content": {"application/json": content}}


def _answers(route: Route) -> dict[str, Any]:
    headers = {name: parameters.sent(name, always=True) for name in route.sends}
    headers |= {name: parameters.sent(name, always=False) for name in route.may_send}
    return {str(status): _answer(status, kind, headers) for status, kind in route.answers.items()}


def _answer(status: int, kind: Content, headers: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if headers:
        answer["headers"] = headers
    if isinstance(kind, tuple):
        answer["content"] = {media: {"schema": _of_media(media)} for media in kind}
    elif kind is not None:
        answer["content"] = {"application/json": {"schema": schemas.reference(kind)}}
    return answer


def _of_media(media: str) -> dict[str, str]:
    return {"type": "object"} if media == "application/json" else {"type": "string"}


def _problems(route: Route) -> dict[str, Any]:
    codes = [code for name, code in CODES.items() if name in route.codes]
    statuses = dict.fromkeys(code.status for code in codes)
    return {str(status): _refusal([code for code in codes if code.status == status]) for status in statuses}


def _refusal(codes: Sequence[Code]) -> dict[str, Any]:
    if len(codes) == 1:
        return {"$ref": f"#/components/responses/{codes[0].code}"}
    return refusal(codes)


def refusal(codes: Sequence[Code]) -> dict[str, Any]:
    """An answer with one of these codes, all of one status."""
    headers = {"Retry-After": parameters.sent("Retry-After", always=True)} if codes[0].is_passing else {}
    if codes[0].status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = parameters.sent("WWW-Authenticate", always=True)
    examples = {code.code: {"summary": code.remedy, "value": _example(code)} for code in codes}
    return {
        "description": "\n".join(f"- `{code.code}`: {code.meaning} {code.remedy}" for code in codes),
        **({"headers": headers} if headers else {}),
        "content": {TYPE: {"schema": schemas.reference(Problem), "examples": examples}},
    }


def _example(code: Code) -> dict[str, Any]:
    return {"title": code.title, "status": code.status, "code": code.code}
