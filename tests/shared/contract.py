"""Every answer that the tests get is compared with the OpenAPI document: what it does not tell of is a fault."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import jsonschema_rs
import urllib3

from api.app import TABLE
from api.openapi import document
from api.parameters import SENT

_PROBLEM = "application/problem+json"
# What the document tells of no path: there is none, or not with this method.
_OF_NO_OPERATION = (404, 405)
# The front of the API marks each of its answers; a proxy before it answers in its own words.
_MARK = "x-content-type-options"

Headers = Mapping[str, str]


@cache
def _document() -> dict[str, Any]:
    return document(TABLE)


def faults(method: str, path: str, status: int, headers: Headers, body: bytes) -> list[str]:
    """What of the answer the document does not tell of, each with its place; none for an answer that fits."""
    if method == "OPTIONS":
        return []  # Browsers ask so before they ask; OpenAPI has no words for it.
    named = {name.lower(): value for name, value in headers.items()}
    operation = _operation("get" if method == "HEAD" else method.lower(), urlsplit(path).path)
    if operation is None:
        if status not in _OF_NO_OPERATION or named.get("content-type") != _PROBLEM:
            return [f"{status} {named.get('content-type')} where the document has no operation"]
        return list(_of_body({"$ref": "#/components/schemas/Problem"}, body))
    answer = operation["responses"].get(str(status))
    if answer is None:
        return [f"status {status}: not one of {', '.join(operation['responses'])}"]
    answer = _resolved(answer)
    found = [*_of_headers(answer.get("headers", {}), named)]
    return found if method == "HEAD" else [*found, *_of_content(answer, named, body)]


def check(method: str, path: str, status: int, headers: Headers, body: bytes) -> None:
    """Fails with the path of each fault."""
    found = faults(method, path, status, headers, body)
    assert not found, f"{method} {path} answers {status}, but /openapi.json says otherwise: {'; '.join(found)}"


def _operation(method: str, path: str) -> dict[str, Any] | None:
    items = [item for pattern, item in _paths() if pattern.fullmatch(path)]
    return next((item[method] for item in items if method in item), None)


@cache
def _paths() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """Those without parameters first. What is resolved may have slashes in its name."""
    told = sorted(_document()["paths"].items(), key=lambda item: "{" in item[0])
    patterns = (re.sub(r"{\w+}", "[^/]+", path.replace("{subject}", ".+")) for path, _ in told)
    return [(re.compile(pattern), item) for pattern, (_, item) in zip(patterns, told, strict=True)]


def _resolved(answer: dict[str, Any]) -> dict[str, Any]:
    name = answer.get("$ref", "").removeprefix("#/components/responses/")
    return _document()["components"]["responses"][name] if name else answer


def _of_headers(told: dict[str, Any], sent: Headers) -> Iterator[str]:
    for name, header in told.items():
        value = sent.get(name.lower())
        if value is None:
            if header["required"]:
                yield f"header {name}: it is missing"
            continue
        meant = int(value) if header["schema"]["type"] == "integer" and value.isdigit() else value
        yield from (f"header {name}: {fault}" for fault in _misfits(json.dumps(header["schema"]), meant))
    yield from (f"header {name}: the document has none" for name in SENT if name.lower() in sent and name not in told)


def _of_content(answer: dict[str, Any], sent: Headers, body: bytes) -> Iterator[str]:
    media = sent.get("content-type", "").partition(";")[0]
    if not answer.get("content"):
        yield from ("body: the document has none" for _ in body[:1])
        return
    content = answer["content"].get(media)
    if content is None:
        yield f"media type {media or 'none'}: not one of {', '.join(answer['content'])}"
    elif media.endswith("json"):
        yield from _of_body(content["schema"], body)
    if media == _PROBLEM and content and (code := json.loads(body)["code"]) not in content["examples"]:
        yield f"code: {code} is not one of {', '.join(content['examples'])}"


def _of_body(schema: dict[str, Any], body: bytes) -> Iterator[str]:
    yield from _misfits(json.dumps(schema), json.loads(body))


def _misfits(schema: str, value: Any) -> Iterator[str]:
    for error in _validator(schema).iter_errors(value):
        yield f"$.{'.'.join(map(str, error.instance_path))}: {error.message}"


@cache
def _validator(schema: str) -> Any:
    components = {"schemas": {name: _closed(one) for name, one in _document()["components"]["schemas"].items()}}
    return jsonschema_rs.validator_for(json.loads(schema) | {"components": components}, validate_formats=True)


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """A client lets pass what it does not know; what we do not tell of ourselves is a fault."""
    return {"additionalProperties": False} | schema if "properties" in schema else schema


class Pool(urllib3.PoolManager):
    """Calls over the wire; what the API answers there is checked, and other services answer what they like."""

    def request(self, method: str, url: str, *arguments: Any, **how: Any) -> urllib3.BaseHTTPResponse:
        answer = super().request(method, url, *arguments, **how)
        is_whole = how.get("preload_content", True)
        if is_whole and urlsplit(url).path.startswith(("/v1/", "/health/")) and _MARK in answer.headers:
            check(method, url, answer.status, answer.headers, answer.data)
        return answer
